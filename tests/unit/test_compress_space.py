"""What `edgemin compress` tries, how large and how long it is, by hand; and that each kind of study is one."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import yaml
from compress_by_hand import BASE, PACE, START, inputs, paces, works
from compressing import bert_folder, classes_csv, pairs_csv

from edgemin.compressing import space as spaces
from edgemin.compressing.encoder import CONFIG, packaged
from edgemin.compressing.estimate import (
    LIGHT,
    MODELS,
    ROUNDS,
    SECONDS,
    SENTENCES,
    WARM_UP,
    Work,
    check_bytes,
    estimate,
    fixed_seconds,
    seconds_of,
    thinned,
    total,
)
from edgemin.compressing.inputs import look
from edgemin.compressing.request import Request
from edgemin.compressing.sizes import Sizes, StaticSizes
from edgemin.compressing.space import epochs, fewer, space, steps, within_bytes
from edgemin.compressing.study_file import study_of, text_of
from edgemin.compressing.timing import random_model, repeated
from edgemin.core.errors import EdgeminError
from edgemin.plan.checks import check_chains
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study

SMALL = packaged().sizes


# -- sizes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "form", "measured"),
    [
        (SMALL, "float", 91.60),
        (SMALL.subset([1, 3, 5]), "float", 70.29),
        (SMALL.subset([1, 3, 5]).halved(), "float", 59.66),
        (SMALL.subset([1, 3, 5]).halved(), "int8", 15.99),
        (SMALL.subset([1, 3, 5]).halved(), "int4", 11.52),
        (StaticSizes(30522, 64), "float", 8.53),
        (StaticSizes(30522, 64), "int4", 1.93),
    ],
)
def test_bytes_are_those_that_were_measured(sizes, form, measured):
    """Cells of config/quick.yaml, in MB; INT8 static, four bits beside it. Graphs and scales, which are not counted, are below a hundredth."""
    assert sizes.bytes(form) / 1e6 == pytest.approx(measured, rel=0.01)


def test_sizes_by_hand():
    """Two layers, width 8, two heads of 4; FFN 16, and half of it; 100 tokens, 10 positions and 2 types."""
    sizes = Sizes(8, 4, (2, 2), (16, 16), 8, 100, 12)
    assert sizes.linear == 2 * (4 * 8 * 8 + 2 * 8 * 16)
    assert sizes.head == 8 * 8
    assert sizes.vectors == 2 * (3 * 8 + 16 + 6 * 8) + 2 * 8 + 8
    assert sizes.tables == 112 * 8
    half = sizes.halved()
    assert (half.heads, half.neurons) == ((1, 1), (8, 8))
    assert half.linear == 2 * (4 * 8 * 4 + 2 * 8 * 8)
    assert sizes.with_vocabulary(40).tables == 52 * 8
    assert sizes.with_vocabulary(1000) == sizes
    assert sizes.bytes("int8") == sizes.linear + sizes.tables + 4 * (sizes.head + sizes.vectors) + 23.3 * 100


# -- space ---------------------------------------------------------------------------------------------------------------


def test_epochs_give_as_many_updates():
    """100 batches an epoch: 663 updates are 7 epochs."""
    assert (steps(3200), steps(3201)) == (100, 101)
    assert (epochs(3200, 663), epochs(3200, 663, most=5), epochs(320_000, 663), epochs(320_000, 663, least=2)) == (7, 5, 1, 2)


def test_the_space_of_the_packaged_teacher():
    found = {branch.name: branch for branch in space(inputs())}
    assert list(found) == ["teacher", "static", "half", "teacher_cut", "half_cut"]
    assert sum(len(branch.cells) for branch in found.values()) == 18
    assert [cell.chain for cell in found["half_cut"].cells] == [
        "teacher/distill-half/prune-neurons50/prune-heads50",
        "teacher/distill-half/prune-neurons50/prune-heads50/quantize-int8",
        "teacher/distill-half/prune-neurons50/prune-heads50/quantize-int4",
        "teacher/distill-half/prune-neurons50/prune-heads50/prune-vocabulary/quantize-int4",
    ]
    assert found["half"].links["distill"]["half"] == {
        "student": {"layers": [1, 3, 5]},
        "phases": [
            {"epochs": 3, "learning_rate": 1e-4, "terms": [{"objective": "tinybert", "layers": 3}]},
            {"epochs": 7, "learning_rate": 1e-4, "terms": [{"objective": "logits"}]},
        ],
    }
    assert found["half"].trainings == (spaces.Training(SMALL.subset([1, 3, 5]), 1000, 10, 2),)
    assert found["half_cut"].trainings == (spaces.Training(SMALL.subset([1, 3, 5]).halved(), 1400, 14),)
    assert [branch.parent for branch in found.values()] == [None, "teacher", "teacher", "teacher", "half"]


def test_a_large_teacher_has_the_packaged_student_too():
    found = {branch.name: branch for branch in space(inputs(BASE))}
    others = ["half", "quarter", "small", "small_half", "quarter_cut", "small_cut", "small_half_cut"]
    assert list(found) == ["teacher", "static", *others]
    assert found["teacher"].trainings == ()
    assert found["quarter"].links["distill"]["quarter"]["student"] == {"layers": [3, 7, 11]}
    assert found["small_half"].links["distill"]["small_half"]["student"]["layers"] == [1, 3, 5]
    assert [term["objective"] for phase in found["small"].links["distill"]["small"]["phases"] for term in phase["terms"]] == [
        "logits"
    ]
    assert found["small_half"].sizes == SMALL.subset([1, 3, 5])


def test_at_ten_megabytes_only_what_may_have_them_is_trained():
    """Half a BERT-base has 42 million weights in its layers alone; `small` itself has 13 MB, but its cut half of that."""
    kept, left_out = within_bytes(space(inputs(BASE)), 10)
    assert [branch.name for branch in kept] == ["teacher", "static", "small", "small_half", "small_cut", "small_half_cut"]
    assert left_out == ["half", "quarter", "quarter_cut"]
    assert within_bytes(kept, None) == (kept, [])


def test_a_large_space_is_thinned_and_the_teacher_stays():
    """Five branches of four cells are 20; without the floats of students 16. Eight are 32; without four bits beside a whole vocabulary, too, 17. And the
    static student's two, always."""
    kept, names = fewer(within_bytes(space(inputs(BASE)), 10)[0])
    assert sum(len(branch.cells) for branch in kept) == 16 + 2
    assert names == ["small", "small_half", "small_cut", "small_half_cut"]
    every, names = fewer(space(inputs(BASE)))
    assert sum(len(branch.cells) for branch in every) == 8 * 2 + 1 + 2
    assert every[0].cells[0].name == "teacher"
    assert fewer(space(inputs()))[1] == []
    assert thinned(kept) == (kept, [])


