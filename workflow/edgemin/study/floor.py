"""The baselines of a study: what they may be, and their names in paths, tables and plots."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag, TypeAdapter

from edgemin.study import registry
from edgemin.study.baseline import Baseline

NUMPY = SimpleNamespace(name="numpy", label="NumPy, no transformer", color="#000000", marker="D", shape="diamond")
"""In the place of a runtime: the program that answers for every baseline, and its points in plots (as `Runtime` has them)."""
_PREFIX = "baseline-"


def _tag(value: Any) -> str:
    return str(value.get("baseline")) if isinstance(value, dict) else str(getattr(value, "baseline", None))


if TYPE_CHECKING:
    AnyBaseline = Baseline
else:
    AnyBaseline = Annotated[
        registry.BASELINES.union(tag=Tag),
        Discriminator(
            _tag,
            custom_error_type="baseline",
            custom_error_message=f"baseline is not one of {', '.join(registry.BASELINES.names())}",
        ),
    ]


def baseline_of(spec: Any) -> Baseline:
    """The settings of a baseline out of the spec of its job."""
    settings: Baseline = TypeAdapter(AnyBaseline).validate_python(spec)
    return settings


def chain_of(name: str) -> str:
    """What stands for a baseline where a cell has its chain."""
    return f"{_PREFIX}{name}"


def is_baseline(chain: Any) -> bool:
    """Whether a chain is none, but the name of a baseline."""
    return str(chain).startswith(_PREFIX)


def look_of(runtime: str) -> Any:
    """A runtime's label, color, marker and shape; of baselines those of `NUMPY`."""
    return NUMPY if runtime == NUMPY.name else registry.RUNTIMES[runtime]
