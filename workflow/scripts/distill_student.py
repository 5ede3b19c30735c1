from adapter import checked, folder_of, job, training_files

with job(snakemake), checked(snakemake):
    from edgemin.distill.stage import distill

    distill(source=folder_of(snakemake.input.get("source")), **training_files(snakemake))
