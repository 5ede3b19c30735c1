from job import job

with job(snakemake):
    from edgemin.report.page.render import write_page

    write_page({**snakemake.params.spec, "call": snakemake.params.call}, snakemake.output[0])
