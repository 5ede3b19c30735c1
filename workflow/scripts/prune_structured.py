from pathlib import Path

from job import checked, files_of_training, folder_of, job, teacher_files_of

with job(snakemake), checked(snakemake):
    from edgemin.methods.prune.stage import prune

    prune(
        parent=folder_of(snakemake.input.parent),
        tokenizer=folder_of(snakemake.input.tokenizer),
        sentences=Path(snakemake.input.sentences),
        teacher_files=teacher_files_of(snakemake),
        files=files_of_training(snakemake),
        spec=snakemake.params.spec,
    )
