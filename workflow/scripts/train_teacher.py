from pathlib import Path

from adapter import checked, folder_of, job

with job(snakemake), checked(snakemake):
    from edgemin.training.teacher import train_teacher

    train_teacher(
        encoder=folder_of(snakemake.input.encoder),
        data=folder_of(snakemake.input.data),
        out=folder_of(snakemake.output),
        scratch=Path(snakemake.params.scratch),
        spec=snakemake.params.spec,
    )
