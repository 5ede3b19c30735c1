from pathlib import Path

from adapter import checked, files_of, folder_of, job

with job(snakemake), checked(snakemake):
    from edgemin.quantize.onnxruntime_qat import quantize_aware

    quantize_aware(
        parent=folder_of(snakemake.input.parent),
        teacher=folder_of(snakemake.input.teacher),
        transfer=next(iter(files_of(snakemake.input.get("transfer"))), None),
        caches=files_of(snakemake.input.get("caches")),
        data=folder_of(snakemake.input.data),
        out=folder_of(snakemake.output),
        scratch=Path(snakemake.params.scratch),
        spec=snakemake.params.spec,
    )
