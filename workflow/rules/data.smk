"""Downloads, task data, encoders and token ids: first of all, so that what is wrong with them shows before any training."""


rule download_source:
    """The only jobs that touch the network."""
    output:
        directory(JOBS.download_source.outputs),
    log:
        JOBS.download_source.log,
    priority: 100
    retries: 2
    conda:
        ENVIRONMENT
    params:
        partial=download(".partial"),
        spec=JOBS.download_source.spec,
    script:
        "../scripts/download_source.py"


rule prepare_data:
    """results/{study}/data/{task}/{split}.arrow"""
    input:
        unpack(JOBS.prepare_data.inputs),
    output:
        JOBS.prepare_data.outputs,
    log:
        JOBS.prepare_data.log,
    priority: 100
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.prepare_data.spec,
        downloads=JOBS.prepare_data.downloads,
    script:
        "../scripts/prepare_data.py"


rule prepare_transfer:
    """Training rows, texts without a label and augmented sentences, for teachers to speak about."""
    input:
        unpack(JOBS.prepare_transfer.inputs),
    output:
        **JOBS.prepare_transfer.outputs,
    log:
        JOBS.prepare_transfer.log,
    priority: 100
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.prepare_transfer.spec,
        downloads=JOBS.prepare_transfer.downloads,
    script:
        "../scripts/prepare_transfer.py"


rule prepare_out_of_domain:
    """results/{study}/out_of_domain/{task}/{elsewhere}.arrow"""
    input:
        unpack(JOBS.prepare_out_of_domain.inputs),
    output:
        JOBS.prepare_out_of_domain.outputs,
    log:
        JOBS.prepare_out_of_domain.log,
    priority: 100
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.prepare_out_of_domain.spec,
        downloads=JOBS.prepare_out_of_domain.downloads,
    script:
        "../scripts/prepare_out_of_domain.py"


rule prepare_encoder:
    """results/{study}/encoders/{task}/{encoder}/: a source of a model in one form, whatever it came as."""
    input:
        unpack(JOBS.prepare_encoder.inputs),
    output:
        JOBS.prepare_encoder.outputs,
    log:
        JOBS.prepare_encoder.log,
    priority: 100
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.prepare_encoder.spec,
        downloads=JOBS.prepare_encoder.downloads,
    script:
        "../scripts/prepare_encoder.py"


rule cut_tokenizer:
    """results/{study}/tokenizers/{task}/{tokenizer}--{variant}/"""
    input:
        unpack(JOBS.cut_tokenizer.inputs),
    output:
        JOBS.cut_tokenizer.outputs,
    log:
        JOBS.cut_tokenizer.log,
    wildcard_constraints:
        **JOBS.cut_tokenizer.own_constraints(),
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.cut_tokenizer.spec,
    script:
        "../scripts/cut_tokenizer.py"


rule tokenize_texts:
    """results/{study}/tokens/{task}/{tokenizer}/{texts}.arrow: what every other job reads of the texts."""
    input:
        unpack(JOBS.tokenize_texts.inputs),
    output:
        JOBS.tokenize_texts.outputs,
    log:
        JOBS.tokenize_texts.log,
    priority: 100
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.tokenize_texts.spec,
    script:
        "../scripts/tokenize_texts.py"
