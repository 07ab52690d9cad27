# Every target works on a bare checkout: what it needs is installed into .venv first.
BIN := .venv/bin
INSTALLED := .venv/.installed
DEMO := build/demo

.DEFAULT_GOAL := help
.PHONY: help install demo test test-unit test-integration chaos check lint types imports cov bench bench-peers sql format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Create .venv with everything in it; done by the other targets when needed

demo: $(INSTALLED) ## Audit the standard library's own sources, durably, and show the report
	@mkdir -p $(DEMO)
	$(BIN)/vespera run examples/codebase_audit/audit.py --workspace $(DEMO)

test: $(INSTALLED) ## Run all tests
	$(BIN)/python -m pytest -n auto

test-unit: $(INSTALLED) ## Run the unit tests: no disk, no socket, no waiting
	$(BIN)/python -m pytest tests/unit

test-integration: $(INSTALLED) ## Run the tests that use real databases, files and processes
	$(BIN)/python -m pytest -n auto tests/integration examples

chaos: $(INSTALLED) ## Kills, power cuts, failing disks, crowds of workers: all of it, for some minutes
	$(BIN)/python -m pytest tests/chaos tests/integration/exploration examples -m "chaos or not chaos" -rP

check: lint types imports ## Everything that judges the code without running it

lint: $(INSTALLED) ## Style, bugs and forbidden calls (ruff), and the format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED) ## Two type checkers
	$(BIN)/mypy
	$(BIN)/basedpyright

imports: $(INSTALLED) ## Who may import whom (import-linter)
	$(BIN)/lint-imports

cov: $(INSTALLED) ## Branch coverage: 95 % of all, 100 % of domain and application
	$(BIN)/python -m pytest -n auto --cov --cov-report= --cov-fail-under=0
	$(BIN)/coverage report
	$(BIN)/coverage report --fail-under=100 --include='src/vespera/domain/*,src/vespera/application/*'

bench: $(INSTALLED) ## Ratios against a baseline that runs beside
	@for script in benchmarks/*.py; do echo "== $$script" && $(BIN)/python $$script || exit 1; done

bench-peers: $(INSTALLED) ## The same work by DBOS, Huey, LangGraph, Prefect: each installed into build/peers
	PYTHONPATH=benchmarks $(BIN)/python -m peers --json build/peers/figures.json

SQL := src/vespera/infrastructure/persistence/sql.py
sql: $(INSTALLED) ## Write the SQL texts anew, after a change to the tables or the queries
	$(BIN)/python -m vespera.infrastructure.persistence.queries.rendering > $(SQL).new
	mv $(SQL).new $(SQL)
	$(BIN)/ruff format --quiet $(SQL)

format: $(INSTALLED) ## Let ruff mend what it can, and lay the code out
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

clean: ## Remove what can be made again
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

# The first interpreter that is new enough; `make PYTHON=/path/to/python` decides otherwise.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
CANDIDATES := python3 python python3.13 python3.12 python3.11
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p $(NEW_ENOUGH) 2>/dev/null && echo $$p && break; done)

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && $(PYTHON) $(NEW_ENOUGH) || \
		{ echo "Vespera needs Python 3.11 or newer; none was found. Say where: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
