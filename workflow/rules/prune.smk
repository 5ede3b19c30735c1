"""Stage 2, structured pruning: any float parent -> parent/prune-variant."""


rule prune_structured:
    input:
        unpack(
            lambda wildcards: PLAN.trained_inputs(
                wildcards.task, wildcards.seed, grown(wildcards, "prune")
            )
        ),
    output:
        checkpoint_of(f"{MODELS}/{{parent}}/prune-{{variant}}", "history.json"),
    params:
        spec=lambda wildcards: PLAN.spec_stage(
            wildcards.task, wildcards.seed, grown(wildcards, "prune")
        ),
        scratch=PLAN.scratch,
    wildcard_constraints:
        variant=variants_of("prune"),
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/prune-{{variant}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/models/{{task}}/seed{{seed}}/{{parent}}/prune-{{variant}}.tsv"
    threads: STUDY.threads.training
    script:
        "../scripts/prune_structured.py"
