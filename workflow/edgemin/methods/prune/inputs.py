"""The inputs and the result of a cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.scoring import Sample
from edgemin.study.kind import Kind
from edgemin.training import settings
from edgemin.training.data import Examples, sampled
from edgemin.training.settings import MakeTerm


@dataclass(frozen=True)
class PruneInputs:
    """The model to cut, in place, and its surroundings."""

    model: Classifier
    kind: Kind
    examples: Callable[[], Examples]
    """The training split, read only if it is asked for."""
    seed: int
    tokenizer: Path | None = None
    """Folder of the tokenizer that the model gets."""
    make_term: MakeTerm | None = None
    """For structures that train while they cut."""

    def sample(self, sentences: int, reads_data: bool = True) -> Sample:
        """Training sentences for a criterion; none if it reads none."""
        batches = sampled(self.examples(), sentences, self.seed) if reads_data else []
        return Sample(batches, self.kind.losses().loss)


@dataclass(frozen=True)
class Cut:
    """A cut that is done, or that a training is to do."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    """For the history."""
    before: Callable[[settings.TrainingInputs], Mapping[str, Any]] | None = None
    """Training that cuts, before the recovery; returns facts for the history."""
