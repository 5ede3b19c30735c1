"""Classify texts with the model in this folder. Needs onnxruntime, tokenizers and numpy, and nothing else.

    python predict.py "a quietly moving little film"
    python predict.py --file texts.txt          one text a line; of a pair, the second after a tab
    cat texts.txt | python predict.py

Prints a line of JSON for each text: the label and the probability of each class (or the value, if the model predicts one).
As a module: `Model(folder).predict("a text")`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class BundleError(Exception):
    """What is wrong with this folder or with the input, in a line."""


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
                found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            except OSError:
                raise BundleError(f"{folder / name}: missing; copy the whole bundle again") from None
            if found != digest:
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
        text = prepared(text)
        if (pair is None) == self.pair:
            raise BundleError(
                "this model reads " + ("two texts: separate them by a tab" if self.pair else "one text, not a pair")
            )
        pair = None if pair is None else prepared(pair)
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


def prepared(text: str) -> str:
    """A text as the model was trained on texts: runs of white space are one space. Raises BundleError for what is no text."""
    words = " ".join(text.split())
    if not words:
        raise BundleError("an empty text; give at least a word")
    if any("\ud800" <= character <= "\udfff" for character in words):
        raise BundleError("a text with half a character (a surrogate); write it in UTF-8")
    return words


def answer(logits: Any, labels: Any) -> dict[str, Any]:
    """What logits (K,) say. A bundle has the function of its kind of task here."""
    raise NotImplementedError


def read_texts(arguments: argparse.Namespace) -> list[tuple[int, str]]:
    """[(number of the line, text)]"""
    if arguments.text:
        return list(enumerate(arguments.text, 1))
    try:
        raw = Path(arguments.file).read_bytes() if arguments.file else sys.stdin.buffer.read()
        lines = raw.decode("utf-8").splitlines()
    except OSError as error:
        raise BundleError(f"{arguments.file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BundleError(f"the input is not UTF-8 (byte {error.start}); convert it first") from None
    texts = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not texts:
        raise BundleError("no text in the input")
    return texts


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="*", help="a text; of a pair, the second after a tab")
    parser.add_argument("--file", help="one text a line; default: standard input")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    try:
        texts = read_texts(arguments)
        model = Model(threads=arguments.threads)
        for number, line in texts:
            text, tab, pair = line.partition("\t")
            try:
                print(json.dumps(model.predict(text, pair if tab else None), ensure_ascii=False))
            except BundleError as error:
                raise BundleError(f"text {number}: {error}") from None
            if model.cut:
                print(f"text {number}: longer than {model.max_length} tokens, its end was not read", file=sys.stderr)
    except BundleError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
