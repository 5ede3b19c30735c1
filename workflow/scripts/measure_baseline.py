from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json, write_parquet
    from edgemin.measure import baseline

    files = {split: Path(snakemake.input[split]) for split in ("validation", "test")}
    found, predictions = baseline.measure_folder(folder_of(snakemake.input.model), files, snakemake.params.spec)
    write_parquet(snakemake.output.predictions, predictions)
    write_json(snakemake.output.size, baseline.size(folder_of(snakemake.input.model)))
    write_json(snakemake.output.quality, found)
