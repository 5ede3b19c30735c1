import logging
from pathlib import Path

from adapter import folder_of, job

with job(snakemake):
    from edgemin.config.study import Task, Transfer
    from edgemin.files import write_json
    from edgemin.measure.quality import write_table
    from edgemin.tasks.transfer import prepare

    spec = snakemake.params.spec
    own, *others = [folder and Path(folder) for folder in snakemake.params.downloads]
    rows, told = prepare(
        Task.model_validate(spec["task"]),
        Transfer.model_validate(spec["transfer"]),
        folder_of(snakemake.input.data),
        own,
        others,
    )
    write_table(rows, snakemake.output.rows)
    write_json(snakemake.output.told, told)
    logging.info("%s", told)
