# Everything a newcomer needs: `make demo` and `make test`. The targets install what they use.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help
help:  ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: install
install:
	@$(PYTHON) install.py

.PHONY: install-dev
install-dev:
	@$(PYTHON) install.py --dev

.PHONY: demo
demo: install  ## Run everything on 127.0.0.1:8000 with demo data
	@$(BIN)/unqatu demo

.PHONY: demo-reset
demo-reset: install  ## Remove the demo's data
	@$(BIN)/unqatu demo-reset

.PHONY: test
test: install-dev  ## The whole suite, on an embedded PostgreSQL or on DATABASE_URL
	@$(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: drill
drill: install-dev  ## At full size what takes minutes: kills, storms, simulations
	@$(BIN)/python -m pytest -m drill

.PHONY: bench
bench: install-dev  ## The hot paths next to their floors: GROUP=feed, GROUP=answer, or both; writes build/bench.json
	@$(BIN)/python -m tests.bench $(GROUP)

.PHONY: lint
lint: install-dev  ## Format, types, imports, SQL of migrations, the OpenAPI document
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@rm -rf build/sql && $(BIN)/unqatu migrate --sql build/sql && $(BIN)/squawk build/sql/*.sql
	@$(BIN)/python openapi/lint.py

.PHONY: format
format: install-dev  ## Put every file into the house's form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: openapi
openapi: install-dev  ## Write openapi/openapi.json anew
	@$(BIN)/unqatu openapi

.PHONY: migration
migration: install-dev  ## Draft a migration from the models: make migration TITLE="what it does"
	@$(BIN)/unqatu migration draft "$(TITLE)"
