from adapter import job

with job(snakemake):
    from edgemin.report.plot_quantization import plot

    plot(snakemake.input[0], snakemake.output)
