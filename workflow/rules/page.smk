"""The page of the study."""


rule page:
    """One file to open in a browser, without a network: the tables, the plots, how every cell came about."""
    input:
        **REPORTS.page_files(),
        templates=expand(
            f"{workflow.basedir}/workflow/edgemin/report/templates/page.{{form}}",
            form=["html.j2", "css", "js"],
        ),
    output:
        report(
            f"{PLAN.root}/report/index.html",
            caption="../report/page.rst",
            category="Page",
            labels={"page": "of the study"},
        ),
    log:
        f"{LOGS}/report/page.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec=REPORTS.page(),
    script:
        "../scripts/write_page.py"
