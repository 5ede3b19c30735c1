from adapter import job

with job(snakemake):
    from edgemin.report.plot_pruning import plot_sensitivity

    plot_sensitivity(snakemake.input[0], snakemake.output)
