"""Few rows in place of a source's: of a local file some of its own, else made up, of the same columns and kind of label."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import whole_file
from edgemin.data.reading import read_source
from edgemin.study.names import spelt
from edgemin.study.sources import DataSource
from edgemin.study.task import SPLITS, SignOf, Task, TestSet, columns_of
from edgemin.study.transfer import Unlabelled

TRAIN, VALIDATION, TEST = 96, 16, 24
Row = dict[str, Any]
_SUBJECTS = ("the film", "a plot", "this acting", "her voice", "the end", "our hero", "that song", "every scene")
_VERBS = ("is", "was", "felt", "looked", "seemed", "became")
_WORDS = ("today", "again", "somehow", "indeed", "at last", "for once", "mostly", "in a way", "perhaps", "after all")
_SIGNS = ("good", "bad", "calm", "loud", "warm", "cold", "early", "late")
"""The word that tells the class; for more classes with a number."""


def sizes(classes: int) -> dict[str, int]:
    """Rows of each split: some of every class."""
    return {"train": max(TRAIN, 4 * classes), "validation": max(VALIDATION, classes), "test": max(TEST, classes)}


class Rows:
    """Rows of one task, or of texts beside it."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder, self.chance = folder, random.Random(seed)  # noqa: S311 (made-up sentences)
        self.texts: set[str] = set()

    def of_task(self, name: str, task: Task) -> dict[str, Any]:
        """The source of a task: files below the folder, as many as the task has. Raises EdgeminError for labels that cannot be made up."""
        local = _local(task.source)
        labels = _labels(name, task, local)
        wanted = sizes(len(labels.get("classes", ())))
        if not (has := _splits(task.source)):
            wanted = {"train": sum(wanted.values())}
        else:
            drawn = {split: count for split, count in wanted.items() if split not in has}
            wanted = {split: wanted[split] + (sum(drawn.values()) if split == "train" else 0) for split in has}
        files = {}
        for split, count in wanted.items():
            table = local.get(split)
            rows = (
                self._sampled(table, task, count)
                if table is not None
                else list(self._made(task.text_columns, count, task.label, labels))
            )
            files[split] = self._write(f"{name}-{split}", rows)
        return {"files": files}

    def of_test(self, name: str, test: TestSet, task: Task) -> dict[str, Any]:
        """The source of a test set from elsewhere."""
        local, label = _local(test.source), test.label or task.label
        text = columns_of(test.text or task.text)
        table = local.get("test", local.get("train"))
        if table is not None:
            rows = self._sampled(table, task.model_copy(update={"text": test.text or task.text, "label": label}), TEST)
        else:
            rows = list(self._made(text, TEST, label, _labels(name, task.model_copy(update={"label": label}), {})))
        return {"files": {"train": self._write(name, rows)}}

    def of_unlabelled(self, name: str, unlabelled: Unlabelled, task: Task) -> dict[str, Any]:
        """The source of texts without labels."""
        text = unlabelled.columns if unlabelled.text is not None else task.text_columns
        return {"files": {"train": self._write(name, list(self._made(text, TRAIN // 2, None, {})))}}

    def _sampled(self, table: Any, task: Task, count: int) -> list[Row]:
        """So many rows of a table, of every label alike as far as there are; in the table's order."""
        column = task.label.sign_of if isinstance(task.label, SignOf) else task.label
        missing = [one for one in (*task.text_columns, column) if one not in table]
        if missing:
            raise EdgeminError(f"{', '.join(missing)}: no such column in the data; it has {', '.join(map(str, table.columns))}")
        groups: dict[Any, list[int]] = {}
        for number, value in enumerate(table[column]):
            groups.setdefault(_group(value, task), []).append(number)
        for group in groups.values():
            self.chance.shuffle(group)
        order = [group[turn] for turn in range(max(map(len, groups.values()))) for group in groups.values() if turn < len(group)]
        chosen = table.iloc[sorted(order[:count])]
        self.texts.update(str(text) for one in task.text_columns for text in chosen[one])
        return [{str(name): _json(value) for name, value in row.items()} for row in chosen.to_dict("records")]

    def _made(self, columns: list[str], count: int, label: str | SignOf | None, labels: Mapping[str, Any]) -> Iterator[Row]:
        """Distinct sentences with a word that tells the label."""
        seen: set[tuple[str, ...]] = set()
        classes = labels.get("classes", (None,))
        for number in range(count):
            sign = number % len(classes)
            while (texts := tuple(self._sentence(sign) for _ in columns)) in seen:
                pass
            seen.add(texts)
            self.texts.update(texts)
            row: Row = dict(zip(columns, texts, strict=True))
            if isinstance(label, SignOf):
                row[label.sign_of] = (1 if sign else -1) * (label.dead_zone + 1 + self.chance.random())
                if label.dead_zone and number % 8 == 7:
                    row[label.sign_of] = label.dead_zone / 2
            elif label is not None:
                row[label] = classes[sign] if "classes" in labels else round(5 * self.chance.random(), 3)
            yield row

    def _sentence(self, sign: int) -> str:
        word = _SIGNS[sign % len(_SIGNS)] + (str(sign) if sign >= len(_SIGNS) else "")
        pick = self.chance.choice
        return " ".join([pick(_SUBJECTS), pick(_VERBS), word, pick(_WORDS), "and", pick(_VERBS), pick(_WORDS), pick(_WORDS)])

    def _write(self, name: str, rows: list[Row]) -> str:
        return write(self.folder / f"{name}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write(file: Path, text: str) -> str:
    """Write a file unless it is there as it should be: a new time would run its jobs again. Returns its path."""
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        with whole_file(file) as partial:
            partial.write_text(text, encoding="utf-8")
    return file.as_posix()


def _splits(source: DataSource) -> list[str]:
    """Splits that a source names; empty where all are carved out of one file."""
    named = source.hub.files if source.hub else source.files.paths if source.files else {}
    return [split for split in SPLITS if split in named]


def _local(source: DataSource) -> dict[str, Any]:
    """Tables of a source's local files; empty where they are not there, or not local. Raises EdgeminError for a file without rows."""
    if source.files is None or not all(Path(path).exists() for path in source.files.paths.values()):
        return {}
    tables = dict(read_source(source, None))
    for split, table in tables.items():
        if not len(table):
            raise EdgeminError(f"{source.files.paths[split]}: no rows; add some")
    return tables


def _labels(name: str, task: Task, local: Mapping[str, Any]) -> dict[str, Any]:
    """`classes` of a task whose labels are classes. Raises EdgeminError for a kind of task whose labels cannot be made up."""
    if isinstance(task.label, SignOf):
        return {"classes": [0, 1]}
    if local:
        values = local["train"].get(task.label, [])
        kinds = {_group(value, task) for value in values}
        return {"classes": sorted(kinds, key=str)} if task.asks.classes and len(kinds) < len(values) else {}
    if task.asks.name == "classification":
        return {"classes": task.label_names or ["no", "yes"]}
    if task.asks.name == "regression":
        return {}
    raise EdgeminError(
        f"tasks.{name}: labels of a {task.asks.name} cannot be made up; put some dozen rows of it in a local file, and name it under source.files"
    )


def _group(value: Any, task: Task) -> Any:
    """What rows are to be drawn alike of: a class, or the sign of a rating; nothing for numbers."""
    if isinstance(task.label, SignOf):
        try:
            rating = float(value)
        except (TypeError, ValueError):
            return "other"
        return "near" if abs(rating) < task.label.dead_zone else rating > 0
    return spelt(str(value)) if task.asks.classes else ""


def _json(value: Any) -> Any:
    """A cell of a table in a type that JSON has."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | float | bool | list | None) else str(value)
