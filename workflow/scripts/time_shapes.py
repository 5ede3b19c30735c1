from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json
    from edgemin.measure import shapes

    found = snakemake.input
    write_json(snakemake.output[0], shapes.measure(Path(found.encoder).parent, folder_of(found.teacher), snakemake.params.spec))
