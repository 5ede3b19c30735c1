"""Transfer sets: what is in them, in which order, and what must not be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.data import splits, store
from edgemin.data.augment import PLACEHOLDER
from edgemin.data.keys import check_disjoint, keys_of
from edgemin.data.kinds.classification.scores import NO_LABEL
from edgemin.data.tokenizer import load_tokenizer
from edgemin.data.tokenizing import write_tokens
from edgemin.data.tokens import Tokens, pieces_line_up
from edgemin.data.transfer import prepare
from edgemin.study.registry import KINDS
from edgemin.study.task import Task
from edgemin.study.transfer import Transfer
from edgemin.training.data import read_examples

AUGMENT = {"mask": 0.1, "replace": 0.3, "ngram": 0.25}
SENTENCES = {"source": {"files": {"train": "unused.csv"}}, "text": "text", "label": "label"}


@pytest.fixture
def unlabelled(tmp_path):
    """unlabelled(train=[texts], test=[texts]): a source without labels, in a study's words."""

    def make(columns=("text",), **texts):
        files = {}
        for split, rows in texts.items():
            files[split] = str(tmp_path / f"unlabelled-{split}.parquet")
            pd.DataFrame(rows, columns=list(columns)).to_parquet(files[split])
        return {"source": {"files": files}}

    return make


@pytest.fixture
def task(tmp_path):
    """task(rows): a task whose one file has these rows, and the folder of its prepared data."""

    def make(rows, columns=("text", "label"), **more):
        file, folder = tmp_path / "task.csv", tmp_path / "data"
        pd.DataFrame(rows, columns=list(columns)).to_csv(file, index=False)
        made = Task.model_validate(
            {**SENTENCES, "source": {"files": {"train": str(file)}}, "splits": {"validation": 4, "test": 6}, **more}
        )
        store.write(splits.prepare(made), folder)
        return made, folder

    return make


def made(data, *, of: Task | None = None, **transfer):
    """The set and its report. Local files are read where they are."""
    rows, told = dataset(data, of=of, **transfer)
    return rows.to_pandas(), told


def dataset(data, *, of: Task | None = None, **transfer):
    config = Transfer.model_validate(transfer)
    return prepare(of or Task.model_validate(SENTENCES), config, data, None, [None] * len(config.unlabelled))


def texts(data, split: str) -> list[str]:
    return list(store.read_split(data, split)["text"])


def test_the_training_rows_come_first_with_their_labels_and_the_others_have_none(data, unlabelled):
    rows, told = made(data, unlabelled=[unlabelled(train=["New one", "new  two"])], augment=AUGMENT, rows=120)
    train = store.read_split(data, "train")
    assert list(rows.columns) == ["id", "text", "label", "masked"]
    pd.testing.assert_frame_equal(rows[["id", "text", "label"]][:96], train, check_dtype=False)
    assert all(len(places) == 0 for places in rows["masked"][:98])
    assert rows["label"][96:].isna().all()
    assert list(rows["id"][96:100]) == ["unlabelled.0-0", "unlabelled.0-1", "augmented-0", "augmented-1"]
    assert list(rows["text"][96:98]) == ["New one", "new two"]
    assert told == {
        "rows": 120,
        "origins": {"train": 96, "unlabelled.0": 2, "augmented": 22},
        "dropped": {"in_validation_or_test_or_repeated": 0},
    }


@pytest.mark.parametrize("wanted", [96, 97, 192, 193, 400])
def test_the_set_has_the_rows_that_are_asked_for(data, wanted):
    """From no augmented row over whole rounds of the training rows to more than three."""
    rows, told = made(data, augment=AUGMENT, rows=wanted)
    assert len(rows) == told["rows"] == wanted
    assert sum(told["origins"].values()) == wanted


