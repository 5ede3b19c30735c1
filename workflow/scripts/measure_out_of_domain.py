from adapter import files_of, folder_of, job

with job(snakemake):
    from edgemin.files import write_json
    from edgemin.measure.out_of_domain import measure_folder

    found = measure_folder(
        folder_of(snakemake.input.model), snakemake.wildcards.runtime, files_of(snakemake.input.tests), snakemake.params.spec
    )
    write_json(snakemake.output[0], found)
