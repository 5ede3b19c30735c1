from pathlib import Path

from job import checked, files_of_training, folder_of, job, teacher_files_of

with job(snakemake), checked(snakemake):
    from edgemin.methods.structures.budget.stage import prune_to_time

    prune_to_time(
        parent=folder_of(snakemake.input.parent),
        shapes=Path(snakemake.input.shapes),
        sentences=Path(snakemake.input.sentences),
        teacher_files=teacher_files_of(snakemake),
        files=files_of_training(snakemake),
        spec=snakemake.params.spec,
    )
