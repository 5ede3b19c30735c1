from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.methods.distill.teachers import TeacherFiles, cache

    teacher_files = TeacherFiles(folder_of(snakemake.input.teacher), Path(snakemake.input.tokens))
    cache(teacher_files, snakemake.params.spec["need"], Path(snakemake.output[0]), snakemake.params.spec)
