# Everything sets itself up: `make demo` and `make test` work on a fresh machine.
# uv is used where it is installed (its cache makes environments nearly free), else venv and pip.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= out/demo

.PHONY: setup demo test test-slow lint format clean

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
	@# OpenCV's desktop build needs a system library that servers lack; its headless twin does not.
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		echo 'libGL is missing: using opencv-python-headless in this environment'; \
		if command -v uv >/dev/null 2>&1; then \
			uv pip uninstall --quiet --python $(BIN)/python opencv-python; \
			uv pip install --quiet --python $(BIN)/python opencv-python-headless; \
		else \
			$(BIN)/python -m pip uninstall --quiet --yes opencv-python; \
			$(BIN)/python -m pip install --quiet opencv-python-headless; \
		fi; }
	@touch $(READY)

demo: $(READY)  ## a composite dataset out of nothing: OUT=folder
	$(BIN)/aimkit synth demo -o $(OUT) --resume --workers 2
	$(BIN)/aimkit dataset verify $(OUT)
	$(BIN)/aimkit dataset stats $(OUT)
	@echo "look at $(OUT)/sheet.png; load with datasets.load_dataset('$(OUT)')"

test: $(READY)  ## the default tests: no network, under 5 minutes on 2 cores
	$(BIN)/python -m pytest -n 2

test-slow: $(READY)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) out runs build dist .pytest_cache .mypy_cache .ruff_cache
