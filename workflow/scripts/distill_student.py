from job import checked, files_of_training, folder_of, job, lessons_of

with job(snakemake), checked(snakemake):
    from edgemin.methods.distill.stage import distill

    distill(
        parent=folder_of(snakemake.input.parent),
        source=folder_of(snakemake.input.get("source")),
        lessons=lessons_of(snakemake),
        files=files_of_training(snakemake),
        spec=snakemake.params.spec,
    )
