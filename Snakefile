"""EdgeMIN: an ablation study of compressing BERT-like encoders. Targets and includes, nothing else.

snakemake --cores all                                                   tables and plots of the default study
snakemake --cores all --configfile config/smoke.yaml                    of another study
snakemake --cores all --configfile config/smoke.yaml -- cell_edgemin    one cell and what it needs
"""

from snakemake.utils import min_version

min_version("9.27")  # priorities that are functions


if "study" not in config:

    configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/study.smk"


rule tables:
    """The default: tables, plots and the page of the study; without a page the tables that it lists. Last, whether the ladder is accepted."""
    default_target: True
    input:
        JOBS.write_study.outputs,
        [listed(job.outputs) for job in JOBS.reports()],
        [listed(job.outputs) for job in JOBS.last.values()],


rule everything:
    """Every table and plot that the study declares, and the bundles of `deploy`, or of the ladder's last row."""
    input:
        rules.tables.input,
        [
            list(job.outputs.values())
            for job in JOBS.tables.values()
            if job.table.declared(STUDY)
        ],
        [
            list(job.outputs.values())
            for job in JOBS.plots.values()
            if job.plot.declared(STUDY)
        ],
        JOBS.make_bundle.files(),


rule evidence:
    """Tables, plots and the page; what this machine has measured for them is put on record (key `record`)."""
    input:
        rules.tables.input,
        [list(job.outputs.values()) for job in JOBS.record_seeds.values()],


rule downloads:
    """Everything that needs the network, for a machine that will lose it."""
    input:
        [download(pin) for pin in PLAN.pins],


onstart:
    try:
        check_writable(PLAN.root)
    except EdgeminError as error:
        raise WorkflowError(str(error)) from None


onsuccess:
    clear_signals(PLAN)


onerror:
    logger.error(
        "A job with neither a line `error:` nor a traceback above was killed, most often for its memory: run fewer at once (--cores, or "
        "--resources mem_mb=<MB>). What is finished stays; the same command goes on."
    )


# Names for people: what a cluster runs for a job needs none, and thousands take seconds to read.
for cell in STUDY.cells if workflow.is_main_process else ():

    rule:
        name:
            f"cell_{cell}"
        input:
            PLAN.cell_files(cell),


for baseline in STUDY.baselines if workflow.is_main_process else ():

    rule:
        name:
            f"baseline_{baseline}"
        input:
            PLAN.baseline_files(baseline),


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/quantize.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/cascades.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/record.smk"
