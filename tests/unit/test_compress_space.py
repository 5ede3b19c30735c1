"""What `edgemin compress` tries and how large it is, by hand; and that each kind of study is one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from compress_by_hand import BASE, SPEEDS, inputs
from compressing import bert_folder, classes_csv, pairs_csv

from edgemin.compressing import space as spaces
from edgemin.compressing.encoder import CONFIG, packaged
from edgemin.compressing.estimate import thinned
from edgemin.compressing.inputs import look
from edgemin.compressing.request import Request
from edgemin.compressing.sizes import Sizes, StaticSizes
from edgemin.compressing.space import epochs, space, steps
from edgemin.compressing.speeds import Speeds
from edgemin.compressing.study_file import study_of, text_of
from edgemin.compressing.thinning import fewer, may_have, within_bytes
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
        (SMALL.subset([1, 3, 5]).scaled(0.5), "float", 59.66),
        (SMALL.subset([1, 3, 5]).scaled(0.5), "int8", 15.99),
        (SMALL, "int4", 16.10),
        (StaticSizes(30522, 64), "float", 8.53),
        (StaticSizes(30522, 64), "int4", 1.93),
    ],
)
def test_bytes_are_those_that_were_measured(sizes, form, measured):
    """Cells of config/quick.yaml, in MB; INT8 static, and packed. Graphs and scales of outputs, which are not counted, are about a hundredth."""
    assert sizes.bytes(form) / 1e6 == pytest.approx(measured, rel=0.015)


def test_sizes_by_hand():
    """Two layers, width 8, two heads of 4; FFN 16, and half of it; 100 tokens, 10 positions and 2 types."""
    sizes = Sizes(8, 4, (2, 2), (16, 16), 8, 100, 12)
    assert sizes.linear == 2 * (4 * 8 * 8 + 2 * 8 * 16)
    assert sizes.head == 8 * 8
    assert sizes.vectors == 2 * (3 * 8 + 16 + 6 * 8) + 2 * 8 + 8
    assert sizes.tables == 112 * 8
    half = sizes.scaled(0.5)
    assert (half.heads, half.neurons) == ((1, 1), (8, 8))
    assert half.linear == 2 * (4 * 8 * 4 + 2 * 8 * 8)
    assert sizes.with_vocabulary(40).tables == 52 * 8
    assert sizes.with_vocabulary(1000) == sizes
    assert sizes.bytes("int8") == sizes.linear + sizes.tables + 4 * (sizes.head + sizes.vectors) + 23.3 * 100
    four = 9 / 16 * sizes.linear + 3 / 4 * sizes.tables + 5 / 4 * sizes.head + 4 * sizes.vectors
    assert sizes.bytes("int4") == four + 23.3 * 100


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
        "teacher/distill-half/prune-neurons50/prune-heads50/prune-vocabulary/quantize-int8",
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
    assert found["half_cut"].trainings == (spaces.Training(SMALL.subset([1, 3, 5]).scaled(0.5), 1400, 14),)
    assert [branch.parent for branch in found.values()] == [None, "teacher", "teacher", "teacher", "half"]


def test_a_teacher_is_cut_to_times():
    """INT8 is four times as fast, the smallest model a hundred times: 0.01 of the time stays, and of the other 0.24 sixths, tenths and sixteenths
    less that. Each cut starts from the one before, and the first has the shapes timed for all; the teacher is not halved, too."""
    found = {branch.name: branch for branch in space(inputs(), SPEEDS)}
    assert list(found) == ["teacher", "static", "half", "to6", "to10", "to16", "half_cut"]
    assert [SPEEDS.kept(speedup) for speedup in (4, 100)] == [pytest.approx(1), pytest.approx(0, abs=1e-9)]
    shares = [(1 / speedup - 0.01) / 0.24 for speedup in (6, 10, 16)]
    assert [found[name].sizes for name in ("to6", "to10", "to16")] == [SMALL.scaled(share) for share in shares]
    assert found["to10"].sizes.heads == (5,) * 6
    assert [found[name].parent for name in ("to6", "to10", "to16")] == ["teacher", "to6", "to10"]
    assert [found[name].times_shapes for name in ("to6", "to10", "to16")] == [30, None, None]
    assert found["to10"].links == {
        "prune": {
            "to10": {
                "structure": "budget",
                "target": {"speedup": 10, "tokens": 30},
                "recovery": [
                    {
                        "epochs": 7,
                        "learning_rate": 1e-4,
                        "terms": [
                            {"objective": "logits", "temperature": 2},
                            {"objective": "cofi_layers", "layers": 3, "weight": 3},
                        ],
                    }
                ],
            }
        }
    }
    assert found["to10"].cells[-1].chain == "teacher/prune-to6/prune-to10/prune-vocabulary/quantize-int4"


@pytest.mark.parametrize(
    ("layers", "rows", "matched"),
    [
        (1, 3200, 1),
        (2, 3200, 2),
        (3, 3200, 3),
        (4, 3200, 4),
        (5, 3200, 1),
        (6, 3200, 3),
        (7, 3200, 1),
        (6, 43_000, 3),
        (6, 44_000, 0),
    ],
)
def test_hidden_states_are_of_layers_that_divide_the_teachers_and_of_four_gigabytes_at_most(layers, rows, matched):
    """Of a row 30 tokens, 384 values of two bytes, at three layers and the embeddings: 92,160 bytes, 43,402 times in 4 GB."""
    teacher = replace(packaged(), config={**CONFIG, "num_hidden_layers": layers})
    found = {branch.name: branch for branch in space(inputs(teacher, train=rows), SPEEDS)}
    (phase,) = found["to10"].links["prune"]["to10"]["recovery"]
    states = [{"objective": "cofi_layers", "layers": matched, "weight": 3}] if matched else []
    assert phase["terms"] == [{"objective": "logits", "temperature": 2}, *states]
    (first,), (second,) = found["to6"].trainings, found["to10"].trainings
    assert (first.signals, second.signals) == (int(matched > 0), 0)
    assert first.step == second.step == (spaces.MATCHING if matched else 1)


@pytest.mark.parametrize(
    ("speeds", "names"),
    [
        (Speeds(whole=2.0, smallest=5.0), ["teacher_cut", "half_cut"]),
        (Speeds(whole=2.0, smallest=15.0), ["to6", "half_cut"]),
        (Speeds(whole=7.0, smallest=100.0), ["to10", "to16", "half_cut"]),
    ],
)
def test_times_that_no_cut_can_have_are_not_tried(speeds, names):
    """A small encoder has little above its smallest; and what INT8 alone reaches is no cut."""
    found = space(inputs(), speeds)
    assert [branch.name for branch in found[3:]] == names
    first, *others = found[3:-1]
    assert first.times_shapes == (None if first.name == "teacher_cut" else 30)
    assert not any(branch.times_shapes for branch in others)


def test_a_cut_that_fits_brings_those_before_it():
    """`to16` with fewer word pieces has 4.3 MB, as the only one with layers; it starts from the two before. Estimates are 15 % off at most."""
    kept, left_out = within_bytes(space(inputs(), SPEEDS), 4.266 / 1.15 + 0.01)
    assert [branch.name for branch in kept] == ["teacher", "static", "to6", "to10", "to16"]
    assert left_out == ["half", "half_cut"]


def test_a_deep_teacher_is_not_cut_itself():
    assert [branch.name for branch in space(inputs(BASE), SPEEDS)] == [branch.name for branch in space(inputs(BASE))]


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


def test_only_what_may_have_so_few_bytes_is_trained():
    """At 6 MB: half a BERT-base has 42 million weights in its layers alone; `small` itself has 8 MB, but its cut less."""
    kept, left_out = within_bytes(space(inputs(BASE)), 6)
    assert [branch.name for branch in kept] == ["teacher", "static", "small", "small_half", "small_cut", "small_half_cut"]
    assert left_out == ["half", "quarter", "quarter_cut"]
    assert within_bytes(kept, None) == (kept, [])


def test_a_large_space_is_thinned_and_the_teacher_stays():
    """Five branches of four cells are 20; without the floats of students 16. Eight are 32; without a smaller vocabulary in eight bits, too, 17. And the
    static student's two, always."""
    kept, large, names = fewer(within_bytes(space(inputs(BASE)), 6)[0])
    assert sum(len(branch.cells) for branch in kept) == 16 + 2
    assert (large, names) == ([], ["small", "small_half", "small_cut", "small_half_cut"])
    every, _, names = fewer(space(inputs(BASE)))
    assert sum(len(branch.cells) for branch in every) == 8 * 2 + 1 + 2
    assert every[0].cells[0].name == "teacher"
    assert fewer(space(inputs()))[1:] == ([], [])
    assert thinned(kept, None) == (kept, [])


