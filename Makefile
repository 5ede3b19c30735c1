# Every target sets up .venv from the pins by itself; inside it plain `snakemake --cores 8` works.
# Linux without a GPU: make TORCH_INDEX=https://download.pytorch.org/whl/cpu tables
PYTHON ?= python3
CORES ?= all
STUDY ?= config/config.yaml
TORCH_INDEX ?=
RUN := .venv/bin/snakemake --cores $(CORES)
BENCH_RUNTIMES := .venv-bench/bin/python benchmarks/runtimes.py config/config.yaml kd kd_quant

.PHONY: tables quick smoke study subsets distillation pruning sensitivity quantization deploy status partial verify report bench bench-runtimes test faults lint docs audit licences format reference openvino clean clean-scratch

tables: .venv/ready ## tables and plots of the default study
	$(RUN)

quick: .venv/ready ## the ladder in some ten minutes
	$(RUN) --configfile config/quick.yaml

smoke: .venv/ready ## every rule on a tiny random model, without a download
	$(RUN) --configfile config/smoke.yaml

study: .venv/ready ## the whole ablation at the quick study's sizes, every table and plot; may be stopped and started again
	$(RUN) --configfile config/study.yaml -- everything

subsets: .venv/ready ## all eight subsets of distillation, pruning and quantization
	$(RUN) table_subsets

distillation: .venv/ready ## every distillation objective against labels at equal compute
	$(RUN) table_distillation plot_distillation

pruning: .venv/ready ## what to cut, by which score, with and without recovery
	$(RUN) table_pruning

sensitivity: .venv/ready ## how much can be cut, by which score; and which heads matter
	$(RUN) plot_sensitivity plot_head_importance

quantization: .venv/ready ## which precision, which scheme; and what PyTorch's parameter count makes of it
	$(RUN) table_quantization plot_quantization plot_layer_sensitivity table_parameters

deploy: .venv/ready ## a folder that runs without this project, of the ladder's last cell
	$(RUN) deploy

status: .venv/ready ## cells of the study STUDY that are done, running, failed or waiting, and about how long the rest takes
	.venv/bin/edgemin status $(STUDY)

partial: .venv/ready ## tables of what the study STUDY has so far; what is missing is named
	.venv/bin/edgemin partial $(STUDY)

openvino: .venv/ready-openvino ## the packages of the optional runtime openvino

report: .venv/ready ## Snakemake's own report of the study STUDY, as results/report.zip
	$(RUN) --configfile $(STUDY)
	$(RUN) --configfile $(STUDY) --report results/report.zip

bench: .venv/ready ## training speed of each objective beside transformers' Trainer
	.venv/bin/python benchmarks/speed.py

bench-runtimes: .venv-bench/ready ## INT8 of the default study's student here, in OpenVINO, torchao and torch.ao, in turns
	files=$$($(BENCH_RUNTIMES) --files) && $(RUN) -- $$files
	$(BENCH_RUNTIMES)

# Two at a time; what shares a finished study goes first, since it takes longest.
test: .venv/ready-dev ## unit and workflow tests
	.venv/bin/python -m pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder tests/workflow tests/unit

faults: .venv/ready-dev ## long tests: jobs killed, files damaged, other families, a cluster; some need root
	.venv/bin/python -m pytest tests/faults

lint: .venv/ready-dev ## format, lint, types, rules
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/snakefmt --check Snakefile workflow/rules
	.venv/bin/mypy
	.venv/bin/snakemake --configfile config/smoke.yaml --lint

docs: .venv/ready-dev ## the documentation as a site, in site/
	.venv/bin/mkdocs build --strict

verify: .venv/ready ## every file of the study STUDY against its recorded sha256; prints the command that rebuilds what is damaged
	.venv/bin/edgemin verify $(STUDY)

audit: .venv/ready-dev ## known advisories of the pins; says so if the database cannot be asked
	.venv/bin/python envs/audit.py

licences: .venv/ready-dev ## rewrite docs/licences.md from the installed packages
	.venv/bin/python envs/audit.py licences docs/licences.md

format: .venv/ready-dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	.venv/bin/snakefmt Snakefile workflow/rules

reference: .venv/ready ## rewrite the JSON schema, and the tables of keys and lists of methods in the documents, from the settings
	.venv/bin/edgemin reference

clean-scratch: ## resume states and partial downloads; finished files stay
	rm -rf results/*/scratch results/downloads/.partial

clean: ## everything that was computed or fetched; .venv stays
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	rm -rf .snakemake

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "EdgeMIN needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv .venv
	touch $@

# The package is installed as a link to this tree: what is edited here runs, and `snakemake` and `edgemin` work from .venv/bin.
.venv/ready: envs/requirements.txt envs/constraints.txt pyproject.toml | .venv/python
	$(if $(TORCH_INDEX),.venv/bin/pip install $$(grep '^torch==' envs/requirements.txt) --index-url $(TORCH_INDEX))
	.venv/bin/pip install --quiet -r envs/requirements.txt -c envs/constraints.txt
	.venv/bin/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv/ready-openvino: envs/requirements-openvino.txt .venv/ready
	.venv/bin/pip install --quiet -r envs/requirements.txt -r envs/requirements-openvino.txt -c envs/constraints.txt
	touch $@

.venv-bench/ready: envs/requirements-bench.txt .venv/ready
	$(PYTHON) -m venv .venv-bench
	$(if $(TORCH_INDEX),.venv-bench/bin/pip install $$(grep '^torch==' envs/requirements.txt) --index-url $(TORCH_INDEX))
	.venv-bench/bin/pip install --quiet -r envs/requirements-bench.txt -c envs/constraints.txt
	.venv-bench/bin/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv/ready-dev: envs/requirements-dev.txt .venv/ready
	.venv/bin/pip install --quiet -r envs/requirements-dev.txt -c envs/constraints.txt
	touch $@
