from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import write_json, write_parquet
    from edgemin.measure import quality

    tokens = {split: Path(snakemake.input[split]) for split in ("validation", "test")}
    found, predictions = quality.measure_folder(
        folder_of(snakemake.input.model), snakemake.wildcards.runtime, tokens, snakemake.params.spec
    )
    write_parquet(snakemake.output.predictions, predictions)
    write_json(snakemake.output.quality, found)
