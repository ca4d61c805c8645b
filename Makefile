# make demo: build what is missing, run the example on a shipped board.   make test: everything that CI runs.
# make test-long: the same, with 10,000 random cases where make test has hundreds.
# make build: daemon, extension and .venv alone.                          make bench: against bare C and other graphs.

SHELL := /bin/bash
VENV := .venv
PYTHON := $(VENV)/bin/python
SCRATCH := .build
RELEASE := $(SCRATCH)/release/bindd
SWIFT_SOURCES := $(shell find Sources -type f) Package.swift
BOARD ?= examples/blinker.kicad_pcb

.PHONY: build demo test test-long generate bench fuzz clean

build: $(VENV)/bin/bindd $(VENV)/.client

# With a socket of its own: a daemon that you use is left alone.
demo: build
	@folder=$$(mktemp -d) && export BINDD_SOCKET=$$folder/demo.sock BINDD_BIN=$(CURDIR)/$(VENV)/bin/bindd && \
	trap '$(VENV)/bin/bindd stop >/dev/null 2>&1; rm -rf "$$folder"' EXIT && \
	echo "$(PYTHON) examples/board_report.py $(BOARD)" && $(PYTHON) examples/board_report.py $(BOARD)

test: build
	tools/test

# With millions and thousands where `make test` has thousands and hundreds: an hour, and 24 GiB of memory.
test-long: build
	BINDD_TEST_LONG=1 tools/test

# The tools of the machine: apt packages and the virtual environment. Quick when they are there.
$(VENV)/.tools: tools/prepare tools/requirements.txt
	tools/prepare $(VENV)
	@touch $@

$(RELEASE): $(SWIFT_SOURCES) $(VENV)/.tools
	swift build -c release --static-swift-stdlib --product bindd --scratch-path $(SCRATCH)
	@touch $@

$(VENV)/bin/bindd: $(RELEASE)
	install -m 755 $(RELEASE) $@

# The extension and the packages, editable: rebuilt when the C or the shared layout changed.
$(VENV)/.client: $(VENV)/.tools $(shell find python_client -name '*.[ch]' -o -name 'setup.py' -o -name 'pyproject.toml') \
		$(wildcard Sources/CLayout/include/*.h)
	$(PYTHON) -m pip install --quiet --no-build-isolation --editable python_client
	$(PYTHON) -m pip install --quiet --no-build-isolation --editable python_client/pyzig
	@touch $@

# Writes what is generated from the declarations anew; the tests fail when it is stale.
generate: $(VENV)/bin/bindd
	$(VENV)/bin/bindd describe --json | $(PYTHON) tools/generate.py -

# Ratios, each measured in one run: a waiting call against a bare C ping-pong, the graph against its peers.
bench: build
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(PYTHON) benchmarks/round_trip.py
	$(PYTHON) benchmarks/graph.py
	$(PYTHON) benchmarks/sexp.py

# Ten minutes of made-up texts and edits against SexpCore, with AddressSanitizer.
fuzz:
	tools/fuzz

# A daemon that runs is left alone: it goes when nobody uses it, or on `bindd stop`.
clean:
	rm -rf $(SCRATCH) $(VENV) .fuzz python_client/build
