"""Seeds and test examples are both samples: what a mean over both says of other seeds and other examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgemin.measure.blocks import Interval

LEVEL = 0.05
POWER = 0.8
FEWEST_SEEDS = 4
"""With two or three seeds the variance between seeds is hardly known: the intervals would be honest, and of no use."""
_NOTHING = 1e-9
"""Values that differ by less are equal: metrics are of the order of 1, and pseudo-values multiply rounding errors by N."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and examples, with what Student's t needs."""

    value: float
    error: float
    """Standard error; 0 where no value differs from another."""
    freedom: float
    """Degrees of freedom."""
    methods: bool
    """Whether it speaks of other seeds too; else of these checkpoints, on other examples."""

    @property
    def over(self) -> str:
        """What the interval is over, in words."""
        return "seeds and examples" if self.methods else "examples"

    def interval(self) -> Interval:
        """Student's 95 % interval, two-sided."""
        half = self._times(1 - LEVEL / 2) * self.error
        return Interval(self.value, self.value - half, self.value + half)

    def above_zero(self) -> bool:
        """Whether the whole interval is, by more than rounding."""
        return self.interval().low > _NOTHING

    def upper(self, confidence: float) -> float:
        """One-sided upper bound: the truth is below it in this share of studies."""
        return self.value + self._times(confidence) * self.error

    def p(self) -> float | None:
        """Two-sided p of Student's t that the truth is 0. None where it would speak of checkpoints alone, or where nothing varies."""
        from scipy.stats import t

        if not self.methods:
            return None
        if not self.error:
            return 1.0 if abs(self.value) < _NOTHING else None
        return float(2 * t.sf(abs(self.value) / self.error, self.freedom))

    def smallest_effect(self) -> float | None:
        """The difference that this test at 5 % finds in 80 of 100 studies: (t_0.975 + t_0.8) standard errors. None as for `p`."""
        if not (self.methods and self.error):
            return None
        return (self._times(1 - LEVEL / 2) + self._times(POWER)) * self.error

    def _times(self, share: float) -> float:
        from scipy.stats import t

        return float(t.ppf(share, self.freedom))


def estimate(each: np.ndarray, value: float | None = None) -> Estimate:
    """The mean of each (S, E), or `value` in its place, with its standard error.

    From four seeds on: y_se = mean + seed_s + example_e + rest_se with random effects (Searle, Casella and McCulloch 1992,
    "Variance components", chapter 4). Below: seeds are taken as given, examples are drawn.
    """
    seeds, examples = each.shape
    found = float(each.mean()) if value is None else value
    methods = seeds >= FEWEST_SEEDS
    if examples < 2 or np.ptp(each) < _NOTHING:
        return Estimate(found, 0.0, 1.0, methods)
    if not methods:
        return Estimate(found, float(each.mean(0).std(ddof=1) / np.sqrt(examples)), examples - 1.0, methods)
    variance, freedom = _variance(*mean_squares(each), seeds, examples)
    return Estimate(found, float(np.sqrt(variance)), freedom, methods)


def mean_squares(each: np.ndarray) -> tuple[float, float, float]:
    """MS of seeds, of examples and of the rest of each (S, E), S and E at least 2."""
    seeds, examples = each.shape
    mean, by_seed, by_example = each.mean(), each.mean(1), each.mean(0)
    rest = each - by_seed[:, None] - by_example + mean
    return (
        float(examples * np.square(by_seed - mean).sum() / (seeds - 1)),
        float(seeds * np.square(by_example - mean).sum() / (examples - 1)),
        float(np.square(rest).sum() / ((seeds - 1) * (examples - 1))),
    )


def _variance(of_seeds: float, of_examples: float, rest: float, seeds: int, examples: int) -> tuple[float, float]:
    """Variance of the mean, (MS_s + MS_e - MS_r) / (S E), and its degrees of freedom (Satterthwaite 1946).

    A mean square below the rest's would be a component below 0: it counts as the rest's. So seeds that happen to agree
    do not make the interval narrower than the rest allows.
    """
    of_seeds, of_examples = max(of_seeds, rest), max(of_examples, rest)
    total = of_seeds + of_examples - rest
    parts = of_seeds**2 / (seeds - 1) + of_examples**2 / (examples - 1) + rest**2 / ((seeds - 1) * (examples - 1))
    return total / (seeds * examples), total**2 / parts
