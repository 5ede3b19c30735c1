"""Any text has the same ids in training, in measuring and in a bundle; no character of it stands for another.

Every case is drawn by hypothesis; the draws are the same on every machine.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile import cases
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import models, pre_tokenizers, processors, trainers

from edgemin.core.files import read_json, sha256, write_json
from edgemin.data import store
from edgemin.data.rows import to_rows
from edgemin.data.tokenizer import load_tokenizer
from edgemin.data.tokenizing import write_tokens
from edgemin.data.tokens import Tokens
from edgemin.deploy.predict import BundleError, Model
from edgemin.study.registry import KINDS
from edgemin.study.task import Task

LENGTH = 24
TASK = Task.model_validate({"source": {"files": {"train": "unused.csv"}}, "text": "text", "label": "label"})
PIECES = st.sampled_from(
    ["\ufffc", "\ufffd", "\ufeff", "\u200b", "\u200d", "\u00ad", "\0", "\x01", "\x1c", "\x1f", "\x7f", "\x85", "\u2028", "\u3000", "\u202e", "\x1b[0m",
     "[MASK]", "[SEP]", "[CLS]", "[PAD]", "[UNK]", "<s>", "</s>", "<mask>", "<pad>", "##a", "Ġ", "▁", "👍🏿", "👨‍👩‍👧", "é", "e\u0301", "שלום", "نص", "किताब",
     "a", "plot", "Good", " ", "  ", "\t", "\n", "\U00010ffff", "\U000e0001", "\ue000", "\uffff"]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(st.characters(exclude_categories=("Cs",)), max_size=6), min_size=1, max_size=12).map("".join)
REAL = TEXTS.filter(lambda text: text.strip() != "")


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory, source):
    """A folder with a tokenizer of RoBERTa's kind, to which every space matters."""
    folder = shutil.copytree(source, tmp_path_factory.mktemp("bytes") / "own")
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(["a plot was really good"], trainer)
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    (folder / "provenance.json").unlink()
    backend.save(str(folder / "tokenizer.json"))
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    write_json(folder / "tokenizer_config.json", names)
    write_json(folder / "config.json", read_json(folder / "config.json") | {"vocab_size": backend.get_vocab_size()})
    return folder


class Recorder:
    """In place of a bundle's session: keeps what the model would read."""

    def run(self, names, arrays):
        self.ids = arrays["input_ids"][0].tolist()
        return [np.zeros((1, 2), np.float32)]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, exported):
    """bundles(folder of a tokenizer, pair): a bundle with it, whose session keeps the ids."""
    made: dict = {}

    def make(folder: Path, pair: bool = False) -> Model:
        if (folder, pair) not in made:
            out = tmp_path_factory.mktemp("bundle")
            shutil.copyfile(exported / "model.onnx", out / "model.onnx")
            shutil.copyfile(folder / "tokenizer.json", out / "tokenizer.json")
            digests = {name: sha256(out / name) for name in ("model.onnx", "tokenizer.json")}
            write_json(out / "bundle.json", {"labels": ["no", "yes"], "max_length": LENGTH, "pair": pair, "sha256": digests})
            made[folder, pair] = Model(out)
            made[folder, pair].session = Recorder()
        return made[folder, pair]

    return make


def tokens_of(rows: pd.DataFrame, folder: Path, out: Path) -> list[list[int]]:
    """As training and measuring read them."""
    rows = rows.assign(id=[f"train-{number}" for number in range(len(rows))])
    store.write_dataset(store.to_dataset(rows, KINDS["regression"], None), out / "rows.arrow", label_names=None)
    write_tokens(out / "rows.arrow", folder, LENGTH, out / "tokens.arrow")
    tokens = Tokens.read(out / "tokens.arrow", folder)
    return [tokens[index]["input_ids"].tolist() for index in range(len(tokens))]


def ids_in(bundle: Model, text: str, pair: str | None = None) -> list[int]:
    bundle.logits(text, pair)
    return bundle.session.ids


@pytest.mark.parametrize("kind", ["wordpiece", "byte-level"])
@cases(20)
@given(texts=st.lists(REAL, min_size=25, max_size=30))
def test_any_text_has_the_same_ids_everywhere(tmp_path_factory, source, byte_level, bundles, kind, texts):
    """A thousand texts of all planes. The third way is the tokenizer's own, with white space collapsed."""
    folder = source if kind == "wordpiece" else byte_level
    rows, _ = to_rows(pd.DataFrame({"text": texts, "label": 0.5}), TASK.model_copy(update={"metric": "pearson"}), "x")
    found = tokens_of(rows, folder, tmp_path_factory.mktemp("tokens"))
    own = Backend.from_file(str(folder / "tokenizer.json"))
    own.enable_truncation(LENGTH)
    for text, ids in zip(texts, found, strict=True):
        assert ids == ids_in(bundles(folder), text) == own.encode(" ".join(text.split())).ids


@cases(10)
@given(texts=st.lists(st.tuples(REAL, REAL), min_size=10, max_size=15))
def test_any_pair_has_the_same_ids_everywhere(tmp_path_factory, source, bundles, texts):
    table = pd.DataFrame(texts, columns=["text", "other"]).assign(label=0.5)
    rows, _ = to_rows(table, TASK.model_copy(update={"metric": "pearson", "text": ["text", "other"]}), "x")
    found = tokens_of(rows, source, tmp_path_factory.mktemp("tokens"))
    assert found == [ids_in(bundles(source, pair=True), *pair) for pair in texts]


@cases(10)
@given(texts=st.lists(REAL, min_size=5, max_size=10), data=st.data())
def test_masked_words_are_told_by_their_places_alone(tmp_path_factory, source, texts, data):
    """Beside rows whose texts hold every sign: those stay as they are, a masked word is one mask."""
    collapsed = [" ".join(text.split()) for text in texts]
    tokenizer = load_tokenizer(source)
    places = [data.draw(st.lists(st.integers(0, len(text.split(" ")) - 1), unique=True)) for text in collapsed]
    expected = [
        " ".join("[MASK]" if place in hidden else word for place, word in enumerate(text.split(" ")))
        for text, hidden in zip(collapsed, places, strict=True)
    ]
    rows = pd.DataFrame({"text": [*collapsed, *collapsed], "label": 0.5, "masked": [*places, *([] for _ in texts)]})
    found = tokens_of(rows, source, tmp_path_factory.mktemp("tokens"))
    tokenizer.backend.enable_truncation(LENGTH)
    assert found == [tokenizer.backend.encode(text).ids for text in (*expected, *collapsed)]


@pytest.mark.parametrize("text", ["a\ud800b", "\udfff", "good \udc80 film"])
def test_half_a_character_is_refused_by_a_bundle_too(bundles, source, text):
    with pytest.raises(BundleError, match=r"^a text with half a character"):
        bundles(source).logits(text)
