from adapter import folder_of, job

with job(snakemake):
    from edgemin.files import write_json
    from edgemin.measure import quality

    found, predictions = quality.measure_folder(
        folder_of(snakemake.input.model), snakemake.wildcards.runtime, folder_of(snakemake.input.data), snakemake.params.spec
    )
    quality.write_table(predictions, snakemake.output.predictions)
    write_json(snakemake.output.quality, found)
