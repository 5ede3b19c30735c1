from adapter import job

with job(snakemake):
    from edgemin.report.plots import plot_stagewise

    plot_stagewise(snakemake.input[0], snakemake.output)
