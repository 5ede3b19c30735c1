"""Stage 3, quantization: any float parent -> parent/quantize-variant, always last. One rule per backend, whose files differ, and one for
what trains."""


rule quantize_model_onnxruntime:
    input:
        graph=f"{MODELS}/{{parent}}/model.onnx",
        provenance=f"{MODELS}/{{parent}}/onnx_provenance.json",
        parent=PLAN.checkpoint(f"{MODELS}/{{parent}}"),
        data=lambda wildcards: PLAN.calibration(wildcards.task, wildcards.variant),
    output:
        [f"{MODELS}/{{parent}}/quantize-{{variant}}/{name}" for name in QUANTIZED_ONNX],
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/quantize-{{variant}}.log",
    wildcard_constraints:
        variant=PLAN.variants_regex("quantize", "onnxruntime"),
    conda:
        "../../envs/edgemin.yaml"
    resources:
        mem_mb=4000,
    params:
        spec=lambda wildcards: PLAN.spec_stage(
            wildcards.task,
            wildcards.seed,
            PLAN.grown(wildcards.parent, "quantize", wildcards.variant),
        ),
    script:
        "../scripts/quantize_model.py"


rule quantize_model_torch:
    input:
        parent=PLAN.checkpoint(f"{MODELS}/{{parent}}"),
    output:
        PLAN.checkpoint(f"{MODELS}/{{parent}}/quantize-{{variant}}"),
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/quantize-{{variant}}.log",
    wildcard_constraints:
        variant=PLAN.variants_regex("quantize", "torch"),
    conda:
        "../../envs/edgemin.yaml"
    resources:
        mem_mb=4000,
    params:
        spec=lambda wildcards: PLAN.spec_stage(
            wildcards.task,
            wildcards.seed,
            PLAN.grown(wildcards.parent, "quantize", wildcards.variant),
        ),
    script:
        "../scripts/quantize_model.py"


rule quantize_aware:
    input:
        unpack(
            lambda wildcards: PLAN.trained_inputs(
                wildcards.task,
                wildcards.seed,
                PLAN.grown(wildcards.parent, "quantize", wildcards.variant),
            )
        ),
    output:
        [
            f"{MODELS}/{{parent}}/quantize-{{variant}}/{name}"
            for name in [*QUANTIZED_ONNX, "history.json"]
        ],
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/quantize-{{variant}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/models/{{task}}/seed{{seed}}/{{parent}}/quantize-{{variant}}.tsv"
    wildcard_constraints:
        variant=PLAN.variants_regex("quantize", "onnxruntime", trains=True),
    conda:
        "../../envs/edgemin.yaml"
    threads: STUDY.threads.training
    resources:
        mem_mb=8000,
        runtime=1440,
    params:
        spec=lambda wildcards: PLAN.spec_stage(
            wildcards.task,
            wildcards.seed,
            PLAN.grown(wildcards.parent, "quantize", wildcards.variant),
        ),
        scratch=PLAN.scratch,
        study=untracked_study,
    script:
        "../scripts/quantize_aware.py"


rule scan_quantization:
    """INT8 of one part at a time, on validation."""
    input:
        graph=f"{MODELS}/{{parent}}/model.onnx",
        provenance=f"{MODELS}/{{parent}}/onnx_provenance.json",
        parent=PLAN.checkpoint(f"{MODELS}/{{parent}}"),
        data=lambda wildcards: PLAN.data_files(wildcards.task),
    output:
        f"{PLAN.root}/scans/{{task}}/seed{{seed}}/{{parent}}/int8.json",
    log:
        f"{LOGS}/scans/{{task}}/seed{{seed}}/{{parent}}/int8.log",
    conda:
        "../../envs/edgemin.yaml"
    threads: STUDY.threads.inference
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        spec=lambda wildcards: PLAN.spec_scan(wildcards.task),
    script:
        "../scripts/scan_quantization.py"
