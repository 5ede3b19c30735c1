from job import files_of, folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json
    from edgemin.deploy.cascade.pool import pool

    folders = [file.parent for file in files_of(snakemake.input.rounds)]
    write_json(snakemake.output[0], pool(folders, folder_of(snakemake.input.teacher)))
