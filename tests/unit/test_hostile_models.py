"""Models whose files disagree, or that compute something else than this project would: each is refused by name before any training.
What only looks strange is taken, with transformers' own answers.

Cases are drawn by hypothesis from models that transformers wrote, spoilt in one place; the test knows which.
"""

from __future__ import annotations

import json
import re

import pytest
import torch
from foreign import (
    COUNTS,
    FAMILIES,
    USUAL,
    VOCABULARY,
    Model,
    loaded,
    logits_by_transformers,
    refused,
    renamed,
    shape_of,
    taken,
)
from hostile import cases, outcome
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from edgemin.study.expected import encoder_weights
from edgemin.study.foreign import check_folder
from edgemin.study.header import read_header
from edgemin.study.registry import FAMILIES as KNOWN

IDS = torch.tensor([[2, 5, 6, 7, 3], [2, 9, 3, 0, 0]])
family_names = st.sampled_from(FAMILIES)


# -- weights -----------------------------------------------------------------------------------------------------------

PARTS = st.sampled_from(
    ["qa_outputs", "score", "classifier2", "classification_head", "projection", "linear", "dense", "encoder2.layer.0.attention",
     "text_model.embeddings", "vision_model.encoder", "crf.transitions", "heads.default.1", "span_head", "pooler2"]
)  # fmt: skip
INSIDE = st.sampled_from(
    ["attention.self.distance_embedding", "attention.self.query.lora_A.default", "attention.self.value.lora_B.default", "adapter.down",
     "output.adapters.task.adapter_up", "crossattention.self.query", "attention.self.relative_key", "mlp.experts.0", "output.ia3_l.default",
     "attention.attn.q.base_layer", "extra.LayerNorm"]
)  # fmt: skip
ENDS = st.sampled_from(["weight", "bias", "scale"])


@cases(110)
@given(
    family_names, st.lists(st.tuples(st.booleans(), PARTS, INSIDE, ENDS, st.integers(0, 1)), min_size=1, max_size=6), st.data()
)
def test_weights_that_a_model_does_not_use_are_named(place, family, drawn, data):
    """Beside the model's own: other heads, towers, adapters, relative positions."""
    model = Model(family)
    layers = f"{KNOWN[family].base}.{KNOWN[family].layers}"
    extra = [f"{layers}.{number}.{inside}.{end}" if deep else f"{part}.{end}" for deep, part, inside, end, number in drawn]
    extra = sorted(set(extra))
    model.weights |= {name: torch.ones(data.draw(st.integers(1, 3)), 2) for name in extra}
    folder = model.write(place(), shards=data.draw(st.sampled_from([1, 3])))
    refused(folder, f"{len(extra)} weight", *extra[:3])


@cases(60)
@given(family_names, family_names, st.sampled_from(["config", "base", "module.", "model.", "student."]))
def test_the_weights_of_another_architecture_are_named(place, family, other, how):
    """Under another family's config, or under other names."""
    model = Model(family)
    if how == "config" and family != other:
        model.weights = Model(other).weights
    elif how == "base" and family != other and KNOWN[family].base != KNOWN[other].base:
        model.weights = renamed(model.weights, lambda name: name.replace(f"{KNOWN[family].base}.", f"{KNOWN[other].base}."))
    else:
        model.weights = renamed(model.weights, lambda name: ("module." if how in ("config", "base") else how) + name)
    foreign = [name for name in model.weights if not name.startswith("classifier")]
    folder = model.write(place())
    for _, refusal in (outcome(lambda: check_folder(folder) or "taken"), taken(folder)):
        assert "does not use" in refusal
        assert any(name in refusal for name in foreign)


@cases(50)
@given(family_names, st.data())
def test_missing_weights_are_named(place, family, data):
    model = Model(family)
    gone = data.draw(st.lists(st.sampled_from([name for name in model.weights if "classifier" not in name and "pooler" not in name]),
                              min_size=1, max_size=3, unique=True))  # fmt: skip
    for name in gone:
        del model.weights[name]
    refused(model.write(place()), "weights are missing", *gone)


SIZES = {"vocab_size": 1, "max_position_embeddings": 1, "type_vocab_size": 1}


