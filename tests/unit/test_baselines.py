"""Baselines: what they learn and answer, by hand and against scikit-learn; their folders, their times, and what a study may not say of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.data import store
from edgemin.measure import baseline as measuring
from edgemin.measure.baseline_pool import pool
from edgemin.methods.baselines.tfidf.answer import tfidf
from edgemin.methods.floor import Rows, fit_folder, open_folder
from edgemin.study import registry
from edgemin.study.floor import baseline_of
from edgemin.study.kind import Kind

CLASSES, VALUES = registry.KINDS["classification"], registry.KINDS["regression"]
SNIPPETS = pd.read_csv(Path(__file__).parents[1] / "data/snippets.csv")


def rows_of(kind: Kind, train: pd.DataFrame, validation: pd.DataFrame, classes: int | None) -> Rows:
    return Rows({"train": train, "validation": validation}, kind, classes)


def reviews(classes: bool = True) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the test data, halved: text and a class index, or the text's length as a value."""
    found = pd.DataFrame({"text": SNIPPETS["text"], "label": pd.Categorical(SNIPPETS["label"]).codes.astype(int)})
    if not classes:
        found["label"] = found["text"].str.len() / 100
    first = np.arange(len(found)) // 2 % 2 == 0
    return found[first].reset_index(drop=True), found[~first].reset_index(drop=True)


def folder_of(
    tmp_path: Path, kind: Kind, settings: Mapping[str, Any], splits: Mapping[str, pd.DataFrame], names: list[str] | None
) -> Path:
    """A fitted baseline's folder, from rows on disk."""
    files = {split: tmp_path / f"{split}.arrow" for split in splits}
    for split, table in splits.items():
        ids = [f"{split}-{number}" for number in range(len(table))]
        store.write_dataset(store.to_dataset(table.assign(id=ids), kind, names), files[split], label_names=names)
    spec = {"baseline": dict(settings), "metric": kind.metrics[0].name, "kind": kind.name}
    fit_folder({split: files[split] for split in ("train", "validation")}, names, tmp_path / "fitted", spec)
    return tmp_path / "fitted"


def test_the_majority_answers_the_log_of_each_share() -> None:
    """Three rows of class 1 and one of class 0: log 1/4 and log 3/4 for whatever text."""
    train = pd.DataFrame({"text": ["a", "b", "c", "d"], "label": [1, 1, 0, 1]})
    settings = baseline_of({"baseline": "majority"})
    answer = settings.answer(settings.fit(rows_of(CLASSES, train, train, 2)))
    assert answer({"text": ["x", "y"]}).tolist() == [[math.log(1 / 4), math.log(3 / 4)]] * 2


def test_the_majority_of_values_is_their_mean() -> None:
    train = pd.DataFrame({"text": ["a", "b", "c"], "label": [1.0, 2.0, 6.0]})
    settings = baseline_of({"baseline": "majority"})
    assert settings.answer(settings.fit(rows_of(VALUES, train, train, None)))({"text": ["x"]}).tolist() == [[3.0]]


def test_values_of_terms_by_hand() -> None:
    """`bad film, bad film, good`: bad and film twice, good once; the phrase `bad film` twice, `film bad` is not known. Words of one letter
    are none. (1 + ln 2) idf, over the root of the sum of squares."""
    index, idf = {"bad": 0, "film": 1, "good": 2, "bad film": 3}, np.array([1.0, 2.0, 3.0, 4.0])
    terms, values = tfidf("Bad film, a bad FILM good", index, idf, longest=2)
    twice = 1 + math.log(2)
    raw = {0: twice, 1: 2 * twice, 2: 3.0, 3: 4 * twice}
    length = math.sqrt(sum(value**2 for value in raw.values()))
    assert dict(zip(terms, values, strict=True)) == pytest.approx({term: value / length for term, value in raw.items()})


