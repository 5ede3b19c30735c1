"""bfloat16 in PyTorch: no quantization, but the control that every quantization must beat."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from edgemin.core.provenance import check_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import Classifier
from edgemin.encoders.folder import saving
from edgemin.encoders.weights import read_weights
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.bf16 import BFloat16


def quantize_folder(config: BFloat16, given: QuantizeInputs) -> None:
    """Read the parent's model.safetensors; write its weights in bfloat16."""
    model = checkpoint.load(given.parent)
    with saving(given.out, tokenizer_from=given.parent, spec=given.spec, parents=[given.parent / "model.safetensors"]) as partial:
        weights = {name: _halved(tensor).contiguous() for name, tensor in model.state_dict().items()}
        save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
        model.config.edgemin_quantization = config.model_dump()
        (partial / "config.json").write_text(model.config.to_json_string(use_diff=False), encoding="utf-8")


def load(folder: Path) -> Classifier:
    """The model of such a folder, in bfloat16 and eval mode."""
    check_provenance(folder, "model.safetensors", "config.json")
    file = folder / "model.safetensors"
    model = checkpoint.build(checkpoint.load_config(folder)).to(torch.bfloat16)
    checkpoint.fill(model, read_weights(file), file)
    return model.eval()


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor
