# The one door: `make` lists the goals.
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install demo check test lint format docs bench clean

help:            ## list the goals
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

install:         ## build and install into .venv
	@tools/check install

demo: install    ## attack a small service, natively and under Stretto
	@$(BIN)/stretto demo

check:           ## install, then formats, lints, types and all tests
	@tools/check

test:            ## only the tests
	@tools/check rust tests

lint:            ## only formats, lints and types
	@tools/check formats lints types

format:          ## format Rust and Python
	cargo fmt --all
	$(BIN)/ruff format python tests tools
	$(BIN)/ruff check --fix python tests tools

docs:            ## write the generated pages
	$(BIN)/python tools/docs.py

bench: install   ## measure the cost of calls
	@$(BIN)/stretto bench calls

clean:           ## remove what was built
	rm -rf $(VENV) target
