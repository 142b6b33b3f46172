# `make demo` and `make test` work in a fresh clone; they create the virtual environment.
# To use another Python: `make test PYTHON=python3.12`; another folder: `make test VENV=/tmp/venv`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DOCS_VENV ?= $(VENV)-docs
IMAGES := script processor
ROWS ?= 1000000
RUNS ?= 5

# Of pytest, for two cores: a test that waits for a container or a server leaves its core to others.
WORKERS ?= 3

# Number and seed of the faults that `make test-faults` injects. The same seed gives the same faults.
HEADRACE_FAULTS ?= 200
HEADRACE_FAULT_SEED ?= $(shell date +%s)

# Tests start the program hundreds of times, which is not to be compiled each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo docs generated test test-all test-faults lint ruff types imports bench bench-spark pins clean $(IMAGES:%=hashes-of-%)

help:
	@echo "make demo         hash the sample that comes with the project"
	@echo "make test         run the linter, type checker, import contracts and the tests"
	@echo "make test-all     run the tests that take longest as well"
	@echo "make test-faults  inject $(HEADRACE_FAULTS) faults into small jobs, see docs/reliability.md"
	@echo "make bench        measure the table of docs/performance.md on this machine (ROWS=$(ROWS) RUNS=$(RUNS))"
	@echo "make bench-spark  compare backend=pyspark with Spark ML's FeatureHasher; needs Java"
	@echo "make generated    renew what is made from the models and plugins: docs/reference, .vscode"
	@echo "make docs         build the documentation site in build/site; it needs no server"
	@echo "make pins         renew requirements/*.txt and containers/*/requirements.txt"
	@echo "make clean        remove everything that these commands made"

demo: $(VENV)/.run $(VENV)/.kernels
	$(BIN)/python run.py backend=sklearn transform=hashing

test: lint
	@echo "tests/faults draws from HEADRACE_FAULT_SEED=$${HEADRACE_FAULT_SEED:-1}"
	$(BIN)/pytest -n $(WORKERS) -m "not long" --durations=20

test-all: lint
	HEADRACE_MORE_EXAMPLES=4 $(BIN)/pytest -n $(WORKERS) -m "" --durations=20

test-faults: SEED := $(HEADRACE_FAULT_SEED)
test-faults: $(VENV)/.dev
	@echo "HEADRACE_FAULTS=$(HEADRACE_FAULTS) HEADRACE_FAULT_SEED=$(SEED)"
	@HEADRACE_FAULTS=$(HEADRACE_FAULTS) HEADRACE_FAULT_SEED=$(SEED) \
		$(BIN)/pytest -n $(WORKERS) -m "" tests/faults

lint: $(VENV)/.dev $(VENV)/.kernels
	@$(MAKE) --no-print-directory VENV=$(VENV) -j2 --output-sync ruff types imports

ruff:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	PYTHONPATH=framework $(BIN)/lint-imports --no-cache

generated: $(VENV)/.run
	PYTHONPATH=framework $(BIN)/python -m tools.generate

# The site has its own environment: what builds it is not needed by anything else. `offline` in
# mkdocs.yml has the pages work from the disk, without a server and without a network.
docs: $(DOCS_VENV)/.docs
	$(DOCS_VENV)/bin/python -m tools.site build/docs
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet
	@echo "open build/site/index.html"

$(DOCS_VENV)/.docs: requirements/docs.txt
	$(PYTHON) -m venv $(DOCS_VENV)
	@$(DOCS_VENV)/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@

bench: $(VENV)/.peers $(VENV)/.kernels
	$(BIN)/python -m benchmarks.run --rows $(ROWS) --runs $(RUNS)
	$(BIN)/python -m benchmarks.compare --runs $(RUNS)

bench-spark: $(VENV)/.dev
	$(BIN)/python -m benchmarks.spark --rows $(ROWS) --runs $(RUNS)

# One stamp for each set of packages, so that a second call installs nothing.
$(VENV)/.run $(VENV)/.bench $(VENV)/.dev $(VENV)/.peers: $(VENV)/.%: \
		requirements/%.txt requirements/run.txt | $(BIN)/python
	@echo "installing $< into $(VENV)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r $<
	@$(MAKE) --no-print-directory VENV=$(VENV) checkout-in-venv
	@touch $@

