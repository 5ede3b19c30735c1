"""Chains that cannot work are told before any training, as far as the encoders' configs tell."""

from __future__ import annotations

import re

import pytest
from fitting import KD, PRUNED, STUDENT, TERMS, Fitting

from edgemin.core.errors import EdgeminError
from edgemin.study.heads import places


@pytest.fixture
def check(changed, tmp_path):
    return Fitting(changed, tmp_path)


def test_layers_and_heads_of_every_chain(check):
    """Four layers of four heads; two of the layers; a quarter of their eight heads goes."""
    pruned = {"layers": 2, "heads": 6}
    assert check() == {
        "teacher": {"layers": 4, "heads": 16},
        KD: {"layers": 2, "heads": 8},
        PRUNED: pruned,
        f"{PRUNED}/quantize-int8_dynamic_ort": pruned,
        f"{PRUNED}/quantize-int8_dynamic_torch": pruned,
    }


def test_a_vocabulary_that_cannot_be_cut_is_told_before_any_training(check):
    changes = {"prune.vocabulary": {"structure": "vocabulary"}, "cells.small": f"{KD}/prune-vocabulary"}
    assert check(changes)[f"{KD}/prune-vocabulary"] == {"layers": 2, "heads": 8}
    with pytest.raises(
        EdgeminError, match=r"prune\.vocabulary: structure: vocabulary cuts WordPiece tokenizers, this one is BPE"
    ):
        check(changes, tokenizer="BPE")


@pytest.mark.parametrize(
    ("family", "positions"),
    [("bert", 64), ("roberta", 62), ("mpnet", 62)],  # these two never use the first two
)
def test_inputs_must_fit_the_positions(check, family, positions):
    teacher = {"model_type": family}
    check({"tasks.snippets.max_length": positions}, teacher)
    with pytest.raises(
        EdgeminError, match=rf"^tasks.snippets.max_length: {positions + 1} tokens, but random-.* has positions for {positions};"
    ):
        check({"tasks.snippets.max_length": positions + 1}, teacher)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"distill.minilmv2.student.layers": [1, 4]},
            "distill.minilmv2.student.layers: layer 4 does not exist in its parent 'teacher', which has layers 0 to 3",
        ),
        (
            {f"{TERMS}.0.relation_heads": 5},
            "distill.minilmv2: minilmv2.relation_heads 5 does not divide both widths, student 32 and teacher 32",
        ),
        (
            {f"{TERMS}.0.teacher_layer": 4},
            "distill.minilmv2: minilmv2.teacher_layer 4 does not exist; the teacher has layers 0 to 3",
        ),
        (
            {f"{TERMS}.0.student_layer": 2},
            "distill.minilmv2: minilmv2.student_layer 2 does not exist; the student has layers 0 to 1",
        ),
        ({"prune.heads25.ratio": 0.9}, "prune.heads25: ratio 0.9 cuts 7 heads, a floor of 1 per layer allows 6"),
        ({"prune.heads25": {"ratio": 0.9, "scope": "per_layer"}}, "prune.heads25: ratio 0.9 would leave 0 of 4 heads in layer 0"),
        ({"prune.heads25.ratio": 0.01}, "prune.heads25: ratio 0.01 of 8 heads cuts none"),
        ({"prune.heads25": {"ratio": 0.5, "floor": 3}}, "prune.heads25: ratio 0.5 cuts 4 heads, a floor of 3 per layer allows 2"),
        ({"prune.heads25": {"structure": "layers", "drop": 2}}, "prune.heads25.drop: 2 of 2 layers would leave none; lower it"),
        (
            {"prune.heads25": {"structure": "layers", "part": "attention", "drop": 2}},
            "prune.heads25.drop: 2 of 2 layers would leave none; lower it",
        ),
        (
            {
                "prune.heads25": {
                    "structure": "layers",
                    "part": "attention",
                    "drop": 1,
                    "recovery": [{"terms": [{"objective": "minilmv2"}]}],
                }
            },
            "prune.heads25: minilmv2 needs attention in the last layer of student and teacher; it was dropped",
        ),
        (
            {"cells.odd": "teacher/prune-heads25/distill-minilmv2/prune-heads25/distill-minilmv2"},
            "distill.minilmv2.student.layers: layer 3 does not exist in its parent",
        ),
    ],
)
def test_a_chain_that_cannot_work_is_told_before_training(check, changes, message):
    with pytest.raises(EdgeminError) as error:
        check(changes)
    assert str(error.value).startswith(message)


def test_neurons_leave_the_heads_and_layers_take_theirs(check):
    recovery = [{"terms": [{"objective": "minilmv2", "relation_heads": 16}]}]
    ffn = {"structure": "ffn", "ratio": 0.5, "recovery": recovery}
    assert check({"prune.heads25": ffn})[PRUNED] == {"layers": 2, "heads": 8}
    layers = {"structure": "layers", "drop": 1, "recovery": recovery}
    assert check({"prune.heads25": layers})[PRUNED] == {"layers": 1, "heads": 4}
    with pytest.raises(EdgeminError, match=r"^prune.heads25: tinybert.layers is 2, but the student has 1 layers"):
        check({"prune.heads25": {**layers, "recovery": [{"terms": [{"objective": "tinybert", "layers": 2}]}]}})


