from job import job

with job(snakemake):
    from edgemin.report.page.render import write_page

    write_page(snakemake.params.spec, snakemake.output[0])
