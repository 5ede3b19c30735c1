"""The data file and the model of a request, looked at before anything is written: what is wrong with them is one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from edgemin.compressing.encoder import Encoder, given, packaged
from edgemin.compressing.language import note
from edgemin.compressing.request import BY, LONGEST, Request
from edgemin.compressing.wording import of_the_command
from edgemin.core.errors import EdgeminError
from edgemin.core.messages import excerpt, line
from edgemin.data import splits
from edgemin.data.reading import read_source
from edgemin.data.store import TaskData
from edgemin.report.readings import READINGS
from edgemin.study.formats import problem_of
from edgemin.study.sources import DataSource
from edgemin.study.task import SPLITS, Task

LEAST = 200
"""Rows: a fifth each to choose on and to report on, the rest to train on."""
SHARE, VALIDATION, TEST = 5, 1000, 2000
"""Validation and test are a fifth of the rows each, up to these sizes (the defaults of a study)."""
CLASSES = 50
"""More different numbers than that are hardly classes."""
KEYS = ("source", "text", "label", "label_names", "splits", "max_length", "metric")
"""Of a task, in the order of the study."""
WORDS = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")
"""And signs. Chinese characters are words each, as BERT's tokenizer has them."""
SAMPLE = 500
"""Texts whose tokens are counted."""
WORTH_A_LINE = 0.01
"""Share of texts that are cut off."""
LEAST_HELD, NAMED = 5, 5
"""Fewer rows of a class to choose on, or to report on, say nothing of how it is answered; so many are named."""


@dataclass(frozen=True)
class Inputs:
    """What the study and the estimate need to know."""

    task: dict[str, Any]
    """Of the study."""
    rows: dict[str, int]
    """Split -> rows, repeated ones left out."""
    classes: int
    """1 for a number."""
    tokens: float
    """Mean of a text."""
    pieces: int
    """Tokens that the training texts use, about: of the vocabulary that a cut leaves."""
    teacher: Encoder
    packaged: Encoder
    notes: tuple[str, ...] = ()
    """On texts that the teacher can hardly read or not to their end, and on classes of few rows."""


