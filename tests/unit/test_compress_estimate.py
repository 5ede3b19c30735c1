"""How long the jobs of `edgemin compress` take, by hand, and what is left out for it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from compress_by_hand import BASE, PACE, SPEEDS, START, inputs, paces, works

from edgemin.compressing import space as spaces
from edgemin.compressing.encoder import CONFIG, packaged
from edgemin.compressing.estimate import (
    LIGHT,
    MODELS,
    ROUNDS,
    SECONDS,
    SENTENCES,
    SHAPES,
    SHAPES_SECONDS,
    WARM_UP,
    Work,
    check_bytes,
    estimate,
    fixed_seconds,
    seconds_of,
    total,
)
from edgemin.compressing.space import MATCHING, space
from edgemin.compressing.speeds import measure
from edgemin.compressing.timing import random_model, repeated
from edgemin.core.errors import EdgeminError

SMALL = packaged().sizes


def test_a_training_takes_its_updates_and_its_validation():
    """1000 updates, and ten times ten batches."""
    training = spaces.Training(SMALL, 1000, 10, 2)
    assert seconds_of(training, PACE, inputs()) == 1000 * 0.5 + 10 * 10 * 0.1


def test_jobs_of_a_branch_by_hand():
    """`half`: a training with two files of signals over 100 batches; four cells, of which one has a model of its own, before that is quantized."""
    found = {work.file: work for work in works(space(inputs()), inputs())["half"]}
    models, measured = "results/s/models/t/seed0/teacher/distill-half", "results/s/measurements/t/seed0/teacher/distill-half"
    assert found[f"{models}/model.safetensors"] == Work(
        f"{models}/model.safetensors", START + (500 + 10) + 2 * (START + 100 * 0.1), alone=True
    )
    assert sorted(file for file in found if file.startswith(models)) == sorted(
        [
            *(f"{models}/{name}" for name in ("model.safetensors", "model.onnx")),
            *(f"{models}/prune-vocabulary/{name}" for name in ("model.safetensors", "model.onnx")),
            *(
                f"{models}/{links}/model.onnx"
                for links in ("quantize-int8", "prune-vocabulary/quantize-int8", "prune-vocabulary/quantize-int4")
            ),
        ]
    )
    assert len(found) == 7 + 4 * (ROUNDS + 3)
    assert found[f"{measured}/onnxruntime/quality.json"].seconds == LIGHT * START + 20 * 0.1 * 2
    assert found[f"{measured}/quantize-int8/onnxruntime/quality.json"].seconds == LIGHT * START + 20 * 0.1 * 2
    rounds = found[f"{measured}/onnxruntime/rounds/2/latency.json"]
    assert rounds == Work(rounds.file, START + MODELS * (SECONDS / ROUNDS + WARM_UP * 0.01), alone=True)


def test_jobs_of_a_cut_and_of_a_fine_tuned_teacher():
    found = {work.file: work for work in works(space(inputs()), inputs())["teacher_cut"]}
    models = "results/s/models/t/seed0/teacher/prune-neurons50"
    assert found[f"{models}/model.safetensors"].seconds == START + 2 * SENTENCES / 32 * 0.5
    assert found[f"{models}/prune-heads50/model.safetensors"].seconds == START + 1400 * 0.5 + 14 * 10 * 0.1
    taken = {work.file: work for work in works(space(inputs(BASE)), inputs(BASE))["teacher"]}
    assert taken["results/s/models/t/seed0/teacher/model.safetensors"] == Work(
        "results/s/models/t/seed0/teacher/model.safetensors", START
    )


def test_jobs_of_cuts_to_times():
    """The first has the shapes of the teacher timed; each is a training alone, of 700 updates at the size that it is cut to."""
    given = space(inputs(), SPEEDS)
    found = {name: {work.file: work.seconds for work in one} for name, one in works(given, inputs()).items()}
    shapes = "results/s/shapes/t/seed0/teacher/onnxruntime-int8-30.json"
    assert found["to6"][shapes] == START + SHAPES * (LIGHT * START + SHAPES_SECONDS)
    assert not any("/shapes/" in file for name in ("to10", "to16") for file in found[name])
    models = "results/s/models/t/seed0/teacher/prune-to6/prune-to10"
    cut = START + 700 * MATCHING * 0.5 + 7 * 10 * 0.1
    assert found["to10"][f"{models}/model.safetensors"] == pytest.approx(cut)
    hidden_states = START + 100 * 0.1
    first = found["to6"]["results/s/models/t/seed0/teacher/prune-to6/model.safetensors"]
    assert first == pytest.approx(cut + hidden_states)
    assert len([file for file in found["to10"] if file.endswith("/model.safetensors")]) == 2, "itself, and with fewer word pieces"


def test_what_runs_side_by_side_takes_a_share():
    assert total([Work("a", 10, alone=True), Work("b", 6), Work("c", 4)], cores=2) == 15
    assert total([], cores=4) == 0


def test_the_cheapest_branches_that_fit_are_kept():
    """Minutes for all but one branch: the dearest that nothing else needs goes, with its reason."""
    given, every = inputs(), space(inputs())
    jobs, fixed = works(every, given), fixed_seconds(paces(every))
    cost = {name: total(one, 2) for name, one in jobs.items()}
    assert cost["half"] < cost["half_cut"] < cost["teacher_cut"], "a recovery is longer than a distillation"
    whole = estimate(every, [], jobs, 2, fixed, None)
    assert (whole.left_out, whole.seconds) == ([], pytest.approx(fixed + sum(cost.values())))
    limit = (whole.seconds - 1) / 60
    found = estimate(every, ["before"], jobs, 2, fixed, limit)
    assert [branch.name for branch in found.branches] == ["teacher", "static", "half", "half_cut"]
    assert found.left_out[0] == "before"
    assert (
        found.left_out[1]
        == f"teacher_cut: would take about {round(cost['teacher_cut'] / 60)} min, more than is left of --minutes {limit:g}"
    )
    assert found.seconds <= 60 * limit
    first = cost["teacher"] + cost["static"]
    alone = estimate(every, [], jobs, 2, fixed, (fixed + first + cost["half"] - 1) / 60)
    assert [branch.name for branch in alone.branches] == ["teacher", "static"], "without `half` no cut of it"


def test_fewer_minutes_than_one_training_are_refused():
    every = space(inputs())
    jobs, fixed = works(every, inputs()), fixed_seconds(paces(every))
    needed = fixed + total(jobs["teacher"], 2)
    with pytest.raises(
        EdgeminError,
        match=rf"^--minutes 1: one training and its measurements take about {round(needed / 60)} min on this machine",
    ):
        estimate(every, [], jobs, 2, fixed, 1)
    assert estimate(every, [], jobs, 2, fixed, math.ceil(needed / 60)).branches[0].name == "teacher"


def test_a_fine_tuned_teacher_needs_the_cheapest_student_too():
    every = space(inputs(BASE))
    jobs = works(every, inputs(BASE))
    student = min(total(jobs[name], 2) for name in ("static", "half", "quarter", "small", "small_half"))
    enough = (total(jobs["teacher"], 2) + student) / 60
    assert len(estimate(every, [], jobs, 2, 0, enough + 0.01).branches) == 2
    with pytest.raises(EdgeminError, match=r"^--minutes"):
        estimate(every, [], jobs, 2, 0, enough - 0.01)


def test_minutes_that_leave_nothing_small_enough_are_refused():
    """At 6 MB `half` with the smaller vocabulary is enough, and it is cheaper than any cut; the teacher has 8 MB at least. Of pairs, which have no
    static student."""
    given = replace(inputs(), task={"text": ["one", "two"]})
    every = space(given)
    jobs = works(every, given)
    cost = {name: total(one, 2) for name, one in jobs.items()}
    found = estimate(every, [], jobs, 2, 7, (7 + cost["teacher"] + 1) / 60)
    assert [branch.name for branch in found.branches] == ["teacher"]
    needed = round((7 + cost["teacher"] + cost["half"]) / 60)
    with pytest.raises(
        EdgeminError, match=rf"^--minutes 3: leave no cell .* 6 MB or fewer; the quickest of those takes about {needed} min"
    ):
        check_bytes(found, every, jobs, 6, 3)
    needed = round((7 + cost["teacher"] + cost["half"] + cost["half_cut"]) / 60)
    with pytest.raises(EdgeminError, match=rf"takes about {needed} min"):
        check_bytes(found, every, jobs, 4, 3)  # only `half_cut` has so few
    check_bytes(found, every, jobs, 14, 3)
    check_bytes(estimate(every, [], jobs, 2, 7, None), every, jobs, 6, 3)


def test_what_is_there_costs_nothing():
    """As after a stop: with the jobs that are left, no minute is too few."""
    every = space(inputs())
    assert len(estimate(every, [], {branch.name: [] for branch in every}, 2, 0, 0.1).branches) == 5


def test_the_smallest_cut_is_faster_than_all_of_it():
    """Of a small encoder, in a second or two: fewer layers' work takes less time, whatever else this machine does."""
    wide = replace(
        packaged(),
        config={
            **CONFIG,
            "num_hidden_layers": 4,
            "hidden_size": 128,
            "num_attention_heads": 4,
            "intermediate_size": 1024,
            "vocab_size": 100,
        },
    )
    speeds = measure(wide, 32)
    assert speeds.smallest > speeds.whole > 0


def test_models_are_timed_in_the_sizes_that_they_will_have():
    """Parameters of the model that is timed, classifier of two classes included, are those of the arithmetic."""
    narrow = replace(
        packaged(), config={**CONFIG, "hidden_size": 48, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 100}
    )
    for sizes in (narrow.sizes, narrow.sizes.subset([1, 3]), narrow.sizes.subset([1, 3]).scaled(0.5)):
        model = random_model(narrow, sizes)
        assert sum(one.numel() for one in model.parameters()) == sizes.parameters + 2 * 48 + 2
    calls: list[int] = []
    assert repeated(lambda: calls.append(1), seconds=0) >= 0
    assert len(calls) == 3, "the first does not count, and two are the least"