def test_tails_that_an_encoder_does_not_allow():
    """Four bits need a width of 16 or a multiple; a vocabulary of word pieces, and more of them than texts use."""
    teacher = packaged()
    assert [len(branch.cells) for branch in space(inputs(replace(teacher, wordpiece=False)))] == [3, 2, 3, 3, 3]
    assert [len(branch.cells) for branch in space(inputs(pieces=40_000))] == [3, 2, 3, 3, 3]
    narrow = replace(teacher, config={**CONFIG, "hidden_size": 24, "num_attention_heads": 2})
    assert [len(branch.cells) for branch in space(inputs(narrow)) if branch.encoder is narrow] == [2, 1, 2, 2, 2]


def test_an_odd_number_of_layers_learns_predictions_alone():
    """TinyBERT's layer map needs a multiple."""
    odd = replace(packaged(), config={**CONFIG, "num_hidden_layers": 5})
    (half,) = [branch for branch in space(inputs(odd)) if branch.name == "half"]
    assert half.links["distill"]["half"] == {
        "student": {"layers": [1, 3]},
        "phases": [{"epochs": 9, "learning_rate": 1e-4, "terms": [{"objective": "logits"}]}],
    }
    one = replace(packaged(), config={**CONFIG, "num_hidden_layers": 1})
    assert [branch.name for branch in space(inputs(one))] == ["teacher", "static", "teacher_cut"]


# -- estimates -----------------------------------------------------------------------------------------------------------


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
            *(f"{models}/{links}/model.onnx" for links in ("quantize-int8", "quantize-int4", "prune-vocabulary/quantize-int4")),
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


def test_what_runs_side_by_side_takes_a_share():
    assert total([Work("a", 10, alone=True), Work("b", 6), Work("c", 4)], cores=2) == 15
    assert total([], cores=4) == 0


