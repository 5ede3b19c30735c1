"""Kinds of task: which one a metric belongs to, and how a metric is shown."""

from __future__ import annotations

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.study import registry
from edgemin.study.kind import Kind, Metric, kind_of, metric_names, metric_of, share
from edgemin.study.task import Task


class Ranking(Kind):
    """A kind that shares a metric with another."""

    name = "ranking"
    metrics = (share("accuracy"), Metric("ndcg", "NDCG"))
    problem_type = "regression"
    classes = False
    divergence = "mean"


@pytest.fixture
def ranking(monkeypatch):
    """As if it had a folder."""
    ranked = Ranking()
    found = registry._all
    monkeypatch.setattr(registry, "_all", lambda group: found(group) | ({"ranking": ranked} if group == registry.KINDS else {}))
    return ranked


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"metric": "accuracy"}, "classification"),
        ({"metric": "matthews", "kind": None}, "classification"),
        ({"metric": "spearman"}, "regression"),
        ({"kind": "regression"}, "regression"),
        ({"metric": "accuracy", "kind": "ranking"}, "ranking"),
        ({"metric": "ndcg"}, "ranking"),
    ],
)
def test_a_metric_says_the_kind_of_task_unless_the_kind_is_named(ranking, spec, name):
    """Of kinds that share a metric, it means the first alone."""
    assert kind_of(spec).name == name


def test_a_kind_that_is_not_there_is_told():
    with pytest.raises(EdgeminError, match=r"^kind of task 'ranking' is unknown; known: classification, regression$"):
        kind_of({"metric": "accuracy", "kind": "ranking"})


def test_metrics_are_named_once(ranking):
    assert metric_names() == ("accuracy", "macro_f1", "matthews", "pearson", "spearman", "ndcg")
    assert metric_names(ranking) == ("accuracy", "ndcg")


def test_a_share_is_shown_as_per_cent_and_a_correlation_as_it_is():
    assert metric_of("accuracy") == Metric("accuracy", "accuracy %", 100, 1, "share")
    assert metric_of("pearson") == Metric("pearson", "pearson", 1, 3, "correlation", differing=True)
    with pytest.raises(EdgeminError, match=r"^metric 'bleu' is unknown; known: accuracy, macro_f1, matthews, pearson, spearman$"):
        metric_of("bleu")


@pytest.mark.parametrize(
    ("said", "kind"),
    [({}, "classification"), ({"metric": "pearson"}, "regression"), ({"metric": "pearson", "kind": "regression"}, "regression")],
)
def test_a_task_asks_for_what_its_metric_or_its_kind_says(said, kind):
    task = Task.model_validate({"source": {"files": {"train": "a.csv"}}, "text": "text", "label": "label", **said})
    assert task.asks.name == kind
