"""bfloat16 in PyTorch: no quantization, but the control that any of it must beat."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from edgemin.config.variants import BFloat16
from edgemin.encoders import checkpoint
from edgemin.encoders.families import Classifier
from edgemin.encoders.folder import saving
from edgemin.provenance import check_provenance


def quantize_folder(parent: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """Reads the parent's model.safetensors; writes the same in bfloat16. spec["variant"]: dump of a BFloat16."""
    config = BFloat16.model_validate(spec["variant"])
    model = checkpoint.load(parent)
    with saving(out, tokenizer_from=parent, spec=spec, parents=[parent / "model.safetensors"]) as partial:
        weights = {name: _halved(tensor).contiguous() for name, tensor in model.state_dict().items()}
        save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
        model.config.edgemin_quantization = config.model_dump()
        (partial / "config.json").write_text(model.config.to_json_string(use_diff=False), encoding="utf-8")


def load(folder: Path) -> Classifier:
    """The model of such a folder, in bfloat16 and eval mode."""
    check_provenance(folder, "model.safetensors", "config.json")
    file = folder / "model.safetensors"
    model = checkpoint.build(checkpoint.load_config(folder)).to(torch.bfloat16)
    checkpoint.fill(model, checkpoint.read_weights(file), file)
    return model.eval()


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor
