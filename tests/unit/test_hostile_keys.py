"""Texts that differ in what an eager key would drop stay; texts that a reader would call one are dropped, and told.

Every case is drawn by hypothesis; the draws are the same on every machine.
"""

from __future__ import annotations

import unicodedata
from collections import Counter

import pandas as pd
import pytest
from hostile import cases, outcome
from hypothesis import given
from hypothesis import strategies as st

from edgemin.data import duplicates
from edgemin.data.duplicates import deduplicate, repeats
from edgemin.data.keys import keys_of, normalise
from edgemin.study.registry import KINDS

SIGNS = [
    *("", "!", "?", "...", "?!", ":)", ":(", ";-)", "<3", "C", "C++", "C#", ".NET", "F#", "$5", "€5", "5%", "-5", "+5", "1.5", "15", "@you"),
    *("👍", "👎", "👍🏻", "👍🏿", "👨‍👩‍👧", "👨👩👧", "❤", "❤\ufe0f", "🇩🇪", "🇫🇷", "1\ufe0f\u20e3", "☃", "\ufffc", "\ufffd", "\u200d", "\u200f"),
    *("कि", "की", "कु", "क", "กา", "กี", "ก่", "ก้", "كَتَبَ", "كُتِبَ", "كتب", "שָׁלוֹם", "שלום", "é", "e", "ö", "o", "ß", "ss", "²", "2", "①"),
    *("[MASK]", "<s>", "[sep]", "、", "。", "！", "？", "「a」", "a", "#a", "*a*", '"a"', "a-b", "a b", "ab", "a/b", "∀", "∃", "→", "←", "≠", "="),
]  # fmt: skip
BASES = ["so warm", "", "it is", "एक", "نص", "文"]
CASED = [
    ("US", "us"),
    ("Turkey is great", "turkey is great"),
    ("Polish", "polish"),
    ("C", "c"),
    ("MAY", "May"),
    ("É", "é"),
    ("A.", "a"),
]


def table(texts: list[str], labels: list[int], split: str = "train") -> pd.DataFrame:
    return pd.DataFrame({"id": [f"{split}-{number}" for number in range(len(texts))], "text": texts, "label": labels})


@cases(120)
@given(st.sampled_from(BASES), st.lists(st.sampled_from(SIGNS), min_size=2, max_size=12, unique=True), st.booleans())
def test_texts_that_differ_in_a_sign_stay(base, signs, held_out):
    """In training alone, and beside test; whatever their classes."""
    texts = [f"{base} {sign}".strip() or "-" for sign in signs]
    rows = {"train": table(texts, [number % 2 for number in range(len(texts))])}
    if held_out:
        rows = {"train": rows["train"][1:].reset_index(drop=True), "test": table(texts[:1], [1], "test")}
    kept, lost = deduplicate(rows)
    assert sum(lost.values()) == 0
    assert sum(map(len, kept.values())) == len(texts)
    assert len(set(map(normalise, texts))) == len(texts)


@cases(60)
@given(st.sampled_from(CASED), st.booleans(), st.booleans(), st.booleans())
def test_case_counts_where_the_classes_differ(pair, same, held_out, classes):
    """Two of one class are one; of two classes, the case is what tells them apart. A value is given away by a near text."""
    labels = [0, 0 if same else 1]
    rows = {"train": table(list(pair), labels)}
    if held_out:
        rows = {"train": table([pair[0]], labels[:1]), "test": table([pair[1]], labels[1:], "test")}
    assert sum(deduplicate(rows, classes)[1].values()) == (same or not classes)


WORDS = st.lists(
    st.sampled_from(["Café", "naïve", "Ångström", "한국어", "a", "plot!", "👍🏿", "किताब", "Ợ", "x"]), min_size=1, max_size=6
)
FORMS = st.sampled_from(["NFC", "NFD"])
SPACES = st.sampled_from([" ", "  ", "\t", "\u00a0", "\u3000", "\r\n", " \u2028 "])


@cases(80)
@given(WORDS, FORMS, FORMS, SPACES, SPACES, st.sampled_from(["", " ", "\n"]), st.booleans())
def test_texts_that_a_reader_calls_one_are_one(words, form, other, space, gap, end, differ):
    """Another form of Unicode, other white space: the same even where the labels differ. One was in test, so none is trained on."""
    one, two = unicodedata.normalize(form, space.join(words)), unicodedata.normalize(other, gap.join(words)) + end
    kept, lost = deduplicate({"train": table([two, "new"], [int(differ), 0]), "test": table([one], [0], "test")})
    assert (lost, kept["train"]["text"].tolist()) == ({"test": 0, "train": 1}, ["new"])
    kept, _ = deduplicate({"train": table([one, two], [0, int(differ)])})
    assert kept["train"]["text"].tolist() == [one]
    assert keys_of(table([one.upper() + " ."], [0])).tolist() == keys_of(table([one.upper().lower()], [0])).tolist()


LABELS = KINDS["classification"].labels()
NAMES = ["no", "yes", "may\nbe"]


@cases(120)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=24), st.lists(st.integers(0, 6), max_size=3)
)
def test_what_is_dropped_is_counted_by_class_or_refused(train, test):
    """Against a count of their own: a row goes if its text stood in test, or earlier in training."""
    rows = {"train": table([f"text {text}" for text, _ in train], [label for _, label in train])}
    if test:
        rows["test"] = table([f"text {text}" for text in test], [0] * len(test), "test")
    met, gone = set(test), Counter()
    for text, label in train:
        gone[label] += text in met
        met.add(text)
    whole = Counter(label for _, label in train)
    found, refusal = outcome(lambda: duplicates.report_of(rows, repeats(rows), LABELS, NAMES))
    spoilt = sorted(label for label in gone if 2 * gone[label] > whole[label])
    if spoilt:
        name = NAMES[spoilt[0]].replace("\n", "\\n")
        said = f"train split: class '{name}' loses {gone[spoilt[0]]} of its {whole[spoilt[0]]} rows as duplicates, since train-"
        assert refusal.startswith(said)
        assert refusal.endswith("; remove repeated texts from the files, or correct the text column")
        return
    assert refusal == ""
    counts = {NAMES[label].replace("\n", "\\n"): count for label, count in gone.items() if count}
    assert found.get("train", {}).get("classes", {}) == counts
    assert found.get("train", {}).get("rows", 0) == sum(counts.values())


def test_the_log_says_what_was_dropped(caplog):
    rows = {"train": table(["a b", "A  b", "c", "d"], [0, 0, 1, 0])}
    report = duplicates.report_of(rows, repeats(rows), LABELS, NAMES)
    example = "train-1 'A  b' is taken for train-0 'a b'"
    assert report == {"train": {"rows": 1, "of": 4, "classes": {"no": 1}, "contrary": 0, "example": example}}
    assert caplog.messages == [f"train split: 1 of 4 rows are dropped as duplicates (no: 1): {example}"]


def test_a_text_with_two_labels_is_told(caplog):
    """The first one stays; which is right only a reader can say."""
    rows = {"test": table(["e"], [1], "test"), "train": table(["a", "a", "a", "b", "e", "c", "d"], [0, 1, 0, 1, 0, 1, 0])}
    report = duplicates.report_of(rows, repeats(rows), LABELS, NAMES)
    assert (report["train"]["rows"], report["train"]["contrary"]) == (3, 2)
    assert caplog.messages[1] == "train split: 2 of these rows have another label than the one that is kept; check which is right"


@pytest.mark.parametrize("rows", [1, 1000])
def test_a_kind_without_classes_counts_rows_alone(rows):
    given_rows = {"train": table(["a"] * rows + ["b"], [0] * rows + [1])}
    report = duplicates.report_of(given_rows, repeats(given_rows, classes=False), KINDS["regression"].labels(), None)
    assert report.get("train", {}).get("rows", 0) == rows - 1


def test_no_rows_are_no_repeats():
    empty = {"train": table([], []), "test": table([], [], "test")}
    kept, lost = deduplicate(empty)
    assert (lost, list(kept["train"].columns)) == ({"test": 0, "train": 0}, ["id", "text", "label"])
