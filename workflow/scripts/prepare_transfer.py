import logging
from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json
    from edgemin.data import store
    from edgemin.data.transfer import prepare
    from edgemin.study.task import Task
    from edgemin.study.transfer import Transfer

    spec, data = snakemake.params.spec, folder_of(snakemake.input.data)
    own, *others = [folder and Path(folder) for folder in snakemake.params.downloads]
    rows, report = prepare(Task.model_validate(spec["task"]), Transfer.model_validate(spec["transfer"]), data, own, others)
    store.write_dataset(rows, snakemake.output.rows, label_names=store.label_names(data))
    write_json(snakemake.output.report, report)
    logging.info("%s", report)
