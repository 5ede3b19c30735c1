"""What the training loop reads, and what a model answers to it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from transformers import set_seed

from edgemin.core.errors import EdgeminError
from edgemin.data import store
from edgemin.data.tokenizing import write_tokens
from edgemin.encoders import checkpoint
from edgemin.study.registry import KINDS
from edgemin.training.data import read_examples
from edgemin.training.precision import bf16_here, resolve
from edgemin.training.predict import BATCH, predict

KIND = KINDS["classification"]


@pytest.fixture(scope="module")
def given(source, tokens):
    return read_examples(tokens / "train.arrow", KIND, source)


@pytest.fixture(scope="module")
def model(source):
    set_seed(0)
    return checkpoint.load_source(source, kind=KIND, labels=["a", "b"], finetuned=False)


def test_predictions_come_in_the_order_of_the_examples(model, given):
    """Sorted, batched and padded inside; one by one and unpadded outside: float32 rounding between."""
    with torch.no_grad():
        singly = [
            model(**{name: torch.from_numpy(ids) for name, ids in given.tokens.batch([index]).items()}).logits[0].numpy()
            for index in range(len(given))
        ]
    assert BATCH < len(given) == 96
    found = predict(model, given)
    assert (found.dtype, found.shape) == (np.float32, (96, 2))
    np.testing.assert_allclose(found, np.stack(singly), rtol=0, atol=1e-5)


def test_predictions_know_no_dropout(model, given):
    """Asked of a model that is in training."""
    model.train()
    first = predict(model, given)
    assert np.array_equal(first, predict(model.train(), given))


def test_batches_carry_inputs_labels_and_signals(given):
    class Signals:
        def batch(self, indices, length):
            return {"asked": (list(indices), length)}

    batch = given.collate([5, 0], Signals())
    assert {name: tuple(values.shape) for name, values in batch["inputs"].items()} == dict.fromkeys(
        ("input_ids", "token_type_ids", "attention_mask"), (2, 8 if max(given.lengths[i] for i in (5, 0)) <= 8 else 16)
    )
    assert batch["labels"].tolist() == [given.labels[5], given.labels[0]]
    assert batch["teacher"]["asked"] == ([5, 0], batch["inputs"]["input_ids"].shape[1])
    assert "teacher" not in given.collate([5, 0])


@pytest.mark.parametrize("kind", KINDS.all().values(), ids=KINDS.names())
def test_an_example_without_a_label_costs_nothing_in_a_batch(data, source, tmp_path, kind):
    """Out of the file to the loss, for texts without a label among others, and for a batch of such alone."""
    rows = store.read_split(data, "train")[:3]
    rows["label"] = [1, None, 0]
    names = ["a", "b"] if kind.classes else None
    store.write_dataset(store.to_dataset(rows, kind, names), tmp_path / "rows.arrow", label_names=names)
    write_tokens(tmp_path / "rows.arrow", source, 16, tmp_path / "tokens.arrow")
    given = read_examples(tmp_path / "tokens.arrow", kind, source)
    logits = torch.tensor([[0.3, 1.0], [5.0, -5.0], [0.7, 2.0]])[:, : 2 if kind.classes else 1]
    loss, gold = kind.losses().loss, given.collate([0, 1, 2])["labels"]
    assert loss(logits, gold).item() == loss(logits[[0, 2]], gold[[0, 2]]).item() > 0
    assert loss(logits[:2], given.collate([1, 1])["labels"]).item() == 0


def test_the_tokens_of_another_tokenizer_are_refused(source, tokens, tmp_path):
    other = shutil.copytree(source, tmp_path / "other")
    (other / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EdgeminError, match=f"^{tokens}/train.arrow: made with another tokenizer than that of {other}; delete it"):
        read_examples(tokens / "train.arrow", KIND, other)


def test_precision_auto_is_what_the_device_computes_in():
    assert [resolve(name) for name in ("fp32", "bf16", "auto")] == ["fp32", "bf16", "bf16" if bf16_here() else "fp32"]
