"""From measurements to tables, plots and the page, in results/{study}/tables, plots and report; and bundles, in deploy."""


rule write_study:
    """The effective study, defaults filled in, beside its results."""
    output:
        JOBS.write_study.outputs,
    log:
        JOBS.write_study.log,
    conda:
        ENVIRONMENT
    params:
        spec=WHOLE_STUDY,
    script:
        "../scripts/write_study.py"


rule collect_results:
    """One long table of every measured number of every default cell."""
    input:
        unpack(JOBS.collect_results.inputs),
    output:
        JOBS.collect_results.outputs,
    log:
        JOBS.collect_results.log,
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.collect_results.spec,
    script:
        "../scripts/collect_results.py"


rule accept_cell:
    """A quantized cell against its float parent, by the answers of both: a verdict, which fails no run."""
    input:
        unpack(JOBS.accept_cell.inputs),
    output:
        JOBS.accept_cell.outputs,
    log:
        JOBS.accept_cell.log,
    wildcard_constraints:
        **JOBS.accept_cell.own_constraints(),
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.accept_cell.spec,
    script:
        "../scripts/accept_cell.py"


for job in JOBS.last.values():

    rule:
        name:
            job.rule
        input:
            unpack(job.inputs),
            after=ancient(job.before),
        output:
            job.outputs,
        log:
            job.log,
        priority: -1000
        conda:
            ENVIRONMENT
        params:
            spec=job.spec,
        script:
            "../scripts/check_acceptance.py"


for job in JOBS.tables.values():

    rule:
        name:
            job.rule
        input:
            unpack(job.inputs),
        output:
            **{
                form: (
                    report(
                        file,
                        caption="../report/caption.rst",
                        category="Tables",
                        labels={"table": job.table.name, "format": "Markdown"},
                    )
                    if form == "md"
                    else file
                )
                for form, file in job.outputs.items()
            },
        log:
            job.log,
        conda:
            ENVIRONMENT
        params:
            spec=job.spec,
            caption=untracked(job.table.caption),
            call=untracked(CALL),
        script:
            "../scripts/write_table.py"


for job in JOBS.plots.values():

    rule:
        name:
            job.rule
        input:
            unpack(job.inputs),
        output:
            png=report(
                job.outputs["png"],
                caption="../report/caption.rst",
                category="Plots",
                labels={"plot": job.plot.label},
            ),
            svg=job.outputs["svg"],
        log:
            job.log,
        conda:
            ENVIRONMENT
        params:
            spec=job.spec,
            caption=untracked(job.plot.caption),
        script:
            "../scripts/draw_plot.py"


rule page:
    """One file to open in a browser, without a network: the tables, the plots, how every cell came about."""
    input:
        unpack(JOBS.page.inputs),
    output:
        report(
            JOBS.page.outputs,
            caption="../report/caption.rst",
            category="Page",
            labels={"page": "of the study"},
        ),
    log:
        JOBS.page.log,
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.page.spec,
        caption=untracked(
            "The page of the study: what the ladder costs and buys in words, a plot to explore, every table, and how each cell came about."
        ),
        call=untracked(CALL),
    script:
        "../scripts/write_page.py"


rule make_bundle:
    """A folder that runs without this project."""
    input:
        unpack(JOBS.make_bundle.inputs),
    output:
        JOBS.make_bundle.outputs,
    log:
        JOBS.make_bundle.log,
    wildcard_constraints:
        **JOBS.make_bundle.own_constraints(),
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.make_bundle.spec,
        call=untracked(CALL),
    script:
        "../scripts/make_bundle.py"


for job in JOBS.cascades.values():

    rule:
        name:
            job.rule
        input:
            unpack(job.inputs),
        output:
            job.outputs,
        log:
            job.log,
        conda:
            ENVIRONMENT
        params:
            spec=job.spec,
            call=untracked(CALL),
        script:
            "../scripts/bundle_cascade.py"


checkpoint choose_cell:
    """The cell of each task that the recommendation is for."""
    input:
        unpack(JOBS.choose_cell.inputs),
    output:
        JOBS.choose_cell.outputs,
    log:
        JOBS.choose_cell.log,
    conda:
        ENVIRONMENT
    params:
        spec=JOBS.choose_cell.spec,
    script:
        "../scripts/choose_cell.py"


rule deploy:
    """A bundle of each cell and cascade under `deploy`; without that key of the recommended one, or else of the ladder's last row."""
    input:
        shipped,


rule deploy_recommended:
    """A bundle of the cell that is recommended, whatever `deploy` says."""
    input:
        recommended,
