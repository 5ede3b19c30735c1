"""The study that was asked for: read, checked, and made into a plan that the rules ask."""

import os
import sys

sys.path.insert(0, f"{workflow.basedir}/workflow")
# Jobs import the package and the adapters' frame from here too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [f"{workflow.basedir}/workflow", f"{workflow.basedir}/workflow/scripts"]
    + [path for path in [os.environ.get("PYTHONPATH")] if path]
)
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from snakemake.exceptions import WorkflowError

from edgemin import chains
from edgemin.chains import Chain
from edgemin.config import parse_study
from edgemin.errors import EdgeminError
from edgemin.plan import CHECKPOINT, DOWNLOADS, QUANTIZED_ONNX, Plan
from edgemin.provenance import code_digest

try:
    STUDY = parse_study(
        config, file=", ".join(map(str, workflow.configfiles)) or "study"
    )
    PLAN = Plan(STUDY)
    PLAN.check_local_files()
except EdgeminError as error:
    raise WorkflowError(str(error)) from None

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
    form="[a-z]+",


def variants_of(stage, backend=None):
    """Wildcard constraint: the variants of a stage (of one backend)."""
    return chains.one_of(
        name
        for name, variant in STUDY.variants()[stage].items()
        if backend is None or variant.backend == backend
    )


def grown(wildcards, stage):
    """The chain that a stage rule makes: its parent and one link more."""
    return Chain.parse(f"{wildcards.parent}/{stage}-{wildcards.variant}")


def checkpoint_of(folder, *more):
    return [f"{folder}/{name}" for name in (*CHECKPOINT, *more)]
