from pathlib import Path

from adapter import folder_of, job

with job(snakemake):
    from edgemin.distill.teachers import cache

    spec = snakemake.params.spec
    cache(
        teacher=folder_of(snakemake.input.teacher),
        data=folder_of(snakemake.input.data),
        rows=Path(snakemake.input.texts),
        need=spec["need"],
        manifest=Path(snakemake.output[0]),
        max_length=spec["max_length"],
        precision=spec["precision"],
        threads=spec["threads"],
        limit_gb=spec["limit_gb"],
    )
