"""Cuts and precisions that do not fit a model: each is refused by the plan exactly where the job could not make it.

Drawn by hypothesis; the oracle is the very cut that a job would make, ranked at random.
"""

from __future__ import annotations

from typing import Any

import pytest
from foreign import FAMILIES, Model, planned, shape_of
from hostile import cases, outcome
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoConfig

from edgemin.encoders import checkpoint
from edgemin.methods.prune.inputs import PruneInputs
from edgemin.study.family import family_of
from edgemin.study.registry import KINDS
from edgemin.study.variants import prune_variant

family_names = st.sampled_from(FAMILIES)
RATIOS = st.sampled_from([0.01, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.97])
SCOPES = st.sampled_from(["global", "per_layer"])
CUTS = st.one_of(
    st.fixed_dictionaries({"structure": st.just("heads"), "ratio": RATIOS, "scope": SCOPES, "floor": st.integers(1, 3)}),
    st.fixed_dictionaries(
        {"structure": st.just("ffn"), "ratio": RATIOS, "scope": SCOPES, "floor": st.sampled_from([1, 4, 8, 20, 30]),
         "multiple": st.sampled_from([1, 4, 8, 12]), "iterations": st.sampled_from([1, 1, 2])}
    ),
    st.fixed_dictionaries({"structure": st.just("width"), "ratio": RATIOS, "multiple": st.sampled_from([1, 4, 8, 16, 24])}),
    st.fixed_dictionaries({"structure": st.just("layers"), "drop": st.integers(1, 4), "part": st.sampled_from(["layer", "attention", "ffn"])}),
)  # fmt: skip


def cut_as_a_job_does(model: Model, variants: list[dict]) -> tuple[Any, str]:
    """The model after these cuts, or why one is refused."""
    built = checkpoint.build(AutoConfig.for_model(**model.config))

    def cut() -> Any:
        for variant in variants:
            prune_variant(variant).cut(PruneInputs(built, KINDS["classification"], lambda: pytest.fail("reads no data"), seed=3))
        return built

    return outcome(cut)


@cases(150)
@given(family_names, st.lists(CUTS, min_size=1, max_size=2), st.sampled_from([(8, 12), (16, 24), (24, 24), (32, 20)]))
def test_a_cut_is_planned_where_it_can_be_made(place, family, variants, sizes):
    """Never refused where the job can do it; where it cannot, refused unless only the scores decide."""
    model = Model(family, **shape_of(family, 3, 4, *sizes))
    names = [f"cut{number}" for number in range(len(variants))]
    chains = ["/".join(["teacher", *(f"prune-{name}" for name in names[:end])]) for end in range(1, len(names) + 1)]
    criterion = {key: {"criterion": "magnitude"} for key in ("heads", "ffn")}  # reads no data
    variants = [{**variant, **criterion.get(variant["structure"], {})} for variant in variants]
    prune = dict(zip(names, variants, strict=True))
    refusal = planned(model.write(place()), prune=prune, cells={"teacher": "teacher"} | dict(zip(names, chains, strict=True)))
    made, problem = cut_as_a_job_does(model, variants)
    assert not refusal or made is None, refusal
    known = len(variants) == 1 and variants[0].get("iterations", 1) == 1
    if made is None and known:
        assert refusal, problem
        assert refusal.startswith("prune.cut0")


@cases(80)
@given(family_names, st.integers(2, 20), st.sampled_from([None, 8, 16]), RATIOS, st.sampled_from([4, 8, 32]), st.booleans())
def test_four_bit_embeddings_are_planned_where_groups_divide_their_width(place, family, fours, multiple, ratio, bits, narrow):
    """Width by the config, or by the model that a cut of the width leaves."""
    width = 4 * fours
    own = {"embedding_size": 16 if narrow else width} if family == "electra" else {}
    model = Model(family, **shape_of(family, 1, 4, width, 8), **own)
    variant = {"structure": "width", "criterion": "magnitude", "ratio": ratio, "multiple": multiple} if multiple else None
    chain = "teacher/prune-narrow" if variant else "teacher"
    refusal = planned(
        model.write(place()),
        prune={"narrow": variant} if variant else {},
        quantize={"q": {"scheme": "int4", "backend": "onnxruntime", "embeddings": bits}},
        cells={"teacher": "teacher", "q": f"{chain}/quantize-q"},
    )
    made, problem = cut_as_a_job_does(model, [variant] if variant else [])
    if made is None:
        assert refusal.startswith("prune.narrow"), problem
        return
    rows = getattr(made, family_of(made.config).base).embeddings.word_embeddings.embedding_dim
    assert bool(refusal) == (bits == 4 and rows % 16 != 0), refusal
    assert (
        not refusal
        or f"quantize.q.embeddings: 4 bits need a width that is a multiple of 16, the embeddings have {rows}" in refusal
    )


def test_masks_that_are_learned_may_leave_any_width(place):
    """Only the job can tell what is left of it."""
    model = Model("bert", **shape_of("bert", 2, 4, 24, 8))
    cofi = {"structure": "cofi", "sparsity": 0.5}
    more = {
        "quantize": {"q": {"scheme": "int4", "backend": "onnxruntime"}},
        "cells": {"teacher": "teacher", "q": "teacher/prune-c/quantize-q"},
    }
    assert planned(model.write(place()), prune={"c": cofi}, **more) == ""
    assert "multiple of 16" in planned(model.write(place()), prune={"c": {**cofi, "masks": ["heads"]}}, **more)
