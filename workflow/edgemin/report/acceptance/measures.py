"""How far the answers of a quantized model are from its float parent's, on the same texts. One number for each measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from edgemin.report.statistics.judge import Judge

BINS = 15
"""Of the calibration error (Guo et al. 2017, "On calibration of modern neural networks")."""
SURE = 0.75
"""Share of the texts, the surest ones, whose answers are not expected to change."""
PLAIN = 0.2
"""And those where the parent's best class is by so much likelier than its second: of an unsure parent fewer than that share."""
NEAR = 0.05
"""To the parent two classes are alike if their probabilities are no further apart."""
DRAWS = 20_000
"""Resamples of the texts of one class."""
MOVED = 0.5
"""A value has changed if it moved by more standard deviations of the parent's values than this."""


@dataclass(frozen=True)
class Answers:
    """Of both models to the same texts."""

    labels: np.ndarray
    """(N, ...)"""
    parent: np.ndarray
    """(N, K) logits of the float parent."""
    ours: np.ndarray
    """(N, K) logits of the quantized model."""

    def at(self, indices: np.ndarray) -> Answers:
        """Of some texts, possibly several times."""
        return Answers(self.labels[indices], self.parent[indices], self.ours[indices])


@dataclass(frozen=True)
class Measure:
    """One number, and on which side of its limit it has to be."""

    of: Callable[[Judge, Answers], float | None]
    """None where it means nothing for a kind of task."""
    words: str
    least: bool = False
    """Whether the limit is the least value that is accepted; else it is the most."""
    chance: Callable[[Judge, Answers, float], float] | None = None
    """How likely other texts would be within the limit, where that is not the share of resamples of all texts whose value is."""

    def within(self, value: float | np.ndarray, limit: float) -> np.ndarray:
        """Whether values are accepted, to nine decimals: a drop of 0.888 - 0.886 is a little more than 0.002 in binary. What is not a number is not."""
        over = np.round(np.asarray(value) - limit, 9)
        return over >= 0 if self.least else over <= 0


def drop(judge: Judge, answers: Answers) -> float:
    """The metric of the parent minus ours."""
    score = judge.scores.score(judge.metric)
    return score(answers.labels, answers.parent) - score(answers.labels, answers.ours)


def agreement(judge: Judge, answers: Answers) -> float:
    """Share of the texts that both decide alike; of two classes that the parent gives the same probability within `NEAR` either will do. Where answers
    are values: 1 - mean square of the difference / variance of the parent's."""
    if _one_class(judge, answers):
        return float((_preferred(judge, answers) <= NEAR).mean())
    alike = judge.scores.agreement(answers.ours, answers.parent)
    if alike is not None:
        return alike
    parent, ours = _values(judge, answers)
    error, spread = np.square(ours - parent).mean(), parent.var()
    return float(1 - error / spread) if spread else float(error == 0)


def _preferred(judge: Judge, answers: Answers) -> np.ndarray:
    """(N,) by how much likelier the parent's class is to the parent than ours: 0 where both are the same. 1 for what is no number."""
    parent = softmax(answers.parent.astype(float), axis=-1)
    own, other = (judge.scores.decide(logits)[:, None] for logits in (answers.parent, answers.ours))
    lead = (np.take_along_axis(parent, own, 1) - np.take_along_axis(parent, other, 1))[:, 0]
    return np.where(np.isfinite(answers.ours).all(-1) & np.isfinite(lead), lead, 1.0)


def divergence(judge: Judge, answers: Answers) -> float | None:
    """Mean over texts of KL(parent || ours) of the probabilities of the classes, in nats (Kullback and Leibler 1951). Where answers are values: mean
    square of the difference / variance of the parent's. Every text tells, not only those whose answer changed, and no label is read."""
    if _one_class(judge, answers):
        finite = np.isfinite(answers.parent).all() and np.isfinite(answers.ours).all()
        return judge.scores.divergence(answers.parent, answers.ours) if finite else float("nan")
    if judge.scores.agreement(answers.ours, answers.parent) is not None:
        return None
    return 1 - agreement(judge, answers)


