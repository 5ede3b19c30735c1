from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import read_json
    from edgemin.methods.floor import fit_folder

    files = {split: Path(snakemake.input[split]) for split in ("train", "validation")}
    labels = read_json(snakemake.input.data)["label_names"]
    fit_folder(files, labels, folder_of(snakemake.output), snakemake.params.spec)
