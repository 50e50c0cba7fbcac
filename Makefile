# `make baseline` runs the main job, `make test` the tests; each sets up what it needs.
PYTHON ?= python3
SEEDS ?= 1
BIN := .venv/bin
RUN := $(BIN)/visbase run
PRESET := $(if $(QUICK),quick,full)
BASELINES := majority bovw_sparse bovw_grid bovw_pyramid

.DEFAULT_GOAL := help
.PHONY: help setup baseline report test check search clean

help:
	@echo 'make baseline   fit and score every classical method on MNIST, print the table'
	@echo '                QUICK=1 in seconds instead of minutes; SEEDS=5 for seeds 0 to 4'
	@echo 'make test       the tests'
	@echo 'make report     the table from the committed records, into README.md as well'
	@echo 'make search     repeat the choice of settings on validation images (half an hour)'
	@echo 'make check      ruff, mypy and the tests'
	@echo 'make setup      the virtual environment .venv, from requirements.lock'
	@echo 'make clean      remove artifacts/ (caches, quick runs)'

setup: .venv/with-dev

baseline: .venv/with-base
	@status=0; \
	for seed in $$(seq 0 $$(($(SEEDS) - 1))); do \
	    $(RUN) $(BASELINES) --preset $(PRESET) --seed $$seed || status=$$?; \
	done; \
	if [ -z '$(QUICK)' ]; then $(BIN)/visbase report || status=$$?; fi; exit $$status

report: .venv/with-base
	$(BIN)/visbase report --readme README.md

search: .venv/with-base
	$(BIN)/visbase search bovw_sparse --train 10000
	$(BIN)/visbase search bovw_grid --train 10000
	$(BIN)/visbase search bovw_pyramid --train 20000

test: .venv/with-dev
	$(BIN)/pytest

check: .venv/with-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

clean:
	rm -rf artifacts

# requirements.lock constrains versions; what is installed stands in pyproject.toml.
.venv/with-base: pyproject.toml requirements.lock
	$(call install,.)

.venv/with-dev: pyproject.toml requirements.lock
	$(call install,.[cnn,dev])
	@touch .venv/with-base

define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'visbase needs Python 3.11 or newer; name one: make PYTHON=python3.12'; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'installing $(1) into .venv (once)' >&2
	@$(BIN)/pip install -q --disable-pip-version-check -c requirements.lock -e '$(1)'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
	    echo 'OpenCV does not load here (is libGL missing?): using the headless build'; \
	    $(BIN)/pip uninstall -q -y opencv-contrib-python opencv-contrib-python-headless; \
	    $(BIN)/pip install -q -c requirements.lock opencv-contrib-python-headless; \
	    $(BIN)/python -c 'import cv2'; }
	@touch $@
endef
