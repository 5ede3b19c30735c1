"""What an edit of the code costs: the jobs of the whole smoke study whose specs it changes. Nothing is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from copies import CODE, Copy, Edit, edits
from loaded import JOBS

MEASURED = {"measure_quality", "measure_round"}
READ_BY_ALL = {
    "train_teacher",
    "cache_teacher",
    "distill_student",
    "distill_static",
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
            "distill_static",
            "prune_structured",
            "quantize_aware_onnxruntime",
            "sweep_pruning",
            "scan_quantization",
            "revert_layers",
            "fit_baseline",
        },
    ),
    "how a round is timed": ("measure/latency.py", ("", CODE), {"measure_round", "time_baseline", "time_cascade"}),
    "how rounds are pooled": ("measure/rounds.py", ("", CODE), {"measure_latency", "pool_baseline", "pool_cascade"}),
    "what a baseline learns": ("methods/baselines/tfidf/fit.py", ("", CODE), {"fit_baseline"}),
    "what a baseline answers": (
        "methods/baselines/tfidf/answer.py",
        ("", CODE),
        {"fit_baseline", "measure_baseline", "time_baseline", "time_cascade"},
    ),
    "a table": ("report/tables/orders.py", ("", CODE), {"table_orders"}),
    "how a cascade is chosen": ("report/cascades/thresholds.py", ("", CODE), {"table_cascades", "time_cascade"}),
    "how a cascade's bundle asks its members": ("deploy/cascade/model.py", ("", CODE), {"time_cascade"}),
    "how a cascade is judged": ("report/cascades/judged.py", ("", CODE), {"table_cascades"}),
    "a plot": ("report/plots/sensitivity/draw.py", ("", CODE), {"plot_sensitivity"}),
    "the training loop": ("training/phase.py", ("", CODE), READ_BY_ALL - {"cache_teacher", "sweep_pruning"}),
    "the reader of data": ("data/reading.py", ("", CODE), {"prepare_data", "prepare_transfer", "prepare_out_of_domain"}),
    "the card of a bundle": ("deploy/card.py", ("", CODE), {"make_bundle"}),
    "vectors of a static student": ("methods/static/vectors.py", ("", CODE), {"distill_static"}),
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
def planned(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy in which nothing has run."""
    return Copy(tmp_path_factory.mktemp("planned"))


@pytest.fixture(scope="module")
def specs(planned: Copy) -> Callable[[], set[str]]:
    """A function: the rules whose jobs have another spec than at first. All jobs of the study, as a dry run tells them."""
    run = planned.run("-n", "--quiet", "reason", "--", "everything", "deploy_recommended")
    told = re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):\n((?:    .*\n)*)", run.output, re.MULTILINE)
    listed = [(rule, _wildcards(lines)) for rule, lines in told if rule in JOBS]
    assert len(listed) > 130, run.output[-3000:]
    (planned.folder / "noted.json").write_text(json.dumps(listed), encoding="utf-8")

    def read() -> list[Any]:
        run = planned.python("-c", SPECS)
        assert run.code == 0, run.output
        return json.loads(run.output)

    first = read()
    return lambda: {rule for (rule, _), was, now in zip(listed, first, read(), strict=True) if was != now}


def _wildcards(lines: str) -> dict[str, str]:
    found = re.search(r"^    wildcards: (.*)", lines, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in found[1].split(", ")) if found else {}


@pytest.fixture
def edited(planned: Copy) -> Iterator[Edit]:
    yield from edits(planned)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_specs_of_the_jobs_that_it_concerns(specs: Any, edited: Any, name: str) -> None:
    file, (old, new), rules = EDITS[name]
    edited(file, old, new)
    changed = specs()
    assert {rule for rule in changed if not rule.startswith(("table_", "plot_")) or rule in rules} - _collecting(name) == rules


def _collecting(name: str) -> set[str]:
    """Tables, verdicts, the page and bundles judge answers: a metric is theirs too."""
    return (
        {"page", "make_bundle", "collect_results", "accept_cell", "measure_quality", "measure_out_of_domain", "measure_baseline"}
        if name == "a metric"
        else set()
    )


def test_a_key_that_is_added_later_runs_nothing(specs: Any, edited: Any) -> None:
    """In the settings that every training has."""
    edited(
        "study/phases.py",
        "    dropout: Annotated",
        '    clip: Annotated[float, AsBefore(1.0)] = 1.0\n    """Largest norm of a gradient."""\n    dropout: Annotated',
    )
    edited("study/phases.py", "from edgemin.study.base import Strict", "from edgemin.study.base import AsBefore, Strict")
    assert specs() == set()
