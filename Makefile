# `make help` lists the targets; each installs what it needs into .venv.
PYTHON ?= python3
SEEDS ?= 1
PROFILE ?= 0
BIN := .venv/bin
ARTIFACTS := $(or $(VISBASE_ARTIFACTS),artifacts)
comma := ,
RUN := $(BIN)/visbase run
PRESET := $(if $(filter-out 0,$(QUICK)),quick,full)
COMPARED := linear svm_rbf bovw_pyramid lenet5 convnet
CIFAR := linear svm_rbf bovw_pyramid bovw_fisher patch_words resnet convnet
# every method for small objects; the dropout table is about CIFAR-10
FASHION = $(filter-out cuda_% wide_% maxout,$(shell $(BIN)/visbase methods --for objects --names))
# evaluated after installation, so that a new method is only one new file
BASELINES = $(shell $(BIN)/visbase methods --family classical --for digits --names)
NETWORKS = $(shell $(BIN)/visbase methods --family network --for digits --names)
# the dropout table; its wide networks are meant for a GPU
DROPOUT = $(filter-out $(if $(filter-out 0,$(WIDE)),,wide_%) $(NETWORKS),\
    $(shell $(BIN)/visbase methods --family network --for objects --names))

.DEFAULT_GOAL := help
.NOTPARALLEL:  # one environment to install into, and timed runs one at a time
.PHONY: help setup baseline cnn cifar fashion report analysis worth depth lecture bench test check soak search docs \
    demo clean

help:
	@echo 'make baseline   fit and score every classical method on MNIST, print the table'
	@echo '                QUICK=1 takes 2 to 4 minutes, no table; SEEDS=5 runs seeds 0 to 4'
	@echo 'make cnn        the same for the networks'
	@echo 'make cifar      the table of CIFAR-10 (a working day); WIDE=1 adds the published sizes'
	@echo 'make fashion    the table of Fashion-MNIST (about 3 hours)'
	@echo 'make test       run the tests'
	@echo 'make check      run ruff, mypy and all tests, the slow ones too'
	@echo 'make docs       build the documentation, site/index.html'
	@echo 'make demo       draw digits, and see two quick models answer and why'
	@echo 'make report     renew the tables of README.md and docs/ from the committed records'
	@echo 'make analysis   measure learning curves, corruption and cost (about 3 hours)'
	@echo 'make search     try the settings that docs/search does not have yet'
	@echo 'make depth      train deep networks with and without shortcuts, for docs/depth.md'
	@echo "make lecture    measure the lecture's points for the report (about 15 minutes)"
	@echo 'make bench      compare speed with other libraries; PROFILE=1 adds shares of time'
	@echo 'make soak       kill, fill disks, damage and fuzz, for docs/reliability.md'
	@echo 'make setup      create .venv from requirements.lock'
	@echo 'make clean      remove artifacts/ (caches, quick runs) and site/'

setup: .venv/with-dev

baseline: .venv/with-base
	$(call run_all,$(BASELINES))

cnn: .venv/with-cnn
	$(call run_all,$(NETWORKS))

cifar: .venv/with-cnn
	$(call run_all,$(CIFAR) $(DROPOUT),--dataset cifar10,--readme docs/cifar10.md)

fashion: .venv/with-cnn
	$(call run_all,$(FASHION),--dataset fashion_mnist,--readme docs/fashion_mnist.md)

demo: .venv/with-demo
	@for method in lenet5 bovw_grid; do \
	    test -f $(ARTIFACTS)/$$method.visbase || \
	    $(RUN) $$method --preset quick --save $(ARTIFACTS)/$$method.visbase || exit; done
	$(BIN)/visbase demo

report: .venv/with-base
	$(BIN)/visbase report --readme README.md --readme docs/results.md

depth: .venv/with-cnn
	$(BIN)/python -m visbase.cnn.inspection.depth

lecture: .venv/with-cnn
	for point in photograph_kernels patches gradients augmentation; do \
	    VISBASE_DEVICE=cpu $(BIN)/python -m visbase.cnn.inspection.$$point || exit; done

bench: .venv/with-bench
	$(BIN)/python -m benchmarks.time_to_99
	PROFILE=$(PROFILE) $(BIN)/python -m benchmarks

analysis: .venv/with-cnn
	$(BIN)/visbase curve $(COMPARED)
	$(BIN)/visbase cost $(COMPARED)
	$(BIN)/visbase corruption $(addprefix $(ARTIFACTS)/models/mnist/,$(COMPARED))
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

docs: .venv/with-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# one process per core, each with one thread: more threads would wait for each other
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

test: .venv/with-dev
	$(PYTEST)

check: .venv/with-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -m 'slow or not slow'

clean:
	rm -rf artifacts site

# Run every method with every seed, then print the table; a failure stops no other run.
define run_all
	@case "$(SEEDS)" in '' | 0 | *[!0-9]*) \
	    echo 'SEEDS=$(SEEDS): expected a positive number' >&2; exit 2;; esac; \
	status=0; \
	for seed in $$(seq 0 $$(($(SEEDS) - 1))); do \
	    $(RUN) $(1) $(2) --preset $(PRESET) --seed $$seed || status=$$?; \
	done; \
	if [ $(PRESET) = full ]; then $(BIN)/visbase report $(2) $(3) || status=$$?; fi; exit $$status
endef

# pyproject.toml says what is installed, requirements.lock in which versions.
.venv/with-base: pyproject.toml requirements.lock
	$(call install,.)

.venv/with-cnn: pyproject.toml requirements.lock
	$(call install,.[cnn$(comma)pretrained])
	@touch .venv/with-base

.venv/with-demo: pyproject.toml requirements.lock requirements-demo.lock
	$(call install,.[cnn])
	$(install_gradio)
	@touch .venv/with-base

.venv/with-dev: pyproject.toml requirements.lock requirements-demo.lock
	$(call install,.[cnn$(comma)pretrained$(comma)onnx$(comma)dask$(comma)dev])
	$(install_gradio)
	@touch .venv/with-base .venv/with-cnn

.venv/with-bench: pyproject.toml requirements.lock
	$(call install,.[cnn$(comma)pretrained$(comma)bench])
	@touch .venv/with-base .venv/with-cnn

.venv/with-docs: pyproject.toml requirements.lock
	$(call install,.[docs])
	@touch .venv/with-base

.venv/with-fuzz: pyproject.toml requirements.lock requirements-demo.lock
	$(call install,.[cnn$(comma)pretrained$(comma)onnx$(comma)dask$(comma)dev$(comma)fuzz])
	$(install_gradio)
	@touch .venv/with-base .venv/with-cnn .venv/with-dev

# Gradio asks for a Pillow below 13; the demo works with the one that is pinned.
install_gradio = @$(BIN)/pip install -q --disable-pip-version-check --no-deps \
    -r requirements-demo.lock || { rm $@; exit 1; }

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
