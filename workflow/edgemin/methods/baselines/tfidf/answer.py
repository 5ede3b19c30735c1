"""Answers from the terms, their idf and the linear model's weights: equal to scikit-learn's, without it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

import numpy as np

from edgemin.methods.floor import Answer, Fitted, Texts

_WORD = re.compile(r"\b\w\w+\b")
"""Of scikit-learn's TfidfVectorizer: two letters, digits or underscores at least."""


def answer(fitted: Fitted) -> Answer:
    """Of each text the logits: with one output and two classes, 0 for the first class."""
    index = {term: number for number, term in enumerate(fitted.values["terms"])}
    idf, weight, bias = (fitted.arrays[name].astype(np.float64) for name in ("idf", "weight", "bias"))
    longest, classes = int(fitted.values["words"]), fitted.values["classes"]
    outputs = np.ascontiguousarray(weight.reshape(len(weight), -1, len(idf)).transpose(1, 2, 0))  # (texts of a row, V, outputs)

    def run(texts: Texts) -> np.ndarray:
        logits = np.tile(bias, (len(texts["text"]), 1))
        for column, table in zip(("text", "pair"), outputs, strict=False):
            for row, text in enumerate(texts[column]):
                terms, values = tfidf(text, index, idf, longest)
                logits[row] += values @ table[terms]
        return np.hstack([np.zeros_like(logits), logits]) if classes == 2 and logits.shape[1] == 1 else logits

    return run


def tfidf(text: str, index: Mapping[str, int], idf: np.ndarray, longest: int) -> tuple[list[int], np.ndarray]:
    """The known terms of a text, and the value of each: (1 + ln count) idf, scaled to a sum of squares of 1."""
    words = _WORD.findall(text.lower())
    counts = Counter(index[word] for word in words if word in index)
    for length in range(2, longest + 1):
        for start in range(len(words) - length + 1):
            number = index.get(" ".join(words[start : start + length]))
            if number is not None:
                counts[number] += 1
    terms = list(counts)
    values = np.array([1 + math.log(count) for count in counts.values()]) * idf[terms]
    return terms, values / (math.sqrt(values @ values) or 1.0)
