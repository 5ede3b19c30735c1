from adapter import folder_of, job

with job(snakemake):
    from edgemin.files import write_json
    from edgemin.prune.sweep import sweep

    write_json(
        snakemake.output[0], sweep(folder_of(snakemake.input.parent), folder_of(snakemake.input.data), snakemake.params.spec)
    )
