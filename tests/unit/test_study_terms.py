"""Terms: what they read of a teacher, and whether validation can choose among the epochs that they train."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edgemin.methods.schemes.int8_qat import FakeQuantTerm
from edgemin.methods.structures.cofi import MaskTerm
from edgemin.study.distilling import Distill
from edgemin.study.term import chooses_epoch, needs_of


@pytest.mark.parametrize(
    ("terms", "needs"),
    [
        ([{"objective": "labels"}], []),
        ([{"objective": "logits"}, {"objective": "labels"}], ["logits"]),
        ([{"objective": "preference"}], ["logits"]),
        ([{"objective": "minilmv2", "teacher_layer": 2}, {"objective": "minilmv2"}], ["qkv_2", "qkv_last"]),
        ([{"objective": "minilmv2"}, {"objective": "logits"}], ["qkv_last"]),  # which holds the logits as well
        ([{"objective": "minilm"}], ["qkv_last", "scores_last"]),
        ([{"objective": "distilbert"}], ["hidden_last"]),
        ([{"objective": "feature_relation"}], ["hidden_last", "qkv_last"]),
        ([{"objective": "cofi_layers"}], ["hidden_map4"]),
        ([{"objective": "cofi_layers", "layers": 2}, {"objective": "tinybert", "layers": 2}], ["hidden_map2", "scores_map2"]),
        ([{"objective": "tinybert", "layers": 6, "attention": 0}], ["hidden_map6"]),
        ([{"objective": "tinybert", "layers": 6, "embeddings": 0}], ["hidden_map6", "scores_map6"]),
        ([{"objective": "tinybert", "layers": 6, "embeddings": 0, "hidden": 0}], ["scores_map6"]),
    ],
)
@pytest.mark.parametrize("phases", [1, 2])
def test_needs_are_what_the_terms_read(terms, needs, phases):
    split = [{"terms": terms}] if phases == 1 else [{"terms": [term]} for term in terms]
    variant = Distill.model_validate({"student": "parent", "phases": split})
    assert needs_of([term for phase in variant.phases for term in phase.terms]) == needs


@pytest.mark.parametrize(
    ("objective", "predicts"),
    [
        ("labels", True),
        ("logits", True),
        ("distilbert", True),
        ("tinybert", False),
        ("minilm", False),
        ("minilmv2", False),
        ("feature_relation", False),
        ("preference", True),
        ("cofi_layers", False),
    ],
)
def test_a_term_says_whether_it_trains_the_predictions(objective, predicts):
    """If so, validation chooses among the epochs."""
    term = {"objective": objective, **({"layers": 2} if objective == "tinybert" else {})}
    [phase] = Distill.model_validate({"student": "parent", "phases": [{"terms": [term]}]}).phases
    assert phase.terms[0].predicts == predicts


@pytest.mark.parametrize(
    ("terms", "added", "chooses"),
    [
        (["logits"], [], True),
        (["minilmv2"], [], False),
        (["minilmv2", "labels"], [], True),
        (["logits"], [FakeQuantTerm()], True),
        (["logits"], [MaskTerm()], False),  # the masks are whole only after the last update
    ],
)
def test_validation_chooses_among_epochs_whose_predictions_are_trained_and_whole(terms, added, chooses):
    [phase] = Distill.model_validate({"student": "parent", "phases": [{"terms": [{"objective": one} for one in terms]}]}).phases
    assert chooses_epoch([*phase.terms, *added]) is chooses


@pytest.mark.parametrize("objective", ["masks", "fake_quant"])
def test_terms_that_methods_add_are_none_of_a_study(objective):
    with pytest.raises(ValidationError, match=f"'{objective}' found"):
        Distill.model_validate({"student": "parent", "phases": [{"terms": [{"objective": objective}]}]})