def look(request: Request) -> Inputs:
    """Raises EdgeminError for data and models that cannot be compressed, and for limits that no cell could meet on these data."""
    source = _source(request)
    table = _table(request, source)
    count = len(table)
    if count < LEAST:
        raise EdgeminError(
            f"{line(request.data)}: {count} rows; at least {LEAST} are needed: a fifth to choose on, a fifth to report on, the rest to train on"
        )
    _check_labels(request, table)
    held = {"validation": min(VALIDATION, count // SHARE), "test": min(TEST, count // SHARE)}
    task = {
        "source": source,
        "text": request.text[0] if len(request.text) == 1 else list(request.text),
        "label": request.label,
        "splits": held,
        "max_length": request.max_length or LONGEST,
        "metric": request.metric,
    }
    try:
        data = splits.prepare(Task.model_validate({**task, "label_names": list(request.labels) if request.labels else None}))
    except ValidationError as error:
        raise EdgeminError(f"--labels: {_reason(error)}") from None
    except EdgeminError as error:
        raise EdgeminError(f"{line(request.data)}: {of_the_command(str(error))}") from None
    teacher = given(request.model, data.label_names, named=request.labels is not None) if request.model else packaged()
    names = list(request.labels or teacher.order(data.label_names)) if data.label_names else None
    rows = {split: len(one) for split, one in data.splits.items()}
    _check_bound(request, rows["validation"])
    texts = data.splits["train"].to_pandas()
    columns = [texts[name].tolist() for name in ("text", "pair") if name in texts]
    small = packaged()
    most = min(teacher.positions, small.positions)
    if (request.max_length or 0) > most:
        raise EdgeminError(f"--max-length {request.max_length}: the encoders of this study read at most {most} tokens")
    longest = min(request.max_length or LONGEST, most)
    tokens, pieces, longer = counted(columns, teacher, longest)
    task |= {"label_names": names, "max_length": longest} if names else {"max_length": longest}
    some = [text for one in columns for text in one[:: max(1, len(one) // SAMPLE)]]
    return Inputs(
        {key: task[key] for key in KEYS if key in task},
        rows,
        len(names or "1"),
        min(tokens, longest),
        pieces,
        teacher,
        small,
        tuple(filter(None, (note(some, teacher), _cut_off(longer, longest, most), rare_classes(data)))),
    )


def _cut_off(share: float, longest: int, most: int) -> str:
    """A line on texts whose ends are not read; empty if there are hardly any."""
    if share < WORTH_A_LINE:
        return ""
    remedy = (
        f"--max-length reads more, up to {most}, and takes longer" if longest < most else "no encoder of this study reads more"
    )
    return f"{100 * share:.0f} % of the texts have more than {longest} tokens, and their ends are not read: {remedy}"


def rare_classes(data: TaskData) -> str:
    """A line on classes of which hardly a row is held out; empty if there are none."""
    counts = data.report["classes"]
    of_class = {name: [counts[split].get(number, 0) for split in SPLITS] for number, name in enumerate(data.label_names or ())}
    rare = [f"{line(name)} ({' + '.join(map(str, rows))})" for name, rows in of_class.items() if min(rows[1:]) < LEAST_HELD]
    if not rare:
        return ""
    more = f" and {len(rare) - NAMED} more" if len(rare) > NAMED else ""
    return (
        f"classes with few rows held out (train + choose + report): {', '.join(rare[:NAMED])}{more}: how they are answered is not known; "
        "add rows, or merge or remove them"
    )


def _source(request: Request) -> dict[str, Any]:
    path = Path(request.data)
    if not (path.is_file() or path.is_dir()):
        raise EdgeminError(f"--data: no file {line(request.data)}; name a CSV, TSV, JSON, Parquet or Arrow file")
    if problem := problem_of(request.data):
        raise EdgeminError(f"{line(request.data)}: {problem}")
    written = {"separator": request.separator, "quoting": request.quoting, "encoding": request.encoding}
    return {"files": {"train": str(path.resolve()), **{name: value for name, value in written.items() if value is not None}}}


def _table(request: Request, source: dict[str, Any]) -> pd.DataFrame:
    """The file as it is, with the columns that were named."""
    try:
        table = read_source(DataSource.model_validate(source), None)["train"]
    except ValidationError as error:  # a separator or an encoding that is none
        raise EdgeminError(f"{line(request.data)}: {_reason(error)}") from None
    except EdgeminError as error:
        raise EdgeminError(of_the_command(str(error))) from None
    for option, column in (("--text", request.text[0]), ("--pair", request.text[-1]), ("--label", request.label)):
        if column not in table.columns:
            columns = line(", ".join(map(str, table.columns)))[:200]
            raise EdgeminError(
                f"{line(request.data)}: no column {excerpt(column)}; it has: {columns}. Name one of them with {option}"
            )
        if isinstance(table[column], pd.DataFrame):
            raise EdgeminError(f"{line(request.data)}: column {excerpt(column)} appears twice; drop or rename one")
    return table


def _reason(error: ValidationError) -> str:
    """What is wrong with a value of the request, in a line."""
    first = error.errors()[0]
    where = [str(key) for key in first["loc"] if isinstance(key, str)][-1:]
    return line(": ".join([*where, str(first["msg"]).removeprefix("Value error, ")]))[:300]


def _check_labels(request: Request, table: pd.DataFrame) -> None:
    """Numbers in place of classes, and one class alone."""
    values = table[request.label].dropna()
    different = values.astype(str).nunique()
    if different == 1:
        raise EdgeminError(
            f"{line(request.data)}: column {excerpt(request.label)} has one value only ({excerpt(values.iloc[0])}); rows of at least two are needed"
        )
    if request.kind.classes and different > CLASSES and pd.to_numeric(values, errors="coerce").notna().all():
        raise EdgeminError(
            f"{line(request.data)}: column {excerpt(request.label)} has {different} different numbers; for values in place of classes add "
            "--metric spearman (or pearson), or write the classes as names"
        )


def _check_bound(request: Request, examples: int) -> None:
    """On few rows no drop is known well enough for a tight limit, whatever a model answers."""
    if request.max_drop is None:
        return
    least = 100 * READINGS[BY[request.by]].least(examples)
    if least > request.max_drop:
        raise EdgeminError(
            f"--max-drop {request.max_drop:g}: on {examples} validation rows {READINGS[BY[request.by]].words} of a drop is at least "
            f"{least:.2f} points, even where no answer differs; give more rows, a larger --max-drop, or --by estimate"
        )


def counted(columns: Sequence[Sequence[str]], encoder: Encoder, longest: int = LONGEST) -> tuple[float, int, float]:
    """Tokens of a text, mean, with both texts of a pair, none counted beyond `longest`; how many different tokens all have, about; and the
    share of rows with more than `longest` tokens.

    By the encoder's own tokenizer where it is there. Else by words and signs: BERT's English vocabulary has 1.11 tokens for each in
    movie reviews; the pieces of single characters, which a cut keeps, are some 2,000.
    """
    tokenizer = encoder.tokenizer()
    if tokenizer is None:
        split = [[WORDS.findall(text.lower()) for text in texts] for texts in columns]
        lengths = [[1.11 * len(words) for words in texts] for texts in split]
        each = [min(length, longest) for texts in lengths for length in texts]
        different = len({word for texts in split for words in texts for word in words}) + 2000
        return 2 + sum(each) / len(columns[0]), different, _beyond(lengths, longest - 2)
    ids = [[one.ids for one in tokenizer.encode_batch(list(texts))] for texts in columns]
    step = max(1, len(ids[0]) // SAMPLE)
    some = [min(len(one), longest) for texts in ids for one in texts[::step]]
    characters = sum(len(piece.removeprefix("##")) == 1 for piece in tokenizer.get_vocab())
    different = len({number for texts in ids for one in texts for number in one}) + characters
    return sum(some) / len(ids[0][::step]), different, _beyond([list(map(len, texts)) for texts in ids], longest)


def _beyond(lengths: Sequence[Sequence[float]], longest: int) -> float:
    """The share of rows that are longer, both texts of a pair together."""
    rows = [sum(row) for row in zip(*lengths, strict=True)]
    return sum(row > longest for row in rows) / len(rows)
