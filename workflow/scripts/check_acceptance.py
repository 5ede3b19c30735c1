from job import job

with job(snakemake):
    from edgemin.core.files import write_json
    from edgemin.report.acceptance.marks import refuse

    refuse(snakemake.input.verdicts, "the ladder has it")
    write_json(snakemake.output[0], {"accepted": list(snakemake.input.verdicts)})
