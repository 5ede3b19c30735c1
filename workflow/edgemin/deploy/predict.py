"""Classify texts with the model in this folder. Needs onnxruntime, tokenizers and numpy, and nothing else.

    python predict.py "a quietly moving little film"
    python predict.py --file texts.txt          one text a line; of a pair, the second after a tab
    python predict.py --file rows.csv           column `text`, and `pair`; others: --columns review, or --columns one,two
    python predict.py --file rows.jsonl         one JSON object a line, with the same columns
    cat texts.txt | python predict.py           with --format csv or jsonl for other forms

Prints one line of JSON for each text, in order: the label and the probability of each class (or the value, if the model predicts one).
The answer to an empty line is null. Input and output are UTF-8 in any locale. Only a line feed, alone or after a carriage return, ends a
line of the input. Other Unicode line breaks are white space, as in training. All lines are read and checked before the first answer.
--batch 32 answers so many texts at once, where the model's answers do not depend on their neighbours.
As a module: `Model(folder).predict("a text")`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Row = tuple[str, "str | None"]
"""A text, and the second one of a pair."""


class BundleError(Exception):
    """A one-line error about this folder or the input."""


class Model:
    """The model of a folder. Raises BundleError if a file is missing, damaged or belongs to another bundle."""

    def __init__(self, folder: Path | str | None = None, threads: int = 1) -> None:
        folder = Path(folder or Path(__file__).parent)
        self.facts = read_facts(folder)
        self.labels, self.max_length, self.pair = (self.facts[key] for key in ("labels", "max_length", "pair"))
        self.tokenizer = open_tokenizer(folder / "tokenizer.json")
        self.session = open_graph(folder / "model.onnx", threads)
        self.names = inputs_of(self.session)

    def logits(self, text: str, pair: str | None = None) -> Any:
        """float32 (classes,). A text that is too long for the model is cut, and `self.cut` is then true."""
        encoded = self._encoded(text, pair)
        # one text at a time: the ranges of dynamic INT8 would span a batch, and answers depend on their neighbours
        return self._run([encoded])[0]

    def logits_of(self, rows: Sequence[Row], tell: Any = None) -> Any:
        """float32 (rows, classes) in one batch. tell: called with the number of each row that is cut.

        Raises BundleError for a model whose answers depend on their neighbours in a batch.
        """
        if not self.facts.get("batch_invariant"):
            raise BundleError(
                "--batch: the INT8 of this model takes its ranges over a batch, so answers would depend on their neighbours; leave it out"
            )
        encoded = []
        for number, row in enumerate(rows):
            encoded.append(self._encoded(*row))
            if self.cut and tell:
                tell(number)
        return self._run(encoded)

    def _encoded(self, text: str, pair: str | None) -> Any:
        encoded, self.cut = encode(self.tokenizer, checked(text, pair, self.pair), self.max_length)
        return encoded

    def _run(self, batch: Sequence[Any]) -> Any:
        return run_graph(self.session, self.names, batch, self.facts.get("pad_id", 0))

    def predict(self, text: str, pair: str | None = None) -> dict[str, Any]:
        """The answer, as mapping: a label and the probability of each class, or a value."""
        return answer(self.logits(text, pair), self.labels)

    def predict_of(self, rows: Sequence[Row], tell: Any = None) -> list[dict[str, Any]]:
        """The answers of a batch, as `logits_of`."""
        return [answer(one, self.labels) for one in self.logits_of(rows, tell)]


def read_facts(folder: Path) -> dict[str, Any]:
    """bundle.json. Raises BundleError where a file that it names is missing, damaged or of another bundle."""
    try:
        facts: dict[str, Any] = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        expected = dict(facts["sha256"])
        [facts[key] for key in ("labels", "max_length", "pair")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{folder / 'bundle.json'}: not readable ({error}); copy the whole bundle again") from None
    for name, digest in expected.items():
        try:
            actual = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            raise BundleError(f"{folder / name}: missing; copy the whole bundle again") from None
        if actual != digest:
            raise BundleError(f"{folder / name}: damaged, or of another bundle; copy the whole bundle again")
    return facts


def open_tokenizer(file: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def open_graph(file: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def inputs_of(session: Any) -> list[str]:
    return [node.name for node in session.get_inputs()]


def checked(text: str, pair: str | None, pairs: bool) -> Row:
    """A row as training has prepared it. Raises BundleError for an empty text, and for a pair where a text is read, or the other way round."""
    text, pair = clean(text), None if pair is None else clean(pair)
    if not text or pair == "":
        raise BundleError("an empty text; give at least a word")
    if (pair is None) == pairs:
        raise BundleError("this model reads " + ("two texts: separate them by a tab" if pairs else "one text, not a pair"))
    return text, pair


def encode(tokenizer: Any, row: Row, longest: int) -> tuple[Any, bool]:
    """Tokens of a row, and whether its end was cut."""
    encoded = tokenizer.encode(*row)
    cut = len(encoded.ids) > longest
    if cut:
        tokenizer.enable_truncation(longest)
        encoded = tokenizer.encode(*row)
        tokenizer.no_truncation()
    return encoded, cut


def run_graph(session: Any, names: Sequence[str], batch: Sequence[Any], pad_id: int) -> Any:
    """float32 (rows, classes) of tokens, padded to the longest of the batch. names: of the graph's inputs."""
    longest, inputs = max(len(one.ids) for one in batch), {}
    parts = {"input_ids": ("ids", pad_id), "attention_mask": ("attention_mask", 0), "token_type_ids": ("type_ids", 0)}
    for name in names:
        part, filler = parts[name]
        rows = [getattr(one, part) + [filler] * (longest - len(one.ids)) for one in batch]
        inputs[name] = np.array(rows, np.int64)
    return session.run(["logits"], inputs)[0]


