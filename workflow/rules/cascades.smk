"""How long cascades take, the members one after another: results/{study}/measurements/{task}/seed{seed}/cascade-{cascade}/{runtime}/"""


rule time_cascade:
    """Runs alone, as every round of latency does."""
    input:
        unpack(JOBS.time_cascade.inputs),
        before=lambda wildcards: [
            ancient(file) for file in JOBS.time_cascade.before(wildcards)
        ],
    output:
        **JOBS.time_cascade.outputs,
    log:
        JOBS.time_cascade.log,
    benchmark:
        JOBS.time_cascade.benchmark
    wildcard_constraints:
        **JOBS.time_cascade.own_constraints(),
    priority: JOBS.time_cascade.priority
    conda:
        ENVIRONMENT
    threads: lambda wildcards: workflow.cores if workflow.local_exec else STUDY.threads.inference
    resources:
        mem_mb=4000,
        slurm_extra="--exclusive",
    params:
        spec=JOBS.time_cascade.spec,
    script:
        "../scripts/time_cascade.py"


rule pool_cascade:
    """The rounds of a cascade, pooled."""
    input:
        unpack(JOBS.pool_cascade.inputs),
    output:
        JOBS.pool_cascade.outputs,
    log:
        JOBS.pool_cascade.log,
    benchmark:
        JOBS.pool_cascade.benchmark
    wildcard_constraints:
        **JOBS.pool_cascade.own_constraints(),
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.pool_cascade.spec,
    script:
        "../scripts/pool_cascade.py"
