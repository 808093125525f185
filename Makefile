# Casebook. `make up` runs it on this machine, `make test` proves it; both need Python 3.11 or newer and nothing else.
PYTHON ?= python3
PY := .venv/bin/python
UV := .venv/bin/uv
COMPILE := $(UV) pip compile -q --system-certs --universal --python-version 3.11 --no-header --generate-hashes $(LOCKFLAGS)
# uv compiles nothing: with this set by the machine, every start would compile every package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up test soak check bench lock clean

help: ## What can be made (the default)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: .venv/casebook.ok ## Casebook on this machine, http://127.0.0.1:8000 until Ctrl-C (CASEBOOK_PORT=8001 for another port; KAFKA=1: and a Kafka)
	@exec .venv/bin/casebook up $(if $(KAFKA),--kafka) $(ARGS)

test: .venv/requirements-dev.ok ## The tests, under ten minutes (ARGS="-k name -x" goes to pytest)
	@exec $(PY) -m pytest -m "not soak and not bench" -n 2 --dist worksteal $(ARGS)

soak: .venv/requirements-dev.ok ## Longer runs and many kills
	@$(PY) -m pytest -m soak $(ARGS) || [ $$? -eq 5 ]  # 5: none was selected

check: .venv/requirements-dev.ok ## Style, format, types, and who may import whom
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

bench: .venv/requirements-dev.ok ## Ratios, measured here and now (ONLY=append for one of them)
	@exec $(PY) -m tests.bench $(ONLY)

lock: .venv/requirements-uv.ok ## The lock files, anew from pyproject.toml (LOCKFLAGS=--upgrade for the newest versions)
	$(COMPILE) pyproject.toml --group build -o requirements.lock
	$(COMPILE) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
	@cp -p requirements-uv.lock .venv/before.lock
	$(COMPILE) --group uv -o requirements-uv.lock
	@if cmp -s .venv/before.lock requirements-uv.lock; then touch -r .venv/before.lock requirements-uv.lock; fi  # no new .venv

clean: ## Removes the virtual environment, the embedded database and all caches
	if [ -L var/pg ]; then rm -rf "$$(readlink var/pg)"; fi
	rm -rf .venv var .bench .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The virtual environment, in four steps; a changed lock file is installed anew. uv is five times faster than pip, and is
# itself installed from a hashed lock; pip is the way back where uv cannot reach the index (mirrors set in pip.conf).
# `--python`, because a VIRTUAL_ENV in the environment would lead uv elsewhere; `install`, because a `sync` to the
# runtime lock would remove what the tests need.
.venv/requirements-uv.ok: requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv --clear .venv
	.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/requirements.ok .venv/requirements-dev.ok: .venv/%.ok: %.lock
	$(UV) pip install -q --system-certs --python $(PY) --require-hashes -r $< \
		|| .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/requirements.ok: .venv/requirements-uv.ok

.venv/casebook.ok: pyproject.toml .venv/requirements.ok
	$(UV) pip install -q --offline --python $(PY) --no-build-isolation --no-deps -e . \
		|| .venv/bin/pip install -q --disable-pip-version-check --no-build-isolation --no-deps --no-index -e .
	@touch $@

.venv/requirements-dev.ok: .venv/casebook.ok
