from adapter import folder_of, job

with job(snakemake):
    from edgemin.report.parameters import write_tables

    write_tables(snakemake.params.spec, folder_of(snakemake.output))
