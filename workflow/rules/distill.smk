"""Stage 1, knowledge distillation: any float parent -> parent/distill-variant."""


rule distill_student:
    input:
        unpack(
            lambda wildcards: PLAN.trained_inputs(
                wildcards.task, wildcards.seed, grown(wildcards, "distill")
            )
        ),
    output:
        checkpoint_of(f"{MODELS}/{{parent}}/distill-{{variant}}", "history.json"),
    params:
        spec=lambda wildcards: PLAN.spec_stage(
            wildcards.task, wildcards.seed, grown(wildcards, "distill")
        ),
        scratch=PLAN.scratch,
    wildcard_constraints:
        variant=variants_of("distill"),
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/distill-{{variant}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/models/{{task}}/seed{{seed}}/{{parent}}/distill-{{variant}}.tsv"
    threads: STUDY.threads.training
    script:
        "../scripts/distill_student.py"
