"""Augmentation for distillation: new sentences made from the training sentences, for a teacher to label.

Tang et al. 2019, arXiv 1903.12136. Their replacement keeps the part of speech; here a word is drawn from all training words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edgemin.study.transfer import Augment

PLACEHOLDER = "\ufffc"
"""Printed in place of a masked word, for people who read the file. Programs use `Variant.masked` instead."""


class Variant(NamedTuple):
    """An augmented text, and which of its words are masked."""

    text: str
    masked: list[int]


class Augmenter:
    """Draws variants of texts: each word masked or replaced by chance, then, by chance, an n-gram of it all."""

    def __init__(self, texts: list[str], config: Augment, seed: int) -> None:
        self.config, self.random = config, np.random.default_rng(seed)
        self.words = [word for text in texts for word in text.split()]
        """With repeats: a draw from it follows the words' frequencies."""

    def __call__(self, text: str) -> Variant:
        words = text.split()
        chances = self.random.random(len(words))
        drawn = self.random.integers(0, len(self.words), len(words))
        mask, replace = self.config.mask, self.config.mask + self.config.replace
        made = [
            (PLACEHOLDER, True) if chance < mask else (self.words[index] if chance < replace else word, False)
            for word, chance, index in zip(words, chances, drawn, strict=True)
        ]
        if self.random.random() < self.config.ngram:
            length = min(int(self.random.integers(1, self.config.longest + 1)), len(made))
            start = int(self.random.integers(0, len(made) - length + 1))
            made = made[start : start + length]
        return Variant(" ".join(word for word, _ in made), [place for place, (_, hidden) in enumerate(made) if hidden])
