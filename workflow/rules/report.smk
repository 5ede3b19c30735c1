"""From measurements to tables and plots."""


rule write_study:
    """The effective study, defaults filled in, beside its results."""
    output:
        f"{PLAN.root}/study.yaml",
    log:
        f"{LOGS}/study.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec=WHOLE_STUDY,
    script:
        "../scripts/write_study.py"


for table in TABLES:

    rule:
        name:
            f"table_{table}"
        input:
            REPORTS.files(table),
        output:
            csv=f"{PLAN.root}/tables/{table}.csv",
            md=report(
                f"{PLAN.root}/tables/{table}.md",
                caption=f"../report/{table}.rst",
                category="Tables",
                labels={"table": table, "format": "Markdown"},
            ),
            tex=f"{PLAN.root}/tables/{table}.tex",
        log:
            f"{LOGS}/report/{table}.log",
        conda:
            "../../envs/edgemin.yaml"
        params:
            spec=REPORTS.spec(table),
        script:
            "../scripts/write_table.py"


rule collect_results:
    """One long table of every measured number of every default cell."""
    input:
        REPORTS.measurement_files(REPORTS.result_rows()),
    output:
        f"{PLAN.root}/tables/results.csv",
    log:
        f"{LOGS}/report/results.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={
            "rows": REPORTS.result_rows(),
            "code": code_digest("edgemin.report.collect"),
        },
    script:
        "../scripts/collect_results.py"


rule plot_distillation:
    input:
        f"{PLAN.root}/tables/distillation.csv",
    output:
        report(
            f"{PLAN.root}/plots/distillation.png",
            caption="../report/plot_distillation.rst",
            category="Plots",
            labels={"plot": "distillation objectives"},
        ),
        f"{PLAN.root}/plots/distillation.svg",
    log:
        f"{LOGS}/report/plot_distillation.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={"code": code_digest("edgemin.report.plot_distillation")},
    script:
        "../scripts/plot_distillation.py"


rule table_sensitivity:
    """Every point of every sweep."""
    input:
        [sweep["file"] for sweep in PLAN.sweeps()],
    output:
        f"{PLAN.root}/tables/sensitivity.csv",
    log:
        f"{LOGS}/report/sensitivity.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={
            "sweeps": PLAN.sweeps(),
            "code": code_digest("edgemin.report.plot_pruning"),
        },
    script:
        "../scripts/table_sensitivity.py"


rule plot_sensitivity:
    input:
        f"{PLAN.root}/tables/sensitivity.csv",
    output:
        report(
            f"{PLAN.root}/plots/sensitivity.png",
            caption="../report/plot_sensitivity.rst",
            category="Plots",
            labels={"plot": "how much can be cut"},
        ),
        f"{PLAN.root}/plots/sensitivity.svg",
    log:
        f"{LOGS}/report/plot_sensitivity.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={"code": code_digest("edgemin.report.plot_pruning")},
    script:
        "../scripts/plot_sensitivity.py"


rule plot_head_importance:
    """Of the first task and seed."""
    input:
        [
            sweep["file"]
            for sweep in PLAN.sweeps("heads")
            if sweep["seed"] == STUDY.seeds[0]
            and sweep["task"] == next(iter(STUDY.tasks))
        ],
    output:
        report(
            f"{PLAN.root}/plots/head_importance.png",
            caption="../report/plot_head_importance.rst",
            category="Plots",
            labels={"plot": "head importance"},
        ),
        f"{PLAN.root}/plots/head_importance.svg",
    log:
        f"{LOGS}/report/plot_head_importance.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={"code": code_digest("edgemin.report.plot_pruning")},
    script:
        "../scripts/plot_head_importance.py"


rule plot_stagewise:
    input:
        f"{PLAN.root}/tables/stagewise.csv",
    output:
        report(
            f"{PLAN.root}/plots/stagewise.png",
            caption="../report/plot_stagewise.rst",
            category="Plots",
            labels={"plot": "stage by stage"},
        ),
        f"{PLAN.root}/plots/stagewise.svg",
    log:
        f"{LOGS}/report/plot_stagewise.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={"code": code_digest("edgemin.report.plots")},
    script:
        "../scripts/plot_stagewise.py"


rule plot_pareto:
    input:
        f"{PLAN.root}/tables/results.csv",
    output:
        report(
            f"{PLAN.root}/plots/pareto_{{axis}}.png",
            caption="../report/plot_pareto.rst",
            category="Plots",
            labels={"plot": "quality against {axis}"},
        ),
        f"{PLAN.root}/plots/pareto_{{axis}}.svg",
    log:
        f"{LOGS}/report/pareto_{{axis}}.log",
    wildcard_constraints:
        axis="latency|size",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={"code": code_digest("edgemin.report.plots")},
    script:
        "../scripts/plot_pareto.py"


rule plot_quantization:
    input:
        f"{PLAN.root}/tables/quantization.csv",
    output:
        report(
            f"{PLAN.root}/plots/quantization.png",
            caption="../report/plot_quantization.rst",
            category="Plots",
            labels={"plot": "quantization objectives"},
        ),
        f"{PLAN.root}/plots/quantization.svg",
    log:
        f"{LOGS}/report/plot_quantization.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={"code": code_digest("edgemin.report.plot_quantization")},
    script:
        "../scripts/plot_quantization.py"


rule plot_layer_sensitivity:
    input:
        [scan["file"] for scan in PLAN.scans()],
    output:
        report(
            f"{PLAN.root}/plots/layer_sensitivity.png",
            caption="../report/plot_layer_sensitivity.rst",
            category="Plots",
            labels={"plot": "which layers suffer from INT8"},
        ),
        f"{PLAN.root}/plots/layer_sensitivity.svg",
    log:
        f"{LOGS}/report/plot_layer_sensitivity.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={
            "scans": PLAN.scans(),
            "code": code_digest("edgemin.report.plot_layer_sensitivity"),
        },
    script:
        "../scripts/plot_layer_sensitivity.py"
