from job import job

with job(snakemake):
    from edgemin.report.record import unpack

    unpack(snakemake.params.spec)
