from pathlib import Path

from job import files_of, job

with job(snakemake):
    from edgemin.report.record import pack

    to = {form: Path(file) for form, file in snakemake.output.items()}
    pack(snakemake.params.spec, files_of(snakemake.input.measured), to)
