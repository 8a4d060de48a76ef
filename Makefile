# make study BUDGET=10m   set up and run a study      make test    set up and run the tests
# make check              linters and tests           make lint    set up and run the linters
# make test-long          the tests that make test leaves out, because they wait for whole studies
# make bench              compare the training speed with other libraries
# make bench-time         test accuracy after equal seconds of training; hours, goes on where it was stopped
# make audit              known holes of the installed packages, and a list of them (CycloneDX)
# Any Python from 3.10 on: make study PYTHON=python3.12
# LOCK=1 takes exactly the versions of requirements.lock, as CI does (made with Python 3.11 on Linux).
BUDGET ?= 2h
PYTHON ?= python3
BIN := .venv/bin
LOCK ?=
# Processes of pytest: one for each core, each with one thread of PyTorch and a gigabyte of memory.
# PROCESSES=0 runs the tests one after another in one process.
PROCESSES ?= auto
PYTEST := $(BIN)/python -m pytest -n $(PROCESSES) --maxprocesses 8 --durations=40
PIP_FLAGS := --quiet --disable-pip-version-check $(if $(LOCK),-c requirements.lock)
PIP := $(BIN)/python -m pip install $(PIP_FLAGS)
# What pip cannot bring: WeasyPrint's libraries, the report's font, the data set.
PACKAGES := libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation dataset-fashion-mnist
# What only the tests need: a browser for report.html; a word processor that lays out report.docx, with equations and
# Russian hyphenation.
TEST_PACKAGES := chromium libreoffice-writer libreoffice-math hyphen-ru

.PHONY: study test test-long check lint pytest linters system system-dev bench bench-time audit lock
study: .venv/.installed
	$(BIN)/python run_study.py --budget $(BUDGET)

test: .venv/.installed-dev pytest

test-long: .venv/.installed-dev
	$(PYTEST) -m long

check: lint pytest

lint: .venv/.installed-dev linters

pytest: | .venv/.installed-dev
	$(PYTEST)

linters: | .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict study
	$(BIN)/lint-imports

# Needs the advisories of pypi.org; where they cannot be reached, pip-audit says so for every package.
audit: .venv/.installed
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit cyclonedx-bom
	mkdir -p benchmarks/out
	.venv-audit/bin/cyclonedx-py environment $(BIN)/python --of JSON -o benchmarks/out/sbom.json
	.venv-audit/bin/pip-audit --path $$($(BIN)/python -c "import site; print(site.getsitepackages()[0])")

# The versions that are installed now, for CI and for whoever wants the same.
lock: .venv/.installed-dev
	$(BIN)/python -m pip freeze --exclude-editable --disable-pip-version-check > requirements.lock

# The stamp is written last, so a set-up that was stopped half-way is done again.
.venv/.installed: requirements.txt | system
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(PIP) -r requirements.txt
	touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed | system-dev
	$(PIP) -r requirements-dev.txt
	touch $@

# Installs the Debian packages that are missing when it may; else says which and stops.
# dpkg -s would also answer for a package that was removed and left its settings behind.
system: NEEDED := $(PACKAGES)
system-dev: NEEDED := $(TEST_PACKAGES)
system-dev: | system
system system-dev:
	@if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then \
	  echo "not a Debian system: Pango, HarfBuzz-subset and Liberation fonts must come from elsewhere"; \
	  exit 0; \
	fi; \
	missing=""; \
	for p in $(NEEDED); do \
	  dpkg-query -W -f='$${Status}' "$$p" 2>/dev/null | grep -q "install ok installed" || missing="$$missing $$p"; \
	done; \
	[ -x $(BIN)/python ] || $(PYTHON) -c "import ensurepip" 2>/dev/null || missing="$$missing python3-venv"; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then sudo=""; \
	elif sudo -n true 2>/dev/null; then sudo="sudo -n"; \
	else echo "missing Debian packages; run: sudo apt-get install$$missing"; exit 1; fi; \
	$$sudo apt-get update -qq </dev/null || true; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null </dev/null || \
	  { echo "could not install Debian packages; run: sudo apt-get install$$missing"; exit 1; }

# The other libraries live in their own environment and never touch the product's.
bench: .venv/.installed-dev .venv-bench/.installed
	$(BIN)/python -m benchmarks.speed

bench-time: .venv/.installed-dev .venv-bench/.installed
	$(BIN)/python -m benchmarks.time_to_accuracy
	$(BIN)/python -m benchmarks.time_to_accuracy --page

.venv-bench/.installed: requirements-bench.txt
	$(PYTHON) -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	touch $@
