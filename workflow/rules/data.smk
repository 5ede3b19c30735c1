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
