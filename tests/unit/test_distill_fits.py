"""What can be said of a term before anything is trained: whether it fits teacher and student, what it reads, who chooses the epoch."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from edgemin.core.errors import EdgeminError
from edgemin.methods.schemes.int8_qat import FakeQuantTerm
from edgemin.methods.structures.cofi import MaskTerm
from edgemin.study.phases import AnyTerm
from edgemin.study.registry import KINDS, OBJECTIVES
from edgemin.study.structure import Shape
from edgemin.study.term import Term, chooses_epoch, needs_of

CLASSES, VALUES = KINDS["classification"], KINDS["regression"]
TEACHER, STUDENT = Shape((4, 4, 4, 4), 8), Shape((4, 4), 8)
REQUIRED = {"tinybert": {"layers": 2}, "cofi_layers": {"layers": 2}}
"""With what fits these two."""


def term(objective: str, **changes) -> Term:
    return TypeAdapter(AnyTerm).validate_python({"objective": objective, **REQUIRED.get(objective, {}), **changes})


def refusal(one: Term, teacher=TEACHER, student=STUDENT, kind=CLASSES) -> str | None:
    """What it says against a teacher and a student."""
    try:
        one.check(teacher, student, kind)
    except EdgeminError as error:
        return str(error)
    return None


@pytest.mark.parametrize("objective", OBJECTIVES.names())
@pytest.mark.parametrize(("teacher", "student"), [(TEACHER, STUDENT), (TEACHER, None), (None, STUDENT), (None, None)])
def test_nothing_is_said_against_what_fits_or_is_not_known_yet(objective, teacher, student):
    assert refusal(term(objective), teacher, student) is None


NO_SUCH_LAYER = "minilmv2.{0}_layer {1} does not exist; the {0} has layers 0 to {2}"
UNEVEN = "{0}.layers 3 does not divide the teacher's 4 layers evenly; choose a student whose layers do"


@pytest.mark.parametrize(
    ("one", "message", "knows"),
    [
        (term("tinybert", layers=4), "tinybert.layers is 4, but the student has 2 layers; write layers: 2", "student"),
        (term("tinybert", layers=3), UNEVEN.format("tinybert"), "teacher"),
        (term("cofi_layers", layers=3), "cofi_layers.layers is 3, but the student has 2 layers; lower it", "student"),
        (term("cofi_layers", layers=3), UNEVEN.format("cofi_layers"), "teacher"),
        (term("minilmv2", student_layer=2), NO_SUCH_LAYER.format("student", 2, 1), "student"),
        (term("minilmv2", teacher_layer=4), NO_SUCH_LAYER.format("teacher", 4, 3), "teacher"),
    ],
)
def test_layers_are_checked_as_soon_as_the_one_is_known_that_has_them(one, message, knows):
    """Also where heads were cut across layers, whose number per layer is not known: the layers are."""
    teacher, student = TEACHER if knows == "teacher" else None, STUDENT if knows == "student" else None
    assert refusal(one, teacher, student) == message
    assert refusal(one, Shape(TEACHER.heads, 8, exact=False) if teacher else None, student) == message
    assert refusal(one, None if teacher else TEACHER, None if student else STUDENT) != message


RELATIONS = "{}.relation_heads 3 does not divide both widths, student 32 and teacher 32; use auto, or a divisor of both"
MINILM = (
    "minilm needs as many attention heads in the student's last layer (3) as in the teacher's (4); use minilmv2, whose relation heads "
    "are regrouped"
)
TINYBERT = "tinybert compares attention scores head by head, but layer 1 of the student has 3 heads and the teacher's has 4; set attention: 0"
NO_ATTENTION = "{} needs attention in {} of student and teacher; it was dropped"


@pytest.mark.parametrize(
    ("one", "student", "message"),
    [
        (term("minilm"), (4, 3), MINILM),
        (term("tinybert"), (4, 3), TINYBERT),
        (term("minilmv2", relation_heads=3), (4, 4), RELATIONS.format("minilmv2")),
        (term("feature_relation", relation_heads=3), (4, 4), RELATIONS.format("feature_relation")),
        (term("minilmv2"), (4, 0), NO_ATTENTION.format("minilmv2", "the last layer")),
        (term("feature_relation"), (4, 0), NO_ATTENTION.format("feature_relation", "the last layer")),
        (term("minilmv2", student_layer=0), (0, 4), NO_ATTENTION.format("minilmv2", "the compared layers")),
    ],
)
def test_heads_are_checked_where_both_are_known_exactly(one, student, message):
    """Not where one is missing, nor where heads were cut across layers, so that only their sum is known."""
    assert refusal(one, TEACHER, Shape(student, 8)) == message
    for teacher, ours in (
        (TEACHER, Shape(student, 8, exact=False)),
        (Shape(TEACHER.heads, 8, exact=False), Shape(student, 8)),
        (None, Shape(student, 8)),
        (TEACHER, None),
    ):
        assert refusal(one, teacher, ours) is None


@pytest.mark.parametrize(
    ("teacher", "student", "wanted"),
    [((1, 4, 1, 2), (4, 2), None), ((4, 1, 2, 1), (4, 2), (0, 4, 1)), ((1, 4, 1, 3), (4, 2), (1, 2, 3))],
)
def test_tinybert_compares_the_heads_of_the_layers_that_it_maps(teacher, student, wanted):
    """Layers 0 and 1 of the student with layers 1 and 3 of the teacher; without attention no heads matter."""
    shapes = Shape(teacher, 8), Shape(student, 8)
    message = "tinybert compares attention scores head by head, but layer {} of the student has {} heads and the teacher's has {}"
    assert refusal(term("tinybert"), *shapes) == (f"{message.format(*wanted)}; set attention: 0" if wanted else None)
    assert refusal(term("tinybert", attention=0), *shapes) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "heads", "widths"),
    [
        (0, 1, 3, None),
        (0, "last", 3, "student 24 and teacher 32"),
        ("last", 1, 3, "student 16 and teacher 48"),
        ("last", 0, 16, None),
        ("last", "last", 16, None),
    ],
)
def test_relations_are_those_of_the_layers_that_are_named(ours, theirs, heads, widths):
    """The student's layers are 24 and 16 wide, the teacher's 16, 48, 16 and 32."""
    one = term("minilmv2", student_layer=ours, teacher_layer=theirs, relation_heads=heads)
    said = f"minilmv2.relation_heads {heads} does not divide both widths, {widths}; use auto, or a divisor of both"
    assert refusal(one, Shape((2, 6, 2, 4), 8), Shape((3, 2), 8)) == (said if widths else None)


def test_classes_are_preferred_where_there_are_classes():
    said = "preference: a regression has no classes to prefer; set between: examples"
    assert refusal(term("preference"), None, None, VALUES) == said
    assert refusal(term("preference", between="examples"), None, None, VALUES) is None
    assert refusal(term("preference"), None, None, CLASSES) is None


@pytest.mark.parametrize("objective", sorted(set(OBJECTIVES.names()) - {"preference"}))
def test_every_other_objective_goes_with_values_too(objective):
    assert refusal(term(objective), kind=VALUES) is None


def test_what_terms_read_is_told_once_sorted_and_logits_only_if_it_is_all():
    assert needs_of([]) == needs_of([term("labels")]) == []
    assert needs_of([term("logits"), term("preference")]) == ["logits"]
    assert needs_of([term("minilm"), term("logits"), term("minilmv2")]) == ["qkv_last", "scores_last"]


def test_validation_chooses_the_epoch_of_what_trains_predictions():
    assert chooses_epoch([term("labels")])
    assert chooses_epoch([term("tinybert"), term("logits")])
    assert not chooses_epoch([term("tinybert")])
    assert not chooses_epoch([term("minilmv2"), term("cofi_layers")])


def test_no_epoch_is_chosen_before_what_settles_has_settled():
    """However well an earlier one predicts: CoFi's masks are as sparse as asked for at the last update only."""
    assert not chooses_epoch([term("logits"), MaskTerm()])
    assert chooses_epoch([term("logits"), FakeQuantTerm()])
