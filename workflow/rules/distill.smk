"""Stage 1, knowledge distillation: any float parent -> parent/distill-variant."""


rule distill_student:
    input:
        unpack(
            lambda wildcards: PLAN.trained_inputs(
                wildcards.task,
                wildcards.seed,
                PLAN.grown(wildcards.parent, "distill", wildcards.variant),
            )
        ),
    output:
        PLAN.checkpoint(f"{MODELS}/{{parent}}/distill-{{variant}}", "history.json"),
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/distill-{{variant}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/models/{{task}}/seed{{seed}}/{{parent}}/distill-{{variant}}.tsv"
    wildcard_constraints:
        variant=PLAN.variants_regex("distill"),
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
            PLAN.grown(wildcards.parent, "distill", wildcards.variant),
        ),
        scratch=PLAN.scratch,
        study=untracked_study,
    script:
        "../scripts/distill_student.py"
