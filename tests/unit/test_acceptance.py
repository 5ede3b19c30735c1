"""The verdict on a quantized cell: what is accepted, and which limit what else trips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.report.acceptance.gate import verdict
from edgemin.study.acceptance import Acceptance

TEXTS = 1000
LIMITS = Acceptance(divergence=None).limits
"""Without the limit that nearly every fault trips, so that each of the others is seen alone."""


def answers(tmp_path: Path, name: str, labels: np.ndarray, logits: np.ndarray) -> str:
    """A folder of measurements with the same answers on both splits."""
    folder = tmp_path / name
    folder.mkdir()
    table = pd.concat(
        [pd.DataFrame({"split": split, "label": labels, "logits": list(logits)}) for split in ("validation", "test")]
    )
    table.to_parquet(folder / "predictions.parquet", index=False)
    return str(folder)


@pytest.fixture
def judged(tmp_path):
    """judged(ours, parent, labels): the verdict on one seed, or on one for each array of `ours`; by default of `TEXTS` texts of two classes on which the parent
    is right in nine of ten, with margins that grow from text to text."""

    def make(*ours: np.ndarray, parent=None, labels=None, metric="accuracy", limits=LIMITS):
        labels = LABELS if labels is None else labels
        parent = PARENT if parent is None else parent
        theirs = answers(tmp_path, "parent", labels, parent)
        seeds = [
            {"seed": n, "folder": answers(tmp_path, f"ours{n}", labels, one), "parent": theirs} for n, one in enumerate(ours)
        ]
        about = {"task": "t", "cell": "q", "chain": "teacher/quantize-x", "runtime": "onnxruntime"}
        against = {"chain": "teacher", "runtime": "onnxruntime"}
        return verdict({**about, "metric": metric, "parent": against, "limits": limits, "seeds": seeds})

    return make


def two(answer: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """Logits (N, 2) of answers 0 and 1, so far above the other."""
    return np.where(np.arange(2) == answer[:, None], margin[:, None], 0.0)


LABELS = np.arange(TEXTS) % 2
RIGHT = np.arange(TEXTS) % 10 != 0
MARGIN = np.linspace(0.001, 4.394, TEXTS)  # up to a probability of 0.988
PARENT = two(np.where(RIGHT, LABELS, 1 - LABELS), MARGIN)


def failed(found: dict) -> set[str]:
    return {name for name, one in found["measures"].items() if not one["accepted"]}


def turned(which: np.ndarray) -> np.ndarray:
    """The parent's logits, other answers to some texts."""
    ours = PARENT.copy()
    ours[which] = ours[which, ::-1]
    return ours


def test_the_same_answers_are_accepted_with_nothing_lost(judged):
    found = judged(PARENT)
    assert found["accepted"]
    assert {name: one["value"] for name, one in found["measures"].items()} == {
        "drop": 0,
        "agreement": 1,
        "recall": 0,
        "calibration": 0,
        "confident_changes": 0,
    }
    assert found["drop"]["value"] == 0
    json.dumps(found, allow_nan=False)


def test_a_few_answers_that_change_where_the_parent_was_unsure_are_accepted(judged):
    """20 of 1,000, as many right as wrong: what sound INT8 does."""
    unsure = (np.arange(TEXTS) >= 30) & (np.arange(TEXTS) < 200)  # and no tie
    which = np.zeros(TEXTS, dtype=bool)
    which[np.flatnonzero(unsure & ~RIGHT)[:10]] = True
    which[np.flatnonzero(unsure & RIGHT)[:10]] = True
    found = judged(turned(which))
    assert found["accepted"]
    assert found["measures"]["agreement"]["value"] == pytest.approx(0.98)


def lost_in_both_classes() -> np.ndarray:
    """40 of the least sure right answers, half of them of each class: 4 points of accuracy and of each recall."""
    right = np.flatnonzero(RIGHT)[:200]
    return turned(np.concatenate([right[LABELS[right] == one][:20] for one in (0, 1)]))


def test_drop_trips_alone(judged):
    assert failed(judged(lost_in_both_classes())) == {"drop"}