def test_a_text_without_known_terms_gets_the_bias_alone(tmp_path: Path) -> None:
    train, validation = reviews()
    answer = open_folder(
        folder_of(tmp_path, CLASSES, {"baseline": "tfidf"}, {"train": train, "validation": validation}, ["n", "p"])
    )
    one, other = answer({"text": ["", "zzzz qqqq"]})
    assert one[0] == 0
    assert one.tolist() == other.tolist()


@pytest.mark.parametrize("words", [1, 3])
def test_answers_equal_scikit_learn_s(tmp_path: Path, words: int) -> None:
    """To 1e-6: weights are kept in float32, of numbers below 10."""
    train, validation = reviews()
    settings = {"baseline": "tfidf", "words": words, "min_rows": 1, "inverse_strengths": [3.0]}
    answer = open_folder(folder_of(tmp_path, CLASSES, settings, {"train": train, "validation": validation}, ["n", "p"]))
    vectorizer = TfidfVectorizer(ngram_range=(1, words), sublinear_tf=True)
    model = LogisticRegression(C=3.0, max_iter=5000).fit(vectorizer.fit_transform(train["text"]), train["label"])
    wanted = model.decision_function(vectorizer.transform(validation["text"]))
    found = answer({"text": list(validation["text"])})
    assert found.shape == (len(validation), 2)
    assert np.abs(found[:, 1] - found[:, 0] - wanted).max() < 1e-6


def test_answers_of_three_classes_and_of_pairs_equal_scikit_learn_s(tmp_path: Path) -> None:
    """Each text of a pair has weights of its own: features side by side."""
    train, validation = (one.assign(pair=one["text"].str[::-1], label=np.arange(len(one)) % 3) for one in reviews())
    settings = {"baseline": "tfidf", "min_rows": 1, "inverse_strengths": [1.0]}
    answer = open_folder(folder_of(tmp_path, CLASSES, settings, {"train": train, "validation": validation}, ["a", "b", "c"]))
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit([*train["text"], *train["pair"]])

    def features(table: pd.DataFrame) -> np.ndarray:
        return np.hstack([vectorizer.transform(table[name]).toarray() for name in ("text", "pair")])

    model = LogisticRegression(C=1.0, max_iter=5000).fit(features(train), train["label"])
    found = answer({name: list(validation[name]) for name in ("text", "pair")})
    assert np.abs(found - model.decision_function(features(validation))).max() < 1e-5  # two float32 sums of up to a hundred terms


def test_answers_of_values_equal_ridge_regression_s(tmp_path: Path) -> None:
    train, validation = reviews(classes=False)
    settings = {"baseline": "tfidf", "min_rows": 1, "inverse_strengths": [2.0]}
    answer = open_folder(folder_of(tmp_path, VALUES, settings, {"train": train, "validation": validation}, None))
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = Ridge(alpha=0.25).fit(vectorizer.fit_transform(train["text"]), train["label"])
    found = answer({"text": list(validation["text"])})
    assert np.abs(found[:, 0] - model.predict(vectorizer.transform(validation["text"]))).max() < 1e-6


def test_regularisation_is_chosen_on_validation(tmp_path: Path) -> None:
    """Of the strengths tried the one with the least loss on validation: computed here by scikit-learn, for each."""
    train, validation = reviews()
    strengths = [0.01, 1.0, 100.0]
    settings = {"baseline": "tfidf", "min_rows": 1, "inverse_strengths": strengths}
    folder = folder_of(tmp_path, CLASSES, settings, {"train": train, "validation": validation}, ["n", "p"])
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    features = vectorizer.fit_transform(train["text"])
    losses = []
    for strength in strengths:
        model = LogisticRegression(C=strength, max_iter=5000).fit(features, train["label"])
        chances = model.predict_proba(vectorizer.transform(validation["text"]))
        losses.append(-np.log(chances[np.arange(len(validation)), validation["label"]]).mean())
    told = json.loads((folder / "config.json").read_text())
    assert told["validation_losses"] == pytest.approx(losses, abs=1e-6)
    assert told["inverse_strength"] == strengths[int(np.argmin(losses))]


