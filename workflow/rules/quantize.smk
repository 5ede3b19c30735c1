"""The graph beside every float checkpoint; Stage 3, always last: for each runtime a rule, whose files differ, one for what trains, and one
for what gives layers their floats back."""


rule export_onnx:
    """results/{study}/models/{task}/seed{seed}/{parent}/model.onnx"""
    input:
        unpack(JOBS.export_onnx.inputs),
    output:
        JOBS.export_onnx.outputs,
    log:
        JOBS.export_onnx.log,
    benchmark:
        JOBS.export_onnx.benchmark
    wildcard_constraints:
        **JOBS.export_onnx.own_constraints(),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=6000,
    params:
        spec=JOBS.export_onnx.spec,
    script:
        "../scripts/export_onnx.py"


for job in JOBS.quantize_model.values():

    rule:
        name:
            job.rule
        input:
            unpack(job.inputs),
        output:
            job.outputs,
        log:
            job.log,
        wildcard_constraints:
            **job.own_constraints(),
        conda:
            ENVIRONMENT
        resources:
            mem_mb=4000,
        params:
            spec=job.spec,
        script:
            "../scripts/quantize_model.py"


for job in JOBS.quantize_aware.values():

    rule:
        name:
            job.rule
        input:
            unpack(job.inputs),
        output:
            job.outputs,
        log:
            job.log,
        benchmark:
            job.benchmark
        wildcard_constraints:
            **job.own_constraints(),
        conda:
            ENVIRONMENT
        threads: STUDY.threads.training
        resources:
            mem_mb=8000,
            runtime=1440,
        params:
            spec=job.spec,
            scratch=PLAN.paths.scratch,
            study=untracked_study,
        script:
            "../scripts/quantize_model.py"


rule revert_layers:
    """Stage 3, and the layers that lose most back to floats, judged on validation."""
    input:
        unpack(JOBS.revert_layers.inputs),
    output:
        JOBS.revert_layers.outputs,
    log:
        JOBS.revert_layers.log,
    benchmark:
        JOBS.revert_layers.benchmark
    wildcard_constraints:
        **JOBS.revert_layers.own_constraints(),
    conda:
        ENVIRONMENT
    threads: STUDY.threads.inference
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        spec=JOBS.revert_layers.spec,
    script:
        "../scripts/revert_layers.py"


rule scan_quantization:
    """INT8 of one part at a time, on validation."""
    input:
        unpack(JOBS.scan_quantization.inputs),
    output:
        JOBS.scan_quantization.outputs,
    log:
        JOBS.scan_quantization.log,
    conda:
        ENVIRONMENT
    threads: STUDY.threads.inference
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        spec=JOBS.scan_quantization.spec,
    script:
        "../scripts/scan_quantization.py"
