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
        spec=STUDY.model_dump(mode="json"),
    script:
        "../scripts/write_study.py"


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


rule table_stagewise:
    """What each stage costs and buys, with the runtime held constant."""
    input:
        REPORTS.table_files("stagewise"),
    output:
        csv=f"{PLAN.root}/tables/stagewise.csv",
        md=report(
            f"{PLAN.root}/tables/stagewise.md",
            caption="../report/stagewise.rst",
            category="Tables",
            labels={"table": "stage by stage", "format": "Markdown"},
        ),
        tex=f"{PLAN.root}/tables/stagewise.tex",
    log:
        f"{LOGS}/report/stagewise.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={
            **REPORTS.table("stagewise"),
            "code": code_digest("edgemin.report.stagewise"),
        },
    script:
        "../scripts/table_stagewise.py"


rule table_subsets:
    """Every subset of the stages, those that only the ladder leaves out included."""
    input:
        REPORTS.table_files("subsets"),
    output:
        csv=f"{PLAN.root}/tables/subsets.csv",
        md=report(
            f"{PLAN.root}/tables/subsets.md",
            caption="../report/subsets.rst",
            category="Tables",
            labels={"table": "subsets of the stages", "format": "Markdown"},
        ),
        tex=f"{PLAN.root}/tables/subsets.tex",
    log:
        f"{LOGS}/report/subsets.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={
            **REPORTS.table("subsets"),
            "code": code_digest("edgemin.report.stagewise"),
        },
    script:
        "../scripts/table_stagewise.py"


rule table_distillation:
    """Which supervision: every objective against labels at equal compute."""
    input:
        REPORTS.distillation_files(),
    output:
        csv=f"{PLAN.root}/tables/distillation.csv",
        md=report(
            f"{PLAN.root}/tables/distillation.md",
            caption="../report/distillation.rst",
            category="Tables",
            labels={"table": "distillation objectives", "format": "Markdown"},
        ),
        tex=f"{PLAN.root}/tables/distillation.tex",
    log:
        f"{LOGS}/report/distillation.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={
            **REPORTS.distillation(),
            "code": code_digest("edgemin.report.distillation"),
        },
    script:
        "../scripts/table_distillation.py"


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


rule table_pruning:
    """What to cut, by which score, how far."""
    input:
        REPORTS.pruning_files(),
    output:
        csv=f"{PLAN.root}/tables/pruning.csv",
        md=report(
            f"{PLAN.root}/tables/pruning.md",
            caption="../report/pruning.rst",
            category="Tables",
            labels={"table": "pruning", "format": "Markdown"},
        ),
        tex=f"{PLAN.root}/tables/pruning.tex",
    log:
        f"{LOGS}/report/pruning.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={**REPORTS.pruning(), "code": code_digest("edgemin.report.pruning")},
    script:
        "../scripts/table_pruning.py"


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


rule table_quantization:
    """Which precision, which scheme."""
    input:
        REPORTS.quantization_files(),
    output:
        csv=f"{PLAN.root}/tables/quantization.csv",
        md=report(
            f"{PLAN.root}/tables/quantization.md",
            caption="../report/quantization.rst",
            category="Tables",
            labels={"table": "quantization", "format": "Markdown"},
        ),
        tex=f"{PLAN.root}/tables/quantization.tex",
    log:
        f"{LOGS}/report/quantization.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={
            **REPORTS.quantization(),
            "code": code_digest("edgemin.report.quantization"),
        },
    script:
        "../scripts/table_quantization.py"


rule table_parameters:
    """What PyTorch counts, and what is there."""
    input:
        REPORTS.parameters_files(),
    output:
        csv=f"{PLAN.root}/tables/parameters.csv",
        md=report(
            f"{PLAN.root}/tables/parameters.md",
            caption="../report/parameters.rst",
            category="Tables",
            labels={"table": "parameters", "format": "Markdown"},
        ),
        tex=f"{PLAN.root}/tables/parameters.tex",
    log:
        f"{LOGS}/report/parameters.log",
    conda:
        "../../envs/edgemin.yaml"
    params:
        spec={**REPORTS.parameters(), "code": code_digest("edgemin.report.parameters")},
    script:
        "../scripts/table_parameters.py"


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
