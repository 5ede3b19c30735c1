"""A training's curves as SVG: a panel for each phase."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edgemin.cli.watching.training import Phase, Points, Training

WIDTH, LOSS, METRIC, GAP, LEFT, BELOW = 250, 84, 44, 14, 46, 16
"""Pixels: of a panel, heights of the loss and of the metric, between them, and for the numbers beside and below."""
PAD = 4
"""Of a curve within its frame."""


def figure(name: str, state: str, training: Training) -> str:
    """HTML of a training: its name, where it is, a panel for each phase."""
    panels = "".join(map(panel, training.phases)) or "<p class=quiet>no epoch is saved yet</p>"
    where = f"<p>{escape(str(training))}</p>" if training.now else ""
    return f'<figure class="{state}"><figcaption>{escape(name)}</figcaption>{where}<div class=panels>{panels}</div></figure>'


def panel(phase: Phase) -> str:
    """One phase: the loss, and below it the metric where there is one."""
    parts = [_axis(phase.losses, 0, LOSS, phase.steps, "loss")]
    height = LOSS
    if phase.validation:
        parts.append(_axis(phase.validation, LOSS + GAP, METRIC, phase.steps, "metric"))
        height += GAP + METRIC
    title = f"{phase.name}: {_words(phase.losses, 'loss')}{_words(phase.validation, '; validation')}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {height + BELOW + 14}" width="{WIDTH}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title><text x=0 y=10 class=name>{escape(phase.name)}</text>"
        f'<g transform="translate(0 14)">{"".join(parts)}<text x="{WIDTH}" y="{height + 12}" class=end>{phase.steps} steps</text></g></svg>'
    )


def _axis(points: Points, top: int, height: int, steps: int, kind: str) -> str:
    """Curve and its least and greatest value."""
    frame = f'<path class=frame d="M{LEFT} {top}V{top + height}H{WIDTH}"/>'
    if not points:
        return frame
    values = [value for _, value in points]
    low, high = min(values), max(values)
    scale = (height - 2 * PAD) / (high - low) if high > low else 0.0
    places = [
        (
            LEFT + (WIDTH - LEFT - PAD) * step / max(1, steps),
            top + height - PAD - (value - low) * scale if scale else top + height / 2,
        )
        for step, value in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places) if kind == "metric" else ""
    return f'{frame}<g class={kind}><polyline points="{line}"/>{dots}</g>{_numbers(low, high, top, height)}'


def _numbers(low: float, high: float, top: int, height: int) -> str:
    if low == high:
        return f'<text x="{LEFT - 4}" y="{top + height / 2 + 3:g}" class=end>{low:.3g}</text>'
    ends: Sequence[tuple[float, int]] = [(high, top + 8), (low, top + height)]
    return "".join(f'<text x="{LEFT - 4}" y="{y}" class=end>{value:.3g}</text>' for value, y in ends)


def _words(points: Points, what: str) -> str:
    return f"{what} {points[0][1]:.4g} to {points[-1][1]:.4g}" if points else ""
