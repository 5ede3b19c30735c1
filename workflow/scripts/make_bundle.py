from job import files_of, folder_of, job

with job(snakemake):
    from edgemin.deploy.bundle import make_bundle
    from edgemin.report.acceptance.marks import refuse

    refuse(files_of(snakemake.input.get("verdict")), "no bundle is made of it")
    out = folder_of(snakemake.output)
    make_bundle(
        model=folder_of(snakemake.input.model),
        measured=folder_of(snakemake.input.measured),
        data=folder_of(snakemake.input.data),
        out=out,
        spec={**snakemake.params.spec, "command": f"{snakemake.params.call} {out}/model.onnx"},
    )
