from __future__ import annotations

import re

import pytest

from edgemin.check import check_study
from edgemin.config import parse_study
from edgemin.config.pins import encoders_of
from edgemin.errors import EdgeminError
from edgemin.files import write_json

CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "hidden_size": 32,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
KD, PRUNED = "teacher/distill-minilmv2", "teacher/distill-minilmv2/prune-heads25"
TERMS = "distill.minilmv2.phases.0.terms"
STUDENT = {"source": {"path": "student"}}


@pytest.fixture
def check(changed, tmp_path):
    """check(changes, teacher={...}, student={...}): the early check of the smoke study; the dicts change the configs.

    Returns the numbers of layers and heads of every chain."""

    def run(changes=None, teacher=None, student=None, names=None, tokenizer="WordPiece") -> dict:
        study = parse_study(changed(changes))
        folders = {name: tmp_path / name for name in encoders_of(study)}  # the teacher's first
        for folder, config in zip(folders.values(), (teacher, student), strict=False):
            if config != "missing":
                write_json(folder / "config.json", {**CONFIG, **(config or {})})
                write_json(folder / "tokenizer.json", {"model": {"type": tokenizer}})
        found = check_study(study, "snippets", folders, names)
        return {chain: {"layers": len(shape.heads), "heads": sum(shape.heads)} for chain, shape in found.items()}

    return run


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


@pytest.mark.parametrize(
    ("term", "message"),
    [
        (
            {"objective": "tinybert", "layers": 4},
            "tinybert.layers is 4, but the student has 2 layers; write layers: 2",
        ),
        ({"objective": "tinybert", "layers": 1}, "tinybert.layers is 1, but the student has 2 layers; write layers: 2"),
        ({"objective": "cofi_layers"}, "cofi_layers.layers is 4, but the student has 2 layers; lower it"),
        (
            {"objective": "feature_relation", "relation_heads": 5},
            "feature_relation.relation_heads 5 does not divide both widths, student 32 and teacher 32; use auto, or a divisor of both",
        ),
    ],
)
def test_a_term_must_fit_the_student(check, term, message):
    """Two of the teacher's four layers, four heads of width 8."""
    with pytest.raises(EdgeminError) as error:
        check({f"{TERMS}.0": term})
    assert str(error.value) == f"distill.minilmv2: {message}"


@pytest.mark.parametrize(("objective", "layers"), [("tinybert", 2), ("tinybert", 3), ("cofi_layers", 2), ("cofi_layers", 3)])
def test_a_layer_map_must_be_even(check, objective, layers):
    """Two of four layers go by twos; three do not go."""
    changes = {f"{TERMS}.0": {"objective": objective, "layers": layers}, "distill.minilmv2.student.layers": list(range(layers))}
    if layers == 2:
        assert check(changes)[KD] == {"layers": 2, "heads": 8}
    else:
        with pytest.raises(EdgeminError) as error:
            check(changes)
        assert str(error.value) == (
            f"distill.minilmv2: {objective}.layers 3 does not divide the teacher's 4 layers evenly; "
            "choose a student whose layers do"
        )


MINILM_NEEDS = (
    "minilm needs as many attention heads in the student's last layer (2) as in the teacher's (4); use minilmv2, "
    "whose relation heads are regrouped"
)
TINYBERT_NEEDS = "tinybert compares attention scores head by head, but layer 0 of the student has 2 heads and the teacher's has 4; set attention: 0"


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ({"objective": "minilm"}, MINILM_NEEDS),
        ({"objective": "tinybert", "layers": 4}, TINYBERT_NEEDS),
        ({"objective": "tinybert", "layers": 4, "attention": 0}, None),
        ({"objective": "minilmv2"}, None),
        ({"objective": "feature_relation"}, None),
        ({"objective": "cofi_layers"}, None),
        ({"objective": "distilbert"}, None),
    ],
)
def test_heads_are_compared_one_by_one_only_where_they_are_as_many(check, term, message):
    """A student of its own with two heads in each of four layers."""
    changes = {"distill.minilmv2.student": STUDENT, f"{TERMS}.0": term}
    if message is None:
        assert check(changes, student={"num_attention_heads": 2})[KD] == {"layers": 4, "heads": 8}
        return
    with pytest.raises(EdgeminError) as error:
        check(changes, student={"num_attention_heads": 2})
    assert str(error.value) == f"distill.minilmv2: {message}"


