import logging
from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.data import splits, store
    from edgemin.study.task import Task

    (download,) = snakemake.params.downloads
    data = splits.prepare(Task.model_validate(snakemake.params.spec["task"]), download and Path(download))
    store.write(data, folder_of(snakemake.output))
    logging.info("%s", data.report)