def recall(judge: Judge, answers: Answers) -> float | None:
    """The largest drop of recall over the classes among the labels."""
    if not _one_class(judge, answers):
        return None
    return max(((lost - won) / count for count, lost, won in _by_class(judge, answers)), default=0.0)


def recall_by_chance(judge: Judge, answers: Answers, limit: float) -> float:
    """How likely each class's drop is within the limit in resamples of its own texts: that of the class where it is least so, times the number of
    classes (Bonferroni), at most 1. Of many small classes one is beyond the limit in most resamples of all texts, whatever the model."""
    draw, shares = np.random.default_rng(0), []
    for count, lost, won in _by_class(judge, answers):
        again = draw.multinomial(count, np.array([lost, won, count - lost - won]) / count, DRAWS)
        shares.append(float(((again[:, 0] - again[:, 1]) / count <= limit).mean()))
    return min([1.0, *(share * len(shares) for share in shares)])


def _by_class(judge: Judge, answers: Answers) -> Iterator[tuple[int, int, int]]:
    """Of each class among the labels: its texts, those that only the parent has right, and those that only we have."""
    parent, ours = (judge.scores.decide(logits) == answers.labels for logits in (answers.parent, answers.ours))
    for one in np.unique(answers.labels[answers.labels >= 0]):
        own = answers.labels == one
        yield int(own.sum()), int((own & parent & ~ours).sum()), int((own & ours & ~parent).sum())


def calibration(judge: Judge, answers: Answers) -> float | None:
    """Our calibration error minus the parent's."""
    if not _one_class(judge, answers):
        return None
    return calibration_error(answers.labels, answers.ours) - calibration_error(answers.labels, answers.parent)


def calibration_error(labels: np.ndarray, logits: np.ndarray) -> float:
    """Expected calibration error of labels (N,) and logits (N, K): over `BINS` bins of equal width of the largest probability, the distance
    between its mean and the share of right answers, weighted by the bin's share of texts. Not a number for logits that are none."""
    if not np.isfinite(logits).all():
        return float("nan")
    logits = logits.astype(float)
    sure = np.exp(logits.max(-1) - np.logaddexp.reduce(logits, axis=-1))
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(which, sure - (logits.argmax(-1) == labels), BINS)).sum() / len(labels))


def confident_changes(judge: Judge, answers: Answers) -> float | None:
    """Of the share `SURE` of the texts on which the parent's largest logit is furthest above its second: how many we decide otherwise, if the parent's
    lead is `PLAIN` or more in probability. Where answers are values: the share of all that moved by more than `MOVED` standard deviations of the parent's."""
    if _one_class(judge, answers):
        top = np.partition(answers.parent.astype(float), -2, axis=-1)
        margin = top[:, -1] - top[:, -2]
        sure = margin >= np.quantile(margin, 1 - SURE)
        best = np.partition(softmax(answers.parent.astype(float), axis=-1), -2, axis=-1)
        changed = judge.scores.decide(answers.ours) != judge.scores.decide(answers.parent)
        return float((changed & (best[:, -1] - best[:, -2] >= PLAIN))[sure].mean())
    if judge.scores.agreement(answers.ours, answers.parent) is not None:
        return None
    parent, ours = _values(judge, answers)
    return float((~(np.abs(ours - parent) <= MOVED * parent.std())).mean())


def _one_class(judge: Judge, answers: Answers) -> bool:
    """Whether each text has one class of several."""
    return judge.kind.classes and answers.labels.ndim == 1 and answers.parent.shape[-1] > 1


def _values(judge: Judge, answers: Answers) -> tuple[np.ndarray, np.ndarray]:
    return judge.scores.decide(answers.parent), judge.scores.decide(answers.ours)


MEASURES = {
    "drop": Measure(drop, "drop of the metric"),
    "agreement": Measure(agreement, "agreement with the float parent", least=True),
    "divergence": Measure(divergence, "divergence from the float parent"),
    "recall": Measure(recall, "largest drop of a class's recall", chance=recall_by_chance),
    "calibration": Measure(calibration, "rise of the calibration error"),
    "confident_changes": Measure(confident_changes, "sure answers that changed"),
}
"""Key of `acceptance` in a study -> what it limits."""
