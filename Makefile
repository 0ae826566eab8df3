# SPDX-License-Identifier: MIT
#
# make serve    install what is missing, build, serve APP on http://HOST:PORT
# make test     build and run every test
# make check    the quick part of it: unit, wire, smoke
# make lint     formatting, clang-tidy, ruff, mypy, layers, symbols
# make format   let clang-format and ruff lay the code out
# make bench    measure against the peers
# make parity   the same scenarios with gunicorn's newest release and with Winghorn, compared
# make fuzz     feed the parsers what nobody would send, each target for SECONDS
# make rebuild  only build (seconds after an edit)
# make fresh    the README's commands in a bare Debian (as root)
# make clean    remove what was built; .venv stays

APP     ?= winghorn.demo:app
HOST    ?= 127.0.0.1
PORT    ?= 8000
WORKERS ?= 2
SECONDS ?= 60

PYTHON_IN_VENV = .venv/bin/python
JUNIT  = build/dev/junit
CTEST  = ctest --test-dir build/dev --output-on-failure --no-tests=error -j 2
PYTEST = $(PYTHON_IN_VENV) -m pytest

.DEFAULT_GOAL := help
.PHONY: help serve test check lint format bench parity fuzz rebuild fresh clean

help:
	@sed -n 's/^# \(make \)/\1/p' Makefile

serve:
	@tools/setup serve
	@$(PYTHON_IN_VENV) tools/port_is_free.py "$(HOST)" "$(PORT)"
	@tools/build _core
	@.venv/bin/winghorn "$(APP)" --bind "$(HOST):$(PORT)" --workers "$(WORKERS)" --access-logfile -

rebuild:
	@tools/setup serve
	@tools/build _core

test:
	@tools/setup test
	@tools/build _core test_programs
	@rm -rf $(JUNIT) && mkdir -p $(JUNIT)
	$(CTEST) --output-junit $(CURDIR)/$(JUNIT)/ctest.xml
	$(PYTEST) -q -n 3 --large --junitxml=$(JUNIT)/pytest.xml
	@$(PYTHON_IN_VENV) tools/check_promises.py $(JUNIT)/ctest.xml $(JUNIT)/pytest.xml

check:
	@tools/setup test
	@tools/build _core test_programs
	$(CTEST) -L 'unit|wire|python'
	$(PYTEST) -q -m smoke

lint:
	@tools/setup lint
	@$(PYTHON_IN_VENV) tools/lint.py

format:
	@tools/setup lint
	@git ls-files -z --cached --others --exclude-standard '*.h' '*.cc' | xargs -0 .venv/bin/clang-format -i
	@.venv/bin/ruff check -q --fix . ; .venv/bin/ruff format -q .

bench:
	@tools/setup bench
	@tools/build _core
	@$(PYTHON_IN_VENV) bench/run.py
	@$(PYTHON_IN_VENV) bench/queueing.py
	@$(PYTHON_IN_VENV) bench/parser.py

parity:
	@tools/setup parity
	@tools/build _core
	@$(PYTHON_IN_VENV) -m tests.parity

fuzz:
	@tools/setup fuzz
	@tools/fuzz "$(SECONDS)"

fresh:
	@tools/fresh

clean:
	rm -rf build dist .cache .mypy_cache .pytest_cache .ruff_cache
