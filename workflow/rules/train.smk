"""The root of every chain and what it says about texts; Stages 1 and 2, each a float parent and a link more."""


rule train_teacher:
    """results/{study}/models/{task}/seed{seed}/teacher/"""
    input:
        unpack(JOBS.train_teacher.inputs),
    output:
        JOBS.train_teacher.outputs,
    log:
        JOBS.train_teacher.log,
    benchmark:
        JOBS.train_teacher.benchmark
    conda:
        ENVIRONMENT
    threads: STUDY.threads.training
    resources:
        mem_mb=8000,
        runtime=1440,
    params:
        spec=JOBS.train_teacher.spec,
        scratch=PLAN.paths.scratch,
        study=untracked_study,
    script:
        "../scripts/train_teacher.py"


rule cache_teacher:
    """What a frozen teacher says, once for all students that read it: a manifest, and beside it the signals."""
    input:
        unpack(JOBS.cache_teacher.inputs),
    output:
        JOBS.cache_teacher.outputs,
    log:
        JOBS.cache_teacher.log,
    benchmark:
        JOBS.cache_teacher.benchmark
    conda:
        ENVIRONMENT
    threads: STUDY.threads.training
    resources:
        mem_mb=6000,
        runtime=720,
    params:
        spec=JOBS.cache_teacher.spec,
    script:
        "../scripts/cache_teacher.py"


rule distill_student:
    """results/{study}/models/{task}/seed{seed}/{parent}/distill-{variant}/"""
    input:
        unpack(JOBS.distill_student.inputs),
    output:
        JOBS.distill_student.outputs,
    log:
        JOBS.distill_student.log,
    benchmark:
        JOBS.distill_student.benchmark
    wildcard_constraints:
        **JOBS.distill_student.own_constraints(),
    conda:
        ENVIRONMENT
    threads: STUDY.threads.training
    resources:
        mem_mb=8000,
        runtime=1440,
    params:
        spec=JOBS.distill_student.spec,
        scratch=PLAN.paths.scratch,
        study=untracked_study,
    script:
        "../scripts/distill_student.py"


rule distill_static:
    """A static student of the same place, with its graph."""
    input:
        unpack(JOBS.distill_static.inputs),
    output:
        JOBS.distill_static.outputs,
    log:
        JOBS.distill_static.log,
    benchmark:
        JOBS.distill_static.benchmark
    wildcard_constraints:
        **JOBS.distill_static.own_constraints(),
    conda:
        ENVIRONMENT
    threads: STUDY.threads.training
    resources:
        mem_mb=6000,
        runtime=720,
    params:
        spec=JOBS.distill_static.spec,
        scratch=PLAN.paths.scratch,
        study=untracked_study,
    script:
        "../scripts/distill_static.py"


rule prune_structured:
    """results/{study}/models/{task}/seed{seed}/{parent}/prune-{variant}/"""
    input:
        unpack(JOBS.prune_structured.inputs),
    output:
        JOBS.prune_structured.outputs,
    log:
        JOBS.prune_structured.log,
    benchmark:
        JOBS.prune_structured.benchmark
    wildcard_constraints:
        **JOBS.prune_structured.own_constraints(),
    conda:
        ENVIRONMENT
    threads: STUDY.threads.training
    resources:
        mem_mb=8000,
        runtime=1440,
    params:
        spec=JOBS.prune_structured.spec,
        scratch=PLAN.paths.scratch,
        study=untracked_study,
    script:
        "../scripts/prune_structured.py"


rule prune_to_time:
    """results/{study}/models/{task}/seed{seed}/{parent}/prune-{variant}/, where the variant names a time."""
    input:
        unpack(JOBS.prune_to_time.inputs),
    output:
        JOBS.prune_to_time.outputs,
    log:
        JOBS.prune_to_time.log,
    benchmark:
        JOBS.prune_to_time.benchmark
    wildcard_constraints:
        **JOBS.prune_to_time.own_constraints(),
    conda:
        ENVIRONMENT
    threads: STUDY.threads.training
    resources:
        mem_mb=8000,
        runtime=1440,
    params:
        spec=JOBS.prune_to_time.spec,
        scratch=PLAN.paths.scratch,
        study=untracked_study,
    script:
        "../scripts/prune_to_time.py"


rule sweep_pruning:
    """One score, many ratios, no recovery."""
    input:
        unpack(JOBS.sweep_pruning.inputs),
    output:
        JOBS.sweep_pruning.outputs,
    log:
        JOBS.sweep_pruning.log,
    conda:
        ENVIRONMENT
    threads: STUDY.threads.training
    resources:
        mem_mb=6000,
        runtime=720,
    params:
        spec=JOBS.sweep_pruning.spec,
    script:
        "../scripts/sweep_pruning.py"
