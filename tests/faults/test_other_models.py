"""Other families and other tasks than the default's, at smoke size, through all three stages: RoBERTa on 77 classes, ELECTRA on
sentence pairs, DistilBERT on a regression, MPNet on two classes in two runtimes."""

from __future__ import annotations

import csv
import itertools
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from copies import Copy
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    MPNetConfig,
    MPNetForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

WORDS = [a + b for a, b in itertools.product(["ba", "ko", "li", "mu", "ne", "po", "ri", "su", "ta"], repeat=2)]  # 81
FILLERS = ["the", "of", "and", "in", "with", "near", "under", "over"]


def _sentence(word: str, chance: random.Random) -> str:
    return " ".join(chance.sample([word, *chance.choices(FILLERS, k=5)], k=6))


def _classes(count: int) -> list[tuple[Any, ...]]:
    """One word of each sentence tells its class."""
    chance = random.Random(count)
    rows = [(_sentence(WORDS[label], chance), label) for label in range(count) for _ in range(max(16, 640 // count))]
    chance.shuffle(rows)
    return list(dict(rows).items())


def _pairs(regression: bool) -> list[tuple[Any, ...]]:
    """Whether two sentences share their word, or how many of three words they share."""
    chance, rows = random.Random(7), []
    for _ in range(900):
        left = chance.sample(WORDS[:24], 3)
        shared = chance.randint(0, 3) if regression else 3 * chance.randint(0, 1)
        right = left[:shared] + chance.sample([word for word in WORDS[:24] if word not in left], 3 - shared)
        rows.append((" ".join(left), " ".join(right), shared / 3 if regression else int(shared == 3)))
    return rows


def _tokenizer(folder: Path, roberta: bool) -> int:
    """Write a tokenizer of the family's kind that knows the words; returns its size."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] if roberta else ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    first, last = (special[0], special[2]) if roberta else (special[2], special[3])
    if roberta:
        tokenizer = Tokenizer(models.BPE(unk_token=special[3]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
        trainer: Any = trainers.BpeTrainer(
            vocab_size=600, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        )
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token=special[1]))
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=special)
    tokenizer.train_from_iterator([" ".join([*WORDS, *FILLERS])] * 3, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    double = f"{first} $A {last} {last} $B:0 {last}:0" if roberta else f"{first} $A {last} $B:1 {last}:1"
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{first} $A {last}", pair=double, special_tokens=ends)
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), special, strict=True)) if roberta else {}
    names = names or dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return tokenizer.get_vocab_size()


def _model(family: str, folder: Path, labels: int) -> None:
    """A random classifier of four layers, as `save_pretrained` writes it."""
    folder.mkdir(parents=True)
    vocabulary = _tokenizer(folder, family == "roberta")
    common = {"vocab_size": vocabulary, "num_labels": labels, "max_position_embeddings": 66}
    bert = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64, **common}
    torch.manual_seed(0)
    model = {
        "roberta": lambda: RobertaForSequenceClassification(
            RobertaConfig(**bert, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)
        ),
        "electra": lambda: ElectraForSequenceClassification(ElectraConfig(**bert, embedding_size=16)),
        "distilbert": lambda: DistilBertForSequenceClassification(
            DistilBertConfig(dim=32, n_layers=4, n_heads=4, hidden_dim=64, **common)
        ),
        "mpnet": lambda: MPNetForSequenceClassification(MPNetConfig(**bert, pad_token_id=0, bos_token_id=2, eos_token_id=3)),
    }[family]()
    model.save_pretrained(folder)


CASES = {  # rows, label's column, classes, what the smallest model must reach: clearly more than chance
    "roberta": (_classes(77), "label", 77, 0.25),
    "electra": (_pairs(regression=False), "label", 2, 0.62),
    "distilbert": (_pairs(regression=True), "share", 1, 0.25),
    "mpnet": (_classes(2), "label", 2, 0.9),
}


def _study(family: str, rows: list[tuple[Any, ...]], labels: int) -> dict[str, Any]:
    pairs, regression = len(rows[0]) == 3, labels == 1
    follow = {"epochs": 3, "learning_rate": 1e-3, "batch_size": 16, "terms": [{"objective": "logits"}]}
    first = follow | {"epochs": 1, "terms": [{"objective": "minilmv2"}]}
    # Pieces of a WordPiece vocabulary alone can be cut.
    last = "prune-layers" if family == "roberta" else "prune-vocabulary"
    cells = {
        "teacher": "teacher",
        "kd": "teacher/distill-half",
        "heads": "teacher/distill-half/prune-heads",
        "all": f"teacher/distill-half/prune-heads/prune-ffn/{last}",
        "int8": f"teacher/distill-half/prune-heads/prune-ffn/{last}/quantize-int8",
        "first": "teacher/prune-heads/distill-half/prune-layers/quantize-static",
    }
    return {
        "study": family,
        "tasks": {
            "t": {
                "source": {"files": {"train": "data/train.csv"}},
                "text": ["left", "right"] if pairs else "text",
                "label": "share" if regression else "label",
                "splits": {"validation": 154, "test": 154},
                "max_length": 32,
                "metric": "spearman" if regression else "accuracy",
            }
        },
        "teacher": {
            "source": {"path": "models/own"},
            "training": [{"epochs": 12, "learning_rate": 2e-3, "batch_size": 16}],
        },
        "distill": {"half": {"student": {"layers": [1, 3]}, "phases": [first, follow]}},
        "prune": {
            "heads": {"ratio": 0.25, "criterion": "michel", "sentences": 64, "recovery": [follow]},
            "ffn": {"structure": "ffn", "ratio": 0.5, "criterion": "taylor", "sentences": 64, "recovery": [follow]},
            "vocabulary": {"structure": "vocabulary"},
            "layers": {"structure": "layers", "drop": 1},
        },
        "quantize": {
            "int8": {"backend": "onnxruntime"},
            "static": {"scheme": "int8_static", "backend": "onnxruntime", "sentences": 64},
        },
        "cells": cells,
        "tables": {"stagewise": {"onnxruntime": list(cells)}},
        "runtimes": ["onnxruntime"],
        "seeds": [0],
        "latency": {"warmup": 2, "calls": 20, "seconds": 1, "minimum_calls": 20, "blocks": 5, "batch_size": 8, "batches": 4},
    }


@pytest.mark.parametrize("family", CASES)
def test_all_stages(family: str, tmp_path: Path) -> None:
    rows, label, labels, floor = CASES[family]
    copy = Copy(tmp_path)
    (copy.folder / "data").mkdir()
    head = ["left", "right", label] if len(rows[0]) == 3 else ["text", label]
    with (copy.folder / "data/train.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([head, *rows])
    _model(family, copy.folder / "models/own", labels)
    study = _study(family, rows, labels)
    (copy.folder / "config/own.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    run = copy.run(study="config/own.yaml")
    assert run.code == 0, run.output[-5000:]
    table = pd.read_csv(copy.folder / f"results/{family}/tables/stagewise.csv").set_index("cell")
    print(family, table[["quality", "logical", "bytes"]].to_string())
    assert list(table.index) == list(study["cells"])
    assert table["quality"].notna().all()
    assert table.loc[["teacher", "int8"], "quality"].min() > floor
    assert (
        table.loc["all", "logical"] < table.loc["heads", "logical"] < table.loc["kd", "logical"] < table.loc["teacher", "logical"]
    )
    assert table.loc["int8", "logical"] == table.loc["all", "logical"]
    assert table.loc["int8", "bytes"] < table.loc["all", "bytes"]
