from pathlib import Path

from job import job

with job(snakemake):
    from edgemin.core.files import whole_folder
    from edgemin.data.sources.download import fetch
    from edgemin.study.pins import Pin

    with whole_folder(snakemake.output[0]) as folder:
        fetch(Pin.of(snakemake.params.spec), folder, Path(snakemake.params.partial))
