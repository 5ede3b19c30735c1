from pathlib import Path

from adapter import folder_of, job

with job(snakemake):
    from edgemin.config.study import Task, TestSet
    from edgemin.measure.quality import write_table
    from edgemin.tasks.out_of_domain import prepare

    spec = snakemake.params.spec
    name, (download,) = spec["name"], snakemake.params.downloads
    rows = prepare(
        Task.model_validate(spec["task"]),
        name,
        TestSet.model_validate(spec["test"]),
        folder_of(snakemake.input.data),
        download and Path(download),
    )
    write_table(rows, snakemake.output[0])
