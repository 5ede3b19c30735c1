"""Cascades: temperatures and times in closed form, thresholds against all combinations and in bundles."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from pages import study_of

from edgemin.deploy.cascade.bundle import reachable
from edgemin.deploy.cascade.model import confidence as sure_in_bundle
from edgemin.plan.jobs.cascade import BundleCascade
from edgemin.plan.plan import Plan
from edgemin.report.cascades.confidence import WIDEST, confidence, temperature
from edgemin.report.cascades.thresholds import choose, route, within
from edgemin.report.cascades.times import composed, mean, passed
from edgemin.report.readings import READINGS
from edgemin.report.statistics.twoway import estimate
from edgemin.study.read import parse_study
from planning import at


@pytest.mark.parametrize(("classes", "share"), [(2, 0.75), (2, 0.6), (4, 0.7), (5, 0.25)])
def test_the_temperature_gives_the_share_that_is_right(classes: int, share: float) -> None:
    """Logits d for the answer and 0 for K - 1 others: exp(d / T) / (exp(d / T) + K - 1) = share, so T = d / ln(share (K - 1) / (1 - share))."""
    d, labels = 3.0, np.ones(20, dtype=int)
    labels[: round(20 * share)] = 0
    logits = np.tile([d, *[0.0] * (classes - 1)], (20, 1))
    found = temperature(labels, logits)
    assert found == pytest.approx(d / np.log(share * (classes - 1) / (1 - share)))
    assert confidence(logits, found) == pytest.approx(np.full(20, share))


def test_a_temperature_has_ends() -> None:
    """Always right: none is small enough. Worse than chance: none is large enough. No difference between classes: any."""
    logits = np.tile([2.0, 0.0], (4, 1))
    assert temperature(np.zeros(4, dtype=int), logits) == 1 / WIDEST
    assert temperature(np.array([0, 1, 1, 1]), logits) == WIDEST
    assert temperature(np.array([0, 1]), np.full((2, 2), 7.0)) == 1.0


def test_the_first_that_is_sure_enough_answers() -> None:
    """Of three members and four texts, by hand; a member that is left out never answers, and a threshold counts as reached."""
    sure = np.array([[0.9, 0.6, 0.8, 0.5], [0.9, 0.9, 0.5, 0.6]])
    assert route(sure, (0.8, 0.7)).tolist() == [0, 1, 0, 2]
    assert route(sure, (None, 0.6)).tolist() == [1, 1, 2, 1]
    assert route(sure, (None, None)).tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("bound", READINGS)
def test_what_is_allowed_is_what_the_recommendation_reads(bound: str) -> None:
    """Bounds of many drops at once, and `Reading.of` of one paired difference: just above and just below each limit."""
    for lost, won in ((0, 0), (3, 0), (5, 2), (2, 6), (30, 25)):
        each = np.array([[1.0] * lost + [-1.0] * won + [0.0] * (200 - lost - won)])
        limit = READINGS[bound].of(estimate(each), 200)
        assert within(np.array(lost), np.array(won), 200, limit + 1e-9, READINGS[bound])
        assert not within(np.array(lost), np.array(won), 200, limit - 1e-9, READINGS[bound])


@pytest.mark.parametrize("bound", READINGS)
@pytest.mark.parametrize("members", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_thresholds_are_the_fastest_of_all_that_are_allowed(members: int, bound: str, seed: int) -> None:
    """Against every combination, one by one. Confidences of one decimal have ties; better members are right more often, and slower."""
    draw, count, max_drop = np.random.default_rng(seed), 60, 0.08
    sure = draw.integers(5, 11, (members - 1, count)) / 10
    right = draw.random((members, count)) < np.linspace(0.7, 0.9, members)[:, None]
    times = [1.0, 4.0, 9.0, 30.0][4 - members :]
    best = times[-1]
    for thresholds in product(*([None, *np.unique(one)] for one in sure)):
        who = route(sure, thresholds)
        each = right[-1].astype(float) - right[who, np.arange(count)]
        asked = [number for number, one in enumerate(thresholds) if one is not None]
        time = sum(times[number] * (who >= number).sum() for number in [*asked, members - 1]) / count
        if READINGS[bound].of(estimate(each[None]), count) <= max_drop + 1e-12:
            best = min(best, time)
    found = choose(sure, right, times, max_drop, READINGS[bound])
    assert found.time == pytest.approx(best)
    answers = right[route(sure, found.thresholds), np.arange(count)]
    assert found.drop == pytest.approx(right[-1].mean() - answers.mean())


def test_where_nothing_is_allowed_the_last_answers_alone() -> None:
    """Of 12 rows an upper 80 % bound is never below ln 5 / 12 = 0.13, even where no answer differs."""
    sure, right = np.full((2, 12), 0.9), np.ones((3, 12), dtype=bool)
    assert choose(sure, right, [1, 2, 10], 0.1, READINGS["upper"]).thresholds == (None, None)
    found = choose(sure, right, [1, 2, 10], 0.14, READINGS["upper"])
    assert (found.thresholds, found.time) == ((0.9, None), 1.0)


def test_a_text_costs_all_members_that_it_visits() -> None:
    """Members that always take 1, 2 and 10 ms: texts take 1, 3 and 13. Of 100 texts 50, 45 and 5: in the mean 0.5 + 1.35 + 0.65 = 2.5."""
    flat = np.outer([1.0, 2.0, 10.0], np.ones(5))
    paths = passed(flat, (0.9, 0.9))
    assert paths[:, 0].tolist() == [1, 3, 13]
    assert composed(paths, [0.5, 0.45, 0.05]) == pytest.approx({"mean": 2.5, "p90": 3, "p99": 13})
    assert passed(flat, (None, 0.9))[:, 0].tolist() == [0, 2, 12]
    assert passed(flat, (None, None))[-1, 0] == 10


def test_a_time_lies_evenly_between_its_quantiles() -> None:
    """0 to 4 ms, to 8 at p90, to 17 at p99 and no further: means of the parts 2, 6, 12.5 and 17, of 0.5, 0.4, 0.09 and 0.01 of the texts."""
    quantiles = np.array([0.0, 4.0, 8.0, 17.0, 17.0])
    assert mean(quantiles) == pytest.approx(1 + 2.4 + 1.125 + 0.17)
    found = composed(quantiles[None], [1.0])
    assert (found["p90"], found["p99"]) == pytest.approx((8, 17), abs=0.06)  # of 2,000 points, 0.1 ms apart at most
    twice = composed(passed(np.stack([quantiles, quantiles]), (0.5,)), [0.0, 1.0])
    assert twice == pytest.approx({name: 2 * value for name, value in found.items()})


def test_a_text_reaches_the_threshold_that_is_its_own_confidence() -> None:
    """A table's are of logits in float32, a program's may be in float64: of these 20,000 texts every other one would be too unsure."""
    values = np.random.default_rng(0).normal(0, 5, (20_000, 3))
    scales = np.random.default_rng(1).uniform(0.2, 5, 20_000)[:, None]
    table = confidence(values.astype(np.float32) / scales, 1.0)
    program = sure_in_bundle(values / scales)
    assert 0.4 < (program < table).mean() < 0.6
    least = np.array([reachable({"threshold": one})["threshold"] for one in table])
    assert (program >= least).all()
    assert (table - least <= 2.5e-6).all(), "others stay below it"
    assert reachable({"threshold": None, "asked": False}) == {"threshold": None, "asked": False}


def test_a_cascade_of_baselines_is_made_from_the_data_alone() -> None:
    """Its card names no teacher."""
    study = study_of(
        question="", baselines={"tfidf": {}, "pairs": {"baseline": "tfidf", "words": 2}}, cascades={"cheap": ["tfidf", "pairs"]}
    )
    job = BundleCascade(Plan(parse_study(study)), "cheap")
    told = job.about(at(seed=0))
    assert [line.partition(":")[0] for line in told["sources"]] == ["data of task snippets"]
    assert [one.get("baseline") for one in told["members"]] == ["tfidf", "tfidf"]
    assert told["batch_invariant"]
