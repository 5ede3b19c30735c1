"""Tiny random encoders in place of a study's, each of the same family, as `save_pretrained` would leave them."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgemin.cli.smaller.texts import write
from edgemin.core.files import whole_file
from edgemin.plan.plan import family_name
from edgemin.study import registry
from edgemin.study.pins import encoder_name
from edgemin.study.sources import ModelSource

HEADS, POSITIONS, VOCABULARY = 4, 72, 400
WIDTHS = {"teacher": 64, "student": 32}
DEFAULT = "bert"


class Encoders:
    """The tiny models of one study. folder: where they are written. outputs: keys of the config of a teacher that is fine-tuned already; None for
    one that the study trains, which comes without a classifier."""

    def __init__(self, folder: Path, texts: Iterable[str], outputs: Mapping[str, Any] | None) -> None:
        self.folder, self.outputs = folder, outputs
        self.vocabulary = vocabulary(texts)
        self.made: dict[str, tuple[str, str]] = {}
        """Name of the folder -> family, and whether it is a teacher or a student."""
        self.unnamed: list[str] = []
        """Sources of which nobody says the family before they are fetched."""

    def place(self, source: ModelSource, role: str) -> dict[str, Any]:
        """What a study says of the tiny model in place of `source`. role: teacher or student."""
        family = family_name(source)
        if family is None:
            family = DEFAULT
            self.unnamed.append(encoder_name(source))
        name = f"{role}-{encoder_name(source)}"[:80]
        self.made[name] = family, role
        return {"family": family, "path": (self.folder / name).as_posix()}

    def write_configs(self, layers: Mapping[str, int]) -> None:
        """Configs and tokenizers. layers: role -> number of layers."""
        for name, (family, role) in self.made.items():
            config = self._config(family, role, layers[role])
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            write(self.folder / name / "config.json", config.to_json_string(use_diff=False))
            self._tokenizer(self.folder / name)

    def _config(self, family: str, role: str, layers: int) -> Any:
        from transformers import AutoConfig

        width = WIDTHS[role]
        sizes = dict(zip(registry.FAMILIES[family].sizes, (layers, HEADS, width, 4 * width), strict=True))
        common: dict[str, Any] = {"vocab_size": len(self.vocabulary), "max_position_embeddings": POSITIONS, "pad_token_id": 0}
        plain = AutoConfig.for_model(family)
        narrow = {"embedding_size": width // 2} if hasattr(plain, "embedding_size") else {}
        outputs = dict(self.outputs or {}) if role == "teacher" else {}
        return AutoConfig.for_model(family, **sizes, **common, **narrow, **outputs)

    def _tokenizer(self, folder: Path) -> None:
        from transformers import BertTokenizer

        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch, "vocab.txt").write_text("\n".join(self.vocabulary) + "\n", encoding="utf-8")
            BertTokenizer(str(Path(scratch, "vocab.txt"))).save_pretrained(scratch)
            for name in ("tokenizer.json", "tokenizer_config.json"):
                write(folder / name, Path(scratch, name).read_text(encoding="utf-8"))

    def write_weights(self) -> None:
        """Random ones, the same in every run; a file that is there and belongs to the config stays."""
        for name, (_, role) in self.made.items():
            _weights(self.folder / name, classifier=role == "teacher" and self.outputs is not None)


def vocabulary(texts: Iterable[str]) -> list[str]:
    """WordPiece pieces for these texts: special tokens, every character, alone and as a continuation, then the most frequent words."""
    words = Counter(word for text in texts for word in text.lower().split())
    characters = sorted({character for word in words for character in word})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{one}" for one in characters)]
    ranked = sorted((word for word in words if len(word) > 1), key=lambda word: (-words[word], word))
    return pieces + ranked[: max(0, VOCABULARY - len(pieces))]


def _weights(folder: Path, classifier: bool) -> None:
    import torch
    from safetensors.torch import save
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

    torch.manual_seed(0)
    model = (AutoModelForSequenceClassification if classifier else AutoModel).from_config(AutoConfig.from_pretrained(folder))
    weights = save({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, metadata={"format": "pt"})
    file = folder / "model.safetensors"
    if not file.is_file() or file.read_bytes() != weights:
        with whole_file(file) as partial:
            partial.write_bytes(weights)
