# Every target sets up what it needs, in .venv, and does so again only when pyproject.toml has changed.

# Empty is not set. Where it is set, each process compiles all that it imports, and each run rewrites all tests.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo tools browser test examples coverage conformance chaos thorough trouble mutants fuzz check docs accessibility pictures bench bench-tables changelog clean

help:
	@echo "make demo         run a Bell job on a service on this machine"
	@echo "make tools        install PostgreSQL, without which its tests are skipped"
	@echo "make browser      install Chromium, without which the tests of the local service's page are skipped"
	@echo "make test         run every test but those of make examples and make conformance"
	@echo "make examples     run each example of the README, the documentation and the docstrings"
	@echo "make coverage     measure which branches of the two inner rooms their own tests reach"
	@echo "make conformance  run the official clients against the local service, and libraries on our backend"
	@echo "make chaos        run 1,000 jobs while every fourth request goes wrong, and the official clients' beside ours"
	@echo "make trouble      inject faults into our client and the official ones, and write the table of docs/reliability.md"
	@echo "make thorough     run the property tests with many more examples, and damaged replies for three minutes"
	@echo "make mutants      put errors into the pure core, each of which a test must find"
	@echo "make fuzz         throw damaged replies, streams and archives at the readers for ten minutes"
	@echo "make check        formatting, lint, types, borders between modules, docs"
	@echo "make docs         build the documentation into docs/_build"
	@echo "make accessibility look at every page of the documentation with axe, in Chromium"
	@echo "make pictures     take the pictures of the page for the documentation, with Chromium"
	@echo "make bench        measure, beside the official clients"
	@echo "make bench-tables write the tables of the documentation from what make bench measured last"
	@echo "make changelog    collect changelog.d into CHANGELOG.md, as of VERSION=X.Y.Z"

# Two environments, so that the demo does not wait for the developers' tools.
.venv/demo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[cli,local]"
	@touch $@

.venv/dev: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch .venv/demo $@

demo: .venv/demo
	$(BIN)/ibm-circuit-job demo

# Debian has the programs of a server outside of the path.
tools:
	@command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null || \
	{ apt-get -qq -o Acquire::Retries=3 update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=60 install -y postgresql; }

browser:
	@{ command -v chromium && command -v chromedriver; } || \
	{ apt-get -qq -o Acquire::Retries=3 update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=60 install -y \
	  --no-install-recommends chromium chromium-driver fonts-dejavu-core; }

# It runs mypy, and so belongs to make check, beside the run of mypy whose cache it shares.
TYPES_IN_DOCS := tests/package/test_documentation_types.py

# Each of them runs all that a reader may copy: a gate of its own.
EXAMPLES := tests/package/test_documentation.py

# Five workers also on two cores: half of the time of the tests is spent waiting, for time limits, disks and processes.
# A worker that has nothing left takes over tests of another one, and the longest tests begin first: none is waited for
# at the end.
# Each worker would load two plugins that no test of it needs; make thorough needs the one of schemathesis.
test: .venv/dev
	$(BIN)/pytest property_tests tests -p no:schemathesis -p no:anyio --numprocesses 5 --dist worksteal \
		--ignore tests/benchmarks --ignore $(TYPES_IN_DOCS) --ignore $(EXAMPLES)

examples: .venv/dev
	$(BIN)/pytest -p no:schemathesis -p no:anyio --quiet $(EXAMPLES) --numprocesses 3 --dist worksteal

# Of the two rooms that decide everything else, by the tests that call them directly.
coverage: .venv/dev
	$(BIN)/pytest $(CORE) --quiet --numprocesses auto --maxprocesses 4 --dist worksteal \
		--cov ibm_circuit_job.state --cov ibm_circuit_job.wire --cov-branch --cov-report term:skip-covered --cov-fail-under 95

