# Copyright (c) 2026 activation.kms contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

PYTHON ?= python3
SHELL := /bin/sh
VENV := .venv/bin/python

# Ansible refuses to start in the C locale, and a stray ansible.cfg of the user must not change what the demo and the tests show.
export LC_ALL := C.UTF-8
export ANSIBLE_CONFIG := $(CURDIR)/tests/ansible.cfg
# ansible finds the collection by its name through a link, whatever this checkout is called.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache
# Its temporary files go here and not to the home folder, which may not even be writable.
export ANSIBLE_HOME := $(CURDIR)/.cache/ansible_home
export ANSIBLE_REMOTE_TEMP := $(CURDIR)/.cache/ansible_home/tmp
export PYTHONPATH := $(CURDIR)/.cache:$(CURDIR)

.PHONY: help demo test lint docs bench fuzz clean prepare

help:
	@echo 'make demo    a simulated estate: one KMS host and its clients, deployed and activated by the playbooks'
	@echo 'make test    every test, on all processors; PYTEST_ARGS="-k firewall" for some of them, PYTEST_ARGS="-n 0" in one process'
	@echo 'make lint    ruff, mypy, yamllint, ansible-lint, antsibull-changelog'
	@echo 'make docs    writes the pages that are made of data: events, findings, the table of faults'
	@echo 'make bench   what a read costs by either way, beside a no-op and ansible.windows, in one run (downloads 54 MB once)'
	@echo 'make fuzz    damaged answers of Windows to the parser for a minute of CPU time; SECONDS=600 for longer'
	@echo 'make clean   removes what the others made'

prepare:
	@sh tests/prepare.sh '$(PYTHON)' test-requirements.txt

demo: prepare
	@sh tests/demo/run.sh

test: prepare
	@sh tests/prepare_kerberos.sh
	@'$(VENV)' -m pytest -n auto --dist loadscope --no-loadscope-reorder $(PYTEST_ARGS)

lint:
	@sh tests/prepare.sh '$(PYTHON)' lint-requirements.txt
	@sh tests/lint.sh

docs: prepare
	@'$(VENV)' docs/generate_events.py
	@'$(VENV)' -m tests.unit.plugins.plugin_utils._diagnosis.rules.test_every_finding
	@'$(VENV)' docs/generate_findings.py
	@'$(VENV)' -m tests.diagnosis

bench: prepare
	@'$(VENV)' -m tests.bench $(BENCH_ARGS)

SECONDS ?= 60
fuzz: prepare
	@'$(VENV)' -m tests.fuzz --seconds '$(SECONDS)'

clean:
	-@test ! -e .demo/lab.json || '$(VENV)' -m tests.lab stop --directory .demo
	-@test ! -e .lab/lab.json || '$(VENV)' -m tests.lab stop --directory .lab
	rm -rf .venv .cache .demo .lab .hypothesis .pytest_cache .mypy_cache .ruff_cache
