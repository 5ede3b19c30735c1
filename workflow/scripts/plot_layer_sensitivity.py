from adapter import job

with job(snakemake):
    from edgemin.report.plot_layer_sensitivity import plot

    plot(snakemake.params.spec["scans"], snakemake.output)
