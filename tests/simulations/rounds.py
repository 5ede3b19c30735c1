"""How often the interval of a speed-up holds the next run's. Run it to rewrite the figures of docs/statistics.md.

The log of a ratio is truth + run + round + block. A run has R rounds. Blocks are 20 in all, so rounds of more runs have no more calls.
What is judged is what tables use: `edgemin.measure.rounds` over rounds, and `edgemin.measure.blocks` over the blocks of one job.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t
from simulations.coverage import DOCUMENT, line, written

from edgemin.measure.blocks import ratio
from edgemin.measure.rounds import predicted

RUNS = 10_000
ROUNDS = (2, 3, 5, 8)
BLOCKS = 20


@dataclass(frozen=True)
class Scenario:
    words: str
    spread: float
    """SD of the logs between rounds."""
    shared: float = 0.0
    """Share of that variance that all rounds of a run have in common: other hours, another machine of the kind."""
    tails: float = np.inf
    """Degrees of freedom of Student's t between rounds; infinite: normal."""
    block: float = 0.05
    """SD between blocks of a round."""

    def runs(self, random: np.random.Generator, rounds: int, count: int) -> np.ndarray:
        """Log ratios of rounds (count, rounds)."""
        between = random.standard_normal((count, rounds)) if np.isinf(self.tails) else self._heavy(random, (count, rounds))
        own = self.spread * np.sqrt(1 - self.shared) * between
        run = self.spread * np.sqrt(self.shared) * random.standard_normal((count, 1))
        inside = self.block * random.standard_normal((count, rounds)) / np.sqrt(BLOCKS / rounds)
        return own + run + inside

    def _heavy(self, random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return t.rvs(self.tails, size=shape, random_state=random) / np.sqrt(self.tails / (self.tails - 2))


SCENARIOS = (
    Scenario("rounds differ by 3 %", 0.03),
    Scenario("rounds differ by 9.5 %", 0.095),
    Scenario("by 9.5 %, with heavy tails (t, 4 degrees of freedom)", 0.095, tails=4),
    Scenario("by 9.5 %, half of the variance is the run's", 0.095, shared=0.5),
)


def coverage(scenario: Scenario, rounds: int, count: int = RUNS) -> tuple[float, float]:
    """Share of the prediction intervals with the next run's ratio in them, and their median half-width as a ratio less 1."""
    random = np.random.default_rng([rounds, count])
    ones, nexts = (np.exp(scenario.runs(random, rounds, count)) for _ in range(2))
    following = np.exp(np.log(nexts).mean(1))
    ends = np.array([[found["low"], found["high"], found["value"]] for found in map(predicted, ones)])
    low, high, value = ends.T
    return float(((low <= following) & (following <= high)).mean()), float(np.median(high / value - 1))


def coverage_of_one_job(scenario: Scenario, count: int = RUNS // 5) -> tuple[float, float]:
    """The same of the interval over the blocks of a single job, as it was printed before; the next run is one job too."""
    random = np.random.default_rng(count)
    ones, nexts = (scenario.runs(random, 1, count)[:, 0] for _ in range(2))
    hits, halves = [], []
    for one, following in zip(ones, np.exp(nexts), strict=True):
        blocks = scenario.block * random.standard_normal((BLOCKS, 1))
        found = ratio(np.exp(one + blocks - blocks.mean()), np.ones((BLOCKS, 1)))
        hits.append(found.low <= following <= found.high)
        halves.append(found.high / found.value - 1)
    return float(np.mean(hits)), float(np.median(halves))


def _told(found: tuple[float, float]) -> str:
    return f"{100 * found[0]:.1f} (±{100 * found[1]:.0f} %)"


def rounds_table() -> list[str]:
    lines = [line("simulated", "one job, over its blocks", *(f"{rounds} rounds" for rounds in ROUNDS))]
    lines.append("|" + "---|" * (2 + len(ROUNDS)))
    for scenario in SCENARIOS:
        found = [coverage_of_one_job(scenario), *(coverage(scenario, rounds) for rounds in ROUNDS)]
        lines.append(line(scenario.words, *map(_told, found)))
    return lines


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), {"rounds": rounds_table()}), encoding="utf-8")