def test_the_augmentation_is_a_function_of_its_seed(data):
    one, again, other = (made(data, augment=AUGMENT, rows=150, seed=seed)[0] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert list(one["text"]) != list(other["text"])


def test_nothing_that_is_made_is_held_out_or_repeated(data):
    """Replacing one word of a template sentence often gives another sentence of the data."""
    for seed in range(3):
        keys = keys_of(made(data, augment={"mask": 0, "replace": 0.3, "ngram": 0}, rows=400, seed=seed)[0])
        assert not keys.duplicated().any()
        assert not set(keys) & set(keys_of(pd.concat(store.read_split(data, split) for split in ("validation", "test"))))


def test_more_sentences_than_there_are_cannot_be_made(data):
    """The sentences hold a few hundred different n-grams."""
    with pytest.raises(EdgeminError, match=r"^transfer.rows: the augmentation made \d+ different sentences of the 4904 that are"):
        made(data, augment={"mask": 0, "replace": 0, "ngram": 1}, rows=5000)
    with pytest.raises(EdgeminError, match=r"made 0 different sentences of the 1 that are wanted; lower rows, or raise augment"):
        made(data, augment={"mask": 0, "replace": 0, "ngram": 0}, rows=97)


def test_as_many_as_there_are_can_be_made(task):
    """One-word texts with every word masked are one text."""
    rating, data = task([(f"w{number}", number % 2) for number in range(20)])
    rows, _ = made(data, of=rating, augment={"mask": 1, "replace": 0, "ngram": 0}, rows=11)
    assert rows["text"].iloc[-1] == PLACEHOLDER
    with pytest.raises(EdgeminError, match=r"made 1 different sentences of the 2 that are wanted"):
        made(data, of=rating, augment={"mask": 1, "replace": 0, "ngram": 0}, rows=12)


def test_fewer_rows_than_to_train_on_are_refused(data):
    with pytest.raises(EdgeminError, match=r"^transfer.rows: 95 is less than the 96 training rows; ask for more"):
        made(data, augment=AUGMENT, rows=95)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_source_that_is_a_held_out_split_is_refused(data, unlabelled, split):
    """Shouted and with another full stop it is the same; and one new text more does not help."""
    leaked = [*(text.upper() + " ." for text in texts(data, split)), "something new"]
    with pytest.raises(EdgeminError) as error:
        made(data, unlabelled=[unlabelled(train=["fine"]), unlabelled(train=["this is fine"], test=leaked)])
    assert str(error.value) == (
        "transfer unlabelled.1: 24 of its 26 texts stand in the validation or test split of the task; "
        "a transfer set must not contain them: name another source"
    )


def test_incidental_overlaps_are_dropped_and_counted(data, unlabelled):
    """Three texts of test, two of validation, one to train on and one repeat of ten: three stay. Half is no leak yet."""
    overlap = [*texts(data, "test")[:3], *texts(data, "validation")[:2], texts(data, "train")[0]]
    rows, told = made(data, unlabelled=[unlabelled(train=[*overlap, "new one"], test=["New one.", "new two", "new three"])])
    assert list(rows["text"][96:]) == ["new one", "new two", "new three"]
    assert told == {
        "rows": 99,
        "origins": {"train": 96, "unlabelled.0": 3},
        "dropped": {"in_validation_or_test_or_repeated": 7},
    }


def test_too_many_unlabelled_texts_are_drawn_from(data, unlabelled):
    source = [unlabelled(train=[f"new {number}" for number in range(50)])]
    few, again, other = (made(data, unlabelled=source, rows=110, seed=seed)[0] for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(few, again)
    assert len(few) == 110
    assert list(few["text"][:96]) == texts(data, "train")
    drawn = [int(text.split()[1]) for text in few["text"][96:]]
    assert drawn == sorted(set(drawn)) != [int(text.split()[1]) for text in other["text"][96:]]
    assert len(made(data, unlabelled=source, rows=1000)[0]) == 146  # at most so many


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "body"}, "unlabelled.0, train: no column 'body'; it has: text"),
        ({}, "unlabelled.0, train: column 'text': 1 empty texts, the first in data row 2"),
    ],
)
def test_an_unusable_source_is_told(data, unlabelled, change, message):
    with pytest.raises(EdgeminError, match=f"^{message}"):
        made(data, unlabelled=[{**unlabelled(train=["fine", " "]), **change}])


def test_the_dead_zone_gives_the_texts_that_it_dropped(task):
    """|rating| below 0.5, or 0; of them one that says the same as a rated text is dropped."""
    rated = [(f"rated {number}", rating) for number, rating in enumerate([-2, 2] * 10)]
    near = [("near one", 0.4), ("near two", -0.1), ("near three", 0), ("RATED 3", 0.2), ("on the edge", 0.5)]
    rating, data = task([*rated, *near], label={"sign_of": "label", "dead_zone": 0.5})
    rows, told = made(data, of=rating, dead_zone=True)
    assert list(rows["text"][-3:]) == ["near one", "near two", "near three"]
    assert told["origins"] == {"train": 11, "dead_zone": 3}
    assert told["dropped"] == {"in_validation_or_test_or_repeated": 1}


