"""Quality, size and latency of every chain, in each runtime that it is measured in:
results/{study}/measurements/{task}/seed{seed}/{chain}/{runtime}/"""


rule measure_quality:
    input:
        unpack(JOBS.measure_quality.inputs),
    output:
        **JOBS.measure_quality.outputs,
    log:
        JOBS.measure_quality.log,
    benchmark:
        JOBS.measure_quality.benchmark
    conda:
        ENVIRONMENT
    threads: STUDY.threads.inference
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        spec=JOBS.measure_quality.spec,
    script:
        "../scripts/measure_quality.py"


rule measure_out_of_domain:
    input:
        unpack(JOBS.measure_out_of_domain.inputs),
    output:
        JOBS.measure_out_of_domain.outputs,
    log:
        JOBS.measure_out_of_domain.log,
    conda:
        ENVIRONMENT
    threads: STUDY.threads.inference
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        spec=JOBS.measure_out_of_domain.spec,
    script:
        "../scripts/measure_out_of_domain.py"


rule measure_size:
    input:
        unpack(JOBS.measure_size.inputs),
    output:
        JOBS.measure_size.outputs,
    log:
        JOBS.measure_size.log,
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.measure_size.spec,
    script:
        "../scripts/measure_size.py"


rule measure_round:
    """Runs alone, whatever number of threads it uses: it takes every core that Snakemake has, on a cluster a node of its own."""
    input:
        unpack(JOBS.measure_round.inputs),
        before=lambda wildcards: [
            ancient(file) for file in JOBS.measure_round.before(wildcards)
        ],
    output:
        **JOBS.measure_round.outputs,
    log:
        JOBS.measure_round.log,
    benchmark:
        JOBS.measure_round.benchmark
    priority: JOBS.measure_round.priority
    conda:
        ENVIRONMENT
    threads: lambda wildcards: workflow.cores if workflow.local_exec else STUDY.threads.inference
    resources:
        mem_mb=4000,
        slurm_extra="--exclusive",
    params:
        spec=JOBS.measure_round.spec,
    script:
        "../scripts/measure_round.py"


rule time_shapes:
    """How long attention and FFN take by their heads and neurons: results/{study}/shapes/. Runs alone, as rounds do."""
    input:
        unpack(JOBS.time_shapes.inputs),
    output:
        JOBS.time_shapes.outputs,
    log:
        JOBS.time_shapes.log,
    benchmark:
        JOBS.time_shapes.benchmark
    conda:
        ENVIRONMENT
    threads: lambda wildcards: workflow.cores if workflow.local_exec else STUDY.threads.inference
    resources:
        mem_mb=8000,
        runtime=240,
        slurm_extra="--exclusive",
    params:
        spec=JOBS.time_shapes.spec,
    script:
        "../scripts/time_shapes.py"


rule measure_latency:
    """The rounds of a cell, pooled."""
    input:
        unpack(JOBS.measure_latency.inputs),
    output:
        JOBS.measure_latency.outputs,
    log:
        JOBS.measure_latency.log,
    benchmark:
        JOBS.measure_latency.benchmark
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.measure_latency.spec,
    script:
        "../scripts/measure_latency.py"
