"""INT8 of one model in several runtimes, in turns: ours, OpenVINO's static INT8, torch.ao, torchao compiled.

All start from the same float checkpoint of a finished study and answer the same test sentences, one at a time, on one thread.
Runtimes take turns in blocks, as in the workflow's own measurements, and every ratio is paired. Quality on the same sentences stands
beside, so that nobody is fast by being wrong. What is not installed here is left out.

runtimes.py config/config.yaml kd kd_quant
runtimes.py config/quick.yaml kd_prune edgemin --scheme int8_fused --lengths 8 16 27 64 128
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.data.tokens import Tokens
from edgemin.measure import host as hosts
from edgemin.measure.blocks import percentile, ratio
from edgemin.measure.latency import take_turns
from edgemin.measure.quality import measure
from edgemin.study import registry
from edgemin.study.kind import Kind
from edgemin.study.measuring import Latency
from edgemin.study.runtime import Runtime, check_installed
from runtimes_peers import Made, TorchAo, TorchDotAo
from script import plan_with, run

if TYPE_CHECKING:
    from edgemin.study.runtime import Run


Inputs = dict[str, np.ndarray]
"""Of one text: name -> (1, L)."""


@dataclass(frozen=True)
class Case:
    """Two cells of a study at one task and seed: a float model, and our quantized one."""

    ours: str
    """What ours is called."""
    runtime: Runtime
    """Of ours."""
    floats: Path
    quantized: Path
    test: Path
    """Its tokens."""
    train: Path
    files: list[str]
    """All that is read."""
    kind: Kind
    metric: str
    threads: int

    @classmethod
    def of(cls, file: str, floats: str, quantized: str, task: str | None = None, seed: int | None = None) -> Case:
        """file: of the study; floats, quantized: its cells. Raises EdgeminError for what the study does not have."""
        plan = plan_with(file, (floats, quantized))
        study = plan.study
        parent, child = study.chain(floats), study.chain(quantized)
        if not child.quantized or child.parent != parent:
            raise EdgeminError(
                f"{file}: '{quantized}' is not '{floats}' quantized; name a float cell, then one that quantizes it"
            )
        task, seed = task or next(iter(study.tasks)), study.seeds[0] if seed is None else seed
        if task not in study.tasks or seed not in study.seeds:
            raise EdgeminError(
                f"{file}: has no task '{task}' with seed {seed}; tasks: {', '.join(study.tasks)}; seeds: {study.seeds}"
            )
        variant, asked = study.variant(child), study.tasks[task]
        runtime = registry.RUNTIMES[variant.backend]
        models = [*plan.artefact(task, seed, parent, "onnxruntime"), *plan.artefact(task, seed, child, variant.backend)]
        tokens = [plan.tokens(task, parent, split) for split in ("test", "train")]
        return cls(
            f"ours, {runtime.label} {variant.scheme}",
            runtime,
            *(Path(plan.paths.model(task, seed, chain)) for chain in (parent, child)),
            *map(Path, tokens),
            files=[*models, *tokens],
            kind=asked.asks,
            metric=asked.metric,
            threads=study.threads.inference,
        )

    def check(self) -> None:
        """Raises EdgeminError for files that are not there, or if nothing here runs ours."""
        check_installed({self.ours: self.runtime.name})
        if missing := [name for name in self.files if not Path(name).exists()]:
            raise EdgeminError(
                f"missing: {len(missing)} of {len(self.files)} files, the first {missing[0]}; let snakemake make what --files names"
            )

    def contenders(self, scratch: Path, scheme: str | None = None) -> dict[str, tuple[Runtime, Path]]:
        """Name -> runtime, and the folder that it opens; ours first. scratch: for what is made here. scheme: ours, made here too, before the cell."""
        peers = (Made("int8_nncf", "OpenVINO static INT8", self.train, scratch), TorchAo(), TorchDotAo())
        made = [Made(scheme, f"ours, {self.runtime.label} {scheme}", self.train, scratch)] if scheme else []
        return {
            **{one.label: (one, self.floats) for one in made},
            self.ours: (self.runtime, self.quantized),
            **{f"{runtime.label} fp32": (runtime, self.floats) for runtime in registry.RUNTIMES.all().values()},
            **{peer.label: (peer, self.floats) for peer in peers},
        }


def enter(
    contenders: Mapping[str, tuple[Runtime, Path]], tokens: Tokens, case: Case, threads: int
) -> dict[str, tuple[Run, float]]:
    """Name -> what runs it, and its quality. Who cannot is left out, and that is said; but not ours."""
    entered = {}
    for name, (runtime, folder) in contenders.items():
        if missing := runtime.missing():
            print(f"{name}: left out ({' and '.join(missing)} not installed)", file=sys.stderr, flush=True)
            continue
        try:
            run = runtime.open(folder, threads)
            quality, _ = measure(run, {"test": tokens}, 1, case.kind, case.metric)
        except Exception as error:  # of a library that does not take this model
            if not entered:
                raise
            print(f"{name}: left out ({type(error).__name__}: {str(error).splitlines()[0]})", file=sys.stderr, flush=True)
            continue
        entered[name] = (run, quality["splits"]["test"][case.metric])
        print(f"{name}: {case.metric} {entered[name][1]:.4f}", file=sys.stderr, flush=True)
    return entered


def in_order(tokens: Tokens, seed: int) -> list[Inputs]:
    """Each text alone, in an order that the seed says."""
    return [tokens.batch([index]) for index in np.random.default_rng(seed).permutation(len(tokens)).tolist()]


def of_length(tokens: Tokens, length: int) -> list[Inputs]:
    """All texts one after the other, cut into texts of so many tokens: the first and the last are those of every text. Raises EdgeminError if
    there is less, or the model was not asked for so many."""
    first, last = tokens[0]["input_ids"][[0, -1]]
    words = np.concatenate([tokens[index]["input_ids"][1:-1] for index in range(len(tokens))])
    count = len(words) // max(1, length - 2)
    if not 3 <= length <= (most := int(tokens.facts["max_length"])) or not count:
        raise EdgeminError(f"--lengths: {length} is none of 3 to {most}, the tokens of a text, or the texts have fewer in all")
    rows = words[: count * (length - 2)].reshape(count, -1)
    ends = [np.full((count, 1), end) for end in (first, last)]
    ids = np.hstack([ends[0], rows, ends[1]]).astype(np.int64)
    flat = {"attention_mask": np.ones_like(ids[:1]), "token_type_ids": np.zeros_like(ids[:1])}
    return [{"input_ids": row[None], **flat} for row in ids]


def compare(entered: Mapping[str, tuple[Run, float]], ones: Sequence[Inputs], metric: str, protocol: Latency) -> pd.DataFrame:
    """A row for each, the quickest first. ones: texts. ours_faster: how many times quicker the first of `entered` is, with its interval."""
    calls = {name: lambda index, run=run: run(ones[index]) for name, (run, _) in entered.items()}
    timings = take_turns(calls, range(len(ones)), protocol)
    ours, rows = next(iter(timings.values())), []
    for name, seconds in timings.items():
        against = ratio(seconds, ours)
        middle, tail = (percentile(seconds, q).value * 1e3 for q in (50, 90))
        row = {"runtime": name, metric: entered[name][1], "p50_ms": middle, "p90_ms": tail}
        rows.append(row | {"ours_faster": against.value, "low": against.low, "high": against.high, "calls": seconds.size})
    return pd.DataFrame(rows).sort_values("p50_ms")


def main(argv: Sequence[str] | None = None) -> None:
    """Raises EdgeminError for a study or cells that will not do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("study", help="file of a study, such as config/config.yaml")
    parser.add_argument("floats", help="one of its float cells: kd")
    parser.add_argument("quantized", help="the cell that is INT8 of it: kd_quant")
    parser.add_argument("--task", help="default: the study's first")
    parser.add_argument("--seed", type=int, help="default: the study's first")
    parser.add_argument("--files", action="store_true", help="only name the files that are read, for `snakemake` to make")
    parser.add_argument("--threads", type=int, help="default: the study's threads.inference")
    parser.add_argument("--sentences", type=int, default=2000, help="of the test split")
    parser.add_argument("--seconds", type=float, default=10, help="per runtime")
    parser.add_argument(
        "--scheme", help="quantize the float cell by this scheme that reads sentences too, and compare all with it: int8_fused"
    )
    parser.add_argument(
        "--lengths", type=int, nargs="+", help="time texts of so many tokens, one length after the other; default: as they are"
    )
    parser.add_argument("--out", type=Path, help="also write the table to this CSV file")
    arguments = parser.parse_args(argv)
    case = Case.of(arguments.study, arguments.floats, arguments.quantized, arguments.task, arguments.seed)
    if arguments.files:
        print(*case.files, sep="\n")
        return
    case.check()
    warnings.filterwarnings("ignore")
    threads = arguments.threads or case.threads
    hosts.pin(threads)
    tokens = Tokens.read(case.test, case.floats).head(arguments.sentences)
    with tempfile.TemporaryDirectory() as scratch:
        entered = enter(case.contenders(Path(scratch), arguments.scheme), tokens, case, threads)
        protocol = Latency(seconds=arguments.seconds, calls=1000)
        texts = {length: of_length(tokens, length) for length in arguments.lengths or []}
        tables = [compare(entered, ones, case.metric, protocol).assign(tokens=length) for length, ones in texts.items()]
        table = pd.concat(tables) if tables else compare(entered, in_order(tokens, protocol.seed), case.metric, protocol)
    print(table.to_string(index=False, float_format="{:.3f}".format))
    machine = hosts.host(threads)
    print(*(f"{name}: {value}" for name, value in machine.items()), sep="\n")
    if arguments.out:
        table.assign(cpu=machine["cpu"], threads=threads).to_csv(arguments.out, index=False, float_format="%.5g")


if __name__ == "__main__":
    run(main)
