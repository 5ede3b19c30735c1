"""Models that do not fit a study: each is refused by the plan, which reads the user's folder, exactly where computing would fail.

Drawn by hypothesis; the oracle is transformers, tokenizers, or the very cut that a job would make.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from foreign import CLASSES, FAMILIES, TRAINING, Model, logits_by_transformers, planned
from hostile import cases, outcome
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edgemin.core.errors import EdgeminError
from edgemin.data.sources.download import _readable
from edgemin.data.tokens import pad
from edgemin.study.foreign import check_folder

family_names = st.sampled_from(FAMILIES)
# -- labels ------------------------------------------------------------------------------------------------------------


@cases(120)
@given(family_names, st.data())
def test_outputs_are_compared_by_number_names_and_order(place, family, data):
    """The classifier's rows, what config.json says of them in five ways, and the task's classes."""
    rows = data.draw(st.integers(2, 4))
    model = Model(family, num_labels=rows)
    ours = data.draw(st.permutations(CLASSES))[: data.draw(st.sampled_from([rows, rows, rows, 2, 3]))]
    said = data.draw(st.sampled_from([rows, rows, rows, rows + 1]))
    theirs = data.draw(
        st.sampled_from([ours, data.draw(st.permutations(CLASSES)), [f"LABEL_{n}" for n in range(5)], list("abcde")])
    )
    theirs = [*theirs, *"pqrst"][:said]
    how = data.draw(st.sampled_from(["mapping", "upper", "list", "number", "nothing"]))
    del model.config["id2label"], model.config["label2id"]
    if how in ("mapping", "upper"):
        names = [name.upper() for name in theirs] if how == "upper" else theirs
        model.config |= {
            "id2label": {str(n): name for n, name in enumerate(names)},
            "label2id": {name: n for n, name in enumerate(names)},
        }
    elif how == "list":
        model.config["id2label"] = theirs
    elif how == "number":
        model.config["num_labels"] = said
    named = how in ("mapping", "upper", "list")
    wrong = (how != "nothing" and said != rows) or rows != len(ours)
    wrong |= named and any(name in theirs and theirs.index(name) != place for place, name in enumerate(ours))
    refusal = planned(model.write(place()), {"label_names": ours}, "none")
    assert bool(refusal) == wrong, refusal
    assert not refusal or "outputs" in refusal


@cases(60)
@given(
    family_names,
    st.sampled_from(
        [{"id2label": {"0": "a", "2": "b"}}, {"id2label": {"x": "a", "y": "b"}}, {"id2label": {"1": "a", "2": "b"}}, {"id2label": "ab"},
         {"id2label": [1, 2]}, {"id2label": 2}, {"num_labels": "2", "id2label": None}, {"num_labels": 0, "id2label": None},
         {"num_labels": 2.5, "id2label": None}, {"num_labels": 3, "id2label": {"0": "a", "1": "b"}}]
    ),
    st.sampled_from(["none", TRAINING]),
)  # fmt: skip
def test_outputs_that_are_no_list_of_names_are_told_by_key(place, family, change, training):
    model = Model(family)
    model.config |= change
    folder = model.write(place())
    assert f"{folder}/config.json: {next(iter(change))}" in planned(folder, training=training).replace(
        "id2label names", "num_labels"
    )


def test_names_that_stand_twice_or_that_contradict_themselves(place):
    model = Model("bert")
    model.config |= {"id2label": {"0": "x", "1": "x"}}
    assert "id2label has the name 'x' twice" in planned(model.write(place()), training="none")
    model.config |= {"id2label": {"0": "a", "1": "b"}, "label2id": {"a": 1, "b": 0}}
    assert "label2id says 'a' is output 1, id2label says 0" in planned(model.write(place()), training="none")
    del model.weights["classifier.weight"]
    assert "has no classifier among its weights" in planned(model.write(place()), training="none")


@cases(50)
@given(family_names, st.integers(2, 4), st.integers(2, 4))
def test_a_student_with_a_classifier_of_another_size_is_told_before_the_teacher_is_trained(place, family, rows, classes):
    folder = place()
    teacher, student = Model("bert").write(folder / "teacher"), Model(family, num_labels=rows).write(folder / "student")
    distill = {"own": {"student": {"source": {"path": str(student)}}, "phases": [{"terms": [{"objective": "logits"}]}]}}
    refusal = planned(
        teacher if classes == 2 else Model("bert", num_labels=classes).write(folder / "wide"),
        {"label_names": CLASSES[:classes]},
        distill=distill,
        cells={"teacher": "teacher", "own": "teacher/distill-own"},
    )
    assert (f"comes with a classifier of {rows} outputs, the task has {classes}" in refusal) == (rows != classes), refusal


# -- positions and types -----------------------------------------------------------------------------------------------


@cases(100)
@given(family_names, st.integers(0, 4), st.integers(8, 24), st.integers(-3, 3))
def test_max_length_is_planned_where_transformers_has_positions_for_it(place, family, padding, positions, by):
    """In the RoBERTa line they count from the padding token; a padded batch stays below the limit too."""
    length = max(4, positions + by)
    model = Model(family, max_position_embeddings=positions, pad_token_id=padding)
    ids = pad([{"input_ids": [5] * length}, {"input_ids": [5] * 3}], padding, 8, length)["input_ids"]
    try:
        logits_by_transformers(model, torch.from_numpy(ids[:1]))
        runs = True
    except (IndexError, RuntimeError):
        runs = False
    refusal = planned(model.write(place()), {"max_length": length})
    assert (refusal == "") == runs, (refusal, ids.shape)
    if runs:
        assert logits_by_transformers(model, torch.from_numpy(ids)).isfinite().all()


TEMPLATES: dict[str, Any] = {
    "as it came": None,
    "all zeros": lambda said: [part.update({"type_id": 0}) for piece in said["post_processor"]["pair"] for part in piece.values()],
    "three": lambda said: [part.update({"type_id": 2}) for part in said["post_processor"]["pair"][-1].values()],
    "none": lambda said: said.update({"post_processor": None}),
    "roberta": lambda said: said.update(
        {"post_processor": {"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": True, "add_prefix_space": False}}
    ),
    "bert": lambda said: said.update({"post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}}),
    "in a row": lambda said: said.update({"post_processor": {"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, said["post_processor"]]}}),
}  # fmt: skip


@cases(80)
@given(family_names, st.sampled_from([1, 2, 3]), st.sampled_from([False, True, True]), st.sampled_from(sorted(TEMPLATES)))
def test_type_ids_are_planned_where_the_model_has_embeddings_for_them(place, family, types, pairs, template):
    model = Model(family, **({} if family in ("distilbert", "mpnet") else {"type_vocab_size": types}))
    if TEMPLATES[template]:
        model.tokenizer(TEMPLATES[template])
    encoded = Tokenizer.from_str(model.files["tokenizer.json"].decode()).encode("a b", "c" if pairs else None)
    fits = family not in ("bert", "electra") or max(encoded.type_ids) < types
    refusal = planned(model.write(place()), {"text": ["one", "two"] if pairs else "text"})
    assert (refusal == "") == fits, refusal
    assert fits or "type_vocab_size" in refusal


# -- the list of a repository's files ----------------------------------------------------------------------------------

OTHER = st.lists(
    st.sampled_from(["README.md", "onnx/model.onnx", "1_Pooling/config.json", "onnx/model.safetensors", "x.safetensors"]),
    unique=True,
)
SHARDS = [f"model-{n:05}-of-00003.safetensors" for n in (1, 2, 3)]


@cases(80)
@given(
    OTHER,
    st.sampled_from(
        [[], ["model.safetensors"], [*SHARDS, "model.safetensors.index.json"], SHARDS, ["pytorch_model.bin"], ["tf_model.h5"]]
    ),
    st.sampled_from([[], ["tokenizer.json"], ["vocab.txt"], ["vocab.json", "merges.txt"]]),
    st.sampled_from([[], ["config.json"], ["config.json"], ["config.json", "adapter_config.json"]]),
)
def test_what_cannot_be_read_is_told_from_the_list_of_files(other, weights, tokenizer, config):
    there = [*other, *weights, *tokenizer, *config]
    names, refusal = outcome(
        lambda: _readable(there, ["config.json", "model.safetensors", "tokenizer.json"], "hub repository x/y")
    )
    readable = (
        tokenizer and config == ["config.json"] and ("model.safetensors" in weights or "model.safetensors.index.json" in weights)
    )
    assert (names is not None) == bool(readable), refusal
    if names is not None:
        assert set(names) - {"config.json", "model.safetensors", "tokenizer.json"} == (set(weights) - {"model.safetensors"})
        return
    assert refusal.startswith("hub repository x/y: has ")
    if tokenizer and config == ["config.json"] and weights[:1] in (["pytorch_model.bin"], ["tf_model.h5"]):
        assert weights[0] in refusal
        assert "save_pretrained" in refusal


def test_shards_are_whole_or_named(place):
    folder = Model("bert").write(place(), shards=3)
    index = folder / "model.safetensors.index.json"
    said = json.loads(index.read_text())
    (folder / "model-00002-of-00003.safetensors").rename(folder / "gone")
    with pytest.raises(EdgeminError, match=r"names 3 shards, model-00002-of-00003\.safetensors is not there; copy all of them"):
        check_folder(folder)
    (folder / "gone").rename(folder / "model-00002-of-00003.safetensors")
    first = next(iter(said["weight_map"]))
    for weight_map, message in (
        ({**said["weight_map"], first: "model-00003-of-00003.safetensors"}, f"says that {first} is in model-00003"),
        ({**said["weight_map"], "more": "model-00003-of-00003.safetensors"}, "says that more is in .*, it is in no file"),
        ({**said["weight_map"], first: "../model.safetensors"}, "no index of safetensors shards"),
    ):
        index.write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(EdgeminError, match=message):
            check_folder(folder)
    index.unlink()
    with pytest.raises(EdgeminError, match=r"has model-00001-of-00003.safetensors and no model.safetensors.index.json"):
        check_folder(folder)
