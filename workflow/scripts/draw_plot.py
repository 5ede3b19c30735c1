from job import job

with job(snakemake):
    from edgemin.study import registry

    registry.PLOTS[snakemake.params.spec["plot"]].draw(snakemake.params.spec, list(snakemake.input), list(snakemake.output))
