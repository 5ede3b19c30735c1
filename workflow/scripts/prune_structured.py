from adapter import checked, job, training_files

with job(snakemake), checked(snakemake):
    from edgemin.prune.stage import prune

    prune(**training_files(snakemake))
