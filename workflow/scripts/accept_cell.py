from job import job

with job(snakemake):
    from edgemin.core.files import write_json
    from edgemin.report.acceptance.gate import verdict

    write_json(snakemake.output[0], verdict(snakemake.params.spec))
