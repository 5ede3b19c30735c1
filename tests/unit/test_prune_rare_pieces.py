"""Rare word pieces: which stay, by hand, and that texts with the others still read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prunes import prune_into
from pydantic import ValidationError

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.core.provenance import write_provenance
from edgemin.data import store
from edgemin.data.tokenizer import load_tokenizer, tokenize
from edgemin.data.tokenizing import write_tokens
from edgemin.data.tokens import Tokens
from edgemin.encoders import checkpoint
from edgemin.methods.structures.rare_pieces.tokenizer import frequent_pieces
from edgemin.methods.structures.vocabulary.tokenizer import KEPT, kept_pieces
from edgemin.study.registry import KINDS
from edgemin.study.structure import Shape
from edgemin.study.variants import prune_variant

VARIANT = {"structure": "rare_pieces", "at_least": 3}


@pytest.fixture
def parent(tiny, save, source, tmp_path) -> Path:
    """A model with as many embeddings as its tokenizer has pieces."""
    return save(tiny(vocab_size=len(load_tokenizer(source)), max_position_embeddings=32), tmp_path / "model")


@pytest.fixture
def tokens(data, parent, tmp_path) -> Path:
    """Some training texts by that tokenizer."""
    rows = pd.DataFrame({"id": [str(number) for number in range(8)], "text": store.read_split(data, "train")["text"].iloc[:8]})
    names = ["negative", "positive"]
    store.write_dataset(store.to_dataset(rows, KINDS["classification"], names), tmp_path / "few.arrow", label_names=names)
    write_tokens(tmp_path / "few.arrow", parent, 16, tmp_path / "few-tokens.arrow")
    return tmp_path / "few-tokens.arrow"


def test_pieces_stay_that_one_file_has_often_enough(parent, tokens):
    """Two files of the same texts count no piece twice."""
    counts = np.bincount(Tokens.read(tokens, parent).flat)
    always = set(kept_pieces(parent, []))
    for least in (2, 3, 7):
        expected = sorted(always | set(np.flatnonzero(counts >= least).tolist()))
        assert frequent_pieces(parent, [tokens], least) == expected
        assert frequent_pieces(parent, [tokens, tokens], least) == expected
    kept = [len(frequent_pieces(parent, [tokens], least)) for least in (2, 3, 7)]
    assert len(kept_pieces(parent, [tokens])) > kept[0] > kept[1] > kept[2] > len(always)


def test_a_rare_word_is_read_in_smaller_pieces_and_any_other_as_before(data, parent, tokens, tmp_path):
    made = tmp_path / "tokenizer"
    made.mkdir()
    prune_variant(VARIANT).write_tokenizer(parent, [tokens], made)
    before, after, kept = load_tokenizer(parent), load_tokenizer(made), read_json(made / KEPT)
    texts = " ".join(store.read_split(data, "train")["text"].iloc[:8]).split()
    old, new = (tokenize(tokenizer, texts, None, 64) for tokenizer in (before, after))
    same = 0
    for one, other in zip(old, new, strict=True):
        if set(one["input_ids"]) <= set(kept):
            assert one["input_ids"] == [kept[number] for number in other["input_ids"]]
            same += 1
        else:
            assert len(other["input_ids"]) > len(one["input_ids"])
        assert one["input_ids"].count(before.id_of("[UNK]")) == other["input_ids"].count(after.id_of("[UNK]"))
    assert 0 < same < len(texts)


def test_the_model_keeps_the_rows_of_those_pieces(data, parent, tokens, tmp_path):
    """And its recovery trains on texts as the new tokenizer reads them."""
    made, out, folder = tmp_path / "tokenizer", tmp_path / "out", tmp_path / "new"
    made.mkdir()
    folder.mkdir()
    variant = {**VARIANT, "recovery": [{"epochs": 1, "learning_rate": 1e-9, "terms": [{"objective": "labels"}]}]}
    prune_variant(variant).write_tokenizer(parent, [tokens], made)
    shutil.copyfile(parent / "config.json", made / "config.json")
    write_provenance(made, spec={})
    for split in ("train", "validation"):
        write_tokens(data / f"{split}.arrow", made, 16, folder / f"{split}.arrow")
    prune_into(out, parent, folder, variant, tokenizer=made)
    kept, facts = read_json(made / KEPT), read_json(out / "history.json")
    rows = [checkpoint.load(where).get_input_embeddings().weight.detach() for where in (parent, out)]
    assert np.allclose(rows[0][kept], rows[1], atol=1e-6)
    assert facts["pruning"]["pieces_kept"] == len(kept) < facts["pruning"]["pieces_before"]
    assert facts["phases"][0]["updates"] > 0


def test_what_cannot_be_done_is_refused(tmp_path):
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        prune_variant({**VARIANT, "at_least": 1})
    with pytest.raises(EdgeminError, match="rare_pieces cuts WordPiece tokenizers, this one is BPE; leave it out"):
        prune_variant(VARIANT).shape(Shape(heads=(2,), head_dim=8, tokenizer="BPE"))
    write_json(tmp_path / "tokenizer.json", {"model": {"type": "BPE"}})
    with pytest.raises(EdgeminError, match=r"cuts WordPiece tokenizers, .* has BPE"):
        frequent_pieces(tmp_path, [], 2)
