from pathlib import Path

from job import folder_of, job

with job(snakemake):
    from edgemin.data.keys import check_disjoint
    from edgemin.data.tokenizing import write_tokens

    rows = Path(snakemake.input.rows)
    if snakemake.input.get("held_out"):
        check_disjoint(rows, folder_of(snakemake.input.held_out))
    write_tokens(rows, folder_of(snakemake.input.tokenizer), snakemake.params.spec["max_length"], Path(snakemake.output[0]))
