"""Every metric by hand, and against scikit-learn and scipy; what answers of two models have in common."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn import metrics

from edgemin.core.errors import EdgeminError
from edgemin.data.kinds.classification.answer import answer as class_of
from edgemin.data.kinds.regression.answer import answer as value_of
from edgemin.data.numbers import numbers_of
from edgemin.study.kind import kind_of
from edgemin.study.registry import KINDS

LABELS = np.array([0, 0, 0, 0, 1, 1])
# Predicted 0 0 0 1 1 0: of class 0 three of four are found among four, of class 1 one of two among two.
LOGITS = np.array([[2, 1], [1, 0], [3, 3], [0, 1], [0, 2], [1, 0]], dtype=np.float32)
CLASSES, VALUES = (KINDS[name].scores() for name in ("classification", "regression"))
ROUNDING = 1e-12
"""A handful of float64 operations."""


def compute(metric: str, labels: np.ndarray, logits: np.ndarray) -> float:
    return kind_of({"metric": metric}).scores().score(metric)(labels, logits)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("accuracy", 4 / 6),
        ("macro_f1", (2 * 3 / (4 + 4) + 2 * 1 / (2 + 2)) / 2),
        ("matthews", (3 * 1 - 1 * 1) / math.sqrt(4 * 4 * 2 * 2)),
    ],
)
def test_classification_by_hand(metric, value):
    assert compute(metric, LABELS, LOGITS) == pytest.approx(value, abs=ROUNDING)


def test_ties_go_to_the_lower_class():
    assert CLASSES.decide(LOGITS).tolist() == [0, 0, 0, 1, 1, 0]


def test_regression_by_hand():
    """x = 1 2 3, y = 1 2 4: sums of squares 2 and 42/9, of products 3; the ranks agree."""
    labels, values = np.array([1.0, 2.0, 3.0]), np.array([[1], [2], [4]], dtype=np.float32)
    assert compute("pearson", labels, values) == pytest.approx(3 / math.sqrt(2 * 42 / 9), abs=ROUNDING)
    assert compute("spearman", labels, values) == pytest.approx(1, abs=ROUNDING)
    assert compute("spearman", labels, -values) == pytest.approx(-1, abs=ROUNDING)


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_a_constant_does_not_correlate(metric):
    assert compute(metric, np.array([1.0, 2.0]), np.array([[3.0], [3.0]])) == 0
    assert compute(metric, np.array([1.0, 1.0]), np.array([[3.0], [4.0]])) == 0


def test_a_constant_answer_has_no_matthews_correlation():
    assert compute("matthews", LABELS, np.tile([1.0, 0.0], (6, 1))) == 0


ORACLES = {
    "accuracy": metrics.accuracy_score,
    "macro_f1": lambda labels, answers: metrics.f1_score(labels, answers, average="macro", labels=np.unique(labels)),
    "matthews": metrics.matthews_corrcoef,
    "pearson": lambda labels, answers: stats.pearsonr(labels, answers).statistic,
    "spearman": lambda labels, answers: stats.spearmanr(labels, answers).statistic,
}


def test_every_metric_has_an_oracle_here():
    assert set(ORACLES) == {metric.name for kind in KINDS.all().values() for metric in kind.metrics}


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "matthews"])
@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_classification_is_scikit_learns(metric, classes, seed):
    """Labels of all but the last class, which is sometimes answered; logits of few values, so that there are ties."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, max(classes - 1, 2), 60)
    logits = draw.integers(0, 4, (60, classes)).astype(np.float32) + np.eye(classes, dtype=np.float32)[labels]
    assert compute(metric, labels, logits) == pytest.approx(ORACLES[metric](labels, logits.argmax(1)), abs=ROUNDING)


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
@pytest.mark.parametrize("seed", range(5))
def test_regression_is_scipys(metric, seed):
    """Whole numbers, so that many are equal."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 6, 60).astype(float)
    logits = (labels + draw.integers(-3, 4, 60)).astype(np.float32)[:, None]
    assert compute(metric, labels, logits) == pytest.approx(ORACLES[metric](labels, logits[:, 0]), abs=ROUNDING)


def test_columns_without_a_label_have_the_value_that_losses_pass_over():
    found = CLASSES.gold(pd.Series([1, None, 0], dtype="Int64"))
    assert (found.dtype, found.tolist()) == (np.int64, [1, -100, 0])
    found = CLASSES.gold(pd.Series([1.0, np.nan, 0.0]))
    assert (found.dtype, found.tolist()) == (np.int64, [1, -100, 0])
    found = VALUES.gold(pd.Series([0.25, None]))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [0.25, np.nan])


def test_right_answers_are_those_of_each_seed():
    """Of two seeds, the second says class 0 of everything."""
    logits = np.stack([LOGITS, np.tile(np.float32([1, 0]), (6, 1))])
    assert CLASSES.right(LABELS, logits).tolist() == [[True, True, True, False, True, False], [True] * 4 + [False] * 2]
    assert VALUES.right(LABELS, logits) is None


def test_accuracy_alone_is_a_mean_over_examples():
    assert CLASSES.mean_of("accuracy")(LABELS, LOGITS).mean() == compute("accuracy", LABELS, LOGITS)
    assert [CLASSES.mean_of(name) for name in ("macro_f1", "matthews")] == [None, None]
    assert [VALUES.mean_of(name) for name in ("pearson", "spearman")] == [None, None]


def test_agreement_is_of_decisions():
    """Of six they say the same of the first three and the last."""
    other = LOGITS[:, ::-1].copy()
    other[:3] = LOGITS[:3] * 5
    other[5] = LOGITS[5] / 2
    assert CLASSES.agreement(LOGITS, other) == pytest.approx(4 / 6, abs=ROUNDING)
    assert CLASSES.agreement(LOGITS, LOGITS) == 1
    assert VALUES.agreement(LOGITS, LOGITS) is None


def test_divergence_of_classes_is_the_mean_kl_of_ours_from_theirs():
    draw = np.random.default_rng(0)
    ours, theirs = (draw.normal(0, 3, (2, 10, 4)).astype(np.float32) for _ in range(2))
    p, q = special.softmax(ours.astype(float), -1), special.softmax(theirs.astype(float), -1)
    assert CLASSES.divergence(ours, theirs) == pytest.approx(stats.entropy(p, q, axis=-1).mean(), rel=1e-9)
    assert CLASSES.divergence(ours, ours + 7) == pytest.approx(0, abs=ROUNDING)  # only differences of logits count


def test_divergence_of_values_is_their_mean_squared_difference():
    assert VALUES.divergence(np.array([[1.0], [2.0]]), np.array([[1.5], [0.0]])) == (0.25 + 4) / 2


@pytest.mark.parametrize("size", [1, 100])
def test_a_bundle_answers_with_the_softmax(size):
    """Large logits too: their exponentials alone would overflow."""
    logits = np.array([1, 3, -2], dtype=np.float32) * size
    found = class_of(logits, ["a", "b", "c"])
    assert found["label"] == "b"
    assert list(found["probabilities"].values()) == pytest.approx(special.softmax(logits.astype(float)), abs=5e-7)
    assert list(found["probabilities"]) == ["a", "b", "c"]


def test_a_bundle_of_a_regression_answers_with_the_value():
    assert value_of(np.array([0.5], dtype=np.float32), None) == {"value": 0.5}


@pytest.mark.parametrize("bad", ["x", "", "inf", float("-inf"), None, "nan"])
def test_what_is_no_finite_number_is_named_with_its_row(bad):
    values = pd.Series(["1", "2.5", bad, "y"], dtype=object)
    with pytest.raises(EdgeminError, match=r"^test split: column 'score': .* in data row 3 is not a number$"):
        numbers_of(values, "test split", "score")
    assert numbers_of(values[:2], "test split", "score").tolist() == [1, 2.5]
