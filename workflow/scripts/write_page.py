from adapter import job

with job(snakemake):
    from edgemin.report.page import write_page

    write_page(snakemake.params.spec, snakemake.output[0])
