"""Classify texts with the model in this folder. Needs onnxruntime, tokenizers and numpy, and nothing else.

    python predict.py "a quietly moving little film"
    python predict.py --file texts.txt          one text a line; of a pair, the second after a tab
    cat texts.txt | python predict.py

Prints one line of JSON for each text, in order: the label and the probability of each class (or the value, if the model predicts one).
The answer to an empty line is null. Input and output are UTF-8 in any locale. Only a line feed, alone or after a carriage return, ends a
line of the input. Other Unicode line breaks are white space, as in training. All lines are read and checked before the first answer.
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


class BundleError(Exception):
    """A one-line error about this folder or the input."""


class Model:
    """The model of a folder. Raises BundleError if a file is missing, damaged or belongs to another bundle."""

    def __init__(self, folder: Path | str | None = None, threads: int = 1) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        folder = Path(folder or Path(__file__).parent)
        try:
            self.facts = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
            expected = self.facts["sha256"]
            self.labels, self.max_length, self.pair = (self.facts[key] for key in ("labels", "max_length", "pair"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{folder / 'bundle.json'}: not readable ({error}); copy the whole bundle again") from None
        for name, digest in expected.items():
            try:
                actual = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            except OSError:
                raise BundleError(f"{folder / name}: missing; copy the whole bundle again") from None
            if actual != digest:
                raise BundleError(f"{folder / name}: damaged, or of another bundle; copy the whole bundle again")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        self.names = [node.name for node in self.session.get_inputs()]

    def logits(self, text: str, pair: str | None = None) -> Any:
        """float32 (classes,). A text that is too long for the model is cut, and `self.cut` is then true."""
        text, pair = clean(text), None if pair is None else clean(pair)
        if not text or pair == "":
            raise BundleError("an empty text; give at least a word")
        if (pair is None) == self.pair:
            raise BundleError(
                "this model reads " + ("two texts: separate them by a tab" if self.pair else "one text, not a pair")
            )
        encoded = self.tokenizer.encode(text, pair)
        self.cut = len(encoded.ids) > self.max_length
        if self.cut:
            self.tokenizer.enable_truncation(self.max_length)
            encoded = self.tokenizer.encode(text, pair)
            self.tokenizer.no_truncation()
        arrays = {"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}
        # one text at a time: the ranges of dynamic INT8 would span a batch, and answers depend on their neighbours
        return self.session.run(["logits"], {name: np.array([arrays[name]], np.int64) for name in self.names})[0][0]

    def predict(self, text: str, pair: str | None = None) -> dict[str, Any]:
        """The answer, as mapping: a label and the probability of each class, or a value."""
        return answer(self.logits(text, pair), self.labels)


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


def read_texts(arguments: argparse.Namespace) -> list[str]:
    """The texts that were asked for, one a line of the input. Raises BundleError for none, and for what is not UTF-8."""
    if arguments.text:
        return [_typed(number, text) for number, text in enumerate(arguments.text, 1)]
    lines = _decoded(_raw(arguments.file)).split("\n")
    if not lines[-1]:
        lines.pop()  # a line feed ends a line, it begins none
    if not any(map(clean, lines)):
        raise BundleError("no text in the input")
    if len(lines) == 1 and "\r" in lines[0].strip():
        _tell("the input has carriage returns and no line feed: it is read as one text")
    return lines


def _raw(file: str | None) -> bytes:
    try:
        if file:
            return Path(file).read_bytes()
        if sys.stdin is None:
            raise BundleError("standard input is closed; give texts, or --file")
        if sys.stdin.isatty():
            _tell("type texts, one a line, and Ctrl-D at the end")
        return sys.stdin.buffer.read()
    except (OSError, ValueError) as error:  # ValueError: NUL in a name
        raise BundleError(f"{file or 'standard input'}: {getattr(error, 'strerror', None) or error}") from None


def _decoded(raw: bytes) -> str:
    """Without the mark that some editors put first. Raises BundleError for what is not UTF-8."""
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BundleError(f"the input is not UTF-8 (byte {error.start}); convert it first") from None


def _typed(number: int, text: str) -> str:
    """An argument, whatever locale Python has read it in. Raises BundleError for an empty one, and for bytes that are no characters."""
    if not text.strip():
        raise BundleError(f"text {number}: an empty text; give at least a word")
    if text.isascii():
        return text
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeError:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise BundleError(f"text {number}: not UTF-8; convert it first") from None
        return text


def answers(model: Model, lines: Sequence[str]) -> Iterator[dict[str, Any] | None]:
    """One answer for each line, None for an empty line. Raises BundleError before the first answer if a line cannot be read."""
    read = []
    for number, line in enumerate(lines, 1):
        try:
            read.append(split(line, model.pair))
        except BundleError as error:
            raise BundleError(f"text {number}: {error}") from None
    for number, parts in enumerate(read, 1):
        if parts is None:
            _tell(f"text {number}: empty, answered by null")
            yield None
            continue
        answer = model.predict(*parts)
        if model.cut:
            _tell(f"text {number}: longer than {model.max_length} tokens, its end was not read")
        yield answer


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
        lines = read_texts(arguments)
        for answer in answers(Model(threads=arguments.threads), lines):
            _print(answer)
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