def test_the_cheapest_branches_that_fit_are_kept():
    """Minutes for all but one branch: the dearest that nothing else needs goes, with its reason."""
    given, every = inputs(), space(inputs())
    jobs, fixed = works(every, given), fixed_seconds(paces(every))
    cost = {name: total(one, 2) for name, one in jobs.items()}
    assert cost["half"] < cost["teacher_cut"] == cost["half_cut"], "a recovery is longer than a distillation"
    whole = estimate(every, [], jobs, 2, fixed, None)
    assert (whole.left_out, whole.seconds) == ([], pytest.approx(fixed + sum(cost.values())))
    limit = (whole.seconds - 1) / 60
    found = estimate(every, ["before"], jobs, 2, fixed, limit)
    assert [branch.name for branch in found.branches] == ["teacher", "static", "half", "teacher_cut"]
    assert found.left_out[0] == "before"
    assert (
        found.left_out[1]
        == f"half_cut: would take about {round(cost['half_cut'] / 60)} min, more than is left of --minutes {limit:g}"
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
    """At 10 MB `half` with the smaller vocabulary is enough, and it is cheaper than any cut; the teacher has 13 MB at least. Of pairs, which have no
    static student."""
    given = replace(inputs(), task={"text": ["one", "two"]})
    every = space(given)
    jobs = works(every, given)
    cost = {name: total(one, 2) for name, one in jobs.items()}
    found = estimate(every, [], jobs, 2, 7, (7 + cost["teacher"] + 1) / 60)
    assert [branch.name for branch in found.branches] == ["teacher"]
    needed = round((7 + cost["teacher"] + cost["half"]) / 60)
    with pytest.raises(
        EdgeminError, match=rf"^--minutes 3: leave no cell .* 10 MB or fewer; the quickest of those takes about {needed} min"
    ):
        check_bytes(found, every, jobs, 10, 3)
    needed = round((7 + cost["teacher"] + cost["half"] + cost["half_cut"]) / 60)
    with pytest.raises(EdgeminError, match=rf"takes about {needed} min"):
        check_bytes(found, every, jobs, 5, 3)  # only `half_cut` has so few
    check_bytes(found, every, jobs, 14, 3)
    check_bytes(estimate(every, [], jobs, 2, 7, None), every, jobs, 10, 3)


def test_what_is_there_costs_nothing():
    """As after a stop: with the jobs that are left, no minute is too few."""
    every = space(inputs())
    assert len(estimate(every, [], {branch.name: [] for branch in every}, 2, 0, 0.1).branches) == 5


def test_models_are_timed_in_the_sizes_that_they_will_have():
    """Parameters of the model that is timed, classifier of two classes included, are those of the arithmetic."""
    narrow = replace(
        packaged(), config={**CONFIG, "hidden_size": 48, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 100}
    )
    for sizes in (narrow.sizes, narrow.sizes.subset([1, 3]), narrow.sizes.subset([1, 3]).halved()):
        model = random_model(narrow, sizes)
        assert sum(one.numel() for one in model.parameters()) == sizes.parameters + 2 * 48 + 2
    calls: list[int] = []
    assert repeated(lambda: calls.append(1), seconds=0) >= 0
    assert len(calls) == 3, "the first does not count, and two are the least"


# -- studies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["binary", "three", "pairs", "regression", "model", "encoder"])
def test_the_study_of_each_kind_is_one(kind, tmp_path):
    """Read as YAML, checked as Snakemake checks it; nothing of it is unknown or unused."""
    options: dict = {"text": ("text",), "max_mb": 10, "max_drop": 3}
    if kind in ("pairs", "regression"):
        options["text"] = ("one", "two")
        data = pairs_csv(tmp_path, numbers=kind == "regression")
        options |= {"metric": "spearman", "by": "estimate"} if kind == "regression" else {}
    else:
        data = classes_csv(tmp_path, ("bad", "good") if kind == "binary" else ("bad", "good", "so"))
    if kind in ("model", "encoder"):
        labels = ("so", "bad", "good") if kind == "model" else None
        options["model"] = bert_folder(tmp_path / "bert", labels, layers=8)
    asked = Request(data=data, label="label", out=str(tmp_path / "out"), **options)
    given = look(asked)
    text = text_of(study_of(asked, given, space(given), 2), ["A line.", "Another."])
    assert text.startswith("# A line.\n# Another.\n\nstudy: out\n")
    study = parse_study(yaml.safe_load(text))
    check_chains(Plan(study), "texts")
    assert len(study.cells) == sum(len(branch.cells) for branch in space(given))
    assert set(study.default_cells()) == set(study.cells)
    assert set(study.baselines) == {"majority", "tfidf"}
    used = {str(link) for cell in study.cells for link in study.chain(cell).links}
    assert used == {f"{stage}-{name}" for stage, variants in study.variants().items() for name in variants}
    assert study.teacher.training == "none" if kind == "model" else study.teacher.training[0].epochs == 8
    assert (
        study.tasks["texts"].label_names
        == {
            "binary": ["bad", "good"],
            "three": ["bad", "good", "so"],
            "pairs": ["other", "same"],
            "regression": None,
            "model": ["so", "bad", "good"],
            "encoder": ["bad", "good", "so"],
        }[kind]
    )
    assert (study.recommend.max_bytes, study.recommend.max_accuracy_drop) == (10_000_000, 0.03)
