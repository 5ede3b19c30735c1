from job import folder_of, job

with job(snakemake):
    from edgemin.study import registry

    registry.TABLES[snakemake.params.spec["table"]].write(snakemake.params.spec, folder_of(snakemake.output))
