"""What all settings share, and how jobs are told of them."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from edgemin.study.base import AsBefore, LocalPath, Name, Strict, spec_of


class Inner(Strict):
    size: int = 3
    smoothing: Annotated[float, AsBefore(0.0)] = 0.0


class Outer(Strict):
    inner: Inner = Inner()
    many: dict[str, Inner] = {}
    pairs: list[tuple[str, int]] = []
    share: Annotated[float | None, Field(ge=0), AsBefore(0.5)] = None


def test_a_spec_has_all_defaults_in_plain_types():
    assert spec_of(Outer(many={"a": Inner(size=4)}, pairs=[("x", 1)])) == {
        "inner": {"size": 3},
        "many": {"a": {"size": 4}},
        "pairs": [["x", 1]],
        "share": None,
    }


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Inner(), {"size": 3}),
        (Inner(smoothing=0.0), {"size": 3}),
        (Inner(smoothing=0.1), {"size": 3, "smoothing": 0.1}),
    ],
)
def test_a_later_key_is_told_only_where_it_is_not_as_before(settings, told):
    """Said or not: what counts is the value."""
    assert spec_of(settings) == told


def test_as_before_is_a_value_of_its_own_and_not_the_default():
    """A default may change later: then it is told, and what was before is not."""
    assert spec_of(Outer(share=0.5)).keys() == {"inner", "many", "pairs"}


def test_what_is_no_plain_value_is_no_spec():
    with pytest.raises(AssertionError):
        spec_of({"a": object()})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_is_infinite(value):
    with pytest.raises(ValidationError, match="finite number"):
        Inner(smoothing=value)


def test_settings_do_not_change_after_loading():
    with pytest.raises(ValidationError, match="frozen"):
        Inner().size = 4


class Named(Strict):
    name: Name
    path: LocalPath = "x"


@pytest.mark.parametrize("name", ["", "A", "2x", "a-b", "a b", "é", "x" * 101, "a\n"])
def test_names_are_lower_case_and_short(name):
    assert Named(name="x" * 100).name
    with pytest.raises(ValidationError):
        Named(name=name)


@pytest.mark.parametrize(("path", "bad"), [("a{b", "'{'"), ("a\nb", r"'\\n'"), ("a\x7f", r"'\\x7f'")])
def test_a_path_has_no_braces_and_no_control_characters(path, bad):
    assert Named(name="x", path="a b/$(c)/é.csv").path
    with pytest.raises(ValidationError, match=f"has {bad} in it"):
        Named(name="x", path=path)
