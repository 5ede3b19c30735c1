from __future__ import annotations

import itertools
import re

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.study.chains import Chain, Link, any_chain_regex, float_chain_regex, one_of

LONG = "teacher/distill-kd/prune-heads25/quantize-int8"


def test_a_path_and_its_chain_are_one_another():
    chain = Chain.parse(LONG)
    assert chain == Chain((Link("distill", "kd"), Link("prune", "heads25"), Link("quantize", "int8")))
    assert str(chain) == LONG


def test_prefixes_lead_from_the_root_to_the_chain():
    chain = Chain.parse(LONG)
    assert list(map(str, chain.prefixes)) == ["teacher", "teacher/distill-kd", "teacher/distill-kd/prune-heads25", LONG]
    assert chain.parent == chain.prefixes[-2]
    assert chain.last == Link("quantize", "int8")
    assert chain.quantized
    assert not chain.parent.quantized


def test_the_root_has_neither_parent_nor_last_link():
    root = Chain.parse("teacher")
    assert (root.parent, root.last, root.quantized, root.prefixes) == (None, None, False, [root])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "starts with ''; every chain starts with 'teacher'"),
        ("student/distill-kd", "starts with 'student'"),
        ("teacher/", "'' is not of the form <stage>-<variant>"),
        ("teacher/distill", "'distill' is not of the form"),
        ("teacher/teacher", "'teacher' is not of the form"),
        ("teacher/distill-", "'distill-' is not of the form"),
        ("teacher/distill-Kd", "'distill-Kd' is not of the form"),
        ("teacher/distill-2kd", "'distill-2kd' is not of the form"),
        ("teacher/distill-a-b", "'distill-a-b' is not of the form"),
        ("teacher/distill-kd\n", "'distill-kd\n' is not of the form"),
        ("teacher/tune-kd", "unknown stage 'tune'; known: distill, prune, quantize"),
        ("teacher/quantize-int8/prune-heads25", "'quantize-int8' is not last"),
        ("teacher/quantize-int8/quantize-int8", "'quantize-int8' is not last"),
    ],
)
def test_an_illegal_chain_is_told_apart(text, message):
    with pytest.raises(EdgeminError) as error:
        Chain.parse(text)
    assert str(error.value).startswith(f"chain '{text}': ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    "variants",
    [
        {"distill": ["kd", "kd2"], "prune": ["p"], "quantize": ["q"]},  # one name is the beginning of another
        {"distill": ["kd"], "prune": [], "quantize": []},
        {"quantize": ["q"]},
        {},
    ],
)
def test_regexes_match_exactly_the_legal_chains_of_the_variants(variants):
    parts = ["distill-kd", "distill-kd2", "distill-kd3", "prune-p", "quantize-q", "distill-", "tune-x", ""]
    texts = ["/".join(["teacher", *rest]) for length in range(4) for rest in itertools.product(parts, repeat=length)]
    assert len(texts) == 1 + 8 + 64 + 512

    def legal(text: str) -> bool:
        try:
            return all(link.variant in variants.get(link.stage, ()) for link in Chain.parse(text).links)
        except EdgeminError:
            return False

    matched = {text for text in texts if re.fullmatch(any_chain_regex(variants), text)}
    assert matched == {text for text in texts if legal(text)}
    floats = {text for text in texts if re.fullmatch(float_chain_regex(variants), text)}
    assert floats == {text for text in matched if not Chain.parse(text).quantized}


def test_one_of_takes_names_literally():
    assert re.fullmatch(one_of(["a.b", "c"]), "a.b")
    assert not re.fullmatch(one_of(["a.b", "c"]), "axb")
    assert not any(re.search(one_of([]), text) for text in ("", "a"))
