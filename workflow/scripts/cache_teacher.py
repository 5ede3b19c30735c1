from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.methods.distill.teachers import Lessons, cache

    lessons = Lessons(folder_of(snakemake.input.teacher), Path(snakemake.input.tokens))
    cache(lessons, snakemake.params.spec["need"], Path(snakemake.output[0]), snakemake.params.spec)
