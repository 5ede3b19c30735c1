"""The model of a cascade's bundle. These definitions take the place of `Model` in its `predict.py`, whose names they use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.deploy.predict import (
    BundleError,
    Row,
    answer,
    checked,
    encode,
    inputs_of,
    open_graph,
    open_tokenizer,
    read_facts,
    run_graph,
)


class Model:
    """The members of a folder, asked one after another, each only where the one before it is unsure.

    `answered_by` is the number of the member that gave the last answer; what each text of a batch was answered by is in its answer. Raises
    BundleError if a file is missing, damaged or belongs to another bundle.
    """

    def __init__(self, folder: Path | str | None = None, threads: int = 1) -> None:
        folder = Path(folder or Path(__file__).parent)
        self.facts = read_facts(folder)
        self.labels, self.max_length, self.pair = (self.facts[key] for key in ("labels", "max_length", "pair"))
        tokenizers: dict[str, Any] = {}
        try:
            asked = [one for one in self.facts["members"] if one["asked"]]
            self.members = [open_member(folder, one, self.max_length, threads, tokenizers) for one in asked]
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise BundleError(f"{folder / 'bundle.json'}: not readable ({error}); copy the whole bundle again") from None
        self.names = [one["name"] for one in asked]
        self.temperatures = [float(one["temperature"]) for one in asked]
        self.thresholds = [one["threshold"] for one in asked]
        self.cut, self.answered_by = False, 0

    def logits(self, text: str, pair: str | None = None) -> Any:
        """float64 (classes,) of the member that answers, by its temperature. A text that is too long for it is cut; `self.cut` is then true."""
        return self._ask([checked(text, pair, self.pair)])[0]

    def logits_of(self, rows: Sequence[Row], tell: Any = None) -> Any:
        """float64 (rows, classes): each member answers its share in one batch. tell: called with the number of each row that is cut.

        Raises BundleError for a cascade with a member whose answers depend on their neighbours in a batch.
        """
        return self._together(rows, tell)[0]

    def predict(self, text: str, pair: str | None = None) -> dict[str, Any]:
        """The label, the probability of each class, and the name of the member that answers."""
        return {**answer(self.logits(text, pair), self.labels), "answered_by": self.names[self.answered_by]}

    def predict_of(self, rows: Sequence[Row], tell: Any = None) -> list[dict[str, Any]]:
        """The answers of a batch, as `logits_of`."""
        found, who = self._together(rows, tell)
        return [{**answer(one, self.labels), "answered_by": self.names[member]} for one, member in zip(found, who, strict=True)]

    def _together(self, rows: Sequence[Row], tell: Any) -> tuple[Any, list[int]]:
        if not self.facts.get("batch_invariant"):
            raise BundleError(
                "--batch: a member's INT8 takes its ranges over a batch, so answers would depend on their neighbours; leave it out"
            )
        who: list[int] = []
        return self._ask([checked(*row, self.pair) for row in rows], tell, who), who

    def _ask(self, rows: Sequence[Row], tell: Any = None, who: list[int] | None = None) -> Any:
        """Logits (rows, classes) by temperature; `who`: filled with the member that answers each row."""
        found, by, cut = np.zeros((len(rows), len(self.labels))), [0] * len(rows), [False] * len(rows)
        left, encoded = list(range(len(rows))), [dict[str, Any]() for _ in rows]
        for number, member in enumerate(self.members):
            if not left:
                break
            logits, too_long = member([rows[row] for row in left], [encoded[row] for row in left])
            scaled = logits.astype(np.float64) / self.temperatures[number]
            sure = confidence(scaled) >= self.thresholds[number] if number + 1 < len(self.members) else np.ones(len(left), bool)
            for row, one, ends, long in zip(left, scaled, sure, too_long, strict=True):
                if ends:
                    found[row], by[row], cut[row] = one, number, long
            left = [row for row, ends in zip(left, sure, strict=True) if not ends]
        self.answered_by, self.cut = by[-1], cut[-1]
        if tell:
            [tell(row) for row, long in enumerate(cut) if long]
        if who is not None:
            who[:] = by
        return found


def confidence(scaled: Any) -> Any:
    """(rows,) the largest of softmax(scaled (rows, classes)): how sure an answer is."""
    weights = np.exp(scaled - scaled.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)).max(-1)


def open_member(folder: Path, facts: Any, longest: int, threads: int, tokenizers: dict[str, Any]) -> Any:
    """A member by its entry in bundle.json: a function of rows, and of what is encoded of each, that gives logits (rows, classes) and whether each
    row was cut. Members that share a tokenizer share the tokens of a text: they are kept in the second argument."""
    if "program" in facts:
        return open_baseline(folder, facts)
    session, name, pad_id = open_graph(folder / facts["graph"], threads), facts["tokenizer"], facts["pad_id"]
    inputs = inputs_of(session)
    tokenizer = tokenizers[name] if name in tokenizers else tokenizers.setdefault(name, open_tokenizer(folder / name))

    def run(rows: Sequence[Row], encoded: Sequence[dict[str, Any]]) -> tuple[Any, list[bool]]:
        for row, known in zip(rows, encoded, strict=True):
            if name not in known:
                known[name] = encode(tokenizer, row, longest)
        tokens = [known[name] for known in encoded]
        return run_graph(session, inputs, [one for one, _ in tokens], pad_id), [cut for _, cut in tokens]

    return run


def open_baseline(folder: Path, facts: Any) -> Any:
    """A member without a transformer: its program, a module of this folder, its numbers, and the terms that they are of."""
    from importlib.util import module_from_spec, spec_from_file_location
    from types import SimpleNamespace

    program = spec_from_file_location(f"program_of_{facts['name']}", folder / facts["program"])
    if program is None or program.loader is None:
        raise BundleError(f"{folder / facts['program']}: no Python module; copy the whole bundle again")
    module = module_from_spec(program)
    program.loader.exec_module(module)
    values = json.loads((folder / facts["terms"]).read_text(encoding="utf-8"))
    answers = module.answer(SimpleNamespace(values=values, arrays=read_numbers(folder / facts["numbers"])))

    def run(rows: Sequence[Row], encoded: Sequence[dict[str, Any]]) -> tuple[Any, list[bool]]:
        texts = {"text": [text for text, _ in rows], **({"pair": [pair for _, pair in rows]} if rows[0][1] is not None else {})}
        return answers(texts), [False] * len(rows)

    return run


def read_numbers(file: Path) -> dict[str, Any]:
    """The arrays of a safetensors file by name: a header of JSON behind its length (8 bytes, little-endian), then the numbers."""
    content = file.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header, numbers = json.loads(content[8:start]), content[start:]
    types = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4"}
    return {
        name: np.frombuffer(numbers[slice(*one["data_offsets"])], types[one["dtype"]]).reshape(one["shape"])
        for name, one in header.items()
        if name != "__metadata__"
    }
