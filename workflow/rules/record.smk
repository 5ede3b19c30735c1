"""Finished seeds to and from the record that is kept with the code (key `record` of a study)."""

for job in JOBS.record_seeds.values():

    rule:
        name:
            job.rule
        input:
            unpack(job.inputs),
        output:
            **job.outputs,
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