def test_cells_that_are_too_large_go_first():
    """At 6 MB only those with fewer word pieces, and of `small` not even these; it stays for the sake of its cut. The teacher's own stay."""
    few, lines = thinned(within_bytes(space(inputs(BASE)), 6)[0], 6)
    assert [[cell.name.removeprefix(branch.name) for cell in branch.cells] for branch in few] == [
        ["", "_int8", "_vocabulary", "_smallest"],
        ["_int4"],
        [],
        ["_smallest"],
        ["_smallest"],
        ["_vocabulary", "_smallest"],
    ]
    assert len(lines) == 1
    assert lines[0].startswith("static, small, small_int8, small_vocabulary, small_smallest, small_half, small_half_int8, ")
    assert lines[0].endswith(", small_half_cut_int8: more than 6 MB")
    assert may_have(few[3], 6)
    assert not may_have(few[2], 6)


def test_tails_that_an_encoder_does_not_allow():
    """Four bits need a width of 16 or a multiple; a vocabulary of word pieces, and more of them than texts use."""
    teacher = packaged()
    assert [len(branch.cells) for branch in space(inputs(replace(teacher, wordpiece=False)))] == [3, 2, 3, 3, 3]
    assert [len(branch.cells) for branch in space(inputs(pieces=40_000))] == [3, 2, 3, 3, 3]
    narrow = replace(teacher, config={**CONFIG, "hidden_size": 24, "num_attention_heads": 2})
    assert [len(branch.cells) for branch in space(inputs(narrow)) if branch.encoder is narrow] == [3, 1, 3, 3, 3]
    names = [[cell.name for cell in space(inputs(one))[0].cells] for one in (teacher, replace(teacher, wordpiece=False), narrow)]
    assert names == [
        ["teacher", "teacher_int8", "teacher_vocabulary", "teacher_smallest"],
        ["teacher", "teacher_int8", "teacher_int4"],
        ["teacher", "teacher_int8", "teacher_vocabulary"],
    ]


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
    text = text_of(study_of(asked, given, space(given, SPEEDS), 2), ["A line.", "Another."])
    assert text.startswith("# A line.\n# Another.\n\nstudy: out\n")
    study = parse_study(yaml.safe_load(text))
    check_chains(Plan(study), "texts")
    assert len(study.cells) == sum(len(branch.cells) for branch in space(given, SPEEDS))
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