@cases(80)
@given(family_names, st.integers(0, 6), st.sampled_from([1, 2, 3, -1]))
def test_sizes_of_the_config_and_of_the_weights_are_compared(place, family, which, by):
    """Tokens, positions, types, layers, heads (where they have a table), width, neurons: written other than they are."""
    model = Model(family)
    keys = ["vocab_size", "max_position_embeddings", "type_vocab_size", *COUNTS.get(family, USUAL)]
    key = keys[which]
    if key == "type_vocab_size" and family in ("distilbert", "mpnet"):
        key = "vocab_size"
    if key == keys[4]:
        key, by = (key, 2) if family == "mpnet" else (keys[5], 2 * by)  # a number of heads alone changes no other family's shapes
    if key == keys[5]:
        by = 2 * by
    model.config[key] += by
    refused(model.write(place()))


@cases(40)
@given(family_names, st.sampled_from(["I8", "U8", "BOOL"]), st.integers(0, 9))
def test_quantized_weights_are_refused(place, family, kind, number):
    model = Model(family)
    name = sorted(model.weights)[number]
    model.weights[name] = model.weights[name].to({"I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}[kind])
    refused(model.write(place()), name, f"of type {kind}")


@cases(100)
@given(st.integers(0, 3000), st.integers(0, 255), st.sampled_from(["cut", "change", "insert", "append"]), st.integers(1, 3))
def test_a_damaged_header_is_refused_as_safetensors_does(place, at, byte, what, shards):
    """What is taken is what safetensors itself reads there."""
    folder = Model("bert").write(place(), shards=shards)
    file = sorted(folder.glob("*.safetensors"))[0]
    whole = file.read_bytes()
    at = min(at, len(whole) - 1)
    tail = {
        "cut": b"",
        "change": bytes([byte]) + whole[at + 1 :],
        "insert": bytes([byte]) + whole[at:],
        "append": whole[at:] + b"\0",
    }[what]
    file.write_bytes(whole[:at] + tail)
    found, refusal = outcome(lambda: read_header(folder))
    if found is None:
        assert str(folder) in refusal
        return
    try:
        with safe_open(file, "pt") as opened:
            theirs = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError:
        return  # stricter than a header tells: the job reads the file itself
    assert theirs.items() <= {name: tensor.shape for name, tensor in found.items()}.items()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("cut", [False, True])
def test_what_planning_expects_is_what_transformers_builds(tiny, family, cut):
    """Names and shapes, of a model as it is and of one without some heads, neurons, layers and blocks."""
    from edgemin.encoders.surgery import drop_sublayers, keep_heads, keep_neurons

    model = tiny(family)
    if cut:
        keep_heads(model, [[0, 2, 3], [1]])
        keep_neurons(model, [[0, 1, 2], [5]])
        drop_sublayers(model, attention=[0], ffn=[1])
    head = (*KNOWN[family].head, f"{KNOWN[family].base}.pooler.")
    built = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if not name.startswith(head)}
    assert encoder_weights(model.config.to_dict()) == built


# -- what looks strange and is right -----------------------------------------------------------------------------------

PRETRAINED = {
    "bert": ["cls.predictions.bias", "cls.seq_relationship.weight", "bert.embeddings.position_ids"],
    "roberta": ["lm_head.bias", "lm_head.layer_norm.weight", "roberta.pooler.dense.weight", "roberta.embeddings.position_ids",
                "roberta.embeddings.token_type_ids"],
    "electra": ["discriminator_predictions.dense.weight", "generator_lm_head.bias", "electra.embeddings.position_ids"],
    "distilbert": ["vocab_transform.weight", "vocab_layer_norm.bias", "vocab_projector.bias", "distilbert.embeddings.position_ids"],
    "mpnet": ["lm_head.bias", "mpnet.pooler.dense.bias", "mpnet.embeddings.position_ids"],
}  # fmt: skip


@cases(75)
@given(family_names, st.data())
def test_what_only_looks_strange_is_taken_and_answers_as_transformers_does(place, family, data):
    """Heads of pretraining and buffers; LayerNorms with gamma and beta; an encoder without its prefix; shards; half precision; three
    outputs by `num_labels` or by the rows alone, names as a list; flags that say how somebody ran the model."""
    outputs = data.draw(st.sampled_from([2, 3]))
    layers, heads = data.draw(st.sampled_from([1, 2])), data.draw(st.sampled_from([1, 2, 4]))
    model = Model(family, num_labels=outputs, **shape_of(family, layers, heads))
    half = data.draw(st.sampled_from([None, torch.float16, torch.bfloat16]))
    model.weights = {name: tensor.to(half or tensor.dtype) for name, tensor in model.weights.items()}
    model.config |= data.draw(
        st.sampled_from([{}, {"id2label": {str(n): f"LABEL_{n}" for n in range(outputs)}, "label2id": None}])
    )
    expected = logits_by_transformers(model, IDS)
    own = dict(model.weights)
    if data.draw(st.booleans()):
        del model.config["id2label"], model.config["label2id"]
        model.config |= data.draw(st.sampled_from([{}, {"num_labels": outputs}, {"id2label": list("xyz")[:outputs]}]))
    model.config |= data.draw(
        st.sampled_from([{}, {"return_dict": False}, {"output_hidden_states": True, "output_attentions": True}, {"torch_dtype": "bfloat16"},
                         {"pruned_heads": {}, "position_embedding_type": "absolute", "is_decoder": False}])
    )  # fmt: skip
    extra = data.draw(st.lists(st.sampled_from(PRETRAINED[family]), unique=True))
    model.weights |= {name: torch.arange(4) if name.endswith("_ids") else torch.ones(2, 2) for name in extra}
    if data.draw(st.booleans()):
        model.weights = renamed(
            model.weights,
            lambda n: re.sub("LayerNorm.weight$", "LayerNorm.gamma", re.sub("LayerNorm.bias$", "LayerNorm.beta", n)),
        )
    if data.draw(st.booleans()):
        model.weights = renamed(model.weights, lambda name: name.removeprefix(f"{KNOWN[family].base}."))
    folder = model.write(place(), shards=data.draw(st.sampled_from([1, 1, 2, 5])))
    check_folder(folder)
    out, refusal = taken(folder)
    assert out is not None, refusal
    found = loaded(out, [f"class {n}" for n in range(outputs)])
    state = found.state_dict()
    assert state.keys() == own.keys()
    assert all(torch.equal(state[name], own[name].float()) for name in own)
    with torch.no_grad():
        assert torch.equal(found(input_ids=IDS).logits, expected)


# -- configs -----------------------------------------------------------------------------------------------------------

CHANGES = [
    ("position_embedding_type", ["relative_key", "relative_key_query", "alibi", "rotary"]),
    ("is_decoder", [True]),
    ("is_encoder_decoder", [True]),
    ("add_cross_attention", [True]),
    ("pruned_heads", [{"0": [1]}, {"1": [0, 1]}]),
    ("prune_heads", [{"0": [0]}]),
    ("quantization_config", [{"quant_method": "bitsandbytes", "load_in_8bit": True}, {"quant_method": "gptq", "bits": 4}]),
    ("chunk_size_feed_forward", [1, 4]),
    ("auto_map", [{"AutoModel": "modeling.Own"}, {"AutoConfig": "x--y.Own", "AutoTokenizer": "z.T"}]),
    ("hidden_act", ["nothing", 7]),
]


@cases(60)
@given(family_names, st.sampled_from([(key, value) for key, values in CHANGES for value in values]))
def test_a_key_that_changes_what_is_computed_is_named(place, family, change):
    key, value = change
    model = Model(family)
    key = "activation" if key == "hidden_act" and family == "distilbert" else key
    model.config[key] = value
    folder = model.write(place())
    _, refusal = taken(folder)
    assert f"{folder}/config.json: " in refusal
    assert key in refusal or str(value) in refusal
    if key not in ("hidden_act", "activation"):  # which activations there are only transformers knows
        refused(folder, f"{key} is ")


@cases(50)
@given(family_names, st.integers(1, 6), st.booleans())
def test_a_tokenizer_with_more_tokens_than_embeddings_is_told_with_both_numbers(place, family, more, in_vocabulary):
    model = Model(family)

    def add(said: dict) -> None:
        for number in range(len(VOCABULARY), len(VOCABULARY) + more):
            if in_vocabulary:
                said["model"]["vocab"][f"new{number}"] = number
            else:
                flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
                said["added_tokens"].append({"id": number, "content": f"<{number}>", **flags})

    model.tokenizer(add)
    refused(model.write(place()), f"{len(VOCABULARY) + more} tokens", f"{len(VOCABULARY)} rows")


@cases(60)
@given(family_names, st.sampled_from([None, "gpt2", "xlm-roberta", "albert", "", 5, ["bert"]]), st.booleans())
def test_a_family_that_is_not_taken_is_told_with_those_that_are(place, family, said, known_class):
    model = Model(family)
    model.config |= {"model_type": said} if said is not None else {}
    if said is None:
        del model.config["model_type"]
    if not known_class:
        model.config["architectures"] = ["Other"]
    folder = model.write(place())
    refused(folder, "model_type", f'"model_type": "{family}"' if said is None and known_class else "roberta")
    assert json.loads((folder / "config.json").read_text()).get("model_type") == said
