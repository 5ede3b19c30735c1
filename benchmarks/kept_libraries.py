"""Our own code beside what a library has for the same work, on a float model of a finished study. What came of it: docs/libraries.md.

Graphs: bytes, nodes in the file and after the runtime's own optimisation, and the answers to the validation texts beside the float model's. Batches: what
is padding, and whether a resumed run sees the same ones. Paired differences: p of Student's t and of a permutation test. Nothing is timed: another
program on the machine changes no figure.

kept_libraries.py config/quick.yaml kd teacher
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from edgemin.data.tokens import Tokens, pad
from edgemin.measure.quality import predict
from edgemin.report.statistics.values import values_of
from edgemin.runtimes.onnxruntime.run import open_graph
from edgemin.training.sampler import LengthGroupedSampler
from kept_case import Case
from kept_graphs import BATCH, compare, ways
from script import run

RESAMPLES = 9999


def batches_of(order: Sequence[int], size: int) -> list[list[int]]:
    return [list(order[start : start + size]) for start in range(0, len(order), size)]


def padding(lengths: np.ndarray, batches: Sequence[Sequence[int]]) -> float:
    """Share of all positions that is padding."""
    positions = sum(len(batch) * int(lengths[list(batch)].max()) for batch in batches)
    return 1 - int(lengths.sum()) / positions


def falling(lengths: np.ndarray, batches: Sequence[Sequence[int]]) -> float:
    """Share of neighbouring batches of which the second has the shorter longest text: 0.5 where the order of batches is random."""
    longest = np.array([lengths[list(batch)].max() for batch in batches])
    steps = np.diff(longest)
    return float((steps[steps != 0] < 0).mean())


def compare_batches(lengths: np.ndarray, size: int = BATCH) -> pd.DataFrame:
    """One epoch of both samplers, and whether its batches are the same when it is begun again without the epochs before it."""
    import torch
    from transformers.trainer_pt_utils import LengthGroupedSampler as Library

    def ours(epoch: int) -> list[list[int]]:
        sampler = LengthGroupedSampler(lengths, size, seed=0)
        sampler.set_epoch(epoch)
        return batches_of(list(sampler), size)

    def library(epochs: int) -> list[list[int]]:
        sampler = Library(size, lengths=lengths.tolist(), generator=torch.Generator().manual_seed(0))
        return batches_of([list(sampler) for _ in range(epochs)][-1], size)

    found = {"ours": (ours(1), ours(1)), "transformers, with a generator": (library(2), library(1))}
    return pd.DataFrame(
        [
            {"sampler": name, "padding": padding(lengths, one), "falling": falling(lengths, one), "resumes": one == again}
            for name, (one, again) in found.items()
        ]
    )


def padded_alike(tokens: Tokens, tokenizer: Path, count: int = 256) -> bool:
    """Whether our padding and transformers' collator give the same arrays for the first texts, batch by batch, to multiples of 8."""
    from transformers import AutoTokenizer, DataCollatorWithPadding

    collate = DataCollatorWithPadding(AutoTokenizer.from_pretrained(tokenizer), pad_to_multiple_of=8, return_tensors="np")
    for batch in batches_of(range(min(count, len(tokens))), BATCH):
        rows = [{name: values.tolist() for name, values in tokens[at].items()} for at in batch]
        ours, theirs = (
            pad(rows, tokens.pad_id, 8),
            collate([{**row, "attention_mask": [1] * len(row["input_ids"])} for row in rows]),
        )
        if any(not np.array_equal(values, theirs[name]) for name, values in ours.items()):
            return False
    return True


def compare_tests(each: np.ndarray, resamples: int = RESAMPLES) -> dict[str, float]:
    """each: (N,) paired differences by example. Mean, the ends of our interval, and two-sided p of Student's t and of random signs."""
    from scipy.stats import permutation_test, ttest_1samp

    from edgemin.report.statistics.twoway import estimate

    found = permutation_test(
        (each,),
        lambda values, axis: values.mean(axis),
        permutation_type="samples",
        n_resamples=resamples,
        vectorized=True,
        batch=500,
        rng=np.random.default_rng(0),
    )
    interval = estimate(each[None]).interval()
    return {
        "difference": interval.value,
        "low": interval.low,
        "high": interval.high,
        "p_t": float(ttest_1samp(each, 0).pvalue),
        "p_signs": float(found.pvalue),
    }


def differences(case: Case) -> np.ndarray:
    """(N,) of the cell to the other on validation, both in floats."""
    values = []
    for folder, file in zip((case.folder, case.other), case.validation, strict=True):
        texts = Tokens.read(file, folder)
        logits = predict(open_graph(folder / "model.onnx", 1), texts, BATCH)
        values.append(values_of(case.judge, case.judge.scores.gold(texts.column("label")), logits[None]))
    return np.asarray((values[0] - values[1]).each[0])


def main(argv: Sequence[str] | None = None) -> None:
    """Raises EdgeminError for a study or cells that will not do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("study", help="file of a finished study, such as config/quick.yaml")
    parser.add_argument("cell", help="one of its float cells: kd")
    parser.add_argument("other", help="the float cell whose answers its own are compared with: teacher")
    parser.add_argument(
        "--sentences", type=int, default=64, help="to calibrate on; the library holds all that layers read in memory"
    )
    parser.add_argument("--only", default="", help="of the graphs those whose name has this: 4 bits; and nothing but graphs")
    parser.add_argument("--texts", type=int, help="of the validation split; default: all")
    parser.add_argument("--out", type=Path, help="also write the table of graphs to this CSV file")
    arguments = parser.parse_args(argv)
    case = Case.of(arguments.study, arguments.cell, arguments.other)
    made = {name: make for name, make in ways(case, arguments.sentences).items() if name == "float" or arguments.only in name}
    graphs = compare(case, made, arguments.texts)
    print(graphs.to_string(index=False, float_format="{:.4f}".format))
    if arguments.out:
        graphs.to_csv(arguments.out, index=False, float_format="%.6g")
    if arguments.only:
        return
    train = Tokens.read(case.train, case.folder)
    print(compare_batches(np.asarray(train.lengths)).to_string(index=False, float_format="{:.4f}".format))
    print(f"padding alike: {padded_alike(train, case.folder)}")
    print(*(f"{name}: {value:.4f}" for name, value in compare_tests(differences(case)).items()), sep="\n")


if __name__ == "__main__":
    run(main)