@pytest.mark.parametrize(
    ("layers", "message"), [([1, 3], None), ([0, 3], "layer 0 of the student has 1 heads and the teacher's has 4")]
)
def test_heads_of_the_layers_that_are_mapped_are_compared(check, layers, message):
    """The teacher's layers have 1, 4, 1 and 4 heads; a student of two layers is mapped on the layers 1 and 3."""
    teacher = {"edgemin": {"heads": [[0], [0, 1, 2, 3]] * 2, "head_dim": 8, "intermediate": [64] * 4}}
    changes = {f"{TERMS}.0": {"objective": "tinybert", "layers": 2}, "distill.minilmv2.student.layers": layers}
    if message is None:
        assert check(changes, teacher)[KD] == {"layers": 2, "heads": 8}
    else:
        with pytest.raises(EdgeminError, match=f"^distill.minilmv2: tinybert .*, but {message}; set attention: 0"):
            check(changes, teacher)


def test_neurons_leave_the_heads_and_layers_take_theirs(check):
    recovery = [{"terms": [{"objective": "minilmv2", "relation_heads": 16}]}]
    ffn = {"structure": "ffn", "ratio": 0.5, "recovery": recovery}
    assert check({"prune.heads25": ffn})[PRUNED] == {"layers": 2, "heads": 8}
    layers = {"structure": "layers", "drop": 1, "recovery": recovery}
    assert check({"prune.heads25": layers})[PRUNED] == {"layers": 1, "heads": 4}
    with pytest.raises(EdgeminError, match=r"^prune.heads25: tinybert.layers is 2, but the student has 1 layers"):
        check({"prune.heads25": {**layers, "recovery": [{"terms": [{"objective": "tinybert", "layers": 2}]}]}})


def test_heads_that_are_not_known_yet_are_left_to_the_job(check):
    """Cut across layers: which layer keeps how many is known after training only."""
    recovery = [{"terms": [{"objective": "tinybert", "layers": 2}]}]
    assert check({"prune.heads25": {"ratio": 0.25, "recovery": recovery}})[PRUNED] == {"layers": 2, "heads": 6}
    with pytest.raises(EdgeminError, match=r"^prune.heads25: tinybert .* the student has 3 heads and the teacher's has 4"):
        check({"prune.heads25": {"ratio": 0.25, "scope": "per_layer", "recovery": recovery}})


@pytest.mark.parametrize(
    ("between", "metric", "fits"), [("classes", "pearson", False), ("examples", "pearson", True), ("classes", "accuracy", True)]
)
def test_a_regression_has_no_classes_to_prefer(check, between, metric, fits):
    changes = {f"{TERMS}.0": {"objective": "preference", "between": between}, "tasks.snippets.metric": metric}
    if metric == "pearson":
        changes["tasks.snippets.label_names"] = None
    if fits:
        assert check(changes)[KD] == {"layers": 2, "heads": 8}
    else:
        with pytest.raises(EdgeminError) as error:
            check(changes)
        assert str(error.value) == (
            "distill.minilmv2: preference: task snippets is a regression, without classes to prefer; set between: examples"
        )


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


@pytest.mark.parametrize(("heads", "fits"), [("auto", True), (24, True), (48, False)])
def test_relation_heads_must_divide_both_widths(check, heads, fits):
    """768 and 312, as for BERT and TinyBERT."""
    changes = {"distill.minilmv2.student": STUDENT, f"{TERMS}.0.relation_heads": heads}
    shapes = {
        "teacher": {"hidden_size": 768, "num_attention_heads": 12},
        "student": {"hidden_size": 312, "num_attention_heads": 12},
    }
    if fits:
        assert check(changes, **shapes)[KD] == {"layers": 4, "heads": 48}
    else:
        with pytest.raises(
            EdgeminError, match="relation_heads 48 does not divide both widths, student 312 and teacher 768; use auto"
        ):
            check(changes, **shapes)


def test_widths_after_pruning_within_layers_are_known(check):
    """A quarter per layer leaves 3 heads of 8, so a width of 24, which 16 relation heads do not divide."""
    prune = {"ratio": 0.25, "scope": "per_layer", "recovery": [{"terms": [{"objective": "minilmv2", "relation_heads": 16}]}]}
    with pytest.raises(
        EdgeminError, match=r"prune.heads25: minilmv2.relation_heads 16 does not divide both widths, student 24 and teacher 32"
    ):
        check({"prune.heads25": prune})
    assert check({"prune.heads25": {**prune, "scope": "global"}})[PRUNED]["heads"] == 6  # not known before


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
