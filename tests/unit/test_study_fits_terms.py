"""Terms that do not fit their teacher and student are told before any training."""

from __future__ import annotations

import pytest
from fitting import KD, PRUNED, STUDENT, TERMS, Fitting

from edgemin.core.errors import EdgeminError


@pytest.fixture
def check(changed, tmp_path):
    return Fitting(changed, tmp_path)


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
        assert str(error.value) == "distill.minilmv2: preference: a regression has no classes to prefer; set between: examples"


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


def test_of_several_tasks_the_one_that_a_term_does_not_fit_is_named(check):
    numbers = {"source": {"files": {"train": "n.csv"}}, "text": "text", "label": "rating", "metric": "pearson", "max_length": 32}
    changes = {f"{TERMS}.0": {"objective": "preference"}, "tasks.numbers": numbers}
    assert check(changes)[KD] == {"layers": 2, "heads": 8}
    with pytest.raises(EdgeminError) as error:
        check(changes, task="numbers")
    assert str(error.value) == (
        "distill.minilmv2: preference: a regression has no classes to prefer; set between: examples (task numbers)"
    )


@pytest.mark.parametrize(
    ("heads", "layer", "message"),
    [
        ([0], 1, None),
        (
            [0],
            0,
            "minilmv2.relation_heads 16 does not divide both widths, student 32 and teacher 8; use auto, or a divisor of both",
        ),
        ([], 1, None),
        ([], 0, "minilmv2 needs attention in the compared layers of student and teacher; it was dropped"),
    ],
)
def test_relations_are_those_of_the_layers_that_are_named(check, heads, layer, message):
    """The teacher's first and third layer have one head, or no attention at all; the others four heads of width 8."""
    teacher = {"edgemin": {"heads": [heads, [0, 1, 2, 3]] * 2, "head_dim": 8, "intermediate": [64] * 4}}
    changes = {f"{TERMS}.0": {"objective": "minilmv2", "teacher_layer": layer, "relation_heads": 16}}
    if message is None:
        assert check(changes, teacher)[KD] == {"layers": 2, "heads": 8}
    else:
        with pytest.raises(EdgeminError) as error:
            check(changes, teacher)
        assert str(error.value) == f"distill.minilmv2: {message}"


def test_terms_of_quantization_aware_training_must_fit_too(check):
    term = {"objective": "minilmv2", "student_layer": 2}
    scheme = {"scheme": "int8_qat", "backend": "onnxruntime", "learn": {"terms": [term]}}
    with pytest.raises(EdgeminError) as error:
        check({"quantize.qat": scheme, "cells.qat": f"{KD}/quantize-qat"})
    assert str(error.value) == "quantize.qat: minilmv2.student_layer 2 does not exist; the student has layers 0 to 1"