def test_divergence_trips_before_an_answer_changes(judged):
    """Margins four times as large: every answer is the same."""
    found = judged(4 * PARENT, limits=Acceptance(calibration=None).limits)
    assert failed(found) == {"divergence"}
    assert found["measures"]["agreement"]["value"] == 1


def test_confident_changes_trip_alone(judged):
    """16 of the surest 750, eight of them right before and eight right now: nothing else shows it."""
    found = judged(turned(np.concatenate([np.flatnonzero(RIGHT)[-8:], np.flatnonzero(~RIGHT)[-8:]])))
    assert failed(found) == {"confident_changes"}
    assert found["measures"]["confident_changes"]["value"] == pytest.approx(16 / 750)
    assert found["measures"]["drop"]["value"] == 0


def test_calibration_trips_alone(judged):
    """The parent is 0.9 sure of each answer, and right in nine of ten; ours is 1 - 9**-8 sure."""
    parent = two(np.where(RIGHT, LABELS, 1 - LABELS), np.full(TEXTS, np.log(9)))
    found = judged(8 * parent, parent=parent)
    assert failed(found) == {"calibration"}
    assert found["measures"]["calibration"]["value"] == pytest.approx(0.1)


def test_agreement_trips_alone(judged):
    """Half of all right: whatever answers change, as many become right as wrong. 120 of the 249 least sure ones do."""
    labels = (
        np.arange(TEXTS) // 2 % 2
    )  # the parent says 0, 1, 0, 1; labels are 0, 0, 1, 1: each answer right for half of its texts
    parent = two(np.arange(TEXTS) % 2, MARGIN)
    ours = parent.copy()
    ours[:120] = ours[:120, ::-1]
    found = judged(ours, parent=parent, labels=labels, limits={**LIMITS, "calibration": 1.0})
    assert failed(found) == {"agreement"}
    assert found["measures"]["drop"]["value"] == pytest.approx(0, abs=0.003)


def test_recall_trips_alone_if_one_class_is_lost(judged):
    """Four classes, the last with 20 of 1,000 texts, whose answers the parent was unsure of: two are left right."""
    labels = np.array([3] * 20 + [0, 1] * 490)
    parent = np.where(np.arange(4) == labels[:, None], MARGIN[:, None] + 0.1, 0.0)
    ours = parent.copy()
    ours[:12] = ours[:12, ::-1]
    found = judged(ours, parent=parent, labels=labels, limits={**LIMITS, "drop": 0.02})
    assert failed(found) == {"recall"}
    assert found["measures"]["recall"]["value"] == pytest.approx(12 / 20)


def test_a_limit_that_is_off_judges_nothing(judged):
    limits = Acceptance(drop=None).limits
    found = judged(lost_in_both_classes(), limits=limits)
    assert found["accepted"]
    assert "drop" not in found["measures"]
    assert found["drop"]["value"] == pytest.approx(0.04)


def test_one_broken_seed_is_enough_and_is_named(judged):
    """200 texts change, five of which were ties to the parent: a margin of 0.1 is a lead of 0.05, and 23 texts have less."""
    found = judged(PARENT, turned(np.arange(TEXTS) % 5 == 1), PARENT)
    assert not found["accepted"]
    told = found["measures"]["agreement"]
    assert (told["seed"], told["value"], told["by_seed"]) == (1, pytest.approx(0.805), [1, pytest.approx(0.805), 1])


def test_few_texts_condemn_nobody_for_one_answer(judged):
    """One of twelve: a share of 0.917, but other texts might well have had none."""
    labels = np.arange(12) % 2
    parent = two(labels, np.linspace(1, 4, 12))
    ours = parent.copy()
    ours[0] = ours[0, ::-1]
    found = judged(ours, parent=parent, labels=labels)
    assert found["accepted"]
    assert found["measures"]["agreement"]["value"] == pytest.approx(11 / 12)


