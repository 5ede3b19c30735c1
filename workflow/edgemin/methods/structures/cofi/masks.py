"""Masks that are learned with the weights: CoFi's L0 regularisation under a Lagrangian constraint on the sparsity.

Xia et al. 2022 (arXiv 2204.00408).
"""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier
from edgemin.methods.structures.cofi import Cofi
from edgemin.methods.structures.cofi.accounting import SIZES
from edgemin.methods.structures.cofi.gates import Gated, Gates
from edgemin.methods.structures.cofi.hard_concrete import BOUNDS, open_probability, sample, settled
from edgemin.study.family import family_of
from edgemin.training.gradients import reversed_gradient, scaled

log = logging.getLogger(__name__)


class Masks(nn.Module):
    """A term of a phase: gates on the student, sampled at every training step, and a penalty on the model's size.

        lambda_1 (s - t) + lambda_2 (s - t)^2,   s = 1 - E[size] / size,

    The target t rises over the warm-up, from the initial expected sparsity. The gates minimise the penalty; the lambdas maximise
    it. One optimiser trains everything with one learning rate. Gates and lambdas are stored divided by `scale`, so that they
    move faster. In eval mode the student uses the final gates, by which it would be cut.
    """

    step: torch.Tensor

    def __init__(self, student: Classifier, config: Cofi, steps: int) -> None:
        super().__init__()
        self.config, self.steps = config, steps
        self.scale = config.mask_learning_rate / config.learn.learning_rate
        self.units = math.lcm(config.multiple, int(getattr(student.config, family_of(student.config).sizes[1])))
        full = Gates.all_open(student)
        self.attention = self._parameter("layers", full.attention)
        self.ffn = self._parameter("layers", full.ffn)
        self.heads = nn.ParameterList([self._parameter("heads", gates) for gates in full.heads])
        self.neurons = nn.ParameterList([self._parameter("neurons", gates, 0.0) for gates in full.neurons])
        self.hidden = self._parameter("hidden", full.hidden)
        self.multipliers = nn.Parameter(torch.zeros(2))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        self.parts: dict[str, float] = {}
        self._trains = lambda: self.training and student.training  # validation puts the student alone into eval mode
        self._size = lambda gates: SIZES[config.accounting](student, gates)
        with torch.no_grad():
            self.full_size = float(self._size(full))
            self.first = float(self._expected())
        self._gated = Gated(student, self._current)

    def _parameter(self, kind: Any, gates: torch.Tensor, log_alpha: float = BOUNDS[1]) -> nn.Parameter:
        learned = kind in self.config.masks
        return nn.Parameter(torch.full_like(gates, log_alpha / self.scale), requires_grad=learned)

    def _gates(self, of: Any) -> Gates:
        """of: log_alpha -> values. What is not learned stays fully open."""

        def value(stored: nn.Parameter, multiple: int = 1, least: int = 0) -> torch.Tensor:
            return of(scaled(stored, self.scale), multiple, least) if stored.requires_grad else torch.ones_like(stored)

        return Gates(
            value(self.attention),
            [value(stored) for stored in self.heads],
            value(self.ffn),
            [value(stored, self.config.multiple) for stored in self.neurons],
            value(self.hidden, self.units, self.units),
        )

    def _current(self) -> Gates:
        if not self._trains():
            return self.settled()
        with torch.no_grad():
            for stored in (self.attention, self.ffn, *self.heads, *self.neurons, self.hidden):
                stored.clamp_(BOUNDS[0] / self.scale, BOUNDS[1] / self.scale)
        return self._gates(lambda log_alpha, *rest: sample(log_alpha))

    @torch.no_grad()
    def settled(self) -> Gates:
        """The deterministic gates, by which the model is cut."""
        return self._gates(settled).closing_empty()

    def sparsity(self, gates: Gates) -> torch.Tensor:
        """The share of the size that gates (or probabilities of being open) remove, in the variant's accounting."""
        return 1 - self._size(gates) / self.full_size

    def _expected(self) -> torch.Tensor:
        return self.sparsity(self._gates(lambda log_alpha, *rest: open_probability(log_alpha)))

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Any) -> torch.Tensor:
        rising = self.config.warmup * self.steps
        progress = min(1.0, int(self.step) / rising) if rising else 1.0
        target = self.first + (self.config.sparsity - self.first) * progress
        expected = self._expected()
        if self.training:
            self.step += 1
            if int(self.step) % max(1, self.steps // 10) == 0:
                log.info("sparsity expected %.3f, target %.3f", float(expected.detach()), target)
        self.parts = {"sparsity": float(expected.detach()), "target": target}
        first, second = reversed_gradient(scaled(self.multipliers, self.scale))
        return first * (expected - target) + second * (expected - target).square()

    def remove(self) -> None:
        """Take the hooks off the student."""
        self._gated.remove()
