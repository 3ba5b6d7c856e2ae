# The verbs of the project; CI calls exactly these.
PYTHON ?= python
BENCHMARKS = speed regret synthetic_vs_real gode_sunder bidding_rounds on_device storage_ranking tasks

.PHONY: install test test-all lint types check smoke bench bench-smoke bench-check bench-record docs tables

install: ## everything that a contributor needs, on the code as it stands here
	$(PYTHON) -m pip install -e '.[dev]'

test: ## the quick test suite
	$(PYTHON) -m pytest -n auto

test-all: ## every test, the slow ones too
	$(PYTHON) -m pytest -n auto -m "slow or not slow"

lint: ## style and common mistakes
	ruff check .
	ruff format --check .

types: ## static types, strict
	mypy

check: lint types test ## what has to pass before a commit

smoke: ## the README's first command, into a folder that is thrown away
	folder=$$(mktemp -d) && p2p-market run configs/quickstart.yaml --output $$folder/run && rm -r $$folder

bench: ## all benchmarks, some minutes each
	for name in $(BENCHMARKS); do $(PYTHON) -m benchmarks.$$name || exit 1; done

bench-smoke: ## a few calls of every benchmark, to see that they run
	for name in $(BENCHMARKS); do $(PYTHON) -m benchmarks.$$name --quick || exit 1; done

bench-check: ## fail where the speed, as a multiple of its floor, has moved since it was recorded
	$(PYTHON) -m benchmarks.speed --check

bench-record: ## renew that record, and the tables of README.md and docs/speed.md
	$(PYTHON) -m benchmarks.speed --record --write
	$(PYTHON) -m benchmarks.peers --write

tables: ## write the tables that are generated from the code
	$(PYTHON) docs/generate_reference.py

docs: tables ## those, and the site of the docs in site/; a warning or a dead link inside it is an error
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict
