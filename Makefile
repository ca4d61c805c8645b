# make demo: build what is missing, run the example on a shipped board.   make test: everything that CI runs.
# make test-long: the same, with 10,000 random cases where make test has hundreds.
# make build: daemon, extension and .venv alone.                          make bench: against bare C and other graphs.
# make wheel: dist/*.whl.

SHELL := /bin/bash
VENV := .venv
PYTHON := $(VENV)/bin/python
PACKAGE := python_client/src/bindd
BOARD ?= examples/blinker.kicad_pcb
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=
SOAK ?= 10000

.PHONY: build demo test test-long wheel generate bench fuzz fuzz-sexp fuzz-canary crash-matrix soak clean

# The import builds what is older than its sources (tools/native.py): daemon, generated files, extension. The command is a link,
# so that it is always the program that the package starts, also after an import that built.
build: $(VENV)/.client
	@BINDD_NORECOMPILE= BINDD_RELEASEMODE=release $(PYTHON) -c 'import bindd'
	@ln -sfnr $(PACKAGE)/_bin/bindd $(VENV)/bin/bindd

# With a socket of its own: a daemon that you use is left alone.
demo: build
	@folder=$$(mktemp -d) && export BINDD_SOCKET=$$folder/demo.sock BINDD_BIN=$(CURDIR)/$(VENV)/bin/bindd && \
	trap '$(VENV)/bin/bindd stop >/dev/null 2>&1; rm -rf "$$folder"' EXIT && \
	echo "$(PYTHON) examples/board_report.py $(BOARD)" && $(PYTHON) examples/board_report.py $(BOARD)

test: build
	tools/test

# With millions and thousands where `make test` has thousands and hundreds, the first hour in a fresh clone, texts of 128 MiB
# and 1 GiB, a build that checks its invariants, one with sanitizers, and the wheel in another Debian (which needs root): two hours, 24 GiB of memory.
test-long: build
	BINDD_TEST_LONG=1 tools/test
	$(PYTHON) benchmarks/large.py --limits
	tools/test_checked
	tools/test_sanitized
	tools/test_elsewhere

# The tools of the machine: apt packages and the virtual environment. Quick when they are there.
$(VENV)/.tools: tools/prepare tools/requirements.txt
	tools/prepare $(VENV)
	@touch $@

# The packages, editable: anew when how they are installed changed.
$(VENV)/.client: $(VENV)/.tools python_client/setup.py $(wildcard python_client/pyproject.toml python_client/*/pyproject.toml)
	$(PYTHON) -m pip install --quiet --no-build-isolation --editable python_client
	$(PYTHON) -m pip install --quiet --no-build-isolation --editable python_client/pyzig
	@touch $@

# dist/: bindd-VERSION-cp311-abi3-manylinux_…whl, which needs no compiler and no Swift where it goes, and bindd_pyzig.
wheel: $(VENV)/.client
	$(PYTHON) tools/make_wheel

# What is generated from the declarations is written by each build; CI fails when it was not committed.
generate: build
	$(VENV)/bin/bindd describe --json | $(PYTHON) tools/generate.py -

# Ratios, each measured in one run: a waiting call against a bare C ping-pong, the graph against its peers, what recording
# places costs, how long a look at a million handles takes.
bench: build
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(PYTHON) benchmarks/round_trip.py
	$(PYTHON) benchmarks/graph.py
	$(PYTHON) benchmarks/typegraph.py
	$(PYTHON) benchmarks/death.py
	$(PYTHON) benchmarks/sites.py
	$(PYTHON) benchmarks/handles.py
	$(PYTHON) benchmarks/memory.py
	$(PYTHON) benchmarks/sexp.py
	$(PYTHON) benchmarks/large.py
	BINDD_BIN=$(CURDIR)/$(VENV)/bin/bindd $(PYTHON) benchmarks/hostile.py

# libFuzzer and the address sanitizer on everything that reads bytes of others, FUZZ_SECONDS for each target. What is found
# becomes a case that `make test` replays. fuzz-canary: the same with planted bugs, which must be found.
fuzz: build
	BINDD_BIN=$(CURDIR)/$(VENV)/bin/bindd $(PYTHON) fuzz/run.py --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# Texts and edits of KiCad files against SexpCore, with the address sanitizer: ten minutes.
fuzz-sexp:
	tools/fuzz

fuzz-canary: build
	BINDD_BIN=$(CURDIR)/$(VENV)/bin/bindd $(PYTHON) fuzz/run.py --canary $(FUZZ_TARGETS)

# Every operation × every death, before and after it is applied: a table without a hole; then SOAK kills with a call between.
crash-matrix: build
	BINDD_BIN=$(CURDIR)/$(VENV)/bin/bindd $(PYTHON) Tests/client/crash_matrix.py
	$(MAKE) soak

soak: build
	BINDD_BIN=$(CURDIR)/$(VENV)/bin/bindd $(PYTHON) Tests/client/crash_soak.py $(SOAK)

# A daemon that runs is left alone: it goes when nobody uses it, or on `bindd stop`.
clean:
	rm -rf .build .build-checked .build-fuzz .fuzz $(VENV) python_client/build $(PACKAGE)/_bin $(PACKAGE)/*.so
