from job import checked, files_of_training, folder_of, job, teacher_files_of

with job(snakemake), checked(snakemake):
    from edgemin.methods.static.stage import distill

    distill(
        parent=folder_of(snakemake.input.parent),
        teacher_files=teacher_files_of(snakemake),
        files=files_of_training(snakemake),
        spec=snakemake.params.spec,
    )
