from job import folder_of, job

with job(snakemake):
    from edgemin.encoders.onnx_export import export_checkpoint

    export_checkpoint(folder_of(snakemake.input.parent), snakemake.params.spec)
