"""The settings of a static student."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgemin.study.base import Strict

NAME = "static"
"""Of the family of static students."""


class Static(Strict):
    """A table of token vectors out of the parent's model, averaged over a text, and a small head. No layers: what tokens say together is lost."""

    vectors: Literal["outputs", "embeddings"] = "outputs"
    """What the table begins with: the parent's last hidden state of each token read alone, or its input embeddings."""
    width: Annotated[int, Field(ge=1)] = 64
    """Of the vectors: so many principal components."""
    rarity: Annotated[float, Field(ge=0)] = 1e-3
    """Vectors are weighted by a / (a + share of the token in the training texts), with this a; 0: all alike."""
    hidden: Annotated[int, Field(ge=0)] = 0
    """Width of the head's hidden layer; 0: a linear head."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of a text's tokens that are left out in training, others each time; a phase may say another."""


class StaticStudent(Strict):
    """A static student."""

    static: Static
    """A table of token vectors in the place of a transformer; see Static students."""
