# Every target sets up .venv from the pins by itself; inside it plain `snakemake --cores 8` works. `make help` lists them.
# Linux without a GPU: make TORCH_INDEX=https://download.pytorch.org/whl/cpu tables
# Tools are called as modules of .venv/bin/python, so that the path of this folder may hold any character.
PYTHON ?= python3
CORES ?= all
STUDY ?= config/config.yaml
THREE := 0,1,2
SEEDS ?=
# What the study says, if that is more than one seed.
ITS_SEEDS = $(shell .venv/bin/python -c 'import sys, yaml; seeds = yaml.safe_load(open(sys.argv[1], encoding="utf-8-sig"))["seeds"]; print(*seeds if len(seeds) > 1 else [$(THREE)], sep=",")' "$(STUDY)" 2>/dev/null)
SEEDS_READ = $(or $(SEEDS),$(ITS_SEEDS),$(error $(STUDY): its seeds cannot be read; give SEEDS=0,1,2))
TORCH_INDEX ?=
SNAKEMAKE := .venv/bin/python -m snakemake --cores $(CORES)
RUN := $(SNAKEMAKE) --configfile "$(STUDY)"
EDGEMIN := .venv/bin/python -m edgemin.cli.main
PIP := .venv/bin/python -m pip install
BENCH_RUNTIMES := .venv-bench/bin/python benchmarks/runtimes.py config/config.yaml kd kd_quant

.PHONY: tables help quick smoke study frontier flagship subsets distillation pruning sensitivity quantization latency choice statements recommend evidence deploy deploy-recommended status partial verify report bench bench-runtimes test long faults lint docs audit licences format reference docs-results screenshot openvino clean clean-scratch

tables: .venv/ready ## tables, plots and the page of the study STUDY (by default config/config.yaml), as for all targets that name none
	$(RUN)
	$(EDGEMIN) compare "$(STUDY)"

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target what; do printf '%-20s %s\n' "$$target" "$$what"; done

quick: .venv/ready ## the two ladders of config/quick.yaml in an hour or less
	$(SNAKEMAKE) --configfile config/quick.yaml

smoke: .venv/ready ## everything that config/smoke.yaml declares, of a tiny random model, without a download
	$(SNAKEMAKE) --configfile config/smoke.yaml -- everything

study: .venv/ready ## the whole ablation at the quick study's sizes, every table and plot; may be stopped and started again
	$(SNAKEMAKE) --configfile config/study.yaml -- everything

frontier: .venv/ready ## from counted words to the teacher, by time and bytes: no transformer, static student, cuts to a time, both ladders, cascades
	$(SNAKEMAKE) --configfile config/frontier.yaml

flagship: .venv/ready ## the 109 M teacher itself, cut in steps: how small can it be? Hours, may be stopped and started again
	$(SNAKEMAKE) --configfile config/flagship.yaml

subsets: .venv/ready ## all eight subsets of distillation, pruning and quantization
	$(RUN) -- table_subsets

distillation: .venv/ready ## every distillation objective against labels at equal compute
	$(RUN) -- table_distillation plot_distillation

pruning: .venv/ready ## what to cut, by which score, with and without recovery
	$(RUN) -- table_pruning

sensitivity: .venv/ready ## how much can be cut, by which score; and which heads matter
	$(RUN) -- plot_sensitivity plot_head_importance

quantization: .venv/ready ## which precision, which scheme; and what PyTorch's parameter count makes of it
	$(RUN) -- table_quantization plot_quantization plot_layer_sensitivity table_parameters

latency: .venv/ready ## tails, from text to answer, by length, the first answer and memory, of the ladder
	$(RUN) -- table_latency

choice: .venv/ready ## which alternative wins on validation, stage by stage, in a study that lists them
	$(RUN) -- table_choice

statements: .venv/ready ## sentences of the literature that the study can test: which hold
	$(RUN) -- table_statements

recommend: .venv/ready ## which cell to ship within the limits of `recommend`
	$(RUN) -- table_recommendation

deploy: .venv/ready ## a folder that runs without this project: of the cells under `deploy`, or the recommended one, or the ladder's last
	$(RUN) -- deploy

deploy-recommended: .venv/ready ## the same, of the recommended cell whatever `deploy` says
	$(RUN) -- deploy_recommended

evidence: .venv/ready ## tables, plots and the page with the seeds SEEDS (the study's; 0,1,2 where it has one); finished ones are kept in docs/reference and taken from there
	$(RUN) --config 'seeds=[$(SEEDS_READ)]' 'threads={training: 1, inference: 1}' record=docs/reference -- evidence

status: .venv/ready ## cells of the study that are done, running, failed or waiting, and about how long the rest takes
	$(EDGEMIN) status "$(STUDY)"

