from pathlib import Path

from job import job

with job(snakemake):
    from edgemin.report.record import unpack

    unpack(snakemake.params.spec, Path(snakemake.input.record), Path(snakemake.input.predictions))
