"""Stage 3, quantization: any float parent -> parent/quantize-variant, always last. One rule per backend, whose files differ."""


rule quantize_model_onnxruntime:
    input:
        graph=f"{MODELS}/{{parent}}/model.onnx",
        provenance=f"{MODELS}/{{parent}}/onnx_provenance.json",
        parent=checkpoint_of(f"{MODELS}/{{parent}}"),
    output:
        [f"{MODELS}/{{parent}}/quantize-{{variant}}/{name}" for name in QUANTIZED_ONNX],
    params:
        spec=lambda wildcards: PLAN.spec_stage(
            wildcards.task, wildcards.seed, grown(wildcards, "quantize")
        ),
    wildcard_constraints:
        variant=variants_of("quantize", "onnxruntime"),
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/quantize-{{variant}}.log",
    script:
        "../scripts/quantize_model.py"


rule quantize_model_torch:
    input:
        parent=checkpoint_of(f"{MODELS}/{{parent}}"),
    output:
        checkpoint_of(f"{MODELS}/{{parent}}/quantize-{{variant}}"),
    params:
        spec=lambda wildcards: PLAN.spec_stage(
            wildcards.task, wildcards.seed, grown(wildcards, "quantize")
        ),
    wildcard_constraints:
        variant=variants_of("quantize", "torch"),
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/quantize-{{variant}}.log",
    script:
        "../scripts/quantize_model.py"
