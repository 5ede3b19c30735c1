"""Stage 2, structured pruning: any float parent -> parent/prune-variant."""


rule sweep_pruning:
    """One score, many ratios, no recovery."""
    input:
        parent=PLAN.checkpoint(f"{MODELS}/{{parent}}"),
        data=lambda wildcards: PLAN.data_files(wildcards.task),
    output:
        f"{PLAN.root}/sweeps/{{task}}/seed{{seed}}/{{parent}}/{{structure}}-{{criterion}}.json",
    log:
        f"{LOGS}/sweeps/{{task}}/seed{{seed}}/{{parent}}/{{structure}}-{{criterion}}.log",
    wildcard_constraints:
        structure="heads|ffn|weights",
        criterion="[a-z]+",
    conda:
        "../../envs/edgemin.yaml"
    threads: STUDY.threads.training
    resources:
        mem_mb=6000,
        runtime=720,
    params:
        spec=lambda wildcards: PLAN.spec_sweep(
            wildcards.task, wildcards.seed, wildcards.structure, wildcards.criterion
        ),
    script:
        "../scripts/sweep_pruning.py"


rule prune_structured:
    input:
        unpack(
            lambda wildcards: PLAN.trained_inputs(
                wildcards.task,
                wildcards.seed,
                PLAN.grown(wildcards.parent, "prune", wildcards.variant),
            )
        ),
    output:
        PLAN.checkpoint(f"{MODELS}/{{parent}}/prune-{{variant}}", "history.json"),
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/prune-{{variant}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/models/{{task}}/seed{{seed}}/{{parent}}/prune-{{variant}}.tsv"
    wildcard_constraints:
        variant=PLAN.variants_regex("prune"),
    conda:
        "../../envs/edgemin.yaml"
    threads: STUDY.threads.training
    resources:
        mem_mb=8000,
        runtime=1440,
    params:
        spec=lambda wildcards: PLAN.spec_stage(
            wildcards.task,
            wildcards.seed,
            PLAN.grown(wildcards.parent, "prune", wildcards.variant),
        ),
        scratch=PLAN.scratch,
        study=untracked_study,
    script:
        "../scripts/prune_structured.py"
