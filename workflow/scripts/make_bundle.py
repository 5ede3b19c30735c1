from job import folder_of, job

with job(snakemake):
    from edgemin.deploy.bundle import make_bundle

    out = folder_of(snakemake.output)
    make_bundle(
        model=folder_of(snakemake.input.model),
        measured=folder_of(snakemake.input.measured),
        data=folder_of(snakemake.input.data),
        out=out,
        spec={**snakemake.params.spec, "command": f"{snakemake.params.call} {out}/model.onnx"},
    )
