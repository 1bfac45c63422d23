# Every target installs what it needs into .tools, .venv and servers/node_modules.
SHELL := /bin/bash
PY := .venv/bin/python
OUT ?= demo
PERSONS ?= 50000
ROOM ?=
ONLY ?=

.PHONY: help demo test check bench compat mutate docs lock

help:
	@echo "make demo    run the main job end to end (PERSONS=$(PERSONS) OUT=$(OUT))"
	@echo "make test    run the tests against real servers"
	@echo "make check   style, types, import contracts, file sizes and names"
	@echo "make bench   benchmarks; ROOM=vault runs one room's"
	@echo "make compat  the storage contract on Ceph, Swift, JuiceFS and rclone"
	@echo "make mutate  the mutation test of the vault; ONLY=sealed.py tries one module"
	@echo "make docs    write the generated reference pages"
	@echo "make lock    compile the lock files again"

demo:
	@bash scripts/install.sh demo
	.venv/bin/bercail demo --persons $(PERSONS) --out $(OUT)

test:
	@bash scripts/install.sh dev
	$(PY) -m pytest -n 2 --dist loadgroup --evidence .cache/evidence.json

check:
	@bash scripts/install.sh dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) scripts/check_house.py

bench:
	@bash scripts/install.sh dev
	$(PY) scripts/run_benchmarks.py $(ROOM)

compat:
	@bash scripts/install.sh compat
	$(PY) scripts/run_compat.py

mutate:
	@bash scripts/install.sh dev
	nice $(PY) scripts/mutate_vault.py $(ONLY)

docs:
	@bash scripts/install.sh dev
	$(PY) scripts/write_estate_mapping.py
	$(PY) scripts/write_reference.py

lock:
	@bash scripts/install.sh tools
	@bash scripts/lock.sh
