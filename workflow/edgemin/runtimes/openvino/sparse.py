"""Weights that are stored without their zeros, and unpacked as they are multiplied: OpenVINO's sparse weights decompression.

Only linear layers of INT8, whose matrix has multiples of 64 as sides and enough zeros, and only on CPUs with AMX. Elsewhere OpenVINO accepts the
setting and runs dense kernels without a word; so what ran is asked.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.core.machine import cpu_flags

if TYPE_CHECKING:
    import numpy as np

    from edgemin.study.runtime import Run

log = logging.getLogger(__name__)
SHARE = "CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE"
"""OpenVINO's property: share of zeros from which a layer's weights are stored without them; 1: never, its default."""
FLAG = "amx_int8"
"""Of CPUs that have the kernel."""


def wanted(folder: Path) -> float:
    """The share that a model's scheme asks for; 1 for models that ask for none."""
    return float(read_json(folder / "config.json").get("edgemin_quantization", {}).get("sparse_from", 1))


def checked(run: Run, program: Any) -> Run:
    """`run`, which looks after its first answer at what gave it.

    That raises EdgeminError if the CPU has the kernel and no layer ran in it: a time of dense kernels would pass for one of sparse weights. On other
    CPUs it says so in the log.
    """
    asked = False

    def first(inputs: dict[str, np.ndarray]) -> np.ndarray:
        nonlocal asked
        answers = run(inputs)
        if not asked:
            check(kernels(program))
            asked = True
        return answers

    return first


def kernels(program: Any) -> list[str]:
    """The kernel of each linear layer, such as `brgemm_avx512_I8`, or `brgemm_sparse_avx512_amx_I8`; known from the first answer on."""
    told = [node.get_rt_info() for node in program.get_runtime_model().get_ops()]
    return [about["primitiveType"].astype(str) for about in told if about["layerType"].astype(str) == "FullyConnected"]


def check(found: list[str]) -> None:
    """Raises EdgeminError if none of these kernels is for sparse weights though the CPU has one."""
    count = sum("sparse" in kernel for kernel in found)
    if not count and FLAG in cpu_flags():
        raise EdgeminError(
            f"sparse_from: OpenVINO multiplies in dense kernels ({', '.join(sorted(set(found)))}), though this CPU has {FLAG}; lower it, or "
            "drop it and measure the dense model"
        )
    reason = "" if count else f": this CPU has no {FLAG}, so dense kernels run"
    log.info("sparse_from: %d of %d linear layers are stored without zeros%s", count, len(found), reason)
