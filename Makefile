# make study BUDGET=10m   set up and run a study      make test    set up and run the tests
# make check              linters and tests           make lint    linters only
BUDGET ?= 2h
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation dataset-fashion-mnist

.PHONY: study test check lint pytest system
study: .venv/.installed system
	$(BIN)/python run_study.py --budget $(BUDGET)

test: .venv/.installed-dev system pytest

pytest:
	$(BIN)/python -m pytest

check: .venv/.installed-dev system lint pytest

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy --strict study
	$(BIN)/lint-imports

.venv/.installed: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# Installs the Debian packages that are missing when it may; else says which and stops.
system:
	@command -v dpkg >/dev/null || { echo "not a Debian system: install Pango, HarfBuzz-subset and Liberation fonts yourself"; exit 0; }; \
	missing=""; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo"; \
	else echo "missing Debian packages; run: sudo apt-get install$$missing"; exit 1; fi; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null
