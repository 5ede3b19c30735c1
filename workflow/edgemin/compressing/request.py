"""What is asked of `edgemin compress`, checked before any file is read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.study.kind import Kind, kind_of, metric_names

BY = {"bound": "upper", "estimate": "point", "interval": "interval"}
"""`--by` -> the key `bound` of `recommend`."""
PREFER = ("latency", "bytes", "quality")
LONGEST, SHORTEST = 128, 8
"""Tokens of a text that are read by default, and the fewest that can be asked for."""
NOT_KEPT = ("cores", "dry_run")
"""Of how it is run, not of what."""


@dataclass(frozen=True)
class Request:
    """The options of one call. Raises EdgeminError for one that cannot be met whatever the data are."""

    data: str
    text: tuple[str, ...]
    label: str
    model: str | None = None
    labels: tuple[str, ...] | None = None
    """Names of the classes in the order of the model's outputs."""
    metric: str = "accuracy"
    separator: str | None = None
    quoting: bool | None = None
    """Whether quotation marks quote, of a CSV or a TSV."""
    encoding: str | None = None
    max_mb: float | None = None
    max_drop: float | None = 1.0
    """In hundredths of the metric: points of a percentage."""
    max_p90_ms: float | None = None
    by: str = "bound"
    prefer: str = "latency"
    minutes: float | None = None
    max_length: int | None = None
    """Tokens of a text that are read; None: LONGEST."""
    any_cpu: bool = False
    """Weights of seven bits, whose products saturate on no processor."""
    out: str = ""
    cores: int | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.text) <= 2 or len(set(self.text)) != len(self.text):
            raise EdgeminError(f"--text: {', '.join(self.text) or 'nothing'}; name one column, and with --pair another one")
        if self.label in self.text:
            raise EdgeminError(f"--label: '{self.label}' is the text, too; name the column of the labels")
        if self.metric not in metric_names():
            raise EdgeminError(f"--metric: '{self.metric}' is not known; known: {', '.join(metric_names())}")
        self._check_choices()
        self._check_numbers()

    def _check_choices(self) -> None:
        for name, value, known in (("--by", self.by, tuple(BY)), ("--prefer", self.prefer, PREFER)):
            if value not in known:
                raise EdgeminError(f"{name}: '{value}' is not one of {', '.join(known)}")
        if self.labels is not None and not self.kind.classes:
            raise EdgeminError(f"--labels: {self.metric} is of a number, which has no classes; leave them out")

    def _check_numbers(self) -> None:
        for name in ("max_mb", "max_p90_ms", "minutes"):
            value = getattr(self, name)
            number = value is None or isinstance(value, Real)
            if not number:
                raise EdgeminError(f"--{name.replace('_', '-')}: {value!r} is no number; give one above 0")
            if value is not None and not 0 < value < float("inf"):
                raise EdgeminError(f"--{name.replace('_', '-')}: {value:g} can be met by nothing; give a number above 0")
        for name, least, what in (("max_length", SHORTEST, "tokens"), ("cores", 1, "cores")):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and value >= least):
                raise EdgeminError(f"--{name.replace('_', '-')}: {value!r}; give a whole number of {what}, {least} or more")
        if self.max_drop is not None and not (isinstance(self.max_drop, Real) and 0 <= self.max_drop <= 100):
            raise EdgeminError(f"--max-drop: {self.max_drop!r}; give points of the metric, from 0 to 100")

    @property
    def kind(self) -> Kind:
        return kind_of({"metric": self.metric})

    @property
    def folder(self) -> Path:
        """Where everything goes."""
        return Path(self.out or Path("compressed", Path(self.data).name.partition(".")[0]))

    @property
    def name(self) -> str:
        """Of the study, made of its folder's."""
        words = re.sub(r"[^a-z0-9]+", "_", self.folder.resolve().name.lower()).strip("_")
        return words[:40] if words[:1].isalpha() else f"study_{words[:40]}".rstrip("_")

    @property
    def processors(self) -> int:
        return (
            self.cores or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else self.cores or os.cpu_count() or 1
        )

    def kept(self) -> dict[str, Any]:
        """For the folder: absolute paths, so that the same call from elsewhere is the same."""
        values = {name: value for name, value in asdict(self).items() if name not in NOT_KEPT}
        paths = {name: str(Path(values[name]).resolve()) if values[name] else None for name in ("data", "model")}
        return {
            **values,
            **paths,
            "out": str(self.folder.resolve()),
            "text": list(self.text),
            "labels": self.labels and list(self.labels),
            "any_cpu": self.any_cpu or None,  # as in folders of older versions
        }


def threads_of(request: Request) -> int:
    """Of a training: more than eight hardly help with batches of 32 short texts."""
    return min(8, request.processors)


def recommend(request: Request) -> dict[str, Any]:
    """The key `recommend` of the study."""
    limits: dict[str, Any] = {}
    if request.max_drop is not None:
        limits |= {"max_accuracy_drop": round(request.max_drop / 100, 12), "bound": BY[request.by]}
    if request.max_mb is not None:
        limits["max_bytes"] = max(1, round(request.max_mb * 1e6))
    if request.max_p90_ms is not None:
        limits["max_p90_ms"] = float(request.max_p90_ms)
    return {**limits, "prefer": request.prefer}


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of the options that are not the same."""
    return [name for name in now if before.get(name) != now[name]]
