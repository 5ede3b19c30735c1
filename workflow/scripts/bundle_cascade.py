from job import files_of, folder_of, job

with job(snakemake):
    from edgemin.deploy.cascade.bundle import bundle_cascade
    from edgemin.report.acceptance.marks import refuse

    refuse(files_of(snakemake.input.get("verdict")), "no bundle is made of a cascade with it")
    out = folder_of(snakemake.output)
    bundle_cascade(
        data=folder_of(snakemake.input.data),
        out=out,
        spec={**snakemake.params.spec, "command": f"{snakemake.params.call} {out}/bundle.json"},
    )
