from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.data import store
    from edgemin.data.out_of_domain import prepare
    from edgemin.study.task import Task, TestSet

    spec, data = snakemake.params.spec, folder_of(snakemake.input.data)
    (download,) = snakemake.params.downloads
    task, test = Task.model_validate(spec["task"]), TestSet.model_validate(spec["test"])
    rows = prepare(task, spec["name"], test, data, download and Path(download))
    store.write_dataset(rows, snakemake.output[0], label_names=store.label_names(data))
