"""Baselines: models without a transformer. results/{study}/models/{task}/seed{seed}/baseline-{baseline}/, and their measurements beside those
of the cells."""


rule fit_baseline:
    input:
        unpack(JOBS.fit_baseline.inputs),
    output:
        JOBS.fit_baseline.outputs,
    log:
        JOBS.fit_baseline.log,
    benchmark:
        JOBS.fit_baseline.benchmark
    conda:
        ENVIRONMENT
    threads: STUDY.threads.training
    resources:
        mem_mb=4000,
    params:
        spec=JOBS.fit_baseline.spec,
    script:
        "../scripts/fit_baseline.py"


rule measure_baseline:
    input:
        unpack(JOBS.measure_baseline.inputs),
    output:
        **JOBS.measure_baseline.outputs,
    log:
        JOBS.measure_baseline.log,
    benchmark:
        JOBS.measure_baseline.benchmark
    conda:
        ENVIRONMENT
    threads: STUDY.threads.inference
    params:
        spec=JOBS.measure_baseline.spec,
    script:
        "../scripts/measure_baseline.py"


rule time_baseline:
    """Runs alone, as every round of latency does."""
    input:
        unpack(JOBS.time_baseline.inputs),
        before=lambda wildcards: [
            ancient(file) for file in JOBS.time_baseline.before(wildcards)
        ],
    output:
        **JOBS.time_baseline.outputs,
    log:
        JOBS.time_baseline.log,
    benchmark:
        JOBS.time_baseline.benchmark
    priority: JOBS.time_baseline.priority
    conda:
        ENVIRONMENT
    threads: lambda wildcards: workflow.cores if workflow.local_exec else STUDY.threads.inference
    resources:
        mem_mb=4000,
        slurm_extra="--exclusive",
    params:
        spec=JOBS.time_baseline.spec,
    script:
        "../scripts/time_baseline.py"


rule pool_baseline:
    """The rounds of a baseline, pooled."""
    input:
        unpack(JOBS.pool_baseline.inputs),
    output:
        JOBS.pool_baseline.outputs,
    log:
        JOBS.pool_baseline.log,
    benchmark:
        JOBS.pool_baseline.benchmark
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.pool_baseline.spec,
    script:
        "../scripts/pool_baseline.py"
