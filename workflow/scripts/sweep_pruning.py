from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json
    from edgemin.measure.sweep import sweep

    found = snakemake.input
    result = sweep(folder_of(found.parent), Path(found.tokens), Path(found.validation), snakemake.params.spec)
    write_json(snakemake.output[0], result)
