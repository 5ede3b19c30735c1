"""Augmented sentences: each operation alone, then by chance."""

from __future__ import annotations

from collections import Counter

import pytest

from edgemin.data.augment import PLACEHOLDER, Augmenter
from edgemin.study.transfer import Augment

TEXT = "one two three four five six seven"
OFF = {"mask": 0, "replace": 0, "ngram": 0}


def augmenter(texts=(TEXT,), seed: int = 0, **chances) -> Augmenter:
    return Augmenter(list(texts), Augment.model_validate({**OFF, **chances}), seed)


def test_augmentation_is_a_function_of_its_seed():
    chances = {"mask": 0.1, "replace": 0.1, "ngram": 0.25}
    one, again, other = ([make(TEXT) for _ in range(50)] for make in (augmenter(seed=seed, **chances) for seed in (0, 0, 1)))
    assert one == again != other


def test_without_a_chance_nothing_changes():
    make = augmenter()
    assert [make(TEXT) for _ in range(20)] == [(TEXT, [])] * 20


def test_masking_alone_masks_every_word():
    assert augmenter(mask=1)(TEXT) == (" ".join([PLACEHOLDER] * 7), list(range(7)))


def test_replacement_alone_draws_as_many_words_by_their_frequency():
    """Three of four training words are `a`: of 20,000 draws 0.75, give or take four standard deviations of 0.003."""
    make = augmenter(["a b", "a a"], replace=1)
    words = [make("x y z w").text.split() for _ in range(5000)]
    assert {len(drawn) for drawn in words} == {4}
    counts = Counter(word for drawn in words for word in drawn)
    assert set(counts) == {"a", "b"}
    assert counts["a"] / 20_000 == pytest.approx(0.75, abs=0.012)


def test_an_ngram_is_one_to_five_words_in_a_row():
    make, words = augmenter(ngram=1), TEXT.split()
    expected = {" ".join(words[start : start + n]) for n in range(1, 6) for start in range(7 - n + 1)}
    assert {make(TEXT).text for _ in range(2000)} == expected
    assert {augmenter(ngram=1, seed=seed)("one two").text for seed in range(100)} == {"one", "two", "one two"}


def test_words_and_sentences_change_as_often_as_is_said():
    """Of 20,000 words 0.2 are masked and 0.3 replaced; of 2,000 sentences half are cut. Four standard deviations each."""
    make = augmenter(["new"], mask=0.2, replace=0.3)
    counts = Counter(
        word if word in (PLACEHOLDER, "new") else "old" for _ in range(2000) for word in make(" ".join(["old"] * 10)).text.split()
    )
    assert counts[PLACEHOLDER] / 20_000 == pytest.approx(0.2, abs=0.0113)
    assert counts["new"] / 20_000 == pytest.approx(0.3, abs=0.013)
    cut = augmenter(ngram=0.5)
    assert sum(cut(TEXT).text != TEXT for _ in range(2000)) / 2000 == pytest.approx(0.5, abs=0.045)
