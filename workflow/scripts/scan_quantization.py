from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json
    from edgemin.measure.scan import scan

    result = scan(folder_of(snakemake.input.parent), Path(snakemake.input.validation), snakemake.params.spec)
    write_json(snakemake.output[0], result)
