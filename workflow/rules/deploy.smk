"""Bundles that run without this project."""


rule make_bundle:
    input:
        unpack(
            lambda wildcards: PLAN.bundle_inputs(
                wildcards.get("task", next(iter(STUDY.tasks))),
                wildcards.cell,
                wildcards.seed,
            )
        ),
    output:
        [f"{PLAN.bundle('{task}', '{cell}', '{seed}')}/{name}" for name in BUNDLE],
    log:
        f"{LOGS}/{PLAN.bundle('{task}', '{cell}', '{seed}').removeprefix(PLAN.root + '/')}.log",
    wildcard_constraints:
        cell=chains.one_of(STUDY.cells),
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec=lambda wildcards: PLAN.spec_bundle(
            wildcards.get("task", next(iter(STUDY.tasks))),
            wildcards.cell,
            wildcards.seed,
        ),
    script:
        "../scripts/make_bundle.py"


rule deploy:
    """A bundle of each cell that the study names."""
    input:
        PLAN.bundles(),
