from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json, write_parquet
    from edgemin.measure import latency_job

    files, at = snakemake.input, snakemake.wildcards
    models = {
        name: (folder_of(files[name]), Path(files[f"{name}_tokens"]))
        for name in ("model", "reference", "parent")
        if files.get(name)
    }
    summary, timings = latency_job.measure(models, at.runtime, Path(files.texts), snakemake.params.spec, int(at.round))
    write_parquet(snakemake.output.timings, timings)
    write_json(snakemake.output.latency, summary)
