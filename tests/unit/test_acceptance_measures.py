"""How far answers are from a float parent's: numbers by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgemin.report.acceptance.measures import (
    MEASURES,
    Answers,
    agreement,
    calibration,
    calibration_error,
    confident_changes,
    divergence,
    drop,
    recall,
)
from edgemin.report.statistics.judge import Judge

ACCURACY = Judge.of({"metric": "accuracy"})
PEARSON = Judge.of({"metric": "pearson"})


def sure_of(classes: list[int], count: int = 2, by: float = 4.0) -> np.ndarray:
    """Logits (N, count) of these answers, each `by` above the others."""
    return by * np.eye(count)[classes]


def test_drop_agreement_and_recall_of_five_texts():
    """The parent is right on all five; ours answers two of the three texts of class 0 as class 1."""
    labels = np.array([0, 0, 0, 1, 1])
    answers = Answers(labels, sure_of([0, 0, 0, 1, 1]), sure_of([0, 1, 1, 1, 1]))
    assert drop(ACCURACY, answers) == pytest.approx(2 / 5)
    assert agreement(ACCURACY, answers) == pytest.approx(3 / 5)
    assert recall(ACCURACY, answers) == pytest.approx(2 / 3)


def test_a_class_that_collapsed_shows_in_recall_before_it_shows_in_accuracy():
    """Four classes; the smallest has 2 of 20 texts, and ours answers neither: 2/20 of accuracy, all of its recall."""
    labels = np.array([0] * 8 + [1] * 6 + [2] * 4 + [3] * 2)
    ours = labels.copy()
    ours[labels == 3] = 0
    answers = Answers(labels, sure_of(list(labels), 4), sure_of(list(ours), 4))
    assert drop(ACCURACY, answers) == pytest.approx(0.1)
    assert recall(ACCURACY, answers) == 1


def test_recall_that_rises_in_every_class_is_below_zero():
    labels = np.array([0, 0, 1, 1])
    answers = Answers(labels, sure_of([0, 1, 1, 0]), sure_of([0, 0, 1, 1]))
    assert recall(ACCURACY, answers) == -0.5


def test_texts_without_a_label_are_of_no_class():
    labels = np.array([0, 1, -100])
    assert recall(ACCURACY, Answers(labels, sure_of([0, 1, 0]), sure_of([0, 1, 1]))) == 0


def test_calibration_error_of_two_bins():
    """Probabilities 0.9 (three of four right) and 0.6 (none of one): (4 |0.9 - 0.75| + 1 |0.6 - 0|) / 5 = 0.24."""
    logits = np.array([[math.log(9), 0.0]] * 4 + [[math.log(1.5), 0.0]])
    assert calibration_error(np.array([0, 0, 0, 1, 1]), logits) == pytest.approx(0.24)


def test_errors_of_both_signs_cancel_within_a_bin_and_not_between_bins():
    """0.9 sure, nine of ten right: calibrated."""
    logits = np.array([[math.log(9), 0.0]] * 10)
    assert calibration_error(np.array([0] * 9 + [1]), logits) == pytest.approx(0, abs=1e-12)


def test_a_scale_of_the_logits_changes_calibration_alone():
    """The parent is 0.9 sure and right in nine of ten; ours is sure beyond doubt, and as often right: an error of 0.1."""
    labels, parent = np.array([0] * 9 + [1]), np.array([[math.log(9), 0.0]] * 10)
    answers = Answers(labels, parent, 100 * parent)
    assert calibration(ACCURACY, answers) == pytest.approx(0.1)
    assert (drop(ACCURACY, answers), agreement(ACCURACY, answers)) == (0, 1)
    assert confident_changes(ACCURACY, answers) == 0


def test_a_tie_may_be_broken_either_way():
    """Of three texts the parent's lead is 0.04, 0.06 and 0.8, and ours says the other class of all: only the first is alike, only the last plain."""
    parent = np.log([[0.52, 0.48], [0.53, 0.47], [0.9, 0.1]])
    answers = Answers(np.array([0, 0, 0]), parent, parent[:, ::-1])
    assert agreement(ACCURACY, answers) == pytest.approx(1 / 3)
    assert confident_changes(ACCURACY, answers) == pytest.approx(1 / 2)  # of the two surest


def test_divergence_of_two_texts():
    """The first is answered alike. Of the second the parent says 3/4, ours 1/2: 3/4 ln(3/2) + 1/4 ln(1/2) = 0.1308 nats, half of it in the mean."""
    parent = np.log([[0.9, 0.1], [0.75, 0.25]])
    ours = np.log([[0.9, 0.1], [0.5, 0.5]]) + 7  # what all logits have in common says nothing
    found = divergence(ACCURACY, Answers(np.array([0, 1]), parent, ours))
    assert found == pytest.approx((0.75 * math.log(1.5) + 0.25 * math.log(0.5)) / 2)


