"""Quality, size and latency of every chain, in each runtime that it is measured in."""


rule measure_quality:
    input:
        model=lambda wildcards: PLAN.artefact(
            wildcards.task,
            wildcards.seed,
            Chain.parse(wildcards.chain),
            wildcards.runtime,
        ),
        data=lambda wildcards: PLAN.data_files(wildcards.task),
    output:
        quality=f"{MEASURED}/quality.json",
        predictions=f"{MEASURED}/predictions.parquet",
    log:
        f"{LOGS}/measurements/{{task}}/seed{{seed}}/{{chain}}/{{runtime}}/quality.log",
    benchmark:
        f"{PLAN.root}/benchmarks/measurements/{{task}}/seed{{seed}}/{{chain}}/{{runtime}}/quality.tsv"
    conda:
        "../../envs/edgemin.yaml"
    threads: STUDY.threads.inference
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        spec=lambda wildcards: PLAN.spec_quality(
            wildcards.task, Chain.parse(wildcards.chain), wildcards.runtime
        ),
    script:
        "../scripts/measure_quality.py"


rule measure_out_of_domain:
    input:
        model=lambda wildcards: PLAN.artefact(
            wildcards.task,
            wildcards.seed,
            Chain.parse(wildcards.chain),
            wildcards.runtime,
        ),
        tests=lambda wildcards: [
            PLAN.out_of_domain(wildcards.task, name)
            for name in STUDY.tasks[wildcards.task].out_of_domain
        ],
    output:
        f"{MEASURED}/out_of_domain.json",
    log:
        f"{LOGS}/measurements/{{task}}/seed{{seed}}/{{chain}}/{{runtime}}/out_of_domain.log",
    conda:
        "../../envs/edgemin.yaml"
    threads: STUDY.threads.inference
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        spec=lambda wildcards: PLAN.spec_measure_out_of_domain(
            wildcards.task, wildcards.runtime
        ),
    script:
        "../scripts/measure_out_of_domain.py"


rule measure_size:
    input:
        model=lambda wildcards: PLAN.artefact(
            wildcards.task,
            wildcards.seed,
            Chain.parse(wildcards.chain),
            wildcards.runtime,
        ),
        floats=lambda wildcards: PLAN.checkpoint(
            PLAN.model(
                wildcards.task,
                wildcards.seed,
                PLAN.float_of(Chain.parse(wildcards.chain)),
            )
        ),
    output:
        f"{MEASURED}/size.json",
    log:
        f"{LOGS}/measurements/{{task}}/seed{{seed}}/{{chain}}/{{runtime}}/size.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={"code": code_digest("edgemin.measure.size")},
    script:
        "../scripts/measure_size.py"


rule measure_latency:
    """Runs alone, whatever number of threads it uses: it takes every core that Snakemake has, on a cluster a node of its own."""
    input:
        unpack(
            lambda wildcards: PLAN.latency_inputs(
                wildcards.task,
                wildcards.seed,
                Chain.parse(wildcards.chain),
                wildcards.runtime,
            )
        ),
    output:
        latency=f"{MEASURED}/latency.json",
        timings=f"{MEASURED}/timings.parquet",
    log:
        f"{LOGS}/measurements/{{task}}/seed{{seed}}/{{chain}}/{{runtime}}/latency.log",
    benchmark:
        f"{PLAN.root}/benchmarks/measurements/{{task}}/seed{{seed}}/{{chain}}/{{runtime}}/latency.tsv"
    conda:
        "../../envs/edgemin.yaml"
    threads: lambda wildcards: workflow.cores if workflow.local_exec else STUDY.threads.inference
    resources:
        mem_mb=4000,
        slurm_extra="--exclusive",
    params:
        spec=lambda wildcards: PLAN.spec_latency(wildcards.task, wildcards.runtime),
    script:
        "../scripts/measure_latency.py"
