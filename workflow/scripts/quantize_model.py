from adapter import folder_of, job

with job(snakemake):
    from edgemin.quantize.stage import BACKENDS

    spec = snakemake.params.spec
    BACKENDS[spec["variant"]["backend"]](folder_of(snakemake.input.parent), folder_of(snakemake.output), spec)
