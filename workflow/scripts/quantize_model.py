from adapter import folder_of, job

with job(snakemake):
    from edgemin.quantize.stage import quantize

    quantize(
        parent=folder_of(snakemake.input.parent),
        out=folder_of(snakemake.output),
        data=folder_of(snakemake.input.get("data")),
        spec=snakemake.params.spec,
    )
