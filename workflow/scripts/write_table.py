from job import folder_of, job

with job(snakemake):
    from edgemin.study import registry

    spec = {**snakemake.params.spec, "call": snakemake.params.call}
    registry.TABLES[spec["table"]].write(spec, folder_of(snakemake.output))
