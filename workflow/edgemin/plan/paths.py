"""Every path of a study, once. Relative to the folder in which Snakemake runs; wildcards in braces give a rule's pattern."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgemin.study import checks
from edgemin.study.chains import Chain
from edgemin.study.revert import REVERTED
from edgemin.study.runtime import CHECKPOINT
from edgemin.study.task import SPLITS

DOWNLOADS = f"results/{checks.DOWNLOADS}"
BUNDLE = ("model.onnx", "tokenizer.json", "bundle.json", "predict.py", "bench.py", "README.md")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "config.json", "provenance.json")
"""The files of a tokenizer's folder that jobs read; the config says whether the model takes type ids."""
Seed = int | str
"""A seed, or a wildcard."""


def download(pin: str) -> str:
    return f"{DOWNLOADS}/{pin}"


def inside(folder: str, names: Iterable[str]) -> list[str]:
    """Files of a folder."""
    return [f"{folder}/{name}" for name in names]


@dataclass(frozen=True)
class Paths:
    """Of one study. Folders are named by what is in them; `texts` is a split, `transfer-{name}` or `elsewhere-{name}`."""

    study: str

    @property
    def root(self) -> str:
        return f"results/{self.study}"

    def below(self, path: str) -> str:
        """A path as it is below the study's folder."""
        return path.removeprefix(f"{self.root}/")

    @property
    def scratch(self) -> str:
        """Resume states of killed trainings."""
        return f"{self.root}/scratch"

    def data(self, task: str) -> str:
        return f"{self.root}/data/{task}"

    def data_files(self, task: str) -> list[str]:
        return inside(self.data(task), [*(f"{split}.arrow" for split in SPLITS), "data.json"])

    def texts(self, task: str, texts: str) -> str:
        """The rows of a split, a transfer set, or a test set of another domain."""
        kind, _, name = texts.partition("-")
        folders = {"transfer": f"{self.root}/transfer/{task}", "elsewhere": f"{self.root}/out_of_domain/{task}"}
        return f"{folders[kind]}/{name}.arrow" if kind in folders and name else f"{self.data(task)}/{texts}.arrow"

    def encoder(self, task: str, encoder: str) -> str:
        """A source of a model, brought into one form."""
        return f"{self.root}/encoders/{task}/{encoder}"

    def tokenizer(self, task: str, tokenizer: str) -> str:
        """One that was cut; that of a source is in the source's folder."""
        return f"{self.root}/tokenizers/{task}/{tokenizer}"

    def tokens(self, task: str, tokenizer: str, texts: str) -> str:
        return f"{self.root}/tokens/{task}/{tokenizer}/{texts}.arrow"

    def model(self, task: str, seed: Seed, chain: Chain | str) -> str:
        return f"{self.root}/models/{task}/seed{seed}/{chain}"

    def checkpoint(self, task: str, seed: Seed, chain: Chain | str) -> list[str]:
        return inside(self.model(task, seed, chain), CHECKPOINT)

    def history(self, task: str, seed: Seed, chain: Chain | str) -> str:
        """The history of a training, beside the model."""
        return f"{self.model(task, seed, chain)}/history.json"

    def reverted(self, task: str, seed: Seed, chain: Chain | str) -> str:
        """What of a quantized model went back to floats, beside it."""
        return f"{self.model(task, seed, chain)}/{REVERTED}"

    def cache(self, task: str, seed: Seed, teacher: Chain | str, texts: str, need: str) -> str:
        """Manifest of what a teacher says about texts."""
        return f"{self.root}/caches/{task}/seed{seed}/{texts}/{teacher}/{need}.json"

    def measured(self, task: str, seed: Seed, chain: Chain | str, runtime: str) -> str:
        return f"{self.root}/measurements/{task}/seed{seed}/{chain}/{runtime}"

    def round(self, task: str, seed: Seed, chain: Chain | str, runtime: str, number: int | str) -> str:
        """One round of latency."""
        return f"{self.measured(task, seed, chain, runtime)}/rounds/{number}"

    def sweep(self, task: str, seed: Seed, chain: Chain | str, structure: str, criterion: str) -> str:
        return f"{self.root}/sweeps/{task}/seed{seed}/{chain}/{structure}-{criterion}.json"

    def scan(self, task: str, seed: Seed, chain: Chain | str) -> str:
        return f"{self.root}/scans/{task}/seed{seed}/{chain}/int8.json"

    def shapes(self, task: str, seed: Seed, chain: Chain | str, runtime: str, form: str, tokens: int | str) -> str:
        """Times of shapes. form: `float` or `int8`."""
        return f"{self.root}/shapes/{task}/seed{seed}/{chain}/{runtime}-{form}-{tokens}.json"

    def table(self, name: str, form: str = "csv") -> str:
        return f"{self.root}/tables/{name}.{form}"

    def plot(self, name: str, form: str) -> str:
        return f"{self.root}/plots/{name}.{form}"

    @property
    def page(self) -> str:
        return f"{self.root}/report/index.html"

    def verdict(self, task: str, cell: str) -> str:
        """Whether a quantized cell is accepted. Outside the folders of seeds: it is computed of all of them, and no record holds it."""
        return f"{self.root}/acceptance/{task}/{cell}.json"

    @property
    def accepted(self) -> str:
        """There once every quantized cell of the ladder is accepted."""
        return f"{self.root}/acceptance/ladder.json"

    @property
    def chosen(self) -> str:
        """Task -> recommended cell."""
        return f"{self.root}/deploy/recommended.json"

    @property
    def effective_study(self) -> str:
        """The study with all defaults filled in."""
        return f"{self.root}/study.yaml"

    def bundle(self, task: str, cell: str, seed: Seed, several: bool) -> str:
        """several: whether the study has several tasks; then each has a folder of its own in between."""
        among = f"{task}/" if several else ""
        return f"{self.root}/deploy/{among}{cell}/seed{seed}"

    def log(self, place: str) -> str:
        return f"{self.root}/logs/{place}.log"

    def benchmark(self, place: str) -> str:
        """Seconds and memory of a job, as Snakemake notes them."""
        return f"{self.root}/benchmarks/{place}.tsv"
