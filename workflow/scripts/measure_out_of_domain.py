from job import files_of, folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json
    from edgemin.measure.out_of_domain import measure_folder

    tests = {file.stem.removeprefix("elsewhere-"): file for file in files_of(snakemake.input.tests)}
    found = measure_folder(folder_of(snakemake.input.model), snakemake.wildcards.runtime, tests, snakemake.params.spec)
    write_json(snakemake.output[0], found)
