# Two commands for a fresh machine: `make demo` and `make test`. Both first make the environment in .venv: `make demo` with
# matted alone, all others with what tests it, too. `make check` is for in between: everything that needs no daemon.

VENV := .venv
READY := $(VENV)/ready
TESTABLE := $(VENV)/testable

.PHONY: demo check lint test test-hosts pictures mobile-sam bench documents texts fuzz soak chaos environment clean

demo: $(READY)
	$(VENV)/bin/matted remove tests/photographs/astronaut.jpg -o demo/astronaut-cutout.png --force --timings
	@echo "The cut-out is $(CURDIR)/demo/astronaut-cutout.png"
	@echo "The daemon stays ready for the next picture; stop it with: $(VENV)/bin/matted stop"

check: lint
	$(VENV)/bin/pytest --quiet --numprocesses auto -m 'not slow' tests/unit

lint: $(TESTABLE)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

test: lint
	@sh tests/system-packages.sh debootstrap debootstrap
	@sh tests/system-packages.sh systemd-analyze systemd
	@sh tests/system-packages.sh desktop-file-validate desktop-file-utils
	$(VENV)/bin/pytest --quiet --numprocesses auto tests/unit
	$(VENV)/bin/pytest --numprocesses 3 --dist loadfile --ignore tests/unit

# Every GIMP and Krita that is supported, those of the next Debian too, every kind of layer in all of them, and every model
# from download to removal. What they saw becomes docs/hosts.md, and lies with the screenshots in the folder of ARTEFACTS.
ARTEFACTS := $(CURDIR)/artefacts
EVERY_MODEL := tests/integration/test_models_command.py::test_every_model_can_be_pulled_listed_used_and_removed

test-hosts: $(TESTABLE)
	MATTED_TEST_SUITES="forky trixie bookworm" MATTED_TEST_EVERYTHING=1 MATTED_TEST_ARTEFACTS="$(ARTEFACTS)" \
		$(VENV)/bin/pytest tests/hosts $(EVERY_MODEL)
	cd tests && PYTHONPATH=. $(CURDIR)/$(VENV)/bin/python -m hosts.table "$(ARTEFACTS)"

# The pictures of the README, in the real GIMP and Krita, and of pages in docs/; `make test` makes them too, and says when
# these are no longer true. Some of them: make pictures PICTURES=tests/integration/test_masks_document.py
PICTURES := tests/hosts/test_readme.py $(wildcard tests/integration/test_*_document.py)

pictures: $(TESTABLE)
	MATTED_PICTURES="$(CURDIR)/docs/pictures" $(VENV)/bin/pytest $(PICTURES)

# The architecture of MobileSAM with random weights, made by torch in an environment of its own: some minutes and gigabytes.
MOBILE_SAM := $(HOME)/.cache/matted-tests/mobile-sam

mobile-sam: $(TESTABLE)
	python3 -m venv "$(MOBILE_SAM)/venv"
	"$(MOBILE_SAM)/venv/bin/pip" install --quiet torch torchvision timm onnx numpy
	"$(MOBILE_SAM)/venv/bin/pip" install --quiet --no-deps mobilesam-lite
	"$(MOBILE_SAM)/venv/bin/python" tests/graphs/make_mobile_sam.py "$(MOBILE_SAM)/files"
	MATTED_TEST_MOBILE_SAM="$(MOBILE_SAM)/files" $(VENV)/bin/pytest -s tests/integration/test_mobile_sam.py

# Minutes each; docs/reliability.md has the figures. atheris, which guides the fuzzing, exists for Linux and CPython to 3.13.
ATTACK := cd tests && PYTHONPATH=. $(CURDIR)/$(VENV)/bin/python -W error -m attacks

fuzz: $(TESTABLE)
	$(VENV)/bin/python -m pip install --quiet atheris
	$(ATTACK).fuzz_decoders
	$(ATTACK).strangers

soak: $(TESTABLE)
	$(ATTACK).soak
	$(ATTACK).many
	$(ATTACK).films

chaos: $(TESTABLE)
	$(ATTACK).chaos
	$(ATTACK).desks

# About ten minutes on a quiet machine. More in docs/benchmarks.md, which it writes: make bench BENCH="--only warm"
bench: $(TESTABLE)
	cd tests && $(CURDIR)/$(VENV)/bin/python -m benchmarks $(BENCH)

# Writes the tables of options into docs/.
documents: $(TESTABLE)
	cd tests && $(CURDIR)/$(VENV)/bin/python -m documents

# Adds texts that are not translated yet to every language, for a translator to fill in.
texts: $(TESTABLE)
	cd tests && $(CURDIR)/$(VENV)/bin/python -m po_files

environment: $(TESTABLE)

# Python compiles what is imported, when it is: to compile all that is installed takes longer than the demo.
$(READY): pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "matted needs Python 3.10 or later."; exit 1; }
	@python3 -c 'import ensurepip' 2>/dev/null || sh tests/system-packages.sh - python3-venv
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-compile --editable .
	@touch $@

$(TESTABLE): $(READY)
	$(VENV)/bin/python -m pip install --quiet --no-compile --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) demo artefacts .pytest_cache .mypy_cache .ruff_cache .hypothesis
