import shutil

from job import files_of, folder_of, job

with job(snakemake):
    from edgemin.core.files import whole_folder
    from edgemin.core.provenance import write_provenance
    from edgemin.study.variants import prune_variant

    folder, tokens = folder_of(snakemake.input.tokenizer), files_of(snakemake.input.tokens)
    with whole_folder(folder_of(snakemake.output)) as partial:
        prune_variant(snakemake.params.spec["variant"]).write_tokenizer(folder, tokens, partial)
        shutil.copyfile(folder / "config.json", partial / "config.json")
        write_provenance(partial, spec=snakemake.params.spec, parents=[folder / "tokenizer.json", *tokens])
