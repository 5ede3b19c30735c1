from adapter import folder_of, job

with job(snakemake):
    from edgemin.files import write_json
    from edgemin.quantize.scan import scan

    write_json(
        snakemake.output[0], scan(folder_of(snakemake.input.parent), folder_of(snakemake.input.data), snakemake.params.spec)
    )
