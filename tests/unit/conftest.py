"""Small models, data and studies that several rooms are tested on."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path

import pytest
import yaml

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
ROOT = Path(__file__).parents[2]
WORDS = {
    "subject": ("the film", "a plot", "this acting", "the long and winding story", "her voice", "the end"),
    "verb": ("is", "was really", "felt"),
    "1": ("good", "great", "fine", "lovely"),
    "0": ("bad", "poor", "dull", "awful"),
}


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def place(tmp_path):
    """place(): a folder of its own for each generated case, not there yet."""

    def make() -> Path:
        shutil.rmtree(tmp_path / "case", ignore_errors=True)
        return tmp_path / "case"

    return make


@pytest.fixture
def changed():
    """changed({"teacher.source.random.layers": 2}): the ladder of the smoke study as a dict, with some keys set."""

    def make(changes: dict | None = None) -> dict:
        study = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
        study["tables"] = {"stagewise": study["tables"]["stagewise"]}
        ladder = {cell for cells in study["tables"]["stagewise"].values() for cell in cells}
        study["cells"] = {name: chain for name, chain in study["cells"].items() if name in ladder}
        study["distill"] = {"minilmv2": study["distill"]["minilmv2"]}
        study["tasks"]["snippets"].pop("out_of_domain", None)
        for key in ("transfer", "cross", "cascades", "recommend", "deploy"):
            study.pop(key, None)
        for path, value in (changes or {}).items():
            node = study
            *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
            for part in parents:
                node = node[part]
            node[last] = copy.deepcopy(value)
        return study

    return make


@pytest.fixture
def planned(changed, tmp_path, monkeypatch):
    """planned({"seeds": [3]}): the plan of that ladder with some keys set, as study.yaml of an empty folder, which tests then run in."""
    from benches import plan_of

    monkeypatch.chdir(tmp_path)
    return lambda changes=None: plan_of(changed(changes))


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Folder of a prepared task: 144 sentences whose adjective gives the label; 96 to train, 24 and 24 held out."""
    from edgemin.data import splits, store
    from edgemin.study.study import Task

    folder = tmp_path_factory.mktemp("data")
    rows = [f"{s} {v} {a},{label}" for s in WORDS["subject"] for v in WORDS["verb"] for label in "01" for a in WORDS[label]]
    (folder / "all.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    task = {
        "source": {"files": {"train": str(folder / "all.csv")}},
        "text": "text",
        "label": "label",
        "label_names": ["negative", "positive"],
        "splits": {"validation": 24, "test": 24},
        "max_length": 16,
    }
    store.write(splits.prepare(Task.model_validate(task)), folder)
    return folder


@pytest.fixture(scope="session")
def tokens(data, source, tmp_path_factory):
    """Folder of the tokens of that task's splits by `source`: train.arrow, validation.arrow, test.arrow."""
    from edgemin.data.tokenizing import write_tokens

    folder = tmp_path_factory.mktemp("tokens")
    for split in ("train", "validation", "test"):
        write_tokens(data / f"{split}.arrow", source, 16, folder / f"{split}.arrow")
    return folder


@pytest.fixture(scope="session")
def source(tmp_path_factory, data):
    """Folder of a normalised encoder: a random BERT of three layers, width 16, four heads, FFN 24, 32 positions."""
    from edgemin.core.provenance import write_provenance
    from edgemin.data import store
    from edgemin.encoders.normalise import normalise
    from edgemin.study.sources import ModelSource

    folder = tmp_path_factory.mktemp("source")
    shape = {"hidden_size": 16, "layers": 3, "heads": 4, "intermediate_size": 24, "vocabulary": 100, "positions": 32}
    normalise(ModelSource.model_validate({"random": shape}), [], store.read_split(data, "train"), folder)
    write_provenance(folder, spec={"source": "random"})
    return folder


@pytest.fixture(scope="session")
def tiny():
    """tiny(family): a classifier of two layers, width 16, four heads, FFN 24; every parameter, biases too, from N(0, 0.3)."""
    import torch
    from transformers import AutoConfig

    from edgemin.encoders import checkpoint

    shape = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 16, "intermediate_size": 24}
    own = {
        "distilbert": {"n_layers": 2, "n_heads": 4, "dim": 16, "hidden_dim": 24},
        "electra": {**shape, "embedding_size": 8},
    }

    def make(family: str = "bert", seed: int = 0, **changes):
        values = {"vocab_size": 100, "max_position_embeddings": 48, **own.get(family, shape), **changes}
        model = checkpoint.build(AutoConfig.for_model(family, **values))
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0, 0.3)
        return model

    return make


@pytest.fixture(scope="session")
def save(source):
    """save(model, folder): write a checkpoint folder, with the tokenizer of `source`; returns the folder."""
    from edgemin.encoders import checkpoint
    from edgemin.encoders.folder import saving

    def write(model, folder: Path) -> Path:
        with saving(folder, tokenizer_from=source, spec={}, parents=[]) as partial:
            checkpoint.save(model, partial)
        return folder

    return write


@pytest.fixture(scope="session")
def with_tokens(tiny, save, data, tmp_path_factory):
    """Folder of a float model with its graph, and its tokens of the training split."""
    from edgemin.data.tokenizing import write_tokens
    from edgemin.encoders.onnx_export import export_checkpoint

    folder = save(tiny(), tmp_path_factory.mktemp("float"))
    export_checkpoint(folder, {})
    tokens = tmp_path_factory.mktemp("tokens") / "train.arrow"
    write_tokens(data / "train.arrow", folder, 16, tokens)
    return folder, tokens


@pytest.fixture(scope="session")
def exported(tmp_path_factory, tiny, save):
    """A BERT checkpoint with heads {0, 2, 3} and {1} and its model.onnx.

    Two weights have a 1 in each row's first place and 1e-4 elsewhere: one INT8 step is 1/127, so 1e-4 becomes 0.
    """
    import torch

    from edgemin.encoders.onnx_export import export_checkpoint
    from edgemin.encoders.surgery import keep_heads

    model = tiny()
    keep_heads(model, [[0, 2, 3], [1]])
    with torch.no_grad():
        for weight in (model.bert.encoder.layer[0].attention.self.query.weight, model.classifier.weight):
            weight.fill_(1e-4)[:, 0] = 1
    folder = save(model, tmp_path_factory.mktemp("exported"))
    export_checkpoint(folder, spec={})
    return folder
