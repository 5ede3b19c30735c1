from pathlib import Path

from adapter import folder_of, job

with job(snakemake):
    from edgemin.config.sources import ModelSource
    from edgemin.encoders.normalise import normalise
    from edgemin.files import whole_folder
    from edgemin.provenance import write_provenance
    from edgemin.tasks import store

    source = ModelSource.model_validate(snakemake.params.spec["source"])
    downloads = list(map(Path, snakemake.params.downloads))
    train = store.read_split(folder_of(snakemake.input.data), "train") if source.random else None
    with whole_folder(folder_of(snakemake.output)) as partial:
        normalise(source, downloads, train, partial)
        write_provenance(partial, spec=snakemake.params.spec)
