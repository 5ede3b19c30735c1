from adapter import job

with job(snakemake):
    from edgemin.report.plot_pruning import write_table

    write_table(snakemake.params.spec["sweeps"], snakemake.output[0])
