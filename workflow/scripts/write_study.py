import yaml

from job import job

with job(snakemake):
    from edgemin.core.files import whole_file

    with whole_file(snakemake.output[0]) as partial:
        partial.write_text(yaml.safe_dump(snakemake.params.spec, sort_keys=False, allow_unicode=True), encoding="utf-8")
