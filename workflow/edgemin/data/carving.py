"""Draw the splits that a source lacks from its training rows: stratified and seeded."""

from __future__ import annotations

import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line
from edgemin.study.kind import Kind
from edgemin.study.task import Splits

_NAMED = 5
"""Rare classes in a message."""


def carve(rows: dict[str, pd.DataFrame], sizes: Splits, kind: Kind, names: list[str] | None = None) -> dict[str, pd.DataFrame]:
    """Take the splits that are missing out of `train`: test first, then validation; then cut train to its limit.

    names: of classes, for messages. Raises EdgeminError for a size that leaves a split without a class.
    """
    rows = dict(rows)
    missing = {split: size for split, size in (("test", sizes.test), ("validation", sizes.validation)) if split not in rows}
    _check_classes(rows["train"], missing, kind, names)
    for split, size in missing.items():
        if size >= len(rows["train"]):
            raise EdgeminError(
                f"splits.{split}: {size} rows asked for, the training data has {len(rows['train'])}; ask for fewer"
            )
        rows["train"], rows[split] = _drawn(rows["train"], split, size, sizes.seed, kind, names)
    if sizes.train is not None and sizes.train < len(rows["train"]):
        _, rows["train"] = _drawn(rows["train"], "train", sizes.train, sizes.seed, kind, names)
    return rows


def _check_classes(train: pd.DataFrame, wanted: dict[str, int], kind: Kind, names: list[str] | None) -> None:
    """Raises EdgeminError for classes that are too rare, and for the splits that have fewer rows than classes, all at once."""
    strata = kind.labels().strata(train["label"])
    if strata is None or not wanted:
        return
    _check_rare(strata, " and ".join(f"splits.{split}" for split in wanted), names)
    classes = strata.nunique()
    small = [f"splits.{split} ({size} rows)" for split, size in wanted.items() if size < classes]
    if small:
        raise EdgeminError(f"{' and '.join(small)}: fewer rows than the {classes} classes; ask for at least {classes} rows")


def _check_rare(strata: pd.Series, where: str, names: list[str] | None) -> None:
    counts = strata.value_counts()
    if rare := sorted(counts.index[counts < 2]):
        named = ", ".join(f"'{line(names[value] if names else str(value))}'" for value in rare[:_NAMED])
        who = (
            f"class {named} has 1 row"
            if len(rare) == 1
            else f"{len(rare)} classes have 1 row each ({named}{', …' * (len(rare) > _NAMED)})"
        )
        raise EdgeminError(
            f"{where}: {who} to draw from, and a stratified draw needs at least 2 of each class; add rows, or merge or remove the class"
        )


def _drawn(
    rows: pd.DataFrame, split: str, size: int, seed: int, kind: Kind, names: list[str] | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(remaining rows, `size` drawn rows), each in the order of the rows."""
    from sklearn.model_selection import train_test_split

    strata = kind.labels().strata(rows["label"])
    if strata is not None:
        _check_strata(strata, split, size, names)
    try:
        rest, taken = train_test_split(rows, test_size=size, random_state=seed, stratify=strata)
    except ValueError as error:
        raise EdgeminError(f"splits.{split}: cannot draw {size} of {len(rows)} rows ({error}); ask for another size") from None
    return rest.sort_index().reset_index(drop=True), taken.sort_index().reset_index(drop=True)


def _check_strata(strata: pd.Series, split: str, size: int, names: list[str] | None) -> None:
    """Check that a stratified draw is possible: two rows of each class, and enough rows for all classes in both parts."""
    _check_rare(strata, f"splits.{split}", names)
    classes = strata.nunique()
    if size < classes:
        raise EdgeminError(
            f"splits.{split} ({size} rows): fewer rows than the {classes} classes; ask for at least {classes} rows"
        )
    if len(strata) - size < classes:
        raise EdgeminError(
            f"splits.{split} ({size} rows): leaves {len(strata) - size} of {len(strata)} rows, fewer than the {classes} classes; ask for at "
            f"most {len(strata) - classes} rows, or give more data"
        )
