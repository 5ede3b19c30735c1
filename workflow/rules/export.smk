"""The ONNX graph that stands beside every float checkpoint."""


rule export_onnx:
    input:
        PLAN.checkpoint(f"{MODELS}/{{parent}}"),
    output:
        f"{MODELS}/{{parent}}/model.onnx",
        f"{MODELS}/{{parent}}/onnx_provenance.json",
    log:
        f"{LOGS}/models/{{task}}/seed{{seed}}/{{parent}}/export.log",
    benchmark:
        f"{PLAN.root}/benchmarks/models/{{task}}/seed{{seed}}/{{parent}}/export.tsv"
    conda:
        "../../envs/edgemin.yaml"
    resources:
        mem_mb=6000,
    params:
        spec=PLAN.spec_export(),
    script:
        "../scripts/export_onnx.py"
