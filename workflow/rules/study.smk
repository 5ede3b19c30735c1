"""The study that was asked for: read, checked, and made into a plan that the rules ask."""

import sys

sys.path.insert(0, f"{workflow.basedir}/workflow")

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from edgemin import chains
from edgemin.chains import Chain
from edgemin.config import parse_study
from edgemin.environment import share_import_path
from edgemin.errors import EdgeminError
from edgemin.overview import said
from edgemin.plan import BUNDLE, DOWNLOADS, QUANTIZED_ONNX, Plan, folders_of
from edgemin.provenance import code_digest
from edgemin.refusals import check_writable
from edgemin.reports import TABLES, Reports

# Jobs import the package, and the frame of the adapters.
share_import_path(
    f"{workflow.basedir}/{folder}" for folder in ("workflow", "workflow/scripts")
)

study_file = ", ".join(map(str, workflow.configfiles)) or "study"
try:
    STUDY = parse_study(config, file=study_file)
    PLAN = Plan(STUDY)
    REPORTS = Reports(PLAN)
    PLAN.check_local_files()
    for task in STUDY.tasks:
        PLAN.check(task)
except EdgeminError as error:
    lines = [line.removeprefix(f"{study_file}: ") for line in str(error).splitlines()]
    raise WorkflowError("\n".join(f"{study_file}: {line}" for line in lines)) from None

if workflow.is_main_process:
    logger.info(said(STUDY))

MODELS = f"{PLAN.root}/models/{{task}}/seed{{seed}}"
MEASURED = f"{PLAN.root}/measurements/{{task}}/seed{{seed}}/{{chain}}/{{runtime}}"
LOGS = f"{PLAN.root}/logs"


wildcard_constraints:
    task=chains.one_of(STUDY.tasks),
    seed=r"\d+",
    runtime="onnxruntime|torch",
    pin=chains.one_of(PLAN.pins),
    encoder=chains.one_of(PLAN.encoders),
    parent=chains.float_chain_regex(STUDY.variants()),
    chain=chains.any_chain_regex(STUDY.variants()),
    need="[a-z0-9_]+",
    texts=chains.one_of(["train", *STUDY.transfer]),
    transfer=chains.one_of(STUDY.transfer),
    elsewhere=chains.one_of(
        {name for task in STUDY.tasks.values() for name in task.out_of_domain}
    ),
    form="[a-z]+",


# One object for all jobs: of a large grid it is large too.
WHOLE_STUDY = STUDY.model_dump(mode="json")
# For the check at the start of every training job. Snakemake does not track a parameter that asks for `input`: an edit
# elsewhere in the study is no reason to train again.
untracked_study = lambda wildcards, input: WHOLE_STUDY