def test_a_student_may_start_from_some_layers_of_its_own_source(check):
    """Three of six layers, of its own width; a layer that its source lacks is told, with the source's name."""
    source = {"num_hidden_layers": 6, "num_attention_heads": 2}
    changes = {"distill.minilmv2.student": {**STUDENT, "layers": [1, 3, 5]}}
    assert check(changes, student=source)[KD] == {"layers": 3, "heads": 6}
    with pytest.raises(EdgeminError, match="relation_heads 16 does not divide both widths, student 24 and teacher 32"):
        check({**changes, f"{TERMS}.0.relation_heads": 16}, student={**source, "hidden_size": 24})
    changes["distill.minilmv2.student"]["layers"] = [1, 6]
    with pytest.raises(
        EdgeminError, match=r"^distill.minilmv2.student.layers: layer 6 does not exist in .*, which has layers 0 to 5$"
    ):
        check(changes, student=source)


def test_what_is_not_there_yet_is_passed_over(check):
    assert check(teacher="missing") == {}
    assert check({"distill.minilmv2.student": STUDENT}, student="missing") == {"teacher": {"layers": 4, "heads": 16}}


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        (["US", "us", "other"], ["us", "US", "other"], {"US": 1, "us": 0, "other": 2}),
        (["US", "us", "other"], ["us", "US", "Other"], {"US": 1, "us": 0}),
        (["negative", "positive"], ["POSITIVE", "Negative "], {"negative": 1, "positive": 0}),
        (["good", "bad"], ["Bad", "mixed"], {"bad": 0}),
    ],
)
def test_names_are_alike_as_written_or_but_for_case_that_tells_none_apart(ours, theirs, found):
    assert places(ours, theirs) == found


FINETUNED = {"teacher": {"source": {"path": "teacher"}, "training": "none"}}


@pytest.mark.parametrize(
    ("id2label", "message"),
    [
        (None, None),
        ({"0": "LABEL_0", "1": "LABEL_1"}, None),
        ({"0": "NEGATIVE", "1": "POSITIVE"}, None),
        ({"1": "POSITIVE", "0": "NEGATIVE"}, None),
        (
            {"0": "positive", "1": "negative"},
            "tasks.snippets.label_names: negative, positive, but the model's outputs are positive, negative",
        ),
        (
            {"0": "a", "1": "b", "2": "c"},
            "teacher: the fine-tuned model has 3 outputs (a, b, c), task snippets has 2; check label_names",
        ),
    ],
)
def test_a_finetuned_teacher_must_know_the_tasks_classes(check, id2label, message):
    config = {"id2label": id2label} if id2label else {}
    if message is None:
        assert check(FINETUNED, config)["teacher"] == {"layers": 4, "heads": 16}
    else:
        with pytest.raises(EdgeminError, match=f"^{re.escape(message)}"):
            check(FINETUNED, config)


@pytest.mark.parametrize(("outputs", "fits"), [({"0": "us", "1": "US"}, True), ({"0": "US", "1": "us"}, False)])
def test_classes_that_differ_in_case_alone_have_their_order(check, outputs, fits):
    changes = {**FINETUNED, "tasks.snippets.label_names": ["us", "US"]}
    if fits:
        assert "teacher" in check(changes, {"id2label": outputs})
    else:
        message = "tasks.snippets.label_names: us, US, but the model's outputs are US, us; write them in its order"
        with pytest.raises(EdgeminError, match=f"^{re.escape(message)}$"):
            check(changes, {"id2label": outputs})


def test_names_that_the_data_gave_are_compared_too(check):
    """A study without label_names: nothing to compare until the data are prepared."""
    unnamed = FINETUNED | {"tasks.snippets.label_names": None}
    swapped = {"id2label": {"0": "positive", "1": "negative"}}
    check(unnamed, swapped)
    with pytest.raises(EdgeminError, match="write them in its order"):
        check(unnamed, swapped, names=["negative", "positive"])


@pytest.mark.parametrize(("outputs", "fits"), [(1, True), (2, False)])
def test_a_finetuned_regression_has_one_output(check, outputs, fits):
    study = FINETUNED | {"tasks.snippets.label_names": None, "tasks.snippets.metric": "pearson"}
    config = {"id2label": {str(n): f"LABEL_{n}" for n in range(outputs)}}
    if fits:
        check(study, config)
    else:
        with pytest.raises(EdgeminError, match=r"has 2 outputs .*, task snippets has one value"):
            check(study, config)


def test_every_problem_has_a_line(check):
    with pytest.raises(EdgeminError) as error:
        check({"tasks.snippets.max_length": 99, "prune.heads25.ratio": 0.9})
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["tasks.snippets.max_length", "prune.heads25"]


@pytest.mark.parametrize(
    ("variant", "exact"),
    [
        ({"ratio": 0.25}, False),
        ({"ratio": 0.25, "scope": "per_layer"}, True),
        ({"ratio": 0.5, "scope": "per_layer", "iterations": 2}, False),
        ({"structure": "ffn", "ratio": 0.5}, True),
        ({"structure": "weights", "ratio": 0.5}, True),
        ({"structure": "width", "ratio": 0.5}, True),
        ({"structure": "vocabulary"}, True),
        ({"structure": "cofi", "sparsity": 0.5}, False),
        ({"structure": "layers", "drop": 1, "strategy": "contribution"}, True),  # as many heads whichever goes
        ({"structure": "layers", "drop": 1, "strategy": "contribution", "part": "attention"}, False),
        ({"structure": "layers", "drop": 1, "part": "attention"}, True),
    ],
)
def test_what_is_known_of_heads_before_a_cut(check, variant, exact):
    """Where a score decides which layer loses heads, or training does, only the job can tell."""
    assert check.shapes({"prune.heads25": variant})[PRUNED].exact is exact
