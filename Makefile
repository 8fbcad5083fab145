# make demo                    a video of a speaking head in out/, from the bundled sample
# make demo AUDIO=path         the same from any recording
# make test                    style, types and tests
# make slow                    the tests that take long or need an accelerator
#
# PYTHON=python3.12            another interpreter (3.11 or later)
# JOBS=4                       tests side by side (each process wants a core and 2 GB)
# TORCH_INDEX=url              a package index with another build of torch (CUDA, CPU only)

VENV := .venv
AUDIO ?= assets/hello.wav
TORCH_INDEX ?=
JOBS ?= 2
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

export AUDIO

INSTALL = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	$(if $(TORCH_INDEX),--extra-index-url "$(TORCH_INDEX)") --constraint constraints.txt

.PHONY: demo test types tests slow clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	@mkdir -p out
	@name=$$(basename -- "$$AUDIO") && film="out/$${name%.*}.mp4" && \
	$(VENV)/bin/talk animate --overwrite --output "$$film" -- "$$AUDIO" && \
	echo "Open $$film in any player."

test: $(VENV)/installed-dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(MAKE) --no-print-directory --jobs 2 types tests

types: $(VENV)/installed-dev
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python

tests: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q --numprocesses $(JOBS) --dist worksteal

slow: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q -m "slow or gpu" --numprocesses $(JOBS) --dist worksteal

clean:
	rm -rf $(VENV) out

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "talk needs Python 3.11 or later; give it with: make PYTHON=path" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
	echo "This Python has no venv. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing talk into $(VENV) (once; torch is large)"
	$(INSTALL) --editable '.[film,studio]'
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing talk and its tools into $(VENV) (once; torch is large)"
	$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/installed
