"""How the answers of a task are judged, for tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemin.study.kind import Kind, Scores, kind_of


@dataclass(frozen=True)
class Judge:
    """A metric and the kind of task that it is of."""

    metric: str
    kind: Kind

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Judge:
        """Of a spec with the key `metric`, and `kind` where that does not follow."""
        return cls(spec["metric"], kind_of(spec))

    @property
    def scores(self) -> Scores:
        return self.kind.scores()
