"""Tensors of safetensors files without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from edgemin.core.arrays import read_arrays
from edgemin.core.errors import EdgeminError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int8, torch.uint8, torch.int64])
def test_every_kind_of_number_is_read_as_torch_wrote_it(tmp_path, dtype):
    values = torch.tensor([[-1.5, 0, 2], [3, 100, 0.25]]).to(dtype)
    save_file({"a": values, "b": values[:0].clone()}, tmp_path / "x.safetensors")
    found = read_arrays(tmp_path / "x.safetensors")
    assert {name: array.shape for name, array in found.items()} == {"a": (2, 3), "b": (0, 3)}
    assert str(found["a"].dtype) == str(dtype).removeprefix("torch.")
    np.testing.assert_array_equal(found["a"].astype(np.float64), values.double().numpy())


@pytest.mark.parametrize("content", [None, b"", b"damaged", b"\x08\0\0\0\0\0\0\0{}"])
def test_an_unreadable_file_is_named(tmp_path, content):
    file = tmp_path / "x.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(EdgeminError, match=rf"^{re.escape(str(file))}: not a readable safetensors file .*; delete it and run"):
        read_arrays(file)


def test_it_needs_no_torch(tmp_path):
    save_file({"a": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "x.safetensors")
    code = (
        "import sys; from pathlib import Path; from edgemin.core.arrays import read_arrays; "
        f"print(read_arrays(Path({str(tmp_path / 'x.safetensors')!r}))['a'].tolist(), 'torch' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[1.0, 1.0] False\n"
