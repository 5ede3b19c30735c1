"""Every kind of job of the smoke study has run: what each has loaded is what its digest covers, and what an edit costs.
(Last in the folder: the jobs of the tests before have noted what they loaded in the copy that all share.)"""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from copies import ROOT, Copy

from edgemin.core.code_digest import exempt, file_of, modules_of
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study
from edgemin.study.registry import settings_halves


class At(dict):
    """Wildcards, as Snakemake hands them over."""

    __getattr__ = dict.__getitem__


JOBS = {job.rule: job for job in Jobs(Plan(read_study(ROOT / "config/smoke.yaml"))).all()}
FOUND = set(modules_of(settings=tuple(sorted(settings_halves()))))
"""What the registry loads to find things by name: every settings half, and what it imports at its head. The thing that is used is a root."""
CHECKING = set(modules_of("edgemin.plan.checks", "edgemin.plan.plan", "edgemin.study.read"))
"""Before a training its study is checked once more: that ends the job, or changes nothing."""
REFUSING = {"edgemin.study.outputs"}
"""Imported by `study.foreign`, which no digest covers: it refuses a checkpoint, or changes nothing."""
TRAINING = {"train_teacher", "distill_student", "prune_structured", "quantize_aware_onnxruntime"}
LOADED_UNUSED = {
    "cache_teacher": {"edgemin.data.kinds.classification.scores": "examples come with labels, of which a teacher is not asked"},
}
COVERED_UNUSED = {
    "train_teacher": {"edgemin.encoders.families.bert.blocks": "labels alone hook nothing; all other trainings do"},
    "prepare_encoder": {"edgemin.encoders.families.bert": "the config of a random model is not checked"},
    "measure_out_of_domain": {
        "edgemin.encoders.families.bert.blocks": "in PyTorch a cut model would be resized; the smoke study's is not cut",
        "edgemin.runtimes.torch.stored": "the other half of a runtime: only sizes read it",
    },
    "plot_head_importance": {
        "edgemin.data.kinds.classification": "all plots may show a quality",
        "edgemin.study.kind": "likewise",
    },
    "table_sensitivity": {
        "edgemin.data.kinds.classification": "all tables may judge answers",
        "edgemin.data.kinds.classification.scores": "likewise",
    },
    "table_parameters": {"edgemin.data.kinds.classification.scores": "likewise"},
    "make_bundle": {
        "edgemin.deploy.predict": "copied into the bundle as text",
        "edgemin.data.kinds.classification.answer": "likewise",
    },
}
"""Rule -> what its digest covers although no job of it has loaded it -> why that is meant."""


@pytest.fixture(scope="module")
def noted(finished: Copy) -> dict[str, list[dict[str, Any]]]:
    """Rule -> its jobs: wildcards, and the modules that were loaded at the end."""
    run = finished.run("--", "everything", "deploy_recommended")
    assert run.code == 0, run.output[-5000:]
    found = defaultdict(list)
    for file in sorted((finished.folder / "modules").iterdir()):
        job = json.loads(file.read_text(encoding="utf-8"))
        found[job["rule"]].append(job)
    return found


def _has_code(module: str) -> bool:
    """Not a package that holds a docstring alone."""
    file = file_of(module)
    return file is None or any(
        not isinstance(statement, ast.Expr) for statement in ast.parse(file.read_text(encoding="utf-8")).body
    )


def test_every_kind_of_job_of_the_study_has_run(noted: dict[str, list[dict[str, Any]]]) -> None:
    """All that smoke has no use for is named here."""
    unused = {"download_source", "cut_tokenizer", "table_subsets"}
    unused |= {rule for rule in JOBS if rule.startswith("quantize_") and ("openvino" in rule or rule == "quantize_aware_torch")}
    assert set(JOBS) - set(noted) == unused


def test_what_a_job_loads_is_covered_by_its_digest(noted: dict[str, list[dict[str, Any]]]) -> None:
    for rule, jobs in noted.items():
        if rule == "write_study":  # its parameter is the study itself
            continue
        allowed = FOUND | REFUSING | set(LOADED_UNUSED.get(rule, ())) | (CHECKING if rule in TRAINING else set())
        for job in jobs:
            covered = set(JOBS[rule].covered(At(job["wildcards"])))
            missing = {name for name in set(job["modules"]) - covered - allowed if exempt(name) is None and _has_code(name)}
            assert not missing, f"{rule} {job['wildcards']} loads {sorted(missing)}, which its digest does not cover"


def test_a_digest_covers_no_more_than_is_loaded(noted: dict[str, list[dict[str, Any]]]) -> None:
    """What all jobs of a rule have in their digests, some job of it has loaded."""
    unused = {}
    for rule, jobs in noted.items():
        if rule != "write_study":
            loaded = {name for job in jobs for name in job["modules"]}
            covered = set.intersection(*(set(JOBS[rule].covered(At(job["wildcards"]))) for job in jobs))
            unused[rule] = covered - loaded
    assert {rule: names for rule, names in unused.items() if names} == {
        rule: set(names) for rule, names in COVERED_UNUSED.items()
    }


# -- what an edit costs ----------------------------------------------------------------------------------------------

