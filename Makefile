# Two commands: `make demo` paints the first picture, `make test` checks everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench clean

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "flashpaint needs Python 3.11 or newer: make demo PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/tested: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

demo: $(VENV)/installed
	@$(BIN)/flashpaint paint 太空中的一只猫 --seed 9 --out cat.png --overwrite
	@echo "the picture: $(CURDIR)/cat.png   (and how it was made: $(BIN)/flashpaint show cat.png)"

test: lint
	$(BIN)/pytest

lint: $(VENV)/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

bench: $(VENV)/installed
	$(BIN)/flashpaint bench stages

clean:
	rm -rf $(VENV) cat.png
