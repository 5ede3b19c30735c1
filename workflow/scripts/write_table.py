from adapter import folder_of, job

with job(snakemake):
    from importlib import import_module

    import_module(snakemake.params.spec["module"]).write_tables(snakemake.params.spec, folder_of(snakemake.output))
