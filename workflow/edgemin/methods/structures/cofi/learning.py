"""Masks are learned with the weights, then the model is cut by them (Xia et al. 2022, arXiv 2204.00408)."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from edgemin.core.files import read_json, whole_folder, write_json
from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.inputs import Cut, PruneInputs
from edgemin.methods.structures.cofi import Cofi, MaskTerm
from edgemin.methods.structures.cofi.accounting import SIZES
from edgemin.methods.structures.cofi.gates import Gates, cut_by_gates
from edgemin.methods.structures.cofi.masks import Masks
from edgemin.training import settings
from edgemin.training.phase import train
from edgemin.training.settings import MakeTerm

log = logging.getLogger(__name__)
_NEAR = 0.01  # of a target: CoFi's own tolerance


def cut(variant: Cofi, given: PruneInputs) -> Cut:
    """A cut that `learn_and_cut` does in training, before the recovery."""
    assert given.make_term is not None
    return Cut(before=partial(learn_and_cut, given.model, variant, given.make_term))


def learn_and_cut(model: Classifier, variant: Cofi, make_term: MakeTerm, given: settings.TrainingInputs) -> dict[str, Any]:
    """Train `model` and its masks, fold the masks into the weights and cut, in place. Returns the results for the history.

    Embedding tables are frozen meanwhile. The learned state is kept in the scratch folder: a run that is killed later, during
    recovery, does not learn it again.
    """
    done = given.settings.scratch / "masks"
    if not (done / "student.safetensors").is_file():  # the last of its files to be moved there
        _learn(model, variant, make_term, given, done)
    history = read_json(done / "history.json")
    model.to("cpu").load_state_dict(load_file(done / "student.safetensors"), strict=True)  # where the gates are read to
    gates = _from_tensors(load_file(done / "gates.safetensors"))
    facts: dict[str, Any] = {"learning": history, "sparsity_target": variant.sparsity, "accounting": variant.accounting}
    for name, size in SIZES.items():
        facts[f"sparsity_{name}"] = 1 - float(size(model, gates.as_bits())) / float(size(model, Gates.all_open(model)))
    reached = facts[f"sparsity_{variant.accounting}"]
    if reached < variant.sparsity - _NEAR:
        log.warning(
            "sparsity %.3f was not reached, but %.3f: give learn.epochs or mask_learning_rate more", variant.sparsity, reached
        )
    cut_by_gates(model, gates)
    return {"masks": facts}


def _learn(model: Classifier, variant: Cofi, make_term: MakeTerm, given: settings.TrainingInputs, done: Path) -> None:
    """Leave what was learned in the folder `done`."""
    steps = -(-len(given.examples) // variant.learn.batch_size) * variant.learn.epochs
    masks = Masks(model, variant, steps)
    tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    phase = variant.learn.model_copy(update={"terms": [*variant.learn.terms, MaskTerm()]})
    try:
        for weight in tables:
            weight.requires_grad_(False)
        (record,) = train(
            model,
            [phase],
            lambda term: masks if isinstance(term, MaskTerm) else make_term(term),
            replace(given, settings=replace(given.settings, scratch=given.settings.scratch / "learning")),
            "prune, learning masks",
        )["phases"]
    finally:
        masks.remove()
        for weight in tables:
            weight.requires_grad_(True)
    with whole_folder(done) as partial:
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, partial / "student.safetensors")
        save_file(_as_tensors(masks.settled()), partial / "gates.safetensors")
        write_json(partial / "history.json", record)


def _as_tensors(gates: Gates) -> dict[str, torch.Tensor]:
    units = {f"{name}.{n}": gate for name in ("heads", "neurons") for n, gate in enumerate(getattr(gates, name))}
    return {"attention": gates.attention, "ffn": gates.ffn, "hidden": gates.hidden, **units}


def _from_tensors(tensors: dict[str, torch.Tensor]) -> Gates:
    units = {
        name: [tensors[f"{name}.{n}"] for n in range(len(tensors[block]))]
        for name, block in (("heads", "attention"), ("neurons", "ffn"))
    }
    return Gates(tensors["attention"], units["heads"], tensors["ffn"], units["neurons"], tensors["hidden"])
