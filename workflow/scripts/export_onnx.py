from adapter import folder_of, job

with job(snakemake):
    from edgemin.deploy.onnx_export import export_checkpoint

    export_checkpoint(folder_of(snakemake.input), snakemake.params.spec)
