from pathlib import Path

from job import files_of, folder_of, job

with job(snakemake):
    from edgemin.measure.quality import predict
    from edgemin.methods.quantize.inputs import QuantizeInputs
    from edgemin.methods.quantize.reverting import quantize_and_revert

    given = QuantizeInputs(
        parent=folder_of(snakemake.input.parent),
        out=folder_of(snakemake.output),
        spec=snakemake.params.spec,
        tokens=next(iter(files_of(snakemake.input.get("sentences"))), None),
    )
    quantize_and_revert(given, Path(snakemake.input.validation), predict)
