from contextlib import nullcontext

from job import checked, files_of, files_of_training, folder_of, job, teacher_files_of

trains = "teacher" in dict(snakemake.input.items())
with job(snakemake), checked(snakemake) if trains else nullcontext():
    from edgemin.methods.quantize.inputs import QuantizeInputs
    from edgemin.methods.quantize.stage import quantize

    quantize(
        QuantizeInputs(
            parent=folder_of(snakemake.input.parent),
            out=folder_of(snakemake.output),
            spec=snakemake.params.spec,
            tokens=next(iter(files_of(snakemake.input.get("sentences"))), None),
            training=(files_of_training(snakemake), teacher_files_of(snakemake)) if trains else None,
        )
    )