$(VENV)/.dev $(VENV)/.peers: requirements/bench.txt

# Compiled kernels: by zig, which builds them for both kinds of machines of SageMaker and to the same
# bytes everywhere, or by the machine's own compiler. Nobody needs them: without either NumPy works
# in their place. zig takes 8 s and 410 MB, and goes when it has built them.
$(VENV)/.kernels: ZIG = $(abspath $(VENV))/zig
$(VENV)/.kernels: requirements/kernels.txt $(wildcard framework/headrace/runtime/kernels/c/*) \
		| $(BIN)/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --target '$(ZIG)' -r $< || \
		echo "note: zig cannot be installed here; the kernels are left to the machine's compiler"
	@PYTHONPATH='$(CURDIR)/framework:$(ZIG)' $(BIN)/python -m headrace.job.kernels
	@rm -rf '$(ZIG)'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "headrace needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

# Have the environment find the package in this checkout: `headrace`, `python -m headrace.compare`.
# Nothing is built for that, so nothing but requirements/run.txt is needed.
.PHONY: checkout-in-venv
checkout-in-venv: SITE = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
checkout-in-venv:
	@echo '$(CURDIR)/framework' > '$(SITE)/headrace.pth'
	@printf '#!%s\nimport sys\n\nfrom headrace.cli.console import main\n\nsys.exit(main())\n' \
		'$(abspath $(BIN))/python' > $(BIN)/headrace
	@chmod +x $(BIN)/headrace

# One environment that grows, so that the three files agree.
PINS := build/pins/bin/python -m pip
FROZEN := $(PINS) freeze --all --exclude headrace --exclude pip
pins:
	rm -rf build && $(PYTHON) -m venv build/pins
	$(PINS) install -q . && $(FROZEN) --exclude setuptools > build/run
	$(PINS) install -q '.[bench]' && $(FROZEN) --exclude setuptools > build/bench
	$(PINS) install -q '.[joblib,test,tui]' && $(FROZEN) > build/dev
	(echo '# What `make demo` installs. Made by `make pins`.'; cat build/run) > requirements/run.txt
	(echo '# What `make bench` installs. Made by `make pins`.'; echo '-r run.txt'; \
		grep -vxFf build/run build/bench) > requirements/bench.txt
	(echo '# What `make test` installs. Made by `make pins`.'; echo '-r bench.txt'; \
		grep -vxFf build/bench build/dev) > requirements/dev.txt
	$(PYTHON) -m venv build/docs && build/docs/bin/python -m pip install -q 'mkdocs<2' mkdocs-material
	(echo '# What `make docs` installs. Made by `make pins`.'; build/docs/bin/python -m pip freeze) \
		> requirements/docs.txt
	$(PINS) install -q '.[peers]' && $(FROZEN) > build/peers
	(echo '# What `make bench` compares headrace with. Made by `make pins`.'; echo '-r bench.txt'; \
		grep -vxFf build/dev build/peers) > requirements/peers.txt
	$(PINS) install -q ziglang
	(echo '# What builds the compiled kernels, if it can be had. Made by `make pins`.'; \
		$(PINS) freeze | grep ^ziglang==) > requirements/kernels.txt
	$(PINS) install -q pip-tools
	$(MAKE) --no-print-directory $(IMAGES:%=hashes-of-%)
	rm -rf build framework/headrace.egg-info

# The packages that an image's file names, as in run.txt, with the hash of each of their files.
$(IMAGES:%=hashes-of-%): hashes-of-%:
	sed -n 's/==.*/==/p' containers/$*/requirements.txt | grep -Ff - build/run > build/$*.in
	build/pins/bin/python -m piptools compile -q --generate-hashes --strip-extras --no-header \
		--no-annotate --no-emit-options -o build/$* build/$*.in
	(grep '^#' containers/$*/requirements.txt; cat build/$*) > build/$*.txt
	mv build/$*.txt containers/$*/requirements.txt

clean:
	rm -rf $(VENV) $(DOCS_VENV) build framework/headrace.egg-info outputs multirun
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
