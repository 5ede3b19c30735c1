"""Dynamic INT8 by torch.ao: what the study's summary describes, deprecated upstream, kept behind an import guard.

Linear weights become packed objects, which are no nn.Parameters any more: that is the whole of the "implicitly removed
parameters". They are stored as plain int8 tensors with scales and zero points in safetensors and packed again on load.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from edgemin.core.errors import EdgeminError
from edgemin.core.provenance import check_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import Classifier
from edgemin.encoders.folder import saving
from edgemin.encoders.weights import read_weights
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic

_SCALE, _ZERO = "weight_scale", "weight_zero_point"


def _torch_ao() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torch.ao.quantization as ao

            ao.quantize_dynamic  # noqa: B018 (fails here, not later, where it is gone)
            return ao
    except (ImportError, AttributeError):
        raise EdgeminError(
            f"backend torch: torch {torch.__version__} no longer has torch.ao.quantization; use backend: onnxruntime"
        ) from None


def quantize_folder(config: Int8Dynamic, given: QuantizeInputs) -> None:
    """Reads the parent's model.safetensors; writes int8 tensors and scales."""
    packed = pack(checkpoint.load(given.parent), config.per_channel)
    with saving(given.out, tokenizer_from=given.parent, spec=given.spec, parents=[given.parent / "model.safetensors"]) as partial:
        save(packed, partial, config)


def pack(model: Classifier, per_channel: bool) -> Classifier:
    """A copy of a float model whose Linear layers are torch.ao dynamic INT8 ones."""
    ao = _torch_ao()
    scheme = ao.per_channel_dynamic_qconfig if per_channel else ao.default_dynamic_qconfig
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ao.quantize_dynamic(model, {nn.Linear: scheme}, dtype=torch.qint8)


def _packed(model: Classifier) -> dict[str, Any]:
    """name -> quantized Linear module."""
    return {
        name: module
        for name, module in model.named_modules()
        if type(module).__module__.startswith("torch.ao.nn.quantized.dynamic")
    }


def save(model: Classifier, partial: Path, config: Int8Dynamic) -> None:
    """Write the packed model: int8 weights, float64 scales, int64 zero points, all other tensors as they are."""
    packed = _packed(model)
    tensors = {name: tensor.contiguous() for name, tensor in _float_state(model).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, module in packed.items():
            weight, bias = module._weight_bias()
            tensors[f"{name}.weight"] = weight.int_repr()
            if config.per_channel:
                tensors[f"{name}.{_SCALE}"], tensors[f"{name}.{_ZERO}"] = (
                    weight.q_per_channel_scales(),
                    weight.q_per_channel_zero_points(),
                )
            else:
                tensors[f"{name}.{_SCALE}"] = torch.tensor(weight.q_scale(), dtype=torch.float64)
                tensors[f"{name}.{_ZERO}"] = torch.tensor(weight.q_zero_point(), dtype=torch.int64)
            if bias is not None:
                tensors[f"{name}.bias"] = bias.detach()
    save_file(tensors, partial / "model.safetensors", metadata={"format": "pt"})
    model.config.edgemin_quantization = config.model_dump()
    (partial / "config.json").write_text(model.config.to_json_string(use_diff=False), encoding="utf-8")


def load(folder: Path) -> Classifier:
    """The packed model of a folder, bit-exact, in eval mode. Raises EdgeminError for a file that does not fit."""
    check_provenance(folder, "model.safetensors", "config.json")
    config = checkpoint.load_config(folder)
    stored = getattr(config, "edgemin_quantization", None)
    if not stored:
        raise EdgeminError(f"{folder}/config.json: not a torch INT8 checkpoint; delete the folder and run snakemake again")
    file = folder / "model.safetensors"
    tensors = read_weights(file)
    model = pack(checkpoint.build(config), stored["per_channel"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, module in _packed(model).items():
            try:
                integers = tensors.pop(f"{name}.weight")
                scale, zero = tensors.pop(f"{name}.{_SCALE}"), tensors.pop(f"{name}.{_ZERO}")
            except KeyError as error:
                raise EdgeminError(f"{file}: lacks {error}; delete the folder and run snakemake again") from None
            if stored["per_channel"]:
                weight = torch._make_per_channel_quantized_tensor(integers, scale, zero, 0)
            else:
                weight = torch._make_per_tensor_quantized_tensor(integers, scale.item(), int(zero.item()))
            module.set_weight_bias(weight, tensors.pop(f"{name}.bias", None))
    floats = _float_state(model)
    if {name: tensor.shape for name, tensor in floats.items()} != {name: tensor.shape for name, tensor in tensors.items()}:
        raise EdgeminError(f"{file}: its tensors do not fit its config.json; delete the folder and run snakemake again")
    with torch.no_grad():
        for name, tensor in floats.items():
            tensor.copy_(tensors[name])
    return model.eval()


def _float_state(model: Classifier) -> dict[str, torch.Tensor]:
    """The tensors outside packed modules; writing to them writes to the model."""
    packed = tuple(f"{name}." for name in _packed(model))
    return {name: tensor for name, tensor in model.state_dict().items() if not name.startswith(packed)}
