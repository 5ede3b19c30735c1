"""How fast this machine is: one training step, one batch and one text per shape of model, with random weights, and the start of a job."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from edgemin.compressing.branch import BATCH, Branch
from edgemin.compressing.encoder import Encoder
from edgemin.compressing.sizes import AnySizes, StaticSizes
from edgemin.encoders.checkpoint import NOT_OURS, build, quiet_transformers
from edgemin.study.family import family_of
from edgemin.study.structure import Structure
from edgemin.training.precision import resolve

SECONDS = 2.0
"""Each is repeated for so long, but at least twice after a first time."""
IMPORTS = "import torch, transformers, datasets, pandas"
"""What the jobs that train or cut models load."""


@dataclass(frozen=True)
class Pace:
    """Seconds of one shape."""

    step: float
    """An update: forward, backward, optimizer, on a batch of 32."""
    batch: float
    """An answer to such a batch."""
    text: float
    """An answer to one text, one thread, in PyTorch floats."""


@dataclass(frozen=True)
class Paces:
    start: float
    """A process that loads PyTorch."""
    of: Mapping[AnySizes, Pace]


def measure(branches: list[Branch], length: float, threads: int) -> Paces:
    """length: tokens of a text. threads: of a training."""
    quiet_transformers()
    shapes = {branch.sizes: branch.encoder for branch in branches}
    tokens = max(4, round(length))
    return Paces(_start(), {sizes: _pace(random_model(encoder, sizes), tokens, threads) for sizes, encoder in shapes.items()})


def _start() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, capture_output=True)  # noqa: S603 - this interpreter
    return time.perf_counter() - started


def random_model(encoder: Encoder, sizes: AnySizes) -> Any:
    """A sequence classifier of the encoder's family with these sizes, or a static student."""
    from transformers import AutoConfig

    from edgemin.encoders.families.static.model import StaticClassifier, StaticConfig

    if isinstance(sizes, StaticSizes):
        return StaticClassifier(StaticConfig(vocab_size=sizes.vocabulary, hidden_size=sizes.width))
    family = family_of(encoder.config)
    values = {
        name: value for name, value in encoder.config.items() if name not in (*NOT_OURS, "id2label", "label2id", "num_labels")
    }
    config = AutoConfig.for_model(**{**values, family.sizes[0]: len(sizes.heads)})
    heads = tuple(tuple(range(count)) for count in sizes.heads)
    Structure(heads, sizes.head_dim, sizes.neurons).write(config)
    return build(config)


def _pace(model: Any, tokens: int, threads: int) -> Pace:
    before = torch.get_num_threads()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    bf16 = resolve("auto") == "bf16"
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(2, model.config.vocab_size, (BATCH, tokens), generator=generator)
    optimizer = torch.optim.AdamW(model.to(device).parameters(), lr=1e-5)
    labels = torch.zeros(BATCH, dtype=torch.long, device=device)
    batch = {"input_ids": ids.to(device), "attention_mask": torch.ones_like(ids).to(device)}

    def answer() -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            logits: torch.Tensor = model(**batch).logits
        return logits.float()

    def step() -> None:
        torch.nn.functional.cross_entropy(answer(), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    try:
        torch.set_num_threads(threads)
        of_step = repeated(step, device)
        with torch.no_grad():
            of_batch = repeated(answer, device)
            model.to("cpu")
            torch.set_num_threads(1)
            one = {"input_ids": ids[:1], "attention_mask": torch.ones_like(ids[:1])}
            return Pace(of_step, of_batch, repeated(lambda: model(**one)))
    finally:
        torch.set_num_threads(before)


def repeated(call: Callable[[], Any], device: str = "cpu", seconds: float = SECONDS) -> float:
    """Median seconds of a call, after a first one that does not count."""
    call()
    each: list[float] = []
    while len(each) < 2 or sum(each) < seconds:
        started = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        each.append(time.perf_counter() - started)
    return sorted(each)[len(each) // 2]
