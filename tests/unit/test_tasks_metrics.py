from __future__ import annotations

import math

import numpy as np
import pytest

from edgemin.tasks.metrics import compute, decisions

LABELS = np.array([0, 0, 0, 0, 1, 1])
# Predicted 0 0 0 1 1 0: of class 0 three of four are found among four, of class 1 one of two among two.
LOGITS = np.array([[2, 1], [1, 0], [3, 3], [0, 1], [0, 2], [1, 0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("accuracy", 4 / 6),
        ("macro_f1", (2 * 3 / (4 + 4) + 2 * 1 / (2 + 2)) / 2),
        ("matthews", (3 * 1 - 1 * 1) / math.sqrt(4 * 4 * 2 * 2)),
    ],
)
def test_classification_by_hand(metric, value):
    assert compute(metric, LABELS, LOGITS) == pytest.approx(value, abs=1e-12)  # a handful of float64 operations


def test_ties_go_to_the_lower_class():
    assert decisions(LOGITS, regression=False).tolist() == [0, 0, 0, 1, 1, 0]


def test_regression_by_hand():
    """x = 1 2 3, y = 1 2 4: sums of squares 2 and 42/9, of products 3; the ranks agree."""
    labels, values = np.array([1.0, 2.0, 3.0]), np.array([[1], [2], [4]], dtype=np.float32)
    assert compute("pearson", labels, values) == pytest.approx(3 / math.sqrt(2 * 42 / 9), abs=1e-12)
    assert compute("spearman", labels, values) == pytest.approx(1, abs=1e-12)
    assert compute("spearman", labels, -values) == pytest.approx(-1, abs=1e-12)


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_a_constant_does_not_correlate(metric):
    assert compute(metric, np.array([1.0, 2.0]), np.array([[3.0], [3.0]])) == 0
    assert compute(metric, np.array([1.0, 1.0]), np.array([[3.0], [4.0]])) == 0


def test_a_constant_answer_has_no_matthews_correlation():
    assert compute("matthews", LABELS, np.tile([1.0, 0.0], (6, 1))) == 0
