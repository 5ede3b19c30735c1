"""What tables say of differences: their columns, Holm's correction, and the words below."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from edgemin.report import blocks
from edgemin.report.statistics import adjust
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.significance import holm
from edgemin.report.statistics.values import values_of

ACCURACY = Judge.of({"metric": "accuracy"})


def change(judge, labels, ours, theirs):
    return blocks.change_columns(values_of(judge, labels, ours) - values_of(judge, labels, theirs))


def test_holm_by_hand():
    """Holm 1979: 0.01 x 4, then 0.02 x 3, then 0.03 x 2, 0.04 x 1 raised to the one before."""
    assert holm([0.03, None, 0.01, 0.04, 0.02]) == pytest.approx([0.06, None, 0.04, 0.06, 0.06])
    assert holm([None, float("nan")]) == [None, None]
    assert holm([0.9, 0.8]) == [1, 1]


def test_a_comparison_that_stands_twice_counts_once():
    """Three p of two comparisons: the larger of `a`, 0.02, x 2; then 0.04 x 1."""
    assert holm([0.01, 0.04, 0.02, None], ["a", "b", "a", "a"]) == pytest.approx([0.04, 0.04, 0.04, None])


def test_a_regression_has_no_answers_that_are_right():
    """Correlations need none: of four seeds, correlations near 1 against near -1."""
    labels = np.arange(30.0)
    noise = np.random.default_rng(0).standard_normal((4, 30, 1))
    ours, theirs = labels[:, None] + noise, -labels[:, None] + noise
    pearson = Judge.of({"metric": "pearson"})
    assert change(pearson, labels, ours[:1], theirs[:1])["p"] is None
    found = change(pearson, labels, ours, theirs)
    assert found["quality_change"] == pytest.approx(2, abs=0.02)
    assert found["p"] < 1e-6


def test_the_smallest_effect_of_a_test_set():
    """At 80 % power: (1.96 + 0.84) sqrt(0.05 / 872) = 2.12 points where 5 % of 872 answers differ, and seeds agree."""
    count = 872
    discordant = round(0.05 * count)
    labels = np.zeros(count, dtype=int)
    one, other = np.zeros(count, dtype=int), np.zeros(count, dtype=int)
    one[: discordant // 2] = 1
    other[discordant // 2 : discordant] = 1
    ours, theirs = (np.tile(np.eye(2)[answers], (4, 1, 1)) for answers in (one, other))
    found = change(ACCURACY, labels, ours, theirs)["smallest_effect"]
    assert found == pytest.approx(2.80 * np.sqrt(discordant / count / count), rel=0.003)  # Student's t for the normal


@pytest.fixture
def told(tmp_path):
    """told(seeds): three cells of forty examples: always right, wrong on a quarter, wrong on half; every seed alike."""

    def make(seeds):
        labels = np.arange(40) % 2
        cells = []
        for name, wrong in (("a", 0), ("b", 10), ("c", 20)):
            folders = []
            for seed in range(seeds):
                answers = np.where(np.arange(40) < wrong, 1 - labels, labels)
                folder = tmp_path / name / str(seed)
                folder.mkdir(parents=True)
                frame = pd.DataFrame({"split": "test", "label": labels, "logits": list(np.eye(2)[answers])})
                frame.to_parquet(folder / "predictions.parquet")
                folders.append(str(folder))
            cells.append(({"task": "t", "cell": name, "chain": name}, folders))
        return cells

    return make


def table_of(cells, **more):
    return adjust.adjusted(pd.DataFrame([one.row for one in blocks.judged(ACCURACY, cells, **more)]))


def student(share):
    """p of a change of so many of 40 examples."""
    return 2 * t.sf(share / np.sqrt(share * (1 - share) / 39), 39)


def test_the_columns_of_a_comparison(told):
    cells = told(4)
    rows = [one.row for one in blocks.judged(ACCURACY, cells)]
    assert [row["quality_change"] for row in rows[1:]] == [-0.25, -0.5]
    assert rows[1]["change_by_seed"] == "-0.25 -0.25 -0.25 -0.25"
    assert rows[1]["quality_by_seed"] == "0.75 0.75 0.75 0.75"
    assert (rows[1]["p"], rows[1]["change_over"]) == (pytest.approx(student(0.25)), "seeds and examples")
    assert [row["best"] for row in rows] == [True, False, False]
    assert [row.get("against") for row in rows] == [None, "a", "a"]
    stepwise = [one.row for one in blocks.judged(ACCURACY, cells, stepwise=True)]
    assert (stepwise[2]["quality_change"], stepwise[2]["against"]) == (-0.25, "b")


def test_a_baseline_is_no_metric_that_does_not_tell(told):
    """It has no p by design: the note on metrics that are the same whatever the answers is not about it."""
    *cells, (names, folders) = told(4)
    table = table_of([*cells, ({**names, "chain": "baseline-tfidf"}, folders)])
    assert table["change_over"].isna().tolist() == [True, False, True]
    assert adjust.cautioned(table) == ""
    assert "is the same whichever example is left out" in adjust.cautioned(table.assign(chain="other"))


def test_a_row_of_a_ladder_is_compared_with_what_it_was_made_from(told):
    """Of two ladders below each other, the second goes on from the first row."""
    chains = ["teacher", "teacher/kd", "teacher/kd/cut", "teacher/best", "teacher/best/cut", "teacher/kd2"]
    (_, folders), *_ = told(4)
    rows = [one.row for one in blocks.judged(ACCURACY, [({"chain": chain}, folders) for chain in chains], stepwise=True)]
    assert [row["against"] for row in rows[1:]] == ["teacher", "teacher/kd", "teacher", "teacher/best", "teacher"]
    apart = [({"chain": chain}, folders) for chain in ("teacher/kd", "teacher/best")]
    assert blocks.judged(ACCURACY, apart, stepwise=True)[1].row["against"] == "teacher/kd"


def test_nothing_is_best_among_equals(told):
    cells = told(4)
    assert not any(one.row["best"] for one in blocks.judged(ACCURACY, [cells[0], cells[0], cells[2]]))
    assert not blocks.judged(ACCURACY, cells[:1])[0].row["best"]


def test_a_quality_ends_where_its_metric_does(told):
    """39 of 40 right: the interval of Student's t would reach 102.5 %."""
    labels = np.zeros(40, dtype=int)
    found = values_of(ACCURACY, labels, np.eye(2)[(np.arange(40) == 0).astype(int)][None]).estimate().interval()
    assert found.high > 1
    assert blocks.possible(found, "accuracy").high == 1
    assert blocks.possible(found, "accuracy").low == found.low


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_few_seeds_speak_of_checkpoints(told, seeds):
    """Intervals over examples, no p, no minimum detectable effect, and the words that say so."""
    table = table_of(told(seeds))
    assert table["quality_change"].tolist()[1:] == [-0.25, -0.5]
    half = t.ppf(0.975, 39) * np.sqrt(0.25 * 0.75 / 39)
    assert table["quality_change_high"][1] == pytest.approx(-0.25 + half)
    assert set(table["change_over"][1:]) == {"examples"}
    assert table[["p", "p_holm", "smallest_effect"]].isna().all(axis=None)
    said = adjust.correction_note(table)
    assert "With fewer than 4 seeds there is no interval and no p over methods." in said
    assert "they speak of these checkpoints, and other seeds may fall outside." in said
    assert "Holm" not in said
    assert "Minimum detectable effect" not in said


