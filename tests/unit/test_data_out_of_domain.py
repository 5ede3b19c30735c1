"""Test sets from elsewhere: rows and labels as the task has them."""

from __future__ import annotations

import pandas as pd
import pytest
from datasets import DatasetDict

from edgemin.core.errors import EdgeminError
from edgemin.data import out_of_domain, store
from edgemin.study import task as tasks
from edgemin.study.registry import KINDS

RATING = {"sign_of": "rating", "dead_zone": 0.5}


@pytest.fixture
def elsewhere(data, tmp_path):
    """elsewhere({"test": rows}): the test set `tweets` of a task whose prepared data are the conftest's."""

    def make(files: dict, columns=("text", "label"), task: dict | None = None, folder=data, **test):
        paths = {}
        for split, rows in files.items():
            paths[split] = str(tmp_path / f"{split}.parquet")
            pd.DataFrame(rows, columns=list(columns)).to_parquet(paths[split])
        values = {"source": {"files": {"train": "unused.csv"}}, "text": "text", "label": "label", **(task or {})}
        test_set = tasks.TestSet.model_validate({"source": {"files": paths}, **test})
        return out_of_domain.prepare(tasks.Task.model_validate(values), "tweets", test_set, folder, None).to_pandas()

    return make


@pytest.mark.parametrize("labels", [("positive", "negative"), ("1", "0"), (1, 0), (1.0, 0.0)])
def test_labels_are_names_or_indices(elsewhere, labels):
    rows = elsewhere({"train": [("a fine  tweet", labels[0]), ("a dull tweet", labels[1])]})
    assert rows.to_dict("list") == {
        "id": ["tweets-0", "tweets-1"],
        "text": ["a fine tweet", "a dull tweet"],
        "label": [1, 0],
    }


@pytest.mark.parametrize(
    ("task", "test"), [({"label": RATING}, {}), ({}, {"label": RATING}), ({"label": "other"}, {"label": RATING, "text": "text"})]
)
def test_a_rating_loses_its_dead_zone(elsewhere, task, test):
    """As the task says it, or as the test set does."""
    ratings = [3, 0.5, 0.4, 0, -0.4, -0.5, -3]
    rows = elsewhere({"train": [(f"tweet {rating}", rating) for rating in ratings]}, ("text", "rating"), task, **test)
    assert dict(zip(rows["text"], rows["label"], strict=True)) == {
        "tweet 3": 1,
        "tweet 0.5": 1,
        "tweet -0.5": 0,
        "tweet -3": 0,
    }
    assert list(rows["id"]) == [f"tweets-{number}" for number in range(4)]


def test_the_test_split_is_taken_where_there_is_one(elsewhere):
    rows = {split: [(f"a {split} tweet", 1)] for split in ("train", "validation", "test")}
    assert list(elsewhere(rows)["text"]) == ["a test tweet"]
    assert list(elsewhere({"train": rows["train"]})["text"]) == ["a train tweet"]


def test_texts_that_were_trained_on_are_left_out(elsewhere, data):
    """However they are written; those of the task's own test split may stay, since nothing was trained on them."""
    trained, held_out = (list(store.read_split(data, split)["text"]) for split in ("train", "test"))
    rows = elsewhere(
        {"train": [(trained[0].upper(), 1), ("new", 1), (f"{trained[1]}.", 0), (f"{trained[1]}!", 0), (held_out[0], 0)]}
    )
    assert rows[["id", "text"]].to_numpy().tolist() == [
        ["tweets-0", "new"],
        ["tweets-1", f"{trained[1]}!"],
        ["tweets-2", held_out[0]],
    ]
    with pytest.raises(
        EdgeminError, match=r"^out_of_domain.tweets: no rows are left, since all of them are in the training split"
    ):
        elsewhere({"train": [(trained[0], 1)]})


def test_columns_of_its_own(elsewhere):
    rows = elsewhere({"train": [("a tweet", "positive")]}, ("body", "mood"), text="body", label="mood")
    assert rows[["text", "label"]].to_numpy().tolist() == [["a tweet", 1]]


def test_a_pair_and_a_regression(elsewhere, tmp_path):
    train = pd.DataFrame({"id": ["train-0", "train-1"], "text": ["a", "b"], "pair": ["b", "a"], "label": [0.5, 1.0]})
    splits = DatasetDict({"train": store.to_dataset(train, KINDS["regression"], None)})
    store.write(store.TaskData(splits, None, {"label_names": None}), tmp_path / "pairs")
    task = {"text": ["left", "right"], "label": "score", "metric": "pearson"}
    rows = elsewhere(
        {"test": [("a", "b", 1), ("a", "c", 2), ("c", "a", 3)], "train": []}, ("left", "right", "score"), task, tmp_path / "pairs"
    )
    assert rows.to_dict("list") == {
        "id": ["tweets-0", "tweets-1"],
        "text": ["a", "c"],
        "pair": ["c", "a"],
        "label": [2.0, 3.0],
    }


@pytest.mark.parametrize(
    ("rows", "test", "message"),
    [
        (
            [("x", "neutral")],
            {},
            r"out_of_domain.tweets: label 'neutral' is neither one of the label_names \(negative, positive\)",
        ),
        ([("x", 2)], {}, "out_of_domain.tweets: label '2' is neither"),
        ([("x", 1)], {"label": "mood"}, "out_of_domain.tweets: no column 'mood'; it has: text, label"),
        ([("x", 1), ("", 1)], {}, "out_of_domain.tweets: column 'text': 1 empty texts, the first in data row 2"),
    ],
)
def test_an_unusable_test_set_is_told(elsewhere, rows, test, message):
    with pytest.raises(EdgeminError, match=f"^{message}"):
        elsewhere({"train": rows}, **test)


@pytest.mark.parametrize(("are", "label"), [("indices", 1), ("names", 0)])
def test_what_can_be_a_name_or_an_index_is_what_the_tasks_labels_are(elsewhere, tmp_path, are, label):
    """Classes called 1 and 2: a test set with the label 1 alone says neither by itself."""
    train = pd.DataFrame({"id": ["train-0"], "text": ["a"], "label": [0]})
    splits = DatasetDict({"train": store.to_dataset(train, KINDS["classification"], ["1", "2"])})
    store.write(store.TaskData(splits, ["1", "2"], {"label_names": ["1", "2"], "labels_are": are}), tmp_path / "numbers")
    rows = elsewhere({"test": [("b", "1"), ("c", "1.0")], "train": []}, folder=tmp_path / "numbers")
    assert rows["label"].tolist() == [label, label]
    assert set(elsewhere({"test": [("b", "2"), ("c", "1")], "train": []}, folder=tmp_path / "numbers")["label"]) == {0, 1}
