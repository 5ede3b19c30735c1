"""Downloads, task data and encoders: first of all, so that what is wrong with them shows before any training."""


rule download_source:
    """The only jobs that touch the network."""
    output:
        directory(f"{DOWNLOADS}/{{pin}}"),
    log:
        f"{LOGS}/download/{{pin}}.log",
    priority: 100
    retries: 2
    conda:
        "../../envs/edgemin.yaml"
    params:
        partial=f"{DOWNLOADS}/.partial",
        pin=lambda wildcards: PLAN.pins[wildcards.pin],
    script:
        "../scripts/download_source.py"


rule prepare_data:
    input:
        unpack(lambda wildcards: PLAN.task_inputs(wildcards.task)),
    output:
        PLAN.data_files("{task}"),
    log:
        f"{LOGS}/data/{{task}}.log",
    priority: 100
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec=lambda wildcards: PLAN.spec_data(wildcards.task),
        downloads=lambda wildcards: PLAN.task_inputs(wildcards.task)["downloads"],
    script:
        "../scripts/prepare_data.py"


rule prepare_transfer:
    """Training rows, texts without a label and augmented sentences, for teachers to speak about."""
    input:
        unpack(
            lambda wildcards: PLAN.transfer_inputs(wildcards.task, wildcards.transfer)
        ),
    output:
        rows=f"{PLAN.root}/transfer/{{task}}/{{transfer}}.parquet",
        told=f"{PLAN.root}/transfer/{{task}}/{{transfer}}.json",
    log:
        f"{LOGS}/transfer/{{task}}/{{transfer}}.log",
    priority: 100
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec=lambda wildcards: PLAN.spec_transfer(wildcards.task, wildcards.transfer),
        downloads=lambda wildcards: folders_of(
            PLAN.transfer_sources(wildcards.task, wildcards.transfer)
        ),
    script:
        "../scripts/prepare_transfer.py"


rule prepare_out_of_domain:
    input:
        unpack(
            lambda wildcards: PLAN.out_of_domain_inputs(
                wildcards.task, wildcards.elsewhere
            )
        ),
    output:
        f"{PLAN.root}/out_of_domain/{{task}}/{{elsewhere}}.parquet",
    log:
        f"{LOGS}/out_of_domain/{{task}}/{{elsewhere}}.log",
    priority: 100
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec=lambda wildcards: PLAN.spec_out_of_domain(
            wildcards.task, wildcards.elsewhere
        ),
        downloads=lambda wildcards: folders_of(
            [STUDY.tasks[wildcards.task].out_of_domain[wildcards.elsewhere].source]
        ),
    script:
        "../scripts/prepare_out_of_domain.py"


rule prepare_encoder:
    input:
        unpack(lambda wildcards: PLAN.encoder_inputs(wildcards.task, wildcards.encoder)),
    output:
        PLAN.checkpoint(f"{PLAN.root}/encoders/{{task}}/{{encoder}}"),
    log:
        f"{LOGS}/encoders/{{task}}/{{encoder}}.log",
    priority: 100
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec=lambda wildcards: PLAN.spec_encoder(wildcards.encoder),
        downloads=lambda wildcards: PLAN.encoder_inputs(
            wildcards.task, wildcards.encoder
        )["downloads"],
    script:
        "../scripts/prepare_encoder.py"
