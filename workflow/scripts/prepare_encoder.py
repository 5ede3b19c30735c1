from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.core.files import whole_folder
    from edgemin.core.provenance import write_provenance
    from edgemin.data.arrow import read_rows
    from edgemin.encoders.normalise import normalise
    from edgemin.study.sources import ModelSource

    source = ModelSource.model_validate(snakemake.params.spec["source"])
    downloads = list(map(Path, snakemake.params.downloads))
    train = read_rows(Path(snakemake.input.data[0])) if source.random else None
    with whole_folder(folder_of(snakemake.output)) as partial:
        normalise(source, downloads, train, partial)
        write_provenance(partial, spec=snakemake.params.spec)
