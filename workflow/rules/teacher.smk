"""The root of every chain, and what it says about the training data."""


rule train_teacher:
    input:
        encoder=lambda wildcards: PLAN.checkpoint(
            PLAN.encoder(wildcards.task, STUDY.teacher.source)
        ),
        data=lambda wildcards: PLAN.data_files(wildcards.task),
    output:
        PLAN.checkpoint(f"{MODELS}/teacher", "history.json"),
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/teacher.log",
    benchmark:
        f"{PLAN.root}/benchmarks/models/{{task}}/seed{{seed}}/teacher.tsv"
    conda:
        "../../envs/edgemin.yaml"
    threads: STUDY.threads.training
    resources:
        mem_mb=8000,
        runtime=1440,
    params:
        spec=lambda wildcards: PLAN.spec_teacher(wildcards.task, wildcards.seed),
        scratch=PLAN.scratch,
        study=untracked_study,
    script:
        "../scripts/train_teacher.py"


rule cache_teacher:
    """What a frozen teacher says, once for all students that read it: a manifest, and beside it the signals."""
    input:
        teacher=PLAN.checkpoint(f"{MODELS}/{{parent}}"),
        data=lambda wildcards: PLAN.data_files(wildcards.task),
        texts=lambda wildcards: PLAN.texts(wildcards.task, wildcards.texts),
    output:
        f"{PLAN.root}/caches/{{task}}/seed{{seed}}/{{texts}}/{{parent}}/{{need}}.json",
    log:
        f"{LOGS}/caches/{{task}}/seed{{seed}}/{{texts}}/{{parent}}/{{need}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/caches/{{task}}/seed{{seed}}/{{texts}}/{{parent}}/{{need}}.tsv"
    conda:
        "../../envs/edgemin.yaml"
    threads: STUDY.threads.training
    resources:
        mem_mb=6000,
        runtime=720,
    params:
        spec=lambda wildcards: PLAN.spec_cache(wildcards.task, wildcards.need),
    script:
        "../scripts/cache_teacher.py"