def test_pairs_stay_pairs(task, unlabelled):
    """The columns of the task where a source names none of its own; a pair that shares one text with a held-out one is new."""
    pairs, data = task(
        [(f"left {number}", f"right {number}", number % 2) for number in range(30)],
        ("premise", "hypothesis", "label"),
        text=["premise", "hypothesis"],
    )
    held_out = store.read_split(data, "test").iloc[0]
    new = [(held_out["text"], "new"), (held_out["text"], held_out["pair"].upper()), ("new", held_out["pair"])]
    source = unlabelled(("premise", "hypothesis"), train=new)
    rows, told = made(data, of=pairs, unlabelled=[source], augment={"mask": 0.5, "replace": 0, "ngram": 0}, rows=30)
    assert list(rows.columns) == ["id", "text", "pair", "label", "masked", "masked_pair"]
    others = rows[20:22]
    assert list(zip(others["text"], others["pair"], strict=True)) == [(held_out["text"], "new"), ("new", held_out["pair"])]
    assert told["dropped"] == {"in_validation_or_test_or_repeated": 1}
    words = {side: {word for text in rows[side][22:] for word in text.split()} for side in ("text", "pair")}
    numbers = set(map(str, range(30)))
    assert words["text"] <= {"left", PLACEHOLDER} | numbers
    assert words["pair"] <= {"right", PLACEHOLDER} | numbers
    assert not keys_of(rows).duplicated().any()


def test_a_tampered_set_is_refused(data, tmp_path):
    file, kind, names = tmp_path / "wide.arrow", KINDS["classification"], store.label_names(data)
    rows, _ = made(data, augment=AUGMENT, rows=120)
    store.write_dataset(store.to_dataset(rows, kind, names), file)
    check_disjoint(file, data)
    for split in ("validation", "test"):
        leaked = store.read_split(data, split)[5:6]
        more = pd.concat([rows, leaked.assign(text=leaked["text"].str.upper())])
        store.write_dataset(store.to_dataset(more, kind, names), file)
        key = keys_of(leaked).iloc[0]
        with pytest.raises(
            EdgeminError, match=f"^{file}: contains the {split} text '{key}'; delete the file and run snakemake again"
        ):
            check_disjoint(file, data)


@pytest.fixture
def written(tmp_path):
    """written(set, a tokenizer's folder): its tokens on disk."""

    def make(rows, data, folder, name="tokens"):
        store.write_dataset(rows, tmp_path / "wide.arrow", label_names=store.label_names(data))
        write_tokens(tmp_path / "wide.arrow", folder, 16, tmp_path / f"{name}.arrow")
        return tmp_path / f"{name}.arrow"

    return make


def test_masked_texts_of_two_families_line_up(source, data, tmp_path, written):
    """BERT's pieces, and MPNet's over the same words."""
    from transformers import MPNetTokenizerFast

    words = sorted(set(load_tokenizer(source).backend.get_vocab()) - {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
    specials = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
    mpnet = tmp_path / "mpnet"
    MPNetTokenizerFast(vocab={piece: number for number, piece in enumerate([*specials, *words])}).save_pretrained(mpnet)
    write_json(mpnet / "config.json", {"model_type": "mpnet"})
    rows, _ = dataset(data, augment={"mask": 0.5, "replace": 0, "ngram": 0}, rows=150)
    assert PLACEHOLDER in " ".join(rows["text"])
    ours, theirs = (Tokens.read(written(rows, data, folder, folder.name), folder) for folder in (source, mpnet))
    assert load_tokenizer(source).id_of("[MASK]") in ours.flat
    assert load_tokenizer(mpnet).id_of("<mask>") in theirs.flat
    assert pieces_line_up(ours, theirs, source, mpnet) is None


def test_examples_of_a_transfer_set_without_a_label_say_so(data, source, tokens, written):
    rows, _ = dataset(data, augment=AUGMENT, rows=120)
    examples = read_examples(written(rows, data, source), KINDS["classification"], source)
    train = read_examples(tokens / "train.arrow", KINDS["classification"], source)
    assert examples.labels.dtype == np.int64
    np.testing.assert_array_equal(examples.labels, [*train.labels, *[NO_LABEL] * 24])
    assert NO_LABEL == -100
    assert len(train) == 96
    assert examples.lengths[:96].tolist() == train.lengths.tolist()
    assert examples.tokens.head(96).flat.tolist() == train.tokens.flat.tolist()


def test_examples_of_a_regression_without_a_value_say_so(task, source, written):
    values, data = task([(f"the end {number}", number / 4) for number in range(30)], metric="pearson")
    rows, _ = dataset(data, of=values, augment=AUGMENT, rows=25)
    labels = read_examples(written(rows, data, source), KINDS["regression"], source).labels
    assert labels.dtype == np.float64
    np.testing.assert_array_equal(labels, [*store.read_split(data, "train")["label"], *[np.nan] * 5])
