import csv
from pathlib import Path

from job import job

with job(snakemake):
    from edgemin.core.errors import EdgeminError
    from edgemin.core.files import write_json
    from edgemin.report.recommendation import chosen_cells

    if snakemake.params.spec["problem"]:
        raise EdgeminError(snakemake.params.spec["problem"])
    with Path(snakemake.input.table).open(newline="", encoding="utf-8") as stream:
        cells = chosen_cells(csv.DictReader(stream))
    write_json(Path(snakemake.output[0]), cells)
