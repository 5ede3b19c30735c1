from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json
    from edgemin.measure import size

    found = size.measure(folder_of(snakemake.input.model), snakemake.wildcards.runtime, folder_of(snakemake.input.floats))
    write_json(snakemake.output[0], found)
