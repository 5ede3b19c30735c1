"""Load and save encoders: strict, safetensors only."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from edgemin.core.errors import EdgeminError, first_line
from edgemin.core.files import read_json
from edgemin.core.provenance import check_provenance
from edgemin.encoders.blocks import Classifier
from edgemin.encoders.surgery import resize
from edgemin.encoders.weights import read_weights, save_weights
from edgemin.study.expected import canonical, unused
from edgemin.study.family import family_of
from edgemin.study.foreign import unused_line
from edgemin.study.header import read_header
from edgemin.study.kind import Kind
from edgemin.study.structure import KEY, Structure

NOT_OURS = (
    *("return_dict", "output_attentions", "output_hidden_states", "torchscript", "gradient_checkpointing"),
    *("dtype", "torch_dtype", "attn_implementation", "_attn_implementation", "_attn_implementation_internal"),
)
"""Config keys that describe how a model was run, not what it computes: output form, data types, kernels."""


def quiet_transformers() -> None:
    """Turn off the load reports and progress bars of transformers."""
    from transformers.utils import logging as hf

    hf.set_verbosity_error()
    hf.disable_progress_bar()


def build(config: Any) -> Classifier:
    """A sequence-classification model of the config's structure, in eval mode; its weights are not defined yet."""
    from transformers import AutoModelForSequenceClassification

    family_of(config)
    model = AutoModelForSequenceClassification.from_config(config)
    if getattr(config, KEY, None) is not None:
        resize(model, Structure.of(config))
    return model.eval()


def load_config(folder: Path | str) -> Any:
    from transformers import AutoConfig

    values = read_json(Path(folder) / "config.json")
    if not isinstance(values, dict):
        raise EdgeminError(f"{folder}/config.json: not a model config; delete the folder and run snakemake again")
    family_of(values)
    return AutoConfig.for_model(**{name: value for name, value in values.items() if name not in NOT_OURS})


def load(folder: Path | str) -> Classifier:
    """The float32 model of a checkpoint folder, in eval mode, after checking its digests; every tensor must fit.

    Raises EdgeminError naming the file that is missing, corrupt or does not belong to its config.
    """
    folder = Path(folder)
    check_provenance(folder, "model.safetensors", "config.json")
    model = build(load_config(folder))
    fill(model, read_weights(folder / "model.safetensors"), folder / "model.safetensors")
    return model


def fill(model: Classifier, weights: Mapping[str, torch.Tensor], file: Path) -> None:
    """Strict load_state_dict. Raises EdgeminError with the first mismatch."""
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        problem = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise EdgeminError(
            f"{file}: does not fit its config.json ({problem}); delete the folder and run snakemake again"
        ) from None


def load_source(folder: Path | str, *, kind: Kind, labels: list[str] | None, finetuned: bool) -> Classifier:
    """A stock checkpoint as a sequence classifier with these labels (None: one output), float32.

    A head that the checkpoint lacks is initialised from torch's random state, unless `finetuned`. Raises EdgeminError
    for missing encoder weights, or a fine-tuned head of another size.
    """
    from transformers import AutoModelForSequenceClassification

    quiet_transformers()
    folder = Path(folder)
    check_provenance(folder)
    config = load_config(folder)
    count = len(labels) if labels else 1
    if finetuned and config.num_labels != count:
        raise EdgeminError(f"{folder}: the fine-tuned model has {config.num_labels} outputs, the task {count}; check label_names")
    config.num_labels = count
    config.problem_type = kind.problem_type
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {name: index for index, name in enumerate(labels)}
    if getattr(config, KEY, None) is not None:
        model = build(config)
        fill(model, read_weights(folder / "model.safetensors"), folder / "model.safetensors")
        return model
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are named below
            trust_remote_code=False,
        )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise EdgeminError(f"{folder}: cannot be loaded as a {config.model_type} encoder ({first_line(error)})") from None
    check_used(folder, model)
    family = family_of(config)
    head = (*family.head, f"{family.base}.pooler.")
    missing = [key for key in report["missing_keys"] if finetuned or not key.startswith(head)]
    if missing or report["mismatched_keys"]:
        wrong = sorted(missing) or sorted(map(str, report["mismatched_keys"]))
        raise EdgeminError(f"{folder}: weights are missing or of another size: {', '.join(wrong[:3])}; is this the right model?")
    return model.eval()


def check_used(folder: Path, model: Classifier, user_folder: Path | None = None) -> None:
    """Raises EdgeminError for weights in the folder that the model does not use, except pretraining heads. user_folder: the path
    for messages, when `folder` is a copy of the user's folder."""
    family = family_of(model.config)
    if foreign := unused(canonical(read_header(folder), family), model.state_dict(), family):
        raise EdgeminError(unused_line(user_folder or folder, foreign, family))


def check_built(folder: Path, user_folder: Path) -> None:
    """Raises EdgeminError unless transformers can build a classifier by the folder's config that uses all of its weights. The
    model is on the meta device: shapes only, no data."""
    try:
        with torch.device("meta"):
            model = build(load_config(folder))
    except EdgeminError:
        raise
    except Exception as error:  # whatever a value of the config leads to
        raise EdgeminError(
            f"{user_folder / 'config.json'}: no model can be built by it ({first_line(error)}); correct it, or save the model anew"
        ) from None
    check_used(folder, model, user_folder)


def save(model: Classifier, partial: Path) -> None:
    """Write model.safetensors and config.json of a float model."""
    weights = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in model.state_dict().items()}
    save_weights(weights, partial / "model.safetensors")
    model.config.architectures = [type(model).__name__]
    model.config.dtype = "float32"
    (partial / "config.json").write_text(model.config.to_json_string(use_diff=False), encoding="utf-8")


logging.getLogger("transformers").setLevel(logging.ERROR)
