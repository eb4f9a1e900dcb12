# Everything sets itself up: `make demo` and `make test` work on a fresh machine.
# uv is used where it is installed (its cache makes environments nearly free), else venv and pip.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= out/demo
IMAGES ?=

.PHONY: setup demo demo-train test test-slow gpu-check examples lint format docs clean

setup: $(READY)

$(READY): pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		[ -x $(BIN)/python ] || uv venv --quiet --python $(PYTHON) $(VENV); \
		uv pip install --quiet --python $(BIN)/python -e '.[dev]'; \
	else \
		[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --upgrade pip; \
		$(BIN)/python -m pip install --quiet -e '.[dev]'; \
	fi
	@touch $(READY)

demo: $(READY)  ## a dataset, predictions, fine-tuning and one page of it all, in two minutes: OUT=folder IMAGES=photos
	$(BIN)/aimkit demo -o $(OUT) $(if $(IMAGES),--images '$(IMAGES)')

# Every line can be repeated: what is done already is kept, what was interrupted goes on. DEMO_* are for small trials.
DEMO_SYNTH ?=
DEMO_HELD_OUT ?= count=96
DEMO_TRAIN ?=
TRIVIAL := zeros ones constant mean otsu

demo-train: OUT := $(if $(filter out/demo,$(OUT)),out/demo-train,$(OUT))
demo-train: $(READY)  ## the long way, 15 to 30 minutes: train from random weights, and compare with trivial predictors
	$(BIN)/aimkit synth quick -o $(OUT)/train --resume --workers 2 $(DEMO_SYNTH)
	$(BIN)/aimkit synth quick -o $(OUT)/held-out --resume --workers 2 seed=99 $(DEMO_HELD_OUT)
	$(BIN)/aimkit dataset verify $(OUT)/held-out
	$(BIN)/aimkit train demo -o $(OUT)/run --auto-resume \
		'data.train={source="written", path="$(OUT)/train"}' data.workers=0 $(DEMO_TRAIN)
	$(BIN)/aimkit runs show $(OUT)/run --finished
	$(BIN)/aimkit evaluate -o $(OUT)/evaluation/model --data folder --root $(OUT)/held-out \
		--weights $(OUT)/run --strategy whole
	for name in $(TRIVIAL); do \
		$(BIN)/aimkit -q evaluate -o $(OUT)/evaluation/$$name --data folder --root $(OUT)/held-out \
			--baseline $$name --no-report >/dev/null || exit; \
	done
	$(BIN)/aimkit predict $(OUT)/held-out/original -o $(OUT)/predictions --weights $(OUT)/run --strategy whole --overwrite
	$(BIN)/aimkit runs report $(OUT)/run $(addprefix $(OUT)/evaluation/,model $(TRIVIAL)) -o $(OUT)/index.html \
		--predictions $(OUT)/predictions/alpha --truth $(OUT)/held-out --title 'aimkit demo-train' \
		--note 'The held-out images have another seed than the training images, and were never trained on. But they are drawn by the same generators: these numbers show that the whole way works, and say nothing about photos.'

test: $(READY)  ## the default tests: no network, under 5 minutes on 2 cores
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(READY)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

gpu-check: $(READY)  ## on a machine with a GPU: the tests for GPUs, then its results and times, ten minutes together
	$(BIN)/python -m pytest -m gpu
	$(BIN)/aimkit bench gpu

examples: $(READY)  ## the scripts and notebooks of examples/, with small sizes
	$(BIN)/python -m pytest -n 2 -m 'slow or not slow' tests/e2e/test_examples.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)  ## the site, in docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf $(VENV) out runs build dist docs/_build .pytest_cache .mypy_cache .ruff_cache
