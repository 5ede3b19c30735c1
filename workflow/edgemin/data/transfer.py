"""Transfer sets: the training rows, other texts without a label, and augmented sentences, for a teacher to speak about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset

from edgemin.core.errors import EdgeminError
from edgemin.data import store
from edgemin.data.augment import Augmenter
from edgemin.data.keys import HELD_OUT, keys_of
from edgemin.data.reading import read_source
from edgemin.data.rows import dead_zone_texts, texts_of
from edgemin.study.task import Task
from edgemin.study.transfer import Transfer, Unlabelled

LEAK = 0.5
"""If more than this share of a source's texts is in validation or test, the source is taken for that split."""


def prepare(
    task: Task, transfer: Transfer, data: Path, download: Path | None, downloads: Sequence[Path | None]
) -> tuple[Dataset, dict[str, Any]]:
    """Columns id, text[, pair], label (null where there is none), and a report.

    download: the fetched source of the task. downloads: of each unlabelled source. Texts of validation or test are dropped.
    Raises EdgeminError for a source that is one of those splits.
    """
    train = store.read_split(data, "train")
    held_out = {key for split in HELD_OUT for key in keys_of(store.read_split(data, split))}
    parts = [train]
    for number, (unlabelled, folder) in enumerate(zip(transfer.unlabelled, downloads, strict=True)):
        columns = task.text_columns if unlabelled.text is None else unlabelled.columns
        parts.append(_unlabelled(unlabelled, columns, folder, held_out, f"unlabelled.{number}"))
    if transfer.dead_zone:
        parts.append(_named(dead_zone_texts(read_source(task.source, download)["train"], task), "dead_zone"))
    rows = pd.concat(parts, ignore_index=True)
    keys = keys_of(rows)
    bad = (keys.isin(held_out) | keys.duplicated()) & (rows.index >= len(train))  # the training rows are checked already
    rows, taken = rows[~bad].reset_index(drop=True), set(keys[~bad])
    if transfer.rows is not None and len(rows) > transfer.rows:
        rows = _sampled(rows, len(train), transfer.rows, transfer.seed)
    if transfer.augment is not None:
        assert transfer.rows is not None
        new = _augmented(train, transfer, transfer.rows - len(rows), held_out | taken)
        none: dict[str, Any] = {name: [[] for _ in range(len(rows))] for name in store.MASKED.values() if name in new}
        rows = pd.concat([rows.assign(**none), new], ignore_index=True)
    origins = rows["id"].str.replace(r"[-:]\d+$", "", regex=True).value_counts(sort=False).to_dict()
    report = {"rows": len(rows), "origins": origins, "dropped": {"in_validation_or_test_or_repeated": int(bad.sum())}}
    return store.to_dataset(rows, task.asks, store.label_names(data)), report


def _unlabelled(unlabelled: Unlabelled, columns: list[str], folder: Path | None, held_out: set[str], where: str) -> pd.DataFrame:
    rows = pd.concat(
        [texts_of(table, columns, f"{where}, {split}") for split, table in read_source(unlabelled.source, folder).items()]
    )
    leaked = keys_of(rows).isin(held_out)
    if leaked.mean() > LEAK:
        raise EdgeminError(
            f"transfer {where}: {leaked.sum()} of its {len(rows)} texts stand in the validation or test split of the task; "
            "a transfer set must not contain them: name another source"
        )
    return _named(rows, where)


def _sampled(rows: pd.DataFrame, train: int, wanted: int, seed: int) -> pd.DataFrame:
    """The first `train` rows, and as many drawn from the others as make `wanted`."""
    if wanted < train:
        raise EdgeminError(f"transfer.rows: {wanted} is less than the {train} training rows; ask for more")
    rest = rows.iloc[train:].sample(wanted - train, random_state=seed).sort_index()
    return pd.concat([rows.iloc[:train], rest], ignore_index=True)


def _named(rows: pd.DataFrame, origin: str) -> pd.DataFrame:
    rows = rows.reset_index(drop=True)
    rows.insert(0, "id", [f"{origin}-{number}" for number in range(len(rows))])
    return rows


def _augmented(train: pd.DataFrame, transfer: Transfer, wanted: int, taken: set[str]) -> pd.DataFrame:
    """`wanted` new rows: the training rows in turn, in an order drawn anew each time round, each augmented; never a taken text."""
    assert transfer.augment is not None
    columns = [name for name in ("text", "pair") if name in train]
    augment = Augmenter([text for name in columns for text in train[name]], transfer.augment, transfer.seed)
    texts = train[columns].to_numpy()
    random = np.random.default_rng((transfer.seed, 1))
    made: list[list[str | list[int]]] = []
    for _ in range(10 + 10 * wanted // len(train)):  # every round may lose rows to repeats
        if len(made) == wanted:
            break
        variants = [[augment(text) for text in texts[index]] for index in random.permutation(len(texts))]
        keys = keys_of(pd.DataFrame([[variant.text for variant in row] for row in variants], columns=columns))
        for row, key in zip(variants, keys, strict=True):
            if key not in taken and len(made) < wanted:
                taken.add(key)
                made.append([*(variant.text for variant in row), *(variant.masked for variant in row)])
    if len(made) == wanted:
        return _named(pd.DataFrame(made, columns=[*columns, *(store.MASKED[name] for name in columns)]), "augmented")
    raise EdgeminError(
        f"transfer.rows: the augmentation made {len(made)} different sentences of the {wanted} that are wanted; "
        "lower rows, or raise augment.mask and augment.replace"
    )