partial: .venv/ready ## tables of what the study has so far; what is missing is named
	$(EDGEMIN) partial "$(STUDY)"

screenshot: .venv/ready ## README's picture of a page, from the record of the study quick; needs Chromium
	.venv/bin/python docs/screenshot.py

openvino: .venv/ready-openvino ## the packages of the optional runtime openvino

report: .venv/ready ## Snakemake's own report of the study, as results/report.zip
	$(RUN)
	$(RUN) --report results/report.zip

bench: .venv/ready ## training speed of each objective beside transformers' Trainer
	.venv/bin/python benchmarks/speed.py

bench-runtimes: .venv-bench/ready ## INT8 of the default study's student here, in OpenVINO, torchao and torch.ao, in turns
	files=$$($(BENCH_RUNTIMES) --files) && $(SNAKEMAKE) --configfile config/config.yaml -- $$files
	$(BENCH_RUNTIMES)

# Two at a time. What shares a finished study goes first, since it takes longest; a process that dies ends the run.
test: .venv/ready-dev ## unit tests, dry runs of every study, the smoke study from first to last; a twentieth of the generated cases
	.venv/bin/python -m pytest --numprocesses 2 --max-worker-restart 0 --dist loadscope --no-loadscope-reorder tests/workflow tests/unit

long: .venv/ready-dev ## whole studies (every kind of job, worked examples, printed commands, own data, bundles), and all generated cases
	EDGEMIN_ALL_CASES=1 .venv/bin/python -m pytest tests/long tests/unit/test_hostile_*.py tests/unit/test_calls.py

faults: .venv/ready-dev ## jobs killed, files damaged, other families, a cluster; some need root
	.venv/bin/python -m pytest tests/faults

lint: .venv/ready-dev ## format, lint, types, rules
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m ruff check .
	.venv/bin/python -m snakefmt --check Snakefile workflow/rules
	.venv/bin/python -m mypy
	.venv/bin/python -m snakemake --configfile config/smoke.yaml --lint

docs: .venv/ready-dev ## the documentation as a site, in site/
	.venv/bin/python -m mkdocs build --strict

verify: .venv/ready ## every file of the study against its recorded sha256; prints the command that rebuilds what is damaged
	$(EDGEMIN) verify "$(STUDY)"

audit: .venv/ready-dev ## known advisories of the pins; says so if the database cannot be asked
	.venv/bin/python envs/audit.py

licences: .venv/ready-dev ## rewrite docs/licences.md from the installed packages
	.venv/bin/python envs/audit.py licences docs/licences.md

format: .venv/ready-dev ## let ruff and snakefmt rewrite
	.venv/bin/python -m ruff check --fix .
	.venv/bin/python -m ruff format .
	.venv/bin/python -m snakefmt Snakefile workflow/rules

reference: .venv/ready ## rewrite the JSON schema, and the tables of keys and lists of methods in the documents, from the settings
	$(EDGEMIN) reference

docs-results: .venv/ready ## rewrite the tables, figures and sentences of README.md and docs/results.md that are of measurements, from docs/reference
	$(EDGEMIN) documents

clean-scratch: ## resume states, partial downloads and what killed jobs left half-written; finished files stay
	rm -rf results/*/scratch results/downloads/.partial
	find results -name '.partial.*' -prune -exec rm -rf {} + -o -name '.*.partial' -exec rm -f {} +

clean: ## everything that was computed or fetched; .venv stays
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	rm -rf .snakemake

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "EdgeMIN needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv .venv
	touch $@

# The package is installed as a link to this tree: what is edited here runs, and `snakemake` and `edgemin` work from .venv/bin.
.venv/ready: envs/requirements.txt envs/constraints.txt pyproject.toml | .venv/python
	$(if $(TORCH_INDEX),$(PIP) $$(grep '^torch==' envs/requirements.txt) --index-url $(TORCH_INDEX))
	$(PIP) --quiet -r envs/requirements.txt -c envs/constraints.txt
	$(PIP) --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv/ready-openvino: envs/requirements-openvino.txt .venv/ready
	$(PIP) --quiet -r envs/requirements.txt -r envs/requirements-openvino.txt -c envs/constraints.txt
	touch $@

.venv-bench/ready: envs/requirements-bench.txt .venv/ready
	$(PYTHON) -m venv .venv-bench
	$(if $(TORCH_INDEX),.venv-bench/bin/python -m pip install $$(grep '^torch==' envs/requirements.txt) --index-url $(TORCH_INDEX))
	.venv-bench/bin/python -m pip install --quiet -r envs/requirements-bench.txt -c envs/constraints.txt
	.venv-bench/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv/ready-dev: envs/requirements-dev.txt .venv/ready
	$(PIP) --quiet -r envs/requirements-dev.txt -c envs/constraints.txt
	touch $@
