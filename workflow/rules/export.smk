"""The ONNX graph that stands beside every float checkpoint."""


rule export_onnx:
    input:
        checkpoint_of(f"{MODELS}/{{parent}}"),
    output:
        f"{MODELS}/{{parent}}/model.onnx",
        f"{MODELS}/{{parent}}/onnx_provenance.json",
    params:
        spec=PLAN.spec_export(),
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/export.log",
    benchmark:
        f"{PLAN.root}/benchmarks/models/{{task}}/seed{{seed}}/{{parent}}/export.tsv"
    script:
        "../scripts/export_onnx.py"