CODE = "\n\nEDITED = True\n"
MEASURED = {"measure_quality", "measure_latency"}
READ_BY_ALL = {
    "train_teacher",
    "cache_teacher",
    "distill_student",
    "prune_structured",
    "quantize_aware_onnxruntime",
    "sweep_pruning",
}
# file below workflow -> (what is put in the place of what, or at the end) -> rules whose own digests change
EDITS: dict[str, tuple[str, tuple[str, str], set[str]]] = {
    "a comment in an objective": ("methods/objectives/minilmv2/loss.py", ("", "\n# edited\n"), set()),
    "a docstring": ("training/phase.py", ('"""Train `student` in place', '"""Train the `student` in place'), set()),
    "an annotation": ("training/predict.py", ("-> ", "-> 'Any' or "), set()),
    "the text of an error": ("methods/distill/signals.py", ("evenly; choose a divisor", "evenly; take a divisor"), set()),
    "what a plan checks": ("plan/checks.py", ("", CODE), set()),
    "an objective": ("methods/objectives/minilmv2/loss.py", ("", CODE), {"distill_student"}),
    "labels' loss, of an objective that many use": (
        "methods/objectives/labels/loss.py",
        ("", CODE),
        {"train_teacher", "distill_student", "prune_structured"},
    ),
    "a criterion": ("methods/criteria/michel/score.py", ("", CODE), {"prune_structured", "sweep_pruning"}),
    "a structure": ("methods/structures/cofi/masks.py", ("", CODE), {"prune_structured"}),
    "a scheme": ("methods/schemes/int4/in_onnxruntime.py", ("", CODE), {"quantize_model_onnxruntime"}),
    "a scheme in one of its runtimes": (
        "methods/schemes/int8_dynamic/in_torch.py",
        ("", CODE),
        {"quantize_model_torch", *MEASURED},
    ),
    "what a settings half answers": (
        "methods/structures/layers/__init__.py",
        ('f"{self.drop} {words}"', 'f"{self.drop} whole {words}"'),
        {"prune_structured", "table_pruning"},
    ),
    "a metric": (
        "data/kinds/classification/scores.py",
        ("", CODE),
        {
            "train_teacher",
            "distill_student",
            "prune_structured",
            "quantize_aware_onnxruntime",
            "sweep_pruning",
            "scan_quantization",
        },
    ),
    "a table": ("report/tables/orders.py", ("", CODE), {"table_orders"}),
    "a plot": ("report/plots/sensitivity/draw.py", ("", CODE), {"plot_sensitivity"}),
    "the training loop": ("training/phase.py", ("", CODE), READ_BY_ALL - {"cache_teacher", "sweep_pruning"}),
    "the reader of data": ("data/reading.py", ("", CODE), {"prepare_data", "prepare_transfer", "prepare_out_of_domain"}),
    "the card of a bundle": ("deploy/card.py", ("", CODE), {"make_bundle"}),
    "an adapter": ("../scripts/export_onnx.py", ("", CODE), {"export_onnx"}),
    "a command": ("cli/verify.py", ("", CODE), set()),
}
SPECS = """
import json, sys
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study

class At(dict):
    __getattr__ = dict.__getitem__

jobs = {job.rule: job for job in Jobs(Plan(read_study("config/smoke.yaml"))).all()}
print(json.dumps([jobs[rule].spec(At(at)) for rule, at in json.load(open("noted.json"))]))
"""


@pytest.fixture(scope="module")
def specs(finished: Copy, noted: dict[str, list[dict[str, Any]]]) -> Callable[[], set[str]]:
    """A function: the rules whose jobs have another spec than at first."""
    listed = [(rule, job["wildcards"]) for rule, jobs in noted.items() for job in jobs]
    (finished.folder / "noted.json").write_text(json.dumps(listed), encoding="utf-8")

    def read() -> list[Any]:
        run = finished.python("-c", SPECS)
        assert run.code == 0, run.output
        return json.loads(run.output)

    first = read()
    return lambda: {rule for (rule, _), was, now in zip(listed, first, read(), strict=True) if was != now}


@pytest.fixture
def edited(finished: Copy) -> Iterator[Callable[[str, str, str], None]]:
    """edited(file, old, new): put back at the end."""
    before: dict[Any, str] = {}

    def edit(name: str, old: str, new: str) -> None:
        file = finished.folder / "workflow/edgemin" / name
        text = file.read_text(encoding="utf-8")
        before.setdefault(file, text)
        assert old in text
        file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")

    yield edit
    for file, text in before.items():
        file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_specs_of_the_jobs_that_it_concerns(specs: Any, edited: Any, name: str) -> None:
    file, (old, new), rules = EDITS[name]
    edited(file, old, new)
    changed = specs()
    assert {rule for rule in changed if not rule.startswith(("table_", "plot_")) or rule in rules} - _collecting(name) == rules


def _collecting(name: str) -> set[str]:
    """Tables, the page and bundles judge answers: a metric is theirs too."""
    return {"page", "make_bundle", "collect_results", "measure_quality", "measure_out_of_domain"} if name == "a metric" else set()


def test_a_key_that_is_added_later_runs_nothing(specs: Any, edited: Any) -> None:
    """In the settings that every training has."""
    edited(
        "study/phases.py",
        "    dropout: Annotated",
        '    clip: Annotated[float, AsBefore(1.0)] = 1.0\n    """Largest norm of a gradient."""\n    dropout: Annotated',
    )
    edited("study/phases.py", "from edgemin.study.base import Strict", "from edgemin.study.base import AsBefore, Strict")
    assert specs() == set()


def test_prose_runs_nothing_and_code_what_depends_on_it(finished: Copy, edited: Any) -> None:
    """Through Snakemake, to the end."""
    edited("methods/objectives/minilmv2/loss.py", "", "\n# edited\n")
    assert "Nothing to be done" in finished.dry("everything").output
    edited("measure/size.py", "", CODE)
    jobs = finished.dry("everything").jobs
    assert {"measure_quality", "measure_latency", "train_teacher", "distill_student", "prune_structured"}.isdisjoint(jobs)
    assert jobs["measure_size"] == 20
