"""Texts as token ids on disk: what is written is what a tokenizer gives; what is read of it, and by whom."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pandas as pd
import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256, write_json
from edgemin.data import store
from edgemin.data.arrow import facts_of, read_table
from edgemin.data.tokenizing import write_tokens
from edgemin.data.tokens import Tokens, pad, pieces_line_up
from edgemin.study.registry import KINDS

WORDS = ("a", "plot", "felt", "good", "the", "end", "unheard-of", "[SEP]", "naïve", "語", "", "x" * 40)


@pytest.fixture
def written(tmp_path):
    """written(texts, folder): the file of rows and that of their tokens. pairs: second texts; names: of classes, else values."""

    def make(texts, folder, pairs=None, labels=None, names=None, max_length=16, name="rows"):
        columns = {"id": [f"{name}-{number}" for number in range(len(texts))], "text": texts}
        columns |= ({"pair": pairs} if pairs else {}) | {"label": labels or [0] * len(texts)}
        kind = KINDS["classification" if names else "regression"]
        rows, out = tmp_path / f"{name}.arrow", tmp_path / f"tokens-{name}.arrow"
        store.write_dataset(store.to_dataset(pd.DataFrame(columns), kind, names), rows, label_names=names)
        write_tokens(rows, folder, max_length, out)
        return rows, out

    return make


def drawn(count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 12))) for _ in range(count)]


@pytest.mark.parametrize("paired", [False, True])
def test_every_text_has_the_ids_that_the_tokenizer_gives_it(source, written, paired):
    """More texts than are tokenised at a time; some are cut."""
    texts, pairs = drawn(2500), drawn(2500, seed=1) if paired else None
    _, file = written(texts, source, pairs, max_length=12)
    theirs = Backend.from_file(str(source / "tokenizer.json"))
    theirs.enable_truncation(12)
    expected = theirs.encode_batch(list(zip(texts, pairs, strict=True)) if pairs else texts)
    found = Tokens.read(file, source)
    assert (len(found), found.names) == (2500, ["input_ids", "token_type_ids"])
    for index, one in enumerate(expected):
        assert {name: ids.tolist() for name, ids in found[index].items()} == {
            "input_ids": one.ids,
            "token_type_ids": one.type_ids,
        }
    assert found.lengths.tolist() == [len(one.ids) for one in expected]
    assert found.lengths.max() == 12
    assert found.flat.tolist() == [number for one in expected for number in one.ids]
    assert found.offsets.tolist() == np.cumsum([0, *found.lengths]).tolist()


def test_ids_and_labels_go_along_and_texts_do_not(source, written):
    rows, file = written(["a plot", "the end", "felt good"], source, labels=[1, None, 0], names=["no", "yes"])
    table = read_table(file)
    assert table.column_names == ["id", "label", "input_ids", "token_type_ids"]
    found = Tokens.read(file)
    assert found.column("id").tolist() == ["rows-0", "rows-1", "rows-2"]
    np.testing.assert_array_equal(found.column("label"), [1, np.nan, 0])
    assert found.label_names == ["no", "yes"]
    assert facts_of(table) == {
        "label_names": ["no", "yes"],
        "max_length": 16,
        "pad_id": 0,
        "rows": sha256(rows),
        "tokenizer": sha256(source / "tokenizer.json"),
    }


def test_values_go_along_as_they_are(source, written):
    _, file = written(["a plot", "the end"], source, labels=[0.1, None])
    assert Tokens.read(file).label_names is None
    np.testing.assert_array_equal(Tokens.read(file).column("label"), [0.1, np.nan])


def test_the_columns_of_a_file_are_its_bytes(source, written):
    """Nothing is read into memory: the ids cannot be written to."""
    _, file = written(drawn(50), source)
    found = Tokens.read(file)
    assert not found.flat.flags.writeable
    assert not found.flat.flags.owndata
    assert found.flat.dtype == np.int32


@pytest.mark.parametrize(("family", "types"), [("electra", True), ("bert", True), ("distilbert", False), ("mpnet", False)])
def test_a_tokenizer_of_no_class_gives_what_the_model_takes(source, tmp_path, written, family, types):
    """One saved as a plain PreTrainedTokenizerFast, which would leave the types of a pair out for every model."""
    kept = PreTrainedTokenizerFast.from_pretrained(source)
    kept.model_input_names = ["input_ids", "attention_mask"]
    kept.save_pretrained(tmp_path / "own")
    write_json(tmp_path / "own/config.json", {"model_type": family})
    _, file = written(["a plot"], tmp_path / "own", ["the end is good"])
    example = Tokens.read(file)[0]
    assert ("token_type_ids" in example) == types
    if types:
        assert example["token_type_ids"].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_another_tokenizers_file_is_refused(source, tmp_path, written):
    """One that differs in a single piece, too."""
    _, file = written(["a plot"], source)
    other = shutil.copytree(source, tmp_path / "other")
    text = (other / "tokenizer.json").read_text(encoding="utf-8")
    (other / "tokenizer.json").write_text(text.replace('"plot"', '"plod"'), encoding="utf-8")
    Tokens.read(file, source)
    with pytest.raises(EdgeminError) as error:
        Tokens.read(file, other)
    assert str(error.value) == f"{file}: made with another tokenizer than that of {other}; delete it and run snakemake again"


def test_damaged_rows_are_named_before_anything_is_written(source, tmp_path):
    (tmp_path / "rows.arrow").write_bytes(b"damaged")
    with pytest.raises(EdgeminError, match=rf"^{tmp_path}/rows.arrow: not readable"):
        write_tokens(tmp_path / "rows.arrow", source, 16, tmp_path / "tokens.arrow")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.arrow"]


def test_nothing_is_left_beside_the_files(source, tmp_path, written):
    """Libraries that map tables like to cache what they made."""
    written(drawn(50), source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.arrow", "tokens-rows.arrow"]


@pytest.mark.parametrize("count", [1, 7, 50, 60])
def test_the_first_texts_are_like_a_file_of_their_own(source, written, count):
    texts = drawn(50)
    whole = Tokens.read(written(texts, source)[1]).head(count)
    own = Tokens.read(written(texts[:count], source, name="own")[1])
    assert len(whole) == len(own) == min(count, 50)
    assert whole.lengths.tolist() == own.lengths.tolist()
    assert whole.flat.tolist() == own.flat.tolist()
    assert [whole[index]["input_ids"].tolist() for index in range(len(own))] == [
        own[index]["input_ids"].tolist() for index in range(len(own))
    ]
    assert whole.column("label").tolist() == own.column("label").tolist()
    assert whole.facts["tokenizer"] == own.facts["tokenizer"]


def test_a_batch_is_the_padded_examples_in_the_order_that_is_asked_for(source, written):
    found = Tokens.read(written(drawn(9), source)[1])
    batch, expected = found.batch([4, 0, 4], multiple=8), pad([found[4], found[0], found[4]], found.pad_id, multiple=8)
    assert list(batch) == list(expected) == ["input_ids", "token_type_ids", "attention_mask"]
    for name, values in batch.items():
        np.testing.assert_array_equal(values, expected[name])


def test_padding_by_hand():
    examples = [{"input_ids": [5, 6, 7], "token_type_ids": [0, 1, 1]}, {"input_ids": [8], "token_type_ids": [0]}]
    batch = pad(examples, pad_id=9, multiple=4)
    assert {name: values.tolist() for name, values in batch.items()} == {
        "input_ids": [[5, 6, 7, 9], [8, 9, 9, 9]],
        "token_type_ids": [[0, 1, 1, 0], [0, 0, 0, 0]],
        "attention_mask": [[1, 1, 1, 0], [1, 0, 0, 0]],
    }
    assert all(values.dtype == np.int64 for values in batch.values())


@pytest.mark.parametrize(
    ("longest", "multiple", "limit", "length"),
    [(3, 1, None, 3), (8, 8, None, 8), (9, 8, None, 16), (9, 8, 12, 12), (9, 8, 9, 9), (3, 8, 12, 8), (9, 8, 16, 16)],
)
def test_length_is_the_next_multiple_up_to_the_limit(longest, multiple, limit, length):
    assert pad([{"input_ids": [1] * longest}, {"input_ids": [1]}], 0, multiple, limit)["input_ids"].shape == (2, length)


def wordpiece(words: list[str], special: str, folder):
    """A folder with a tokenizer that splits at spaces; its special tokens are written like [CLS] or like <CLS>."""
    names = {role: special.format(role) for role in ("PAD", "UNK", "CLS", "SEP")}
    vocabulary = {piece: number for number, piece in enumerate([*names.values(), *words])}
    backend = Backend(models.WordPiece(vocabulary, unk_token=names["UNK"]))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [(names[role], vocabulary[names[role]]) for role in ("CLS", "SEP")]
    backend.post_processor = processors.TemplateProcessing(single=f"{ends[0][0]} $A {ends[1][0]}", special_tokens=ends)
    backend.add_special_tokens(list(names.values()))
    folder.mkdir()
    backend.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"unk_token": names["UNK"], "pad_token": names["PAD"]})
    write_json(folder / "config.json", {"model_type": "distilbert"})
    return folder


@pytest.mark.parametrize(
    ("other", "special", "differs"),
    [
        (["ab", "c"], "[{}]", None),
        (["c", "ab"], "<{}>", None),  # other ids and other special tokens, the same pieces
        (["a", "##b", "c"], "[{}]", "one-1"),
        (["ab"], "[{}]", "one-0"),  # an unknown word is not the piece
    ],
)
def test_pieces_line_up_by_text_and_role_not_by_id(written, tmp_path, other, special, differs):
    one, two = wordpiece(["ab", "c"], "[{}]", tmp_path / "a"), wordpiece(other, special, tmp_path / "b")
    (_, ours), (_, theirs) = written(["c", "ab c"], one, name="one"), written(["c", "ab c"], two, name="two")
    assert pieces_line_up(Tokens.read(ours), Tokens.read(theirs), one, two) == differs


def test_one_tokenizer_in_two_folders_lines_up_unread(written, tmp_path, source):
    """By its digest: nothing of the second folder is opened."""
    _, file = written(["a plot"], source)
    assert pieces_line_up(Tokens.read(file), Tokens.read(file), source, tmp_path / "nowhere") is None


def test_a_tokenizer_without_padding_pads_with_zero(written, tmp_path):
    folder = wordpiece(["c"], "[{}]", tmp_path / "a")
    config = read_json(folder / "tokenizer_config.json")
    write_json(folder / "tokenizer_config.json", {name: value for name, value in config.items() if name != "pad_token"})
    assert Tokens.read(written(["c"], folder)[1]).pad_id == 0
