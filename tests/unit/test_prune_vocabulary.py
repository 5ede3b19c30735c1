"""Vocabulary pruning: what is kept, and that nothing changes for the texts it was kept for."""

from __future__ import annotations

import json
import random
import string

import pandas as pd
import pytest
import torch

from edgemin.encoders import checkpoint
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.prune.stage import prune
from edgemin.prune.vocabulary import kept_pieces, write_tokenizer
from edgemin.tasks import store
from edgemin.tasks.tokens import load_tokenizer, tokenize

SPEC = {
    "max_length": 16,
    "metric": "accuracy",
    "seed": 0,
    "precision": "fp32",
    "threads": 1,
    "variant": {"structure": "vocabulary"},
}


@pytest.fixture
def parent(tiny, save, source, tmp_path):
    """A model with as many embeddings as its tokenizer has pieces."""
    size = len(load_tokenizer(source))
    return save(tiny(vocab_size=size, max_position_embeddings=32), tmp_path / "model")


@pytest.fixture
def few(data, tmp_path):
    """A copy of the task whose training split has five sentences."""
    folder = tmp_path / "few"
    folder.mkdir()
    for split in ("validation", "test"):
        store.read_split(data, split).to_parquet(folder / f"{split}.parquet", index=False)
    store.read_split(data, "train").iloc[[0, 1, 30, 60, 90]].to_parquet(folder / "train.parquet", index=False)
    (folder / "data.json").write_text((data / "data.json").read_text())
    return folder


def test_covered_sentences_get_the_same_logits(parent, few, tmp_path):
    prune(parent, parent, None, [], few, tmp_path / "out", tmp_path / "scratch", SPEC)
    before, after = checkpoint.load(parent), checkpoint.load(tmp_path / "out")
    rows = store.read_split(few, "train")
    told = read_json(tmp_path / "out" / "history.json")["pruning"]
    assert told["pieces_kept"] == after.config.vocab_size == len(load_tokenizer(tmp_path / "out")) < told["pieces_before"]
    pairs = zip(*(tokenize(load_tokenizer(folder), rows, 16) for folder in (parent, tmp_path / "out")), strict=True)
    different = 0
    for one, other in pairs:
        different += one["input_ids"] != other["input_ids"]
        logits = [
            model(**{name: torch.tensor([values]) for name, values in tokens.items()}).logits
            for model, tokens in ((before, one), (after, other))
        ]
        assert torch.equal(*logits)
    assert different  # they were renumbered


def test_a_transfer_set_is_covered_too(parent, few, data, tmp_path):
    store.read_split(data, "train").to_parquet(tmp_path / "wide.parquet", index=False)
    sizes = []
    for number, transfer in enumerate((None, tmp_path / "wide.parquet")):
        out = tmp_path / f"out{number}"
        prune(parent, parent, transfer, [], few, out, tmp_path / "scratch", SPEC)
        sizes.append(checkpoint.load(out).config.vocab_size)
    assert sizes[0] < sizes[1]


def test_any_text_still_tokenizes(source, tmp_path):
    """Random words of characters that the vocabulary has: never unknown where they were not before."""
    kept = kept_pieces(source, [pd.DataFrame({"text": ["a"]})])
    write_tokenizer(source, kept, tmp_path)
    before, after = load_tokenizer(source), load_tokenizer(tmp_path)
    draw = random.Random(0)
    words = ["".join(draw.choices(string.printable + "äß語🙂\u0301", k=draw.randint(1, 12))) for _ in range(500)]
    rows = pd.DataFrame({"text": words})
    for one, other in zip(tokenize(before, rows, 64), tokenize(after, rows, 64), strict=True):
        assert max(other["input_ids"]) < len(kept)
        unknown = [tokens["input_ids"].count(tokenizer.id_of("[UNK]")) for tokenizer, tokens in ((before, one), (after, other))]
        assert unknown[0] == unknown[1]
        assert other["input_ids"][0] == after.id_of("[CLS]")
    for token in ("[CLS]", "[SEP]", "[PAD]"):
        assert after.id_of(token) == kept.index(before.id_of(token))
    assert after.pad_token_id == after.id_of("[PAD]")


def test_post_processors_of_both_kinds_are_renumbered(source, tmp_path):
    folder = tmp_path / "roberta"
    folder.mkdir()
    written = json.loads((source / "tokenizer.json").read_text())
    ids = written["model"]["vocab"]
    written["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", ids["[SEP]"]], "cls": ["[CLS]", ids["[CLS]"]]}
    (folder / "tokenizer.json").write_text(json.dumps(written))
    (folder / "tokenizer_config.json").write_text((source / "tokenizer_config.json").read_text())
    kept = kept_pieces(folder, [pd.DataFrame({"text": ["a"]})])
    write_tokenizer(folder, kept, tmp_path / "out")
    after = load_tokenizer(tmp_path / "out")
    [example] = tokenize(after, pd.DataFrame({"text": ["a"]}), 16)
    assert example["input_ids"] == [kept.index(ids[piece]) for piece in ("[CLS]", "a", "[SEP]")]


def test_other_kinds_of_tokenizer_are_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"type": "BPE"}}))
    with pytest.raises(EdgeminError, match=r"vocabulary cuts WordPiece tokenizers, .* has BPE; leave this stage out"):
        kept_pieces(tmp_path, [])
