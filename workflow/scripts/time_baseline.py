from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json, write_parquet
    from edgemin.measure.baseline_round import time_round

    files = snakemake.input
    summary, timings = time_round(
        folder_of(files.model),
        folder_of(files.reference),
        Path(files.texts),
        snakemake.params.spec,
        int(snakemake.wildcards.round),
    )
    write_parquet(snakemake.output.timings, timings)
    write_json(snakemake.output.latency, summary)
