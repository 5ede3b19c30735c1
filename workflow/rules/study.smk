"""The study that was asked for: read, checked, and made into the jobs that the rules ask."""

from pathlib import Path
from shlex import quote

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

try:
    from edgemin.core.environment import (
        calm,
        check_tree,
        named,
        quote_interpreter,
        share_import_path,
    )
except ImportError:
    raise WorkflowError(
        f"the package edgemin is not installed in this environment; run: make, or pip install --no-deps -e {quote(workflow.basedir)}"
    ) from None
from edgemin.core.errors import EdgeminError
from edgemin.core.limits import check_writable
from edgemin.plan import checks
from edgemin.plan.calls import call
from edgemin.plan.jobs import Jobs
from edgemin.plan.lineage import listed
from edgemin.plan.overview import summary
from edgemin.plan.page import PLOTS
from edgemin.plan.paths import download
from edgemin.plan.plan import Plan
from edgemin.plan.signals import clear_signals
from edgemin.plan.wildcards import constraints
from edgemin.study.base import spec_of
from edgemin.study.read import parse_study
from edgemin.study.written import Written

calm()
study_file = ", ".join(map(str, workflow.configfiles)) or "study"
own_environments = "conda" in {
    str(method).lower() for method in workflow.deployment_settings.deployment_method
}
try:
    # Snakemake has read the files, and of a key that is written twice the last one.
    written = Written(workflow.configfiles if workflow.is_main_process else ())
except EdgeminError as error:
    raise WorkflowError(str(error)) from None
try:
    check_tree(workflow.basedir)
    STUDY = parse_study(config, file=study_file, written=written)
    PLAN = Plan(STUDY)
    checks.check_machine(PLAN, packages=not own_environments)
    for task in STUDY.tasks:
        checks.check_chains(PLAN, task)
    JOBS = Jobs(PLAN)
except EdgeminError as error:
    lines = [line.removeprefix(f"{study_file}: ") for line in str(error).splitlines()]
    raise WorkflowError(
        named("\n".join(f"{study_file}: {line}" for line in lines))
    ) from None

if workflow.is_main_process:
    logger.info(summary(STUDY))

quote_interpreter()
# Jobs in environments of their own import the package of this tree.
share_import_path([f"{workflow.basedir}/workflow"])

ENVIRONMENT = "../../envs/edgemin.yaml"


wildcard_constraints:
    **constraints(PLAN),


# One object for all jobs: of a large grid it is large too.
WHOLE_STUDY = spec_of(STUDY)
# For the check at the start of every training job. Snakemake does not track a parameter that asks for `input`: an edit
# elsewhere in the study is no reason to train again.
untracked_study = lambda wildcards, input: WHOLE_STUDY


# How this study is run again, for people. Files of the command line come last, since they change what the Snakefile names.
asked = workflow.overwrite_configfiles
CALL = call(
    [*(file for file in workflow.configfiles if file not in asked), *asked],
    workflow.config_settings.config_args or (),
    workflow.main_snakefile,
)


def untracked(text):
    """A parameter that is no reason to run a job again: the caption of a file in Snakemake's report, the command that a file tells."""
    return lambda wildcards, input: text


def recommended(wildcards):
    """Bundles of the cells that are recommended, which is known once all is measured."""
    files = JOBS.make_bundle.chosen(checkpoints.choose_cell.get().output[0])
    return announced(files, "recommended on validation")


def shipped(wildcards):
    """Bundles of what the study ships."""
    files = JOBS.make_bundle.files()
    if JOBS.make_bundle.follows_recommendation or not files:
        return recommended(wildcards)
    return announced(files, JOBS.make_bundle.why)


def announced(files, why):
    """Say which bundles a target is for."""
    if workflow.is_main_process:
        folders = dict.fromkeys(str(Path(file).parent) for file in files)
        logger.info(f"to ship, {why}: {', '.join(folders)}")
    return files
