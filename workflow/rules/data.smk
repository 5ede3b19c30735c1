"""Downloads, task data, encoders, and the check before any training."""


rule download_source:
    """The only jobs that touch the network."""
    output:
        directory(f"{DOWNLOADS}/{{pin}}"),
    log:
        f"{LOGS}/download/{{pin}}.log",
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
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec=lambda wildcards: PLAN.spec_encoder(wildcards.encoder),
        downloads=lambda wildcards: PLAN.encoder_inputs(
            wildcards.task, wildcards.encoder
        )["downloads"],
    script:
        "../scripts/prepare_encoder.py"


rule check_study:
    """Fails before training if some chain of the study cannot work."""
    input:
        data=lambda wildcards: PLAN.data_files(wildcards.task),
        encoders=lambda wildcards: [
            f"{PLAN.encoder(wildcards.task, source)}/config.json"
            for source in PLAN.encoders.values()
        ],
    output:
        f"{PLAN.root}/checked/{{task}}.json",
    log:
        f"{LOGS}/check/{{task}}.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec=PLAN.spec_check(),
    script:
        "../scripts/check_study.py"
