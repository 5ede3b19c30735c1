from __future__ import annotations

import random
import shutil

import numpy as np
import pandas as pd
import pytest
from transformers import PreTrainedTokenizerFast

from edgemin.errors import EdgeminError
from edgemin.files import write_json
from edgemin.tasks.tokens import Tokenizer, load_tokenizer, pad, pieces_line_up, tokenize


@pytest.fixture(scope="module")
def tokenizer(source):
    return load_tokenizer(source)


def pieces(tokenizer, rows, max_length=16):
    return [tokenizer.pieces(example["input_ids"]) for example in tokenize(tokenizer, pd.DataFrame(rows), max_length)]


def test_words_of_the_vocabulary_are_pieces_and_others_are_spelt(tokenizer):
    """`lot` is no word of the data, but p, l, o and t are characters of it; `+` is not."""
    assert pieces(tokenizer, {"text": ["A plot felt good", "lot +"]}) == [
        ["[CLS]", "a", "plot", "felt", "good", "[SEP]"],
        ["[CLS]", "l", "##o", "##t", "[UNK]", "[SEP]"],
    ]


def test_a_pair_is_one_input_of_two_types(tokenizer):
    [example] = tokenize(tokenizer, pd.DataFrame({"text": ["a plot"], "pair": ["the end is good"]}), 16)
    assert tokenizer.pieces(example["input_ids"]) == [
        "[CLS]",
        "a",
        "plot",
        "[SEP]",
        "the",
        "end",
        "is",
        "good",
        "[SEP]",
    ]
    assert example["token_type_ids"] == [0] * 4 + [1] * 5


@pytest.mark.parametrize(("family", "types"), [("electra", True), ("bert", True), ("distilbert", False), ("mpnet", False)])
def test_a_tokenizer_of_no_class_gives_what_the_model_takes(source, tmp_path, family, types):
    """One saved as a plain PreTrainedTokenizerFast, which would leave the types of a pair out for every model."""
    kept = PreTrainedTokenizerFast.from_pretrained(source)
    kept.model_input_names = ["input_ids", "attention_mask"]
    kept.save_pretrained(tmp_path)
    write_json(tmp_path / "config.json", {"model_type": family})
    [example] = tokenize(load_tokenizer(tmp_path), pd.DataFrame({"text": ["a plot"], "pair": ["the end is good"]}), 16)
    assert ("token_type_ids" in example) == types
    if types:
        assert example["token_type_ids"] == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_long_texts_are_cut_special_tokens_included(tokenizer):
    assert pieces(tokenizer, {"text": ["a plot was really good"]}, max_length=4) == [["[CLS]", "a", "plot", "[SEP]"]]


def test_padding_by_hand():
    examples = [{"input_ids": [5, 6, 7], "token_type_ids": [0, 1, 1]}, {"input_ids": [8], "token_type_ids": [0]}]
    batch = pad(examples, pad_id=9, multiple=4)
    assert {name: values.tolist() for name, values in batch.items()} == {
        "input_ids": [[5, 6, 7, 9], [8, 9, 9, 9]],
        "token_type_ids": [[0, 1, 1, 0], [0, 0, 0, 0]],
        "attention_mask": [[1, 1, 1, 0], [1, 0, 0, 0]],
    }
    assert all(values.dtype == np.int64 for values in batch.values())


@pytest.mark.parametrize(("longest", "multiple", "length"), [(3, 1, 3), (8, 8, 8), (9, 8, 16)])
def test_length_is_the_next_multiple(longest, multiple, length):
    assert pad([{"input_ids": [1] * longest}, {"input_ids": [1]}], 0, multiple)["input_ids"].shape == (2, length)


def wordpiece(words: list[str], special: str):
    """A fast tokenizer that splits at spaces; its special tokens are written like [CLS] or like <CLS>."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, pre_tokenizers, processors

    names = {role: special.format(role) for role in ("PAD", "UNK", "CLS", "SEP")}
    vocabulary = {piece: number for number, piece in enumerate([*names.values(), *words])}
    backend = Backend(models.WordPiece(vocabulary, unk_token=names["UNK"]))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [(names[role], vocabulary[names[role]]) for role in ("CLS", "SEP")]
    backend.post_processor = processors.TemplateProcessing(single=f"{ends[0][0]} $A {ends[1][0]}", special_tokens=ends)
    backend.add_special_tokens(list(names.values()))
    return Tokenizer(backend, {"unk_token": names["UNK"], "pad_token": names["PAD"]}, token_types=False)


@pytest.mark.parametrize(
    ("other", "special", "differs"),
    [
        (["ab", "c"], "[{}]", None),
        (["c", "ab"], "<{}>", None),  # other ids and other special tokens, the same pieces
        (["a", "##b", "c"], "[{}]", "ab c"),
        (["ab"], "[{}]", "c"),  # an unknown word is not the piece
    ],
)
def test_pieces_line_up_by_text_and_role_not_by_id(other, special, differs):
    rows = pd.DataFrame({"text": ["c", "ab c"]})
    assert pieces_line_up(wordpiece(["ab", "c"], "[{}]"), wordpiece(other, special), rows, 8) == differs


def byte_level() -> PreTrainedTokenizerFast:
    """Of RoBERTa's kind: bytes, pieces with their space, two separators within a pair."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, pre_tokenizers, processors, trainers

    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator(["a plot was really good, the end felt slow"], trainer)
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), special, strict=True)
    return PreTrainedTokenizerFast(tokenizer_object=backend, sep_token="</s>", cls_token="<s>", **dict(names))


@pytest.mark.parametrize("kind", ["wordpiece", "byte-level"])
@pytest.mark.parametrize("length", [6, 64])
def test_tokens_are_those_of_transformers(source, tmp_path, kind, length):
    theirs = PreTrainedTokenizerFast.from_pretrained(source) if kind == "wordpiece" else byte_level()
    theirs.save_pretrained(tmp_path)
    ours = load_tokenizer(tmp_path)
    draw = random.Random(0)
    words = ["plot", "Good", "[SEP]", "</s>", "naïve", "語", "🙂", " ", "\t", "it's", "</s> a", "x" * 40, "[MASK]", "", "\u0301"]
    texts, pairs = ([" ".join(draw.choices(words, k=draw.randint(1, 9))) for _ in range(200)] for _ in range(2))
    for second in (None, pairs):
        encoded = theirs(texts, second, truncation=True, max_length=length, return_token_type_ids=True)
        found = tokenize(ours, pd.DataFrame({"text": texts} | ({"pair": second} if second else {})), length)
        for name in ("input_ids", "token_type_ids"):
            assert [example[name] for example in found] == encoded[name]
    assert (ours.pad_token_id, len(ours)) == (theirs.pad_token_id, len(theirs))
    assert {ours.id_of(ours.unk_token), ours.id_of(ours.mask_token)} == {theirs.unk_token_id, theirs.mask_token_id}
    assert ours.special_ids == set(theirs.all_special_ids)


@pytest.mark.parametrize("content", [None, "{"], ids=["missing", "damaged"])
def test_an_unreadable_tokenizer_is_named(source, tmp_path, content):
    folder = shutil.copytree(source, tmp_path / "copy")
    (folder / "tokenizer.json").unlink()
    if content:
        (folder / "tokenizer.json").write_text(content)
    (folder / "provenance.json").unlink()  # as a user's own folder has none
    with pytest.raises(EdgeminError, match=rf"^{folder}: .*tokenizer.json"):
        load_tokenizer(folder)
