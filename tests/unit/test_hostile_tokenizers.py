"""Tokenizers that others have made, sound and spoilt: taken with their own ids, or refused by file and reason."""

from __future__ import annotations

import json

from foreign import VOCABULARY, Model, taken
from hostile import cases, spoilt
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from edgemin.data.tokenizer import load_tokenizer

TEXTS = ["a b c", "abc ABC", "Äa éb", "a\u0301b 日本", "a,b.c!", "  ab  ba ", "[MASK] a", "x y z \U0001f600"]
SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
SPLITTERS = {
    "bert": pre_tokenizers.BertPreTokenizer(),
    "whitespace": pre_tokenizers.Whitespace(),
    "spaces": pre_tokenizers.WhitespaceSplit(),
    "metaspace": pre_tokenizers.Metaspace(),
    "punctuation": pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]),
}


@st.composite
def tokenizers(draw: st.DrawFn) -> Tokenizer:
    """Of one of three models, with any normaliser, splitter and template; all within 25 ids."""
    kind = draw(st.sampled_from(["wordpiece", "unigram", "bpe"]))
    ids = {piece: number for number, piece in enumerate(VOCABULARY)}
    if kind == "wordpiece":
        model = models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=draw(st.sampled_from([3, 100])))
    elif kind == "unigram":
        model = models.Unigram([(piece, -float(number)) for number, piece in enumerate(VOCABULARY)], unk_id=1)
    else:
        model = models.BPE({**ids, "ab": len(ids) - 1} | {"##j": len(ids) - 2}, [("a", "b")], unk_token="[UNK]")
    found = Tokenizer(model)
    lower, accents = draw(st.booleans()), draw(st.sampled_from([None, True, False]))
    found.normalizer = draw(
        st.sampled_from(
            [normalizers.BertNormalizer(lowercase=lower, strip_accents=accents), normalizers.NFKC(), normalizers.NFD()]
        )
    )
    found.pre_tokenizer = SPLITTERS[draw(st.sampled_from(sorted(SPLITTERS)))]
    single, pair = draw(st.sampled_from([("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"), ("$A [SEP]", "$A [SEP] $B [SEP]")]))
    found.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    found.add_special_tokens(list(SPECIAL.values()))
    if draw(st.booleans()):
        found.enable_padding(length=12)
        found.enable_truncation(draw(st.integers(4, 8)))
    return found


def folder_of(place, tokenizer: Tokenizer, named: str | None, lower: bool | None = None):
    """A model's folder with that tokenizer. named: the class that its config names; lower: what it says of case."""
    model = Model("bert")
    said = {f"{role}_token": token for role, token in SPECIAL.items()}
    said |= {"tokenizer_class": named} if named else {}
    said |= {"do_lower_case": lower} if lower is not None else {}
    model.files = {"tokenizer.json": tokenizer.to_str().encode(), "tokenizer_config.json": json.dumps(said).encode()}
    return model.write(place())


@cases(80)
@given(
    tokenizers(),
    st.sampled_from(["PreTrainedTokenizerFast", "BertTokenizer", "BertTokenizerFast", "MPNetTokenizer", None]),
    st.sampled_from([None, True, False]),
)
def test_a_tokenizer_keeps_its_ids(place, tokenizer, named, lower):
    """Whatever class its config names. Oracle: the `tokenizers` library, on the file as it was."""
    folder = folder_of(place, tokenizer, named, lower)
    theirs = Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))
    theirs.no_padding()
    theirs.no_truncation()
    out, refusal = taken(folder)
    if refusal:
        assert refusal.startswith(str(folder)), refusal
        assert "tokenizer_class" in refusal or "cannot be loaded" in refusal
        assert named != "PreTrainedTokenizerFast", refusal  # the remedy
        return
    ours = load_tokenizer(out).backend
    for text in TEXTS:
        assert ours.encode(text).ids == theirs.encode(text).ids, (text, refusal)
        assert ours.encode(text, "b a").type_ids == theirs.encode(text, "b a").type_ids


@cases(80)
@given(tokenizers(), st.data())
def test_a_spoilt_tokenizer_is_refused_by_its_file(place, tokenizer, data):
    """Oracle: what the `tokenizers` library cannot read is refused; what it can read is taken with its own ids, or refused."""
    folder = folder_of(place, tokenizer, "PreTrainedTokenizerFast")
    file = folder / "tokenizer.json"
    if data.draw(st.booleans()):
        said, _ = data.draw(spoilt(json.loads(file.read_text(encoding="utf-8"))))
        try:
            content = json.dumps(said).encode()
        except (TypeError, ValueError):  # no JSON
            return
    else:
        whole = file.read_bytes()
        at = data.draw(st.integers(0, len(whole) - 1))
        content = whole[:at] + data.draw(st.sampled_from([b"", b"\xff" + whole[at:], whole[at + 1 :]]))
    file.write_bytes(content)
    out, refusal = taken(folder)
    try:
        theirs = Tokenizer.from_str(content.decode())
    except Exception:  # bare, in tokenizers
        assert str(folder) in refusal
        return
    if refusal:
        assert str(folder) in refusal
        assert all(line.isprintable() for line in refusal.splitlines())
        return
    theirs.no_padding()
    theirs.no_truncation()
    ours = load_tokenizer(out).backend
    for text in TEXTS:
        assert ours.encode(text).ids == theirs.encode(text).ids, text
