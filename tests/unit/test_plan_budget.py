"""Cuts to a time, planned: their files, what they share, and what is refused before anything runs."""

from __future__ import annotations

import pytest

from edgemin.cli.status import steps_of
from edgemin.core.errors import EdgeminError
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.chains import Chain
from edgemin.study.criterion import ranking
from edgemin.study.read import parse_study
from edgemin.study.registry import CRITERIA
from planning import KD, MODELS, ROOT, at
from test_plan_jobs import check_whole

TO2, TO4 = {"structure": "budget", "target": {"speedup": 2}}, {"structure": "budget", "target": {"speedup": 4}}
FLOAT = {"structure": "budget", "target": {"speedup": 3, "quantized": False, "tokens": 16}}
STUDY = {
    "prune.to2": TO2,
    "prune.to4": TO4,
    "prune.to3": FLOAT,
    "cells.to4": f"{KD}/prune-to2/prune-to4",
    "cells.to3": f"{KD}/prune-heads25/prune-to3",
    "cells.other": f"{KD}/prune-to2/distill-minilmv2/prune-to4",
}


@pytest.fixture
def plan(changed) -> Plan:
    study = changed(STUDY)
    study["distill"]["minilmv2"]["student"] = "parent"
    return Plan(parse_study(study))


def test_jobs_fit_where_cuts_are_to_a_time(plan):
    check_whole(plan)


def test_cuts_in_a_row_share_the_times_of_the_model_before_them(plan):
    shared = f"{ROOT}/shapes/snippets/seed0/{KD}/onnxruntime-int8-32.json"
    prune = Jobs(plan).prune_to_time
    assert prune.inputs(at(parent=KD, variant="to2"))["shapes"] == shared
    assert prune.inputs(at(parent=f"{KD}/prune-to2", variant="to4"))["shapes"] == shared
    trained = f"{KD}/prune-to2/distill-minilmv2"  # no cut: what is left is timed anew
    assert f"/{trained}/onnxruntime-int8-32.json" in str(prune.inputs(at(parent=trained, variant="to4"))["shapes"])
    assert str(prune.inputs(at(parent=f"{KD}/prune-heads25", variant="to3"))["shapes"]).endswith(
        "prune-heads25/onnxruntime-float-16.json"
    )
    assert plan.sized_as(Chain()) == Chain()


def test_times_depend_on_sizes_and_not_on_weights(plan):
    where = at(parent=KD, runtime="onnxruntime", form="int8", tokens="32")
    job = Jobs(plan).time_shapes
    assert job.inputs(where) == {
        "encoder": f"{MODELS}/{KD}/config.json",
        "teacher": [f"{MODELS}/teacher/{name}" for name in ("config.json", "model.onnx", "onnx_provenance.json")],
    }
    assert job.about(where) == {"runtime": "onnxruntime", "quantized": True, "tokens": 32, "threads": 1}
    assert job.about(at(parent=KD, runtime="onnxruntime", form="float", tokens="16"))["quantized"] is False


def test_each_cut_has_one_rule(plan):
    """The two that make prune links divide their variants."""
    jobs = Jobs(plan)
    timed = {"to2", "to3", "to4"}
    assert set(jobs.prune_to_time.variants()) == timed
    assert set(jobs.prune_structured.variants()) == set(plan.study.prune) - timed
    assert "heads25" in jobs.prune_structured.variants()
    assert jobs.prune_to_time.own_constraints() == {"variant": "to2|to3|to4"}


def test_another_target_changes_the_cut_and_not_the_times(plan, changed):
    """Of the spec of the cut: the target and the code, with the criterion in it."""
    other = Jobs(Plan(parse_study(changed({**STUDY, "prune.to2": {**TO2, "target": {"speedup": 2.5}}}))))
    mine, where = Jobs(plan), at(parent=KD, variant="to2")
    assert mine.prune_to_time.spec(where) != other.prune_to_time.spec(where)
    shapes = at(parent=KD, runtime="onnxruntime", form="int8", tokens="32")
    assert mine.time_shapes.spec(shapes) == other.time_shapes.spec(shapes)
    covered = mine.prune_to_time.covered(where)
    assert {"edgemin.methods.structures.budget.choice", "edgemin.methods.criteria.michel.score"} <= set(covered)
    assert "edgemin.methods.structures.budget" not in mine.time_shapes.covered(shapes)


def test_status_counts_the_times_once(plan):
    kinds = [step.kind for step in steps_of(Jobs(plan), plan, ["to4"])["to4"]]
    assert (kinds.count("shapes"), kinds.count("prune"), kinds.count("teacher")) == (1, 2, 1)


def test_criteria_that_compare_are_those_that_estimate_the_loss():
    """Those are changes of the loss without the unit; the others have units of their own."""
    assert {name for name in ranking("ffn") if CRITERIA[name].comparable} == {"michel", "oracle", "taylor"}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("target", {"speedup": 1}, "prune.to2.target.speedup: Input should be greater than 1; found '1'"),
        ("target", {}, "prune.to2.target.speedup: missing; add this key"),
        ("target", {"speedup": 2, "runtime": "torch"}, "prune.to2.target.runtime: Input should be 'onnxruntime'; found 'torch'"),
        ("criterion", "magnitude", "prune.to2.criterion: scores of heads and neurons do not compare by 'magnitude'; choose michel or oracle or taylor"),
        ("criterion", "random", "prune.to2.criterion: scores of heads and neurons do not compare by 'random'"),
        ("criterion", "fisher", "prune.to2.criterion: Input should be 'michel', 'oracle' or 'taylor'; found 'fisher'"),
        ("multiple", 12, "prune.to2.multiple: Input should be 8, 16, 32 or 64; found '12'"),
        ("least", 1, "prune.to2.least: Input should be less than 1; found '1'"),
        ("steps", 3, "prune.to2.steps: unknown key"),
        ("target", {"speedup": 2, "tokens": 64}, "prune.to2.target.tokens: 64, but task snippets reads at most 32 (max_length); lower it"),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_meant_is_refused_by_the_plan(changed, key, value, message):
    with pytest.raises(EdgeminError) as error:
        parse_study(changed({"prune.to2": {**TO2, key: value}, "cells.to2": f"{KD}/prune-to2"}))
    assert message in str(error.value)
    assert str(error.value).count("\n") == 0


def test_a_promise_for_floats_needs_its_runtime_measured(changed):
    """In INT8 the child's backend is measured in any case."""
    only = {
        "runtimes": ["torch"],
        "tables": {},
        "sensitivity": None,
        "layer_sensitivity": None,
        "cells": {"teacher": "teacher", "to": f"{KD}/prune-to2"},
    }
    with pytest.raises(EdgeminError, match=r"prune.to2.target.runtime: onnxruntime is not among the study's `runtimes`"):
        parse_study(changed({**only, "prune.to2": {**TO2, "target": {"speedup": 2, "quantized": False}}}))
    parse_study(changed({**only, "prune.to2": TO2}))


def test_what_a_cut_to_a_time_leaves_is_not_known_before(plan):
    from edgemin.study.structure import Shape

    shape = plan.study.prune["to2"].shape(Shape((4, 4), 8, neurons=(64, 64), hidden=32))
    assert (shape.exact, shape.neurons, shape.hidden, len(shape.heads)) == (False, None, 32, 2)
    assert plan.study.prune["to2"].description == ("to 2× in INT8", "michel")
    assert plan.study.prune["to3"].description == ("to 3×", "michel")
