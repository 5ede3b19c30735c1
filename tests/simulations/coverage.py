"""How often the intervals and tests of the tables are right, by simulated studies. Run it to rewrite the figures of docs/statistics.md.

An answer is right where level + example + method x example + seed + rest > 0, all of these normal. So the true share of right
answers is a closed form. Everything that is judged here is what the tables use, `edgemin.report.statistics`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from edgemin.report.readings import upper_bound
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.twoway import FEWEST_SEEDS, Estimate, estimate
from edgemin.report.statistics.values import values_of

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/statistics.md"
STUDIES = 2000
SEEDS = (1, 3, 4, 5, 8)


@dataclass(frozen=True)
class Scenario:
    """Two methods, or one, on one task."""

    words: str
    levels: tuple[float, ...] = (2.7, 2.7)
    """Of the methods; 2.7 is about 90 % right."""
    examples: int = 1000
    hard: float = 1.8
    """SD of what examples have in common."""
    taste: float = 0.5
    """SD of method x example: what one method finds harder than another."""
    seed: float = 0.05
    """SD between seeds."""

    def draw(self, random: np.random.Generator, seeds: int) -> tuple[np.ndarray, np.ndarray]:
        """Right answers (methods, S, E) as 0 and 1, and what each seed adds to its method's level (methods, S)."""
        methods = len(self.levels)
        shift = self.seed * random.standard_normal((methods, seeds))
        hard = self.hard * random.standard_normal(self.examples, dtype=np.float32)
        taste = self.taste * random.standard_normal((methods, 1, self.examples), dtype=np.float32)
        rest = random.standard_normal((methods, seeds, self.examples), dtype=np.float32)
        level = (np.array(self.levels)[:, None] + shift)[..., None]
        return (level + hard + taste + rest > 0).astype(float), shift

    def truth(self, shift: np.ndarray | None = None) -> float:
        """Share of right answers, of two methods the first's less the second's: over all seeds, or with those of `shift` (methods, S)."""
        levels = np.array(self.levels)[:, None] + (0 if shift is None else shift)
        spread = self.hard**2 + self.taste**2 + 1 + (self.seed**2 if shift is None else 0)
        shares = ndtr(levels / np.sqrt(spread)).mean(1)
        return float(shares[0] - shares[1]) if len(shares) > 1 else float(shares[0])


USUAL = Scenario("no difference, as usual: 90 % right, 1,000 examples")
CHANCE = Scenario("no difference, and neither seeds nor methods matter", taste=0, seed=0)
REAL = Scenario("a difference of 6 points", levels=(2.9, 2.2), seed=0.1)
DOMINATING = Scenario("seeds dominate", taste=0, seed=0.6)
TASTES = Scenario("no difference, but methods find other examples hard", taste=1.2)
FEW = Scenario("60 examples", examples=60, seed=0.1)
EASY = Scenario("98 % right, 200 examples", levels=(4.4, 4.4), examples=200, seed=0.1)
ALONE = Scenario("the accuracy of one method", levels=(2.7,))
SCENARIOS = (USUAL, CHANCE, REAL, DOMINATING, TASTES, FEW, EASY, ALONE)


