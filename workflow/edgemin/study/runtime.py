"""A runtime: a program that runs models. Settings half of `edgemin.runtimes`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgemin.core.errors import EdgeminError
from edgemin.study import registry

if TYPE_CHECKING:
    import numpy as np

    Run = Callable[[dict[str, np.ndarray]], np.ndarray]
    """inputs: int64 arrays (batch, length) by name; unknown names are ignored. Returns float32 logits (batch, classes)."""

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
PROVENANCE = "provenance.json"
CHECKPOINT = ("model.safetensors", "config.json", *TOKENIZER_FILES, PROVENANCE)
"""The files of a float model's folder."""
GRAPH = ("model.onnx", "onnx_provenance.json")
"""What is exported beside them."""


class Runtime:
    """One runtime."""

    name: ClassVar[str]
    label: ClassVar[str]
    """As people write it."""
    color: ClassVar[str]
    """Of its points in plots (Okabe-Ito)."""
    marker: ClassVar[str]
    """Their shape, as matplotlib calls it."""
    shape: ClassVar[str]
    """And as Vega-Lite does."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Imports that it needs and that only an extra of this package brings."""
    graph: ClassVar[bool] = True
    """Whether it runs a float chain's model.onnx; else its model.safetensors."""
    quantized: ClassVar[tuple[str, ...]]
    """Files of weights in the folder of a chain that was quantized for it."""
    batches: ClassVar[bool] = True
    """Whether full batches are timed too."""
    bundles: ClassVar[bool] = False
    """Whether a bundle's predict.py runs its models."""

    @property
    def quantized_files(self) -> tuple[str, ...]:
        """All files in the folder of a chain that was quantized for it."""
        return (*self.quantized, "config.json", *TOKENIZER_FILES, PROVENANCE)

    def files(self, quantized: bool) -> tuple[str, ...]:
        """What of a model's folder a job that runs it reads."""
        if quantized:
            return self.quantized_files
        return (*CHECKPOINT, *GRAPH) if self.graph else CHECKPOINT

    def needed(self, quantized: bool) -> tuple[str, ...]:
        """The files that have to be shipped to predict: what counts as size."""
        weights = self.quantized if quantized else (GRAPH[:1] if self.graph else CHECKPOINT[:2])
        return (*weights, TOKENIZER_FILES[0])

    def missing(self) -> list[str]:
        """The packages among `packages` that are not installed."""
        return [package for package in self.packages if find_spec(package) is None]

    def open(self, folder: Path, threads: int) -> Run:
        """Load a model's folder with exactly `threads` threads.

        Raises EdgeminError for a missing, corrupt or foreign model.
        """
        raise NotImplementedError

    def nonzero(self, folder: Path, sizes: dict[str, int]) -> dict[str, int]:
        """Parameter name -> number of stored values that are not zero, for the names in a folder's weights.

        sizes: elements of every parameter of the float model.
        """
        raise NotImplementedError

    def naive(self, folder: Path) -> int | None:
        """PyTorch's own count of parameters, for its models."""
        return None


def open_model(folder: Path | str, runtime: str, threads: int) -> Run:
    """`Runtime.open` of the runtime of this name."""
    return registry.RUNTIMES[runtime].open(Path(folder), threads)


def check_installed(names: dict[str, str]) -> None:
    """names: key of the study -> runtime that it names. Raises EdgeminError for one whose packages are not installed."""
    problems = []
    for key, name in names.items():
        if missing := registry.RUNTIMES[name].missing():
            problems.append(
                f"{key}: the runtime {name} needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed; "
                f"run `make {name}`, or take {name} out"
            )
    if problems:
        raise EdgeminError("\n".join(problems))


def label_of(name: str) -> str:
    """A runtime as people write it."""
    runtimes: dict[str, Any] = registry.RUNTIMES.all()
    return str(runtimes[name].label) if name in runtimes else name
