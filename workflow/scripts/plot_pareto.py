from adapter import job

with job(snakemake):
    from edgemin.report.plots import plot_pareto

    plot_pareto(snakemake.input[0], snakemake.wildcards.axis, snakemake.output)
