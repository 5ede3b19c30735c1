from pathlib import Path

from adapter import job

with job(snakemake):
    from edgemin.files import whole_folder
    from edgemin.tasks.download import fetch

    with whole_folder(snakemake.output[0]) as folder:
        fetch(snakemake.params.pin, folder, Path(snakemake.params.partial))
