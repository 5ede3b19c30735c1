from job import job

with job(snakemake):
    from edgemin.report.collect import collect, write

    write(collect(snakemake.params.spec["rows"]), snakemake.output[0])
