from importlib import import_module

from adapter import folder_of, job

with job(snakemake):
    spec = snakemake.params.spec
    backend = import_module(f"edgemin.quantize.{spec['variant']['backend']}_dynamic")
    backend.quantize_folder(folder_of(snakemake.input.parent), folder_of(snakemake.output), spec)
