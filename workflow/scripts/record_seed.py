from pathlib import Path

from job import job

with job(snakemake):
    from edgemin.report.record import pack

    pack(snakemake.params.spec, {form: Path(file) for form, file in snakemake.output.items()})
