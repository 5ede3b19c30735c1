"""Numbers as people read them. How a metric is written is decided here, for tables, plots, pages and sentences alike."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from edgemin.study.kind import metric_of

MISSING = "–"


def number(value: float | None, decimals: int, signed: bool = False) -> str:
    """Ties go to the even digit, as in Python. None and NaN: `MISSING`."""
    if value is None or pd.isna(value):
        return MISSING
    return f"{value:{'+' if signed else ''}.{decimals}f}".replace("-", "−")


def three_digits(value: float) -> str:
    """`0.783`, `18.9`, `439`; from 1,000 on all digits before the point, `1341`."""
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def directed(ratio: float, above: str, below: str) -> tuple[float, str]:
    """A ratio as one of 1 or more, and the word for its direction: 0.5 of `smaller` and `larger` is 2 and `larger`."""
    return (1 / ratio, below) if ratio < 1 else (ratio, above)


@dataclass(frozen=True)
class Format:
    """How a number is written."""

    decimals: int
    factor: float = 1
    """Written = measured times this: 100 for per cent, 1e-6 for millions."""
    unit: str = ""
    """Behind the number, without a space."""
    signed: bool = False
    """With + or −, as a change."""
    least: float | None = None
    """A number below it is written as `<` and this."""

    def text(self, value: float | None, low: float | None = None, high: float | None = None) -> str:
        """`value`, or `value [low, high]` where both ends are known, of measured numbers; `MISSING` without a value."""
        if value is None or pd.isna(value):
            return MISSING
        text = self._one(value) + self.unit
        return text if pd.isna(low) or pd.isna(high) else f"{text} {self.ends(low, high)}"

    def ends(self, low: float | None, high: float | None) -> str:
        """`[low, high]`."""
        return f"[{self._one(low)}, {self._one(high)}]"

    def _one(self, value: float | None) -> str:
        scaled = None if value is None else value * self.factor
        if self.least is not None and scaled is not None and scaled < self.least:
            return f"<{number(self.least, self.decimals)}"
        return number(scaled, self.decimals, self.signed)


@dataclass(frozen=True)
class Scale:
    """How the values of a metric are written, and their differences."""

    label: str
    """With its unit, as in a table's head."""
    value: Format
    change: Format
    """Of a difference: signed."""
    size: Format
    """Of a difference whose direction is in words: without a sign."""
    points: str
    """Behind a difference in a sentence: ` points` of a percentage, else nothing."""


def scale_of(metric: str) -> Scale:
    """How a metric is written. Raises EdgeminError for an unknown one.

    A percentage has two decimals, as its differences have: accuracies of 2,000 examples are half-tenths of a point apart, and with one decimal
    88.35 becomes 88.3 or 88.4 as its last bits fall. `Metric.digits` stays as it is: digests of training and measuring cover it, so another
    number there would make every model again.
    """
    definition = metric_of(metric)
    decimals = definition.digits + 1
    value = Format(decimals if definition.unit == "share" else definition.digits, definition.factor)
    return _scale(definition.label, value, decimals, " points" if definition.factor == 100 else "")


def common_scale(metrics: pd.Series) -> Scale:
    """The scale of all rows; measured values as they are, called `quality`, where their metrics differ."""
    names = metrics.unique()
    return scale_of(names[0]) if len(names) == 1 else _scale("quality", Format(3), 4, "")


def _scale(label: str, value: Format, decimals: int, points: str) -> Scale:
    return Scale(label, value, Format(decimals, value.factor, signed=True), Format(decimals, value.factor), points)
