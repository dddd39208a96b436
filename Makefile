# Everything runs in .venv/, which the first target that needs it creates.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# Else every process compiles what it imports, and the tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

PYTEST_ARGS ?=
BENCH_ARGS ?=
SOAK_ARGS ?=
TEETH_ARGS ?=
MUTANTS_ARGS ?=
PART ?=
SLICE ?=

plugins := $(wildcard plugins/*/pyproject.toml)
ready := .venv/.ready
bin := .venv/bin

.PHONY: demo test test-fast test-deep teeth mutants check format bench soak constraints clean help

# One round on embedded data.
demo: $(ready)
	ERPOA=$(CURDIR)/$(bin)/erpoa sh project_template/demo.sh

pytest = $(bin)/pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# Everything, with every service that can be had.
test: $(ready)
	$(bin)/python -m tests.tryton
	$(pytest)

# What needs no service and no process of its own.
test-fast: $(ready)
	ERPOA_TEST_DEPTH=fast $(pytest)

# What `make test` tries a sample of, at full size. PART=kill runs one part alone; SLICE=180 as much as so many seconds allow.
test-deep: $(ready)
	$(bin)/python -m tests.tryton
	ERPOA_TEST_DEPTH=deep ERPOA_TEST_PART=$(PART) ERPOA_TEST_SLICE=$(SLICE) $(pytest) -o faulthandler_timeout=$(if $(SLICE),400,1800)

# Breakages of one line, each with the tests that must see it.
teeth: $(ready)
	$(bin)/python -m tests.teeth $(TEETH_ARGS)

# Two hundred mutations that a seed chooses, against the fast tests that run their lines.
mutants: $(ready)
	$(bin)/python -m tests.mutants $(MUTANTS_ARGS)

# Style, types, directions of import.
check: $(ready)
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	@set -e; for plugin in $(plugins:/pyproject.toml=); do \
		echo "$$plugin: mypy"; (cd $$plugin && $(CURDIR)/$(bin)/mypy --config-file $(CURDIR)/pyproject.toml erpoa_*); \
	done
	$(bin)/lint-imports --no-logo

# Style, mended.
format: $(ready)
	$(bin)/ruff check --fix-only
	$(bin)/ruff format

# Measurements (docs/performance.md), in one process: neighbours would be measured too.
bench: $(ready)
	$(bin)/python -m tests.bench $(BENCH_ARGS)

# Hours of an office and an ERP in an hour: faults everywhere, kill -9 at random moments. SOAK_ARGS='--seed 7 --documents 1000'.
soak: $(ready)
	$(bin)/python -m tests.soak $(SOAK_ARGS)

# After an upgrade in .venv: record what is installed now.
constraints:
	{ sed '/^[^#]/,$$d' constraints.txt; $(bin)/pip freeze --exclude-editable; } > .constraints.new
	mv .constraints.new constraints.txt

# Without what tests, tools and builds leave.
clean:
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the targets do, one line each.
help:
	@awk '/^# /{said = substr($$0, 3)} /^[a-z-]+:/{sub(/:.*/, "", $$1); if (said) printf "%-12s %s\n", $$1, said; said = ""} /^$$/{said = ""}' Makefile

# The stamp is newer than what it was made from: a second run installs nothing. setuptools and wheel build what comes as source only.
$(ready): pyproject.toml constraints.txt $(plugins)
	@test -n "$(PYTHON)" || { echo "erpoa needs Python 3.11 or newer, with venv" >&2; exit 1; }
	test -x $(bin)/python || $(PYTHON) -m venv .venv
	$(bin)/pip install -q -c constraints.txt hatchling editables setuptools wheel
	$(bin)/pip install -q -c constraints.txt --no-build-isolation -e '.[dev]' \
		$(foreach plugin,$(plugins:/pyproject.toml=),-e ./$(plugin))
	touch $@
