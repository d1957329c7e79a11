# make demo    a real street video, segmented and annotated, from a fresh clone
# make test    style, types, imports and tests, with the share of the code that they run
# make fuzz    malformed files for every reader, for MINUTES=30
# make kills   every command ended by every signal, at MOMENTS=200 each
# make long    a long stream and a long paced one, FRAMES=1000000, HOURS=24 and FPS=10
# make lint    style, types and imports only
# make system  libraries and the browser of the tests, as root on Debian or Ubuntu
# make setup   the environment in .venv, from the locked and hashed requirements
# make lock    renew requirements.lock from pyproject.toml
# make clean   remove the environment and what tools and commands left behind
#
# Another Python (3.11-3.13): make test PYTHON=/path/to/python3.12

VENV := .venv
INSTALLED := $(VENV)/.installed
CANDIDATES := python3.11 python3.12 python3.13 python3

# The first candidate that runs, can make an environment (some systems ship Python without
# ensurepip) and is of a suitable version; looked up only when needed.
SUITABLE := import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for python in $(CANDIDATES); do \
	$$python -c '$(SUITABLE)' 2>/dev/null && echo $$python && break; done)

# opencv-python draws windows too, so it wants two libraries that slim Linux images leave out.
LIBRARIES := OpenCV could not be loaded. Debian, Ubuntu: apt-get install libgl1 libglib2.0-0

MINUTES ?= 30
MOMENTS ?= 200
FRAMES ?= 1000000
HOURS ?= 24
FPS ?= 10

# Tests of the report page need a browser; as root on Debian or Ubuntu both are installed.
SYSTEM := libgl1 libglib2.0-0 chromium chromium-driver

# Where it is set, Python keeps no compiled modules, and each process that a test or a command starts
# would compile TensorFlow's and all others anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test fuzz kills long lint setup system lock clean
.DEFAULT_GOAL := test

demo: setup
	$(VENV)/bin/vssn demo

# pytest comes last, so that its closing line is the last one printed. worksteal gives each core a
# run of neighbouring tests, so that few of the networks that tests of a file share are built twice.
test: system lint
	$(VENV)/bin/pytest --numprocesses auto --dist worksteal --cov

fuzz: setup
	PYTHONPATH=tests $(VENV)/bin/python -m fuzz --minutes $(MINUTES)

kills: setup
	PYTHONPATH=tests:. $(VENV)/bin/python -m kills --moments $(MOMENTS)

long: setup
	PYTHONPATH=tests $(VENV)/bin/python -m long_runs --frames $(FRAMES) --hours $(HOURS) --fps $(FPS)

lint: setup
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo --cache-dir .import_linter_cache

system:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v chromedriver >/dev/null; \
	then apt-get update -qq && apt-get install -y -qq --no-install-recommends $(SYSTEM); fi

setup: $(INSTALLED)

$(INSTALLED): requirements.lock clips.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11-3.13 found; name one: make PYTHON=..." >&2; exit 2; }
	@"$(PYTHON)" -c '$(SUITABLE)' || { echo "$(PYTHON) is no Python 3.11-3.13 with ensurepip" >&2; exit 2; }
	test -x $(VENV)/bin/pip || "$(PYTHON)" -m venv $(VENV)
	@# Modules are compiled when they are first imported; most never are.
	$(VENV)/bin/pip install --no-compile --no-deps --require-hashes -r requirements.lock
	$(VENV)/bin/pip install --no-compile --no-deps --require-hashes -r clips.lock
	$(VENV)/bin/pip install --no-deps --no-build-isolation -e .
	@$(VENV)/bin/python -c 'import cv2' || { echo "$(LIBRARIES)" >&2; exit 2; }
	touch $@

lock: setup
	$(VENV)/bin/uv pip compile pyproject.toml --output-file requirements.lock \
		--universal --python-version 3.11 --all-extras --generate-hashes --upgrade \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage*
	find vssn scripts tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