def test_no_term_in_enough_rows_is_said(tmp_path: Path) -> None:
    train, validation = reviews()
    with pytest.raises(EdgeminError, match=r"no word is in 9999 training texts \(`min_rows`\)"):
        folder_of(
            tmp_path, CLASSES, {"baseline": "tfidf", "min_rows": 9999}, {"train": train, "validation": validation}, ["n", "p"]
        )


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    train, validation = reviews()
    folder = folder_of(tmp_path, CLASSES, {"baseline": "majority"}, {"train": train, "validation": validation}, ["n", "p"])
    with (folder / "config.json").open("a") as stream:
        stream.write(" ")
    with pytest.raises(EdgeminError, match=r"config\.json: its sha256 differs"):
        open_folder(folder)


def test_predictions_have_the_form_of_a_cell_s(tmp_path: Path) -> None:
    """The majority of the training rows, on validation: as many right as are of that class."""
    train, validation = reviews()
    train.loc[:, "label"] = [1] * (len(train) - 1) + [0]
    folder = folder_of(tmp_path, CLASSES, {"baseline": "majority"}, {"train": train, "validation": validation}, ["n", "p"])
    spec = {"metric": "accuracy", "batch_size": 4, "threads": 1}
    found, predictions = measuring.measure_folder(folder, {"validation": tmp_path / "validation.arrow"}, spec)
    assert found["splits"]["validation"] == {"accuracy": (validation["label"] == 1).mean(), "examples": len(validation)}
    assert list(predictions.columns) == ["id", "split", "label", "prediction", "logits"]
    assert predictions["id"].tolist() == [f"validation-{number}" for number in range(len(validation))]
    assert set(predictions["prediction"]) == {1}


def test_size_counts_every_number_and_every_byte(tmp_path: Path) -> None:
    """T terms: T idf, T weights and a bias."""
    train, validation = reviews()
    folder = folder_of(tmp_path, CLASSES, {"baseline": "tfidf"}, {"train": train, "validation": validation}, ["n", "p"])
    found = measuring.size(folder)
    terms = len(json.loads((folder / "config.json").read_text())["terms"])
    assert found["logical"] == 2 * terms + 1
    assert found["bytes"] == sum((folder / name).stat().st_size for name in ("config.json", "model.safetensors"))


def test_a_p50_is_the_teacher_s_from_text_over_the_speed_up(tmp_path: Path) -> None:
    """Two rounds, in which the baseline is 100 and 400 times as fast: 200 times. The teacher takes 8 ms from text by its own rounds: 0.04 ms."""
    host = {"cpu": "c", "flags": ["f"]}
    folders = []
    for number, faster in enumerate((100.0, 400.0), 1):
        folder = tmp_path / str(number)
        stream = {"speedup_over_reference": {"value": faster, "low": faster, "high": faster}}
        told = {
            "runtime": "numpy",
            "threads": 1,
            "cpus": [0],
            "single_stream": stream,
            "cold_start_ms": 2.0,
            "peak_memory_mb": 1.0,
            "host": host,
        }
        write_json(folder / "latency.json", told)
        calls = {"scenario": "single_stream", "block": 0}
        pd.DataFrame(
            [{**calls, "model": "model", "seconds": 0.01 / faster}, {**calls, "model": "reference", "seconds": 0.01}]
        ).to_parquet(folder / "timings.parquet")
        folders.append(folder)
    write_json(tmp_path / "teacher/latency.json", {"host": host, "end_to_end_p50_ms": {"value": 8.0, "low": None, "high": None}})
    found = pool(folders, tmp_path / "teacher")
    assert found["end_to_end_p50_ms"]["value"] == pytest.approx(8.0 / 200)
    assert found["single_stream"]["speedup_over_reference"]["value"] == pytest.approx(200)
    assert found["single_stream"]["teacher_p50_ms"] == 8.0
