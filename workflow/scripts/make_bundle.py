from job import folder_of, job

with job(snakemake):
    from edgemin.deploy.bundle import make_bundle

    make_bundle(
        model=folder_of(snakemake.input.model),
        measured=folder_of(snakemake.input.measured),
        data=folder_of(snakemake.input.data),
        out=folder_of(snakemake.output),
        spec=snakemake.params.spec,
    )
