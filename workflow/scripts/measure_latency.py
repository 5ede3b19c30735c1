from adapter import folder_of, job

with job(snakemake):
    from edgemin.config.study import Latency
    from edgemin.files import write_json
    from edgemin.measure import latency_job, quality
    from edgemin.tasks import store

    spec, files = snakemake.params.spec, snakemake.input
    folders = {name: folder_of(files.get(name)) for name in ("model", "reference", "parent") if files.get(name)}
    summary, timings = latency_job.measure(
        folders,
        snakemake.wildcards.runtime,
        store.read_split(folder_of(files.test), "test"),
        spec["max_length"],
        spec["threads"],
        Latency.model_validate(spec["protocol"]),
    )
    quality.write_table(timings, snakemake.output.timings)
    write_json(snakemake.output.latency, summary)
