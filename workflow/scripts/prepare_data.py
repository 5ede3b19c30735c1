import logging
from pathlib import Path

from adapter import folder_of, job

with job(snakemake):
    from edgemin.config.study import Task
    from edgemin.tasks import splits, store

    task = Task.model_validate(snakemake.params.spec["task"])
    data = splits.prepare(task, *map(Path, snakemake.params.downloads))
    store.write(data, folder_of(snakemake.output))
    logging.info("%s", data.report)