def answer(logits: Any, labels: Any) -> dict[str, Any]:
    """What logits (K,) say. A bundle has the function of its kind of task here."""
    raise NotImplementedError


def clean(text: str) -> str:
    """A text as training has prepared it: white space of any kind is one space. Raises BundleError for half a character (a surrogate)."""
    words = " ".join(text.split())
    if any("\ud800" <= character <= "\udfff" for character in words):
        raise BundleError("a text with half a character (a surrogate); write it in UTF-8")
    return words


def split(line: str, pairs: bool) -> tuple[str, str | None] | None:
    """A line of input as (text, pair), or None where there is nothing in it. pairs: the model reads two texts, with a tab between them.

    Raises BundleError for a line that is no pair, or half of one. In a single text a tab is white space.
    """
    if not line.strip():
        return None
    if not pairs:
        return line, None
    parts = line.split("\t")
    if len(parts) != 2:
        raise BundleError(f"this model reads two texts: separate them by a tab (found {len(parts) - 1} tabs)")
    if not all(map(clean, parts)):
        raise BundleError("one of the two texts is empty; give at least a word")
    return parts[0], parts[1]


def read(arguments: argparse.Namespace, pairs: bool) -> list[Row | None]:
    """The rows that were asked for, None for an empty one. A bundle has the functions of `deploy/rows.py` here."""
    raise NotImplementedError


def answers(model: Model, rows: Sequence[Row | None], batch: int = 1) -> Iterator[dict[str, Any] | None]:
    """One answer for each row, None for an empty one."""
    for start in range(0, len(rows), batch):
        some = list(enumerate(rows[start : start + batch], start + 1))
        full = [(number, row) for number, row in some if row is not None]
        found = dict(zip((number for number, _ in full), _answered(model, full, batch > 1), strict=True))
        for number, row in some:
            if row is None:
                _tell(f"text {number}: empty, answered by null")
            yield found.get(number)


def _answered(model: Model, rows: Sequence[tuple[int, Row]], together: bool) -> Iterator[dict[str, Any]]:
    """rows: with their numbers."""

    def cut(number: int) -> None:
        _tell(f"text {number}: longer than {model.max_length} tokens, its end was not read")

    if together and rows:
        yield from model.predict_of([row for _, row in rows], lambda index: cut(rows[index][0]))
        return
    for number, row in rows:
        yield model.predict(*row)
        if model.cut:
            cut(number)


def another_cpu(facts: dict[str, Any]) -> str:
    """A line if INT8 comes out otherwise here. A bundle has the functions of `deploy/cpu.py` here."""
    raise NotImplementedError


def _tell(message: str) -> None:
    if sys.stderr is not None:
        print(message, file=sys.stderr)


def _print(answer: dict[str, Any] | None) -> None:
    """Print a line of JSON. Letters are not escaped, unless the line holds an unprintable character; then all non-ASCII is."""
    text = json.dumps(answer, ensure_ascii=False)
    print(text if text.isprintable() else json.dumps(answer))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("text", nargs="*", help="a text; of a pair, the second after a tab; after -- if it begins with a dash")
    parser.add_argument("--file", help="one text a line; default: standard input")
    parser.add_argument("--format", choices=("lines", "csv", "jsonl"), help="default: by the name of the file, else lines")
    parser.add_argument(
        "--columns", help="of a CSV or of JSON lines: of the text, or of both with a comma; default: text, and pair"
    )
    parser.add_argument("--batch", type=_positive, default=1, help="texts at once; default: 1")
    parser.add_argument("--threads", type=_positive, default=1)
    arguments = parser.parse_args(argv)
    if arguments.text and arguments.file is not None:
        parser.error("give texts or --file, not both")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    arguments = _arguments(argv)
    try:
        if sys.stdout is None:
            raise BundleError("standard output is closed; where shall the answers go?")
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8")
        model = Model(threads=arguments.threads)
        if note := another_cpu(model.facts):
            _tell(note)
        for found in answers(model, read(arguments, model.pair), arguments.batch):
            _print(found)
        sys.stdout.flush()
    except BundleError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # the reader is gone (`| head -1`), or the disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still holds
        sys.exit(141 if isinstance(error, BrokenPipeError) else f"error: the answers cannot be written: {error.strerror}")


if __name__ == "__main__":
    main()