def test_divergence_moves_while_no_answer_changes():
    parent = sure_of([0, 1, 0])
    answers = Answers(np.array([0, 1, 0]), parent, parent / 4)
    assert agreement(ACCURACY, answers) == 1
    assert divergence(ACCURACY, answers) > 0.1


def test_of_values_divergence_is_what_agreement_lacks():
    parent = np.array([[1.0], [2.0], [3.0], [4.0]])
    answers = Answers(parent[:, 0], parent, parent + 0.5)
    assert divergence(PEARSON, answers) == pytest.approx(0.2)


def test_changes_count_only_where_the_parent_was_sure():
    """Margins 1 to 8: the surest three quarters are 3 to 8. One of these six changed; so did both others."""
    margins = np.arange(1.0, 9.0)
    parent = np.stack([margins, np.zeros(8)], axis=1)
    ours = parent.copy()
    ours[[0, 1, 7]] = [[-1, 0]] * 3
    labels = np.zeros(8, dtype=int)
    assert confident_changes(ACCURACY, Answers(labels, parent, ours)) == pytest.approx(1 / 6)
    ours[7] = parent[7]
    assert confident_changes(ACCURACY, Answers(labels, parent, ours)) == 0


def test_a_margin_is_between_the_two_largest_of_several_logits():
    """The first text's second class is nearly as likely as its first: it is the one of four that is not sure."""
    parent = np.array([[5.0, 4.9, -9.0], [5.0, 0.0, 0.0], [5.0, 0.0, 0.0], [5.0, 0.0, 0.0]])
    ours = parent[:, [1, 0, 2]].copy()
    ours[1:] = parent[1:]
    assert confident_changes(ACCURACY, Answers(np.zeros(4, dtype=int), parent, ours)) == 0


def test_values_are_compared_by_the_variance_that_they_reproduce():
    """Parent 1, 2, 3, 4 (variance 1.25), ours each 0.5 higher: 1 - 0.25 / 1.25 = 0.8, though the correlation is 1."""
    labels, parent = np.array([1.0, 2.0, 3.0, 4.0]), np.array([[1.0], [2.0], [3.0], [4.0]])
    answers = Answers(labels, parent, parent + 0.5)
    assert drop(PEARSON, answers) == pytest.approx(0)
    assert agreement(PEARSON, answers) == pytest.approx(0.8)
    assert recall(PEARSON, answers) is None
    assert calibration(PEARSON, answers) is None


def test_a_value_has_changed_if_it_moved_by_half_a_standard_deviation():
    """Of 1, 2, 3, 4 that is 0.559: of moves by 0.5, 0.6, -0.6 and 0 two count."""
    parent = np.array([[1.0], [2.0], [3.0], [4.0]])
    ours = parent + np.array([[0.5], [0.6], [-0.6], [0.0]])
    assert confident_changes(PEARSON, Answers(parent[:, 0], parent, ours)) == 0.5


def test_a_parent_that_always_says_the_same_is_reproduced_or_not():
    same = np.ones((3, 1))
    labels = np.array([1.0, 2.0, 3.0])
    assert agreement(PEARSON, Answers(labels, same, same)) == 1
    assert agreement(PEARSON, Answers(labels, same, same + 1)) == 0


@pytest.mark.parametrize("metric", ["matthews", "macro_f1"])
def test_other_metrics_are_told_in_their_own_units(metric):
    """The parent is right on all, ours says 0 to everything: MCC falls from 1 to 0; F1 of the classes is 2/3 and 0, so macro F1 falls to 1/3."""
    labels = np.array([0, 0, 1, 1])
    answers = Answers(labels, sure_of([0, 0, 1, 1]), sure_of([0, 0, 0, 0]))
    assert drop(Judge.of({"metric": metric}), answers) == pytest.approx({"matthews": 1, "macro_f1": 2 / 3}[metric])


def test_answers_that_are_no_numbers_are_within_no_limit():
    labels, parent = np.array([0, 1]), sure_of([0, 1])
    broken = Answers(labels, parent, np.full((2, 2), np.nan))
    assert math.isnan(calibration(ACCURACY, broken) or 0)
    assert not any(measure.within(float("nan"), 0.5) for measure in MEASURES.values())
    values = Answers(np.array([1.0, 2.0]), np.array([[1.0], [2.0]]), np.full((2, 1), np.nan))
    assert confident_changes(PEARSON, values) == 1
    assert not MEASURES["divergence"].within(divergence(PEARSON, values), 1)
    assert not MEASURES["divergence"].within(divergence(ACCURACY, broken), 1)
    assert not MEASURES["agreement"].within(agreement(PEARSON, values), 0)


def test_a_value_of_just_the_limit_is_accepted():
    """As binary numbers such differences may be a little more, or less."""
    assert 0.888 - 0.886 > 0.002
    assert MEASURES["drop"].within(0.888 - 0.886, 0.002)
    assert not MEASURES["drop"].within(0.0021, 0.002)
    assert 1 - 0.9 < 0.1
    assert MEASURES["agreement"].within(1 - 0.9, 0.1)
    assert not MEASURES["agreement"].within(0.0999, 0.1)
