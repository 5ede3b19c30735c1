from adapter import checked, job, training_files

with job(snakemake), checked(snakemake):
    from edgemin.quantize.onnxruntime_qat import quantize_aware

    quantize_aware(**training_files(snakemake))
