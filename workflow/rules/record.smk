"""Finished seeds to and from the record that is kept with the code (key `record` of a study)."""

for job in JOBS.record_seeds.values():

    rule:
        name:
            job.rule
        input:
            unpack(job.inputs),
        output:
            # Kept until the new record is there: a seed may only be added to, and the job may be killed.
            **{form: update(file) for form, file in job.outputs.items()},
        log:
            job.log,
        conda:
            ENVIRONMENT
        params:
            spec=job.spec,
        script:
            "../scripts/record_seed.py"


for job in JOBS.take_seeds.values():

    rule:
        name:
            job.rule
        output:
            job.outputs,
        log:
            job.log,
        conda:
            ENVIRONMENT
        params:
            spec=job.spec,
        script:
            "../scripts/take_seed.py"
