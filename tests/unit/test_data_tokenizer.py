"""Tokenizers of folders: the ids that transformers gives, special tokens by role, masked words."""

from __future__ import annotations

import random
import shutil

import pytest
from transformers import MPNetTokenizerFast, PreTrainedTokenizerFast

from edgemin.core.errors import EdgeminError
from edgemin.data.tokenizer import load_tokenizer, masking, tokenize


@pytest.fixture(scope="module")
def tokenizer(source):
    return load_tokenizer(source)


def pieces(tokenizer, texts, max_length=16):
    return [tokenizer.pieces(example["input_ids"]) for example in tokenize(tokenizer, texts, None, max_length)]


def test_words_of_the_vocabulary_are_pieces_and_others_are_spelt(tokenizer):
    """`lot` is no word of the data, but p, l, o and t are characters of it; `+` is not."""
    assert pieces(tokenizer, ["A plot felt good", "lot +"]) == [
        ["[CLS]", "a", "plot", "felt", "good", "[SEP]"],
        ["[CLS]", "l", "##o", "##t", "[UNK]", "[SEP]"],
    ]


def test_a_pair_is_one_input_of_two_types(tokenizer):
    [example] = tokenize(tokenizer, ["a plot"], ["the end is good"], 16)
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


def test_long_texts_are_cut_special_tokens_included(tokenizer):
    assert pieces(tokenizer, ["a plot was really good"], max_length=4) == [["[CLS]", "a", "plot", "[SEP]"]]


def test_one_tokenizer_cuts_at_each_length_that_it_is_asked_for(tokenizer):
    """A shorter one before does not shorten the next."""
    assert [len(pieces(tokenizer, ["a plot was really good"], length)[0]) for length in (4, 16, 5)] == [4, 7, 5]


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
        found = tokenize(ours, texts, second, length)
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


def test_a_tokenizer_that_was_replaced_is_named(source, tmp_path):
    folder = shutil.copytree(source, tmp_path / "copy")
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").write_text(text.replace('"plot"', '"plod"'), encoding="utf-8")
    with pytest.raises(EdgeminError, match=rf"^{folder}/tokenizer.json: its sha256 differs from provenance.json"):
        load_tokenizer(folder)


@pytest.fixture(scope="module")
def tokenizers(source, tmp_path_factory):
    """BERT's; MPNet's over the same words; and BERT's without a mask token."""
    bert = load_tokenizer(source)
    words = sorted(set(bert.backend.get_vocab()) - {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
    specials = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
    folder = tmp_path_factory.mktemp("mpnet")
    MPNetTokenizerFast(vocab={piece: number for number, piece in enumerate([*specials, *words])}).save_pretrained(folder)
    bare = load_tokenizer(source)
    bare.mask_token = None
    return {"bert": bert, "mpnet": load_tokenizer(folder), "bare": bare}


@pytest.mark.parametrize(("name", "mask"), [("bert", "[MASK]"), ("mpnet", "<mask>"), ("bare", "[UNK]")])
def test_a_masked_word_is_the_tokenizers_own(tokenizers, name, mask):
    tokenizer = tokenizers[name]
    texts = masking(["a plot felt good", "good"], [[1], [0]], tokenizer)
    encoded = tokenize(tokenizer, texts, masking(["the end", "the end"], [[0, 1], []], tokenizer), 16)
    ends = {"[CLS]", "[SEP]", "<s>", "</s>"}
    assert [[piece for piece in tokenizer.pieces(one["input_ids"]) if piece not in ends] for one in encoded] == [
        ["a", mask, "felt", "good", mask, mask],
        [mask, "the", "end"],
    ]
