# The verbs of the project; CI calls exactly these.
PYTHON ?= python

.PHONY: install test test-all lint types check smoke bench bench-smoke docs

install: ## everything that a contributor needs, on the code as it stands here
	$(PYTHON) -m pip install -e '.[dev]'

test: ## the quick test suite
	$(PYTHON) -m pytest

test-all: ## every test, the slow ones too
	$(PYTHON) -m pytest -m "slow or not slow"

lint: ## style and common mistakes
	ruff check .
	ruff format --check .

types: ## static types, strict
	mypy

check: lint types test ## what has to pass before a commit

smoke: ## the README's first command, into a folder that is thrown away
	folder=$$(mktemp -d) && p2p-market run configs/quickstart.yaml --output $$folder/run && rm -r $$folder

bench: ## all benchmarks, some minutes each
	for script in benchmarks/*.py; do $(PYTHON) $$script || exit 1; done

bench-smoke: ## a few calls of every benchmark, to see that they run
	for script in benchmarks/*.py; do $(PYTHON) $$script --quick || exit 1; done

docs: ## write the tables that are generated from the code
	$(PYTHON) docs/generate_reference.py
