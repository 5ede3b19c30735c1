from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json, write_parquet
    from edgemin.deploy.cascade.round import time_round

    files, at = snakemake.input, snakemake.wildcards
    summary, timings = time_round(
        folder_of(files.data), folder_of(files.teacher), {**snakemake.params.spec, "runtime": at.runtime}, int(at.round)
    )
    write_parquet(snakemake.output.timings, timings)
    write_json(snakemake.output.latency, summary)