CORE := tests/state tests/wire property_tests/test_laws.py property_tests/test_wire_laws.py \
	property_tests/test_waiting_laws.py property_tests/test_results_laws.py property_tests/test_submitting_world.py \
	property_tests/test_redaction.py property_tests/test_lazy_results_laws.py

LIBRARIES := experiments pennylane mthree mitiq

conformance: .venv/dev .peers/provider/ready .peers/runtime/ready $(LIBRARIES:%=.peers/%/ready)
	$(BIN)/python tests/conformance/run.py

# The official clients, each in an environment of its own, with the package beside them. The archived one reads no
# result of the oldest jobs with requests 2.34 or later, whose Session.get() always names its params.
.peers/provider/ready: pyproject.toml
	$(PYTHON) -m venv .peers/provider
	.peers/provider/bin/python -m pip install --quiet --disable-pip-version-check \
		"qiskit-ibm-provider==0.11.0" "qiskit<2" "requests<2.34" --editable ".[store]" pytest
	@touch $@

.peers/runtime/ready: pyproject.toml
	$(PYTHON) -m venv .peers/runtime
	.peers/runtime/bin/python -m pip install --quiet --disable-pip-version-check \
		"qiskit-ibm-runtime==0.51.0" --editable ".[store]" pytest
	@touch $@

# Libraries that take a backend, each in an environment of its own: together they make pip choose old versions of all.
.peers/experiments/ready: PACKAGES := "qiskit-experiments==0.14.2" "qiskit-ibm-runtime==0.51.0"
.peers/pennylane/ready: PACKAGES := "PennyLane-qiskit==0.45.0" "PennyLane==0.45.1"
.peers/mthree/ready: PACKAGES := "mthree==3.0.0"
.peers/mitiq/ready: PACKAGES := "mitiq[qiskit]==1.1.0"

$(LIBRARIES:%=.peers/%/ready): pyproject.toml
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(PACKAGES) --editable ".[local]" pytest
	@touch $@

thorough: .venv/dev
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest property_tests tests/store --timeout 0 --durations 0 \
		--numprocesses 2 --dist worksteal
	$(BIN)/python property_tests/fuzz.py 3

mutants: .venv/dev
	rm -rf mutants
	HYPOTHESIS_PROFILE=mutants $(BIN)/mutmut run
	@echo "Not found by any test (show one with $(BIN)/mutmut show NAME):"
	@$(BIN)/mutmut results

# The same jobs and faults through the official clients; some five minutes in all.
chaos: .venv/dev .peers/provider/ready .peers/runtime/ready
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest property_tests/test_chaos.py --capture no
	$(BIN)/python tests/chaos/run.py

# What a server, a machine and a file system may do, to our client and to the official ones; some ten minutes in all.
trouble: .venv/dev .peers/provider/ready .peers/runtime/ready
	$(BIN)/python tests/trouble/run.py

# Damaged replies, frames and archives at every reader, for ten minutes.
fuzz: .venv/dev
	$(BIN)/python property_tests/fuzz.py 10

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin
	$(BIN)/mypy --platform win32
	$(BIN)/pytest --quiet --timeout 0 $(TYPES_IN_DOCS)
	$(BIN)/lint-imports --no-cache
	$(BIN)/sphinx-build -q -W -b html docs docs/_build

docs: .venv/dev
	$(BIN)/sphinx-build -q -W -b html docs docs/_build

accessibility: docs browser
	$(BIN)/python docs/accessibility.py

pictures: .venv/dev browser
	$(BIN)/python docs/pictures.py

bench: .venv/dev .peers/provider/ready .peers/runtime/ready
	$(BIN)/pytest tests/benchmarks --benchmark-only --benchmark-quiet --benchmark-warmup=on --timeout 0 --quiet

# The tables of the documentation, from the figures of the last make bench. No figure is typed by hand.
bench-tables: .venv/dev
	$(BIN)/python tests/benchmarks/figures.py

changelog: .venv/dev
	$(BIN)/towncrier build --yes --version "$(VERSION)"

clean:
	rm -rf .venv .peers docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