def test_four_seeds_speak_of_methods(told):
    table = table_of(told(4))
    assert table["p_holm"].tolist()[1:] == pytest.approx([student(0.25), 2 * student(0.5)])
    said = adjust.correction_note(table)
    assert said.startswith(
        "4 seeds. Intervals: two-way analysis of seeds and test examples, which are both samples; they speak of the "
    )
    assert "corrected by Holm for the 2 comparisons of this table." in said
    assert "Minimum detectable effect" in said
    assert "fewer than" not in said


def test_a_model_in_two_runtimes_is_one_comparison(told):
    """The block of another runtime, with the same chains, makes no p larger."""
    rows = [one.row for one in blocks.judged(ACCURACY, told(4))]
    twice = adjust.adjusted(pd.DataFrame([row | {"runtime": runtime} for runtime in ("torch", "onnxruntime") for row in rows]))
    assert twice["p_holm"].tolist()[1:3] == twice["p_holm"].tolist()[4:] == pytest.approx([student(0.25), 2 * student(0.5)])
    said = adjust.correction_note(twice)
    assert "for the 2 comparisons of this table. The same models in two runtimes are one comparison." in said


METRICS = {"matthews": 2, "pearson": 1, "spearman": 1}


@pytest.mark.parametrize("seeds", [1, 4])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("draw", range(10))
def test_a_metric_that_is_constant_has_no_p(metric, seeds, draw):
    """Labels that are all alike: whichever example is left out the metric is 0, though answers differ."""
    random, judge = np.random.default_rng(draw), Judge.of({"metric": metric})
    labels, shape = np.zeros(20, dtype=int), (seeds, 20, METRICS[metric])
    rows = [change(judge, labels, random.standard_normal(shape), random.standard_normal(shape)) for _ in range(2)]
    for row in rows:
        assert (row["p"], row["change_over"], row["smallest_effect"], row["change_by_seed"]) == (None, None, None, "")
        assert (row["quality_change"], row["quality_change_low"], row["quality_change_high"]) == (0, 0, 0)
    assert blocks.cautions(judge, labels)["caution"].startswith("the test split has one ")
    names = {"task": "t", "chain": "a", "against": "b", "metric": metric, "seeds": seeds, **blocks.cautions(judge, labels)}
    said = adjust.correction_note(adjust.adjusted(pd.DataFrame([{**names, **row} for row in rows])))
    told = f"Where {metric} is the same whichever example is left out, whatever the answers, there is no p and no minimum detectable effect."
    assert told in said
    assert "Caution: the test split has one " in said
    assert "Minimum detectable effect" not in said


def test_a_metric_that_varies_keeps_its_p_and_a_difference_without_width_has_no_smallest_effect():
    """Each model always answers one class: Matthews is 0 for both, constant, though the labels differ. Accuracy tells."""
    labels = np.repeat([0, 1], [14, 2])
    no, yes = (np.tile(np.eye(2)[answer], (4, 16, 1)) for answer in (0, 1))
    assert change(Judge.of({"metric": "matthews"}), labels, no, yes)["p"] is None
    told = change(ACCURACY, labels, no, yes)
    assert told["p"] == pytest.approx(2 * t.sf(0.75 / np.sqrt((16 - 16 * 0.75**2) / 15 / 16), 15))
    assert told["smallest_effect"] > 0
    same = change(ACCURACY, labels, no, no)
    assert (same["p"], same["smallest_effect"]) == (1, None)
    right = np.tile(np.eye(2)[labels], (4, 1, 1))
    assert change(ACCURACY, labels, right, right)["p"] == 1
    assert blocks.cautions(ACCURACY, labels) == {}
