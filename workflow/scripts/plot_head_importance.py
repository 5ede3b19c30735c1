from adapter import job

with job(snakemake):
    from edgemin.report.plot_pruning import plot_importance

    plot_importance(snakemake.input, snakemake.output)
