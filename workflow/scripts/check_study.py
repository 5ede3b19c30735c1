from pathlib import Path

from adapter import folder_of, job

with job(snakemake):
    from edgemin.check import check_study
    from edgemin.config import parse_study
    from edgemin.files import write_json

    folders = [Path(config).parent for config in snakemake.input.encoders]
    data = folder_of(snakemake.input.data)
    found = check_study(
        parse_study(snakemake.params.spec["study"]), snakemake.wildcards.task, data, {folder.name: folder for folder in folders}
    )
    write_json(snakemake.output[0], found)