def studies(scenario: Scenario, seeds: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Values (S, E), of two methods their difference, and the seeds' shifts; the same for the same arguments."""
    random = np.random.default_rng([seeds, scenario.examples, count])
    for _ in range(count):
        right, shift = scenario.draw(random, seeds)
        yield (right[0] - right[1] if len(right) > 1 else right[0]), shift


@dataclass(frozen=True)
class Coverage:
    methods: float
    """Share of the intervals with the truth over all seeds in them."""
    checkpoints: float
    """With that of the seeds that were drawn."""
    half: float
    """Median half-width."""


def coverage(scenario: Scenario, seeds: int, count: int = STUDIES) -> Coverage:
    """Of the 95 % interval that a table prints with so many seeds."""
    hits, halves = [], []
    for values, shift in studies(scenario, seeds, count):
        found = estimate(values).interval()
        truths = scenario.truth(), scenario.truth(shift)
        hits.append([found.low - 1e-12 <= truth <= found.high + 1e-12 for truth in truths])
        halves.append(found.high - found.value)
    methods, checkpoints = np.mean(hits, axis=0)
    return Coverage(float(methods), float(checkpoints), float(np.median(halves)))


def matthews_coverage(seeds: int, count: int, examples: int = 500) -> Coverage:
    """Of Matthews' correlation of one method, by pseudo-values: a tenth of the labels is 1, answers are right as in USUAL."""
    scenario, judge = Scenario("", levels=(2.7,), examples=examples), Judge.of({"metric": "matthews"})
    random, share, right = np.random.default_rng([seeds, count]), 0.1, scenario.truth()
    told = share * right + (1 - share) * (1 - right)
    truth = share * (1 - share) * (2 * right - 1) / np.sqrt(share * (1 - share) * told * (1 - told))
    hits, halves = [], []
    for _ in range(count):
        hit, _ = scenario.draw(random, seeds)
        labels = (random.random(examples) < share).astype(int)
        found = values_of(judge, labels, np.eye(2)[np.where(hit[0] > 0, labels, 1 - labels)]).estimate().interval()
        hits.append(found.low <= truth <= found.high)
        halves.append(found.high - found.value)
    return Coverage(float(np.mean(hits)), float("nan"), float(np.median(halves)))


def sign_flip(differences: np.ndarray) -> float:
    """p of what was used before: the share of all 2^S ways to turn the signs of (S,) whose mean is as far from 0."""
    signs = 1 - 2 * (np.arange(2 ** len(differences))[:, None] >> np.arange(len(differences)) & 1)
    return float((np.abs(signs @ differences) >= abs(differences.sum()) * (1 - 1e-12)).mean())


def rejected(scenario: Scenario, seeds: int, count: int = STUDIES) -> tuple[float, float]:
    """Share of studies without a difference in which the test at 5 % finds one: sign-flip, two-way."""
    found = [(sign_flip(values.mean(1)), estimate(values).p()) for values, _ in studies(scenario, seeds, count)]
    return tuple(np.mean([[one is not None and one <= 0.05 for one in pair] for pair in found], axis=0))


@dataclass(frozen=True)
class Chosen:
    """What comes of choosing the fastest of some cells whose drop is within a limit."""

    broken: float
    """Share of the choices whose true drop is beyond the limit."""
    drop: float
    """Mean true drop of the choices."""
    none: float
    """Share of studies in which no cell passes."""


def choices(
    cells: int, faster_is_worse: bool, limit: float = 0.03, examples: int = 1000, count: int = STUDIES
) -> tuple[Chosen, Chosen]:
    """By the drop itself, and by its upper bound. True drops are drawn evenly from 0 to 8 points; one seed."""
    random, teacher = np.random.default_rng([cells, examples]), Scenario("", levels=(3.2,))
    spread, right = np.sqrt(teacher.hard**2 + teacher.taste**2 + 1), Scenario("", levels=(3.2,), seed=0).truth()
    told: list[list[float | None]] = []
    for _ in range(count):
        drops = random.uniform(0, 0.08, cells)
        drops = np.sort(drops)[::-1] if faster_is_worse else drops
        levels = tuple(np.concatenate([[3.2], spread * ndtri(right - drops)]))
        answers, _ = Scenario("", levels=levels, examples=examples, seed=0).draw(random, 1)
        found = [estimate(answers[0] - one) for one in answers[1:]]
        told.append([_fastest(drops, found, limit, examples, bound) for bound in (False, True)])
    return _chosen([one for one, _ in told], limit), _chosen([one for _, one in told], limit)


def _fastest(drops: np.ndarray, found: list[Estimate], limit: float, examples: int, bound: bool) -> float | None:
    """True drop of the first cell within the limit."""
    within = [(upper_bound(one, examples) if bound else one.value) <= limit for one in found]
    return float(drops[within.index(True)]) if any(within) else None


def _chosen(drops: list[float | None], limit: float) -> Chosen:
    made = np.array([drop for drop in drops if drop is not None])
    return Chosen(float((made > limit).mean()), float(made.mean()), 1 - len(made) / len(drops))


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _told(share: float, half: float) -> str:
    return f"{100 * share:.1f} (±{100 * half:.1f})"


CHOICES = [
    (1, True, "–"),
    *((cells, worse, words) for worse, words in ((True, "faster is worse"), (False, "speed says nothing")) for cells in (4, 32)),
]
"""Cells to choose from, whether the faster ones are the worse ones, and that in words."""


def coverage_table() -> list[str]:
    few = [seeds for seeds in SEEDS if seeds < FEWEST_SEEDS]
    head = [
        f"{seeds} seed{'s' if seeds > 1 else ''}, {of}" for seeds in few for of in ("of checkpoints", "if read as of methods")
    ]
    lines = [line("simulated", *head, *(f"{seeds} seeds" for seeds in SEEDS if seeds not in few))]
    lines.append("|" + "---|" * (1 + len(head) + len(SEEDS) - len(few)))
    for scenario in SCENARIOS:
        found = {seeds: coverage(scenario, seeds) for seeds in SEEDS}
        cells = [
            cell
            for seeds in few
            for cell in (_told(found[seeds].checkpoints, found[seeds].half), f"{100 * found[seeds].methods:.1f}")
        ]
        cells += [_told(one.methods, one.half) for seeds, one in found.items() if seeds not in few]
        lines.append(line(scenario.words, *cells))
    found = [matthews_coverage(seeds, STUDIES // 4) for seeds in SEEDS if seeds not in few]
    return [
        *lines,
        line("Matthews of one method, 500 examples", *["–"] * len(head), *(_told(one.methods, one.half) for one in found)),
    ]


def error_table() -> list[str]:
    lines = [line("simulated", "seeds", "sign flips over seeds", "two-way"), "|---|---|---|---|"]
    for scenario in (CHANCE, USUAL, TASTES):
        for seeds in (6, 12):
            shares = (f"{100 * share:.1f}" for share in rejected(scenario, seeds))
            lines.append(line(scenario.words, str(seeds), *shares))
    return lines


def choice_table() -> list[str]:
    lines = [
        line(
            "cells",
            "order",
            "drop itself: beyond 3 points",
            "mean drop",
            "80 % bound: beyond 3 points",
            "mean drop",
            "none passes",
        )
    ]
    lines.append("|" + "---|" * 7)
    for cells, worse, words in CHOICES:
        point, bound = choices(cells, worse)
        figures = [one for found in (point, bound) for one in (f"{100 * found.broken:.1f}", f"{100 * found.drop:.2f}")]
        lines.append(line(str(cells), words, *figures, f"{100 * bound.none:.1f}"))
    return lines


TABLES = {"coverage": coverage_table, "error": error_table, "choice": choice_table}


def written(text: str, tables: dict[str, list[str]]) -> str:
    """The document with its simulated tables in place."""
    for name, lines in tables.items():
        body = "\n".join(lines)
        text, count = re.subn(
            rf"(<!-- simulated: {name} -->\n).*?(<!-- end -->)", lambda at, body=body: f"{at[1]}{body}\n{at[2]}", text, flags=re.S
        )
        assert count == 1, f"docs/statistics.md: it has {count} places for the table '{name}'; one is needed"
    return text


if __name__ == "__main__":
    found = written(DOCUMENT.read_text(encoding="utf-8"), {name: make() for name, make in TABLES.items()})
    DOCUMENT.write_text(found, encoding="utf-8")