def test_few_texts_condemn_a_model_that_answers_one_class(judged):
    labels = np.arange(12) % 2
    parent = two(labels, np.linspace(1, 4, 12))
    assert not judged(two(np.zeros(12, dtype=int), np.ones(12)), parent=parent, labels=labels)["accepted"]


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_values_are_judged_too(judged, metric):
    """A small error of rounding is accepted; a range that is cut off at the mean is not."""
    draw = np.random.default_rng(0)
    parent = draw.normal(size=(500, 1))
    labels = parent[:, 0] + draw.normal(size=500) / 2
    sound = parent + draw.normal(size=(500, 1)) / 30
    found = judged(sound, np.minimum(parent, 0), parent=parent, labels=labels, metric=metric)
    assert [one > LIMITS["agreement"] for one in found["measures"]["agreement"]["by_seed"]] == [True, False]
    assert failed(found) == {"drop", "agreement", "confident_changes"}
    assert {name for name, one in found["measures"].items() if one["seed"] == 1} == set(found["measures"])


@pytest.mark.parametrize("shape", [(TEXTS, 2), (TEXTS, 1)], ids=["classes", "values"])
def test_answers_that_are_no_numbers_are_never_accepted(judged, shape):
    values = shape[1] == 1
    labels, parent = (MARGIN, MARGIN[:, None]) if values else (LABELS, PARENT)
    found = judged(np.full(shape, np.nan), parent=parent, labels=labels, metric="pearson" if values else "accuracy")
    assert not found["accepted"]
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("shape", [(TEXTS, 2), (TEXTS, 1)], ids=["classes", "values"])
def test_one_answer_that_is_no_number_is_enough(judged, shape):
    """A third of the resamples miss it."""
    values = shape[1] == 1
    labels, parent = (MARGIN, MARGIN[:, None]) if values else (LABELS, PARENT)
    ours = parent.copy()
    ours[7] = np.nan
    found = judged(ours, parent=parent, labels=labels, metric="pearson" if values else "accuracy")
    assert not found["accepted"]
    assert not any(one["accepted"] for one in found["measures"].values())


def _of_many_classes(lost: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """77 classes of 13 texts, all right to the parent; of the first class `lost` go to the second, of every other class none."""
    labels = np.repeat(np.arange(77), 13)
    parent = np.eye(77)[labels] * 8.0
    ours = parent.copy()
    ours[:lost] = np.eye(77)[1] * 8.0
    return labels, parent, ours


@pytest.mark.parametrize(("lost", "accepted"), [(1, True), (13, False)])
def test_of_many_small_classes_one_text_is_no_loss_and_a_class_is(judged, lost, accepted):
    """One of 13 is a drop of 0.077, beyond the limit; all of 13 are so in every resample."""
    labels, parent, ours = _of_many_classes(lost)
    limits = Acceptance(confident_changes=None, divergence=None).limits  # which see all texts
    found = judged(ours, parent=parent, labels=labels, limits=limits)
    assert found["measures"]["recall"]["value"] == pytest.approx(lost / 13)
    assert found["measures"]["recall"]["accepted"] is accepted


def test_one_near_tie_in_each_of_many_classes_is_accepted(judged):
    """In nearly every resample of all texts some class has lost one of its few texts, twice."""
    labels, parent, _ = _of_many_classes(0)
    ours = parent.copy()
    ours[np.arange(0, 77 * 13, 26)] = np.eye(77)[(labels[::26] + 1) % 77] * 8.0
    found = judged(ours, parent=parent, labels=labels, limits=Acceptance(confident_changes=None, divergence=None).limits)
    assert found["measures"]["recall"]["value"] == pytest.approx(1 / 13)
    assert found["measures"]["recall"]["accepted"]


def test_answers_to_other_texts_are_an_error(tmp_path):
    ours, theirs = answers(tmp_path, "a", LABELS, PARENT), answers(tmp_path, "b", 1 - LABELS, PARENT)
    seeds = [{"seed": 0, "folder": ours, "parent": theirs}]
    with pytest.raises(EdgeminError, match="other texts than"):
        verdict({"metric": "accuracy", "limits": LIMITS, "seeds": seeds})
