# `make help` lists the targets; each installs what it needs into .venv.
PYTHON ?= python3
SEEDS ?= 1
PROFILE ?= 0
BIN := .venv/bin
comma := ,
RUN := $(BIN)/visbase run
PRESET := $(if $(filter-out 0,$(QUICK)),quick,full)
COMPARED := linear svm_rbf bovw_pyramid lenet5 convnet
# evaluated after installation, so that a new method is only one new file
BASELINES = $(shell $(BIN)/visbase methods --family classical --for digits --names)
NETWORKS = $(shell $(BIN)/visbase methods --family network --for digits --names)

.DEFAULT_GOAL := help
.NOTPARALLEL:  # targets share one environment, and timed runs must not overlap
.PHONY: help setup baseline cnn report analysis worth depth bench test check soak search clean

help:
	@echo 'make baseline   train and test every classical method on MNIST, print the table'
	@echo '                QUICK=1: seconds instead of minutes; SEEDS=5: seeds 0 to 4'
	@echo 'make cnn        the same for the networks'
	@echo 'make report     print the table of the committed records and update README.md'
	@echo 'make analysis   measure learning curves, corruption, cost and combination (3 hours)'
	@echo 'make depth      compare deep networks with and without shortcuts, into docs/depth.md'
	@echo 'make search     run the missing trials of docs/search, on held-out training images'
	@echo 'make bench      compare speed with other libraries, into benchmarks/'
	@echo '                PROFILE=1: also the share of time per stage'
	@echo 'make soak       kill runs, fill disks and corrupt files, into docs/reliability.md'
	@echo '                QUICK=1: a few trials of each kind, nothing written'
	@echo 'make test       run the tests'
	@echo 'make check      run ruff, mypy and the tests'
	@echo 'make setup      create the virtual environment .venv from requirements.lock'
	@echo 'make clean      remove artifacts/ (caches, quick runs, saved models)'

setup: .venv/with-dev

baseline: .venv/with-base
	$(call run_all,$(BASELINES))

cnn: .venv/with-cnn
	$(call run_all,$(NETWORKS))

report: .venv/with-base
	$(BIN)/visbase report --readme README.md --readme docs/results.md

depth: .venv/with-cnn
	$(BIN)/python -m visbase.cnn.inspection.depth

bench: .venv/with-bench
	$(BIN)/python -m benchmarks.time_to_99
	PROFILE=$(PROFILE) $(BIN)/python -m benchmarks

analysis: .venv/with-cnn
	$(BIN)/visbase curve $(COMPARED)
	$(BIN)/visbase cost $(COMPARED)
	$(BIN)/visbase corruption $(addprefix artifacts/models/mnist/,$(COMPARED))
	$(BIN)/visbase combine bovw_pyramid convnet

worth:
	@echo '`make worth` is now `make analysis`' >&2; exit 2

soak: .venv/with-fuzz
	$(BIN)/python -m tests.soak $(if $(filter-out 0,$(QUICK)),--short)

search: .venv/with-cnn
	for method in linear svm_poly4 bovw_sparse bovw_grid; do \
	    $(BIN)/visbase search $$method --train 10000 || exit; done
	$(BIN)/visbase search bovw_pyramid --train 20000
	for method in svm_rbf svm_virtual $(filter-out plain committee,$(NETWORKS)); do \
	    $(BIN)/visbase search $$method || exit; done

# one process per core, each with one thread: more threads would wait for each other
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

test: .venv/with-dev
	$(PYTEST)

check: .venv/with-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

clean:
	rm -rf artifacts

# Run every method with every seed, then print the table; a failure stops no other run.
define run_all
	@case "$(SEEDS)" in '' | 0 | *[!0-9]*) \
	    echo 'SEEDS=$(SEEDS): expected a positive number' >&2; exit 2;; esac; \
	status=0; \
	for seed in $$(seq 0 $$(($(SEEDS) - 1))); do \
	    $(RUN) $(1) --preset $(PRESET) --seed $$seed || status=$$?; \
	done; \
	if [ $(PRESET) = full ]; then $(BIN)/visbase report || status=$$?; fi; exit $$status
endef

# pyproject.toml lists what is installed, requirements.lock fixes the versions.
.venv/with-base: pyproject.toml requirements.lock
	$(call install,.)

.venv/with-cnn: pyproject.toml requirements.lock
	$(call install,.[cnn])
	@touch .venv/with-base

.venv/with-dev: pyproject.toml requirements.lock
	$(call install,.[cnn$(comma)onnx$(comma)dask$(comma)dev])
	@touch .venv/with-base .venv/with-cnn

.venv/with-bench: pyproject.toml requirements.lock
	$(call install,.[cnn$(comma)bench])
	@touch .venv/with-base .venv/with-cnn

.venv/with-fuzz: pyproject.toml requirements.lock
	$(call install,.[cnn$(comma)onnx$(comma)dask$(comma)dev$(comma)fuzz])
	@touch .venv/with-base .venv/with-cnn .venv/with-dev

define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'visbase needs Python 3.11 or newer; choose one: make PYTHON=python3.12'; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'installing $(1) into .venv (once)' >&2
	@$(BIN)/pip install -q --disable-pip-version-check -c requirements.lock -e '$(1)'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
	    echo 'OpenCV does not load (is libGL missing?); using the headless build'; \
	    $(BIN)/pip uninstall -q -y opencv-contrib-python opencv-contrib-python-headless; \
	    $(BIN)/pip install -q -c requirements.lock opencv-contrib-python-headless; \
	    $(BIN)/python -c 'import cv2'; }
	@touch $@
endef
