"""A model's folder as others wrote it: do its config, its weights and its tokenizer agree, and is all that they say computed here?

Needs no torch: headers and JSON alone are read. Asked of local folders while Snakemake plans, and of every source before it is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.core.messages import excerpt
from edgemin.study import header
from edgemin.study.expected import abbreviated, canonical, encoder_weights, may_be_left
from edgemin.study.family import Family, family_of, usable_positions
from edgemin.study.outputs import outputs
from edgemin.study.structure import Structure
from edgemin.study.tokenizer_file import NAME as TOKENIZER
from edgemin.study.tokenizer_file import read_tokenizer, tokens_of

ADAPTER = "adapter_config.json"
_OTHER = "is this the right model, and its config?"


def check_folder(folder: Path) -> int | None:
    """Outputs of the classifier among the folder's weights; None: it has none. Raises EdgeminError with one line per problem."""
    values = read_config(folder)
    tensors = header.read_header(folder)
    family = family_of(values)
    names = canonical(tensors, family)
    rows = output_rows(tensors, family)
    problems = [*_ignored(values, folder), *_weights(folder, values, family, tensors, names)]
    problems += [*_labels(folder, values, rows), *_tokenizer(folder, values, tensors, names)]
    if (folder / ADAPTER).is_file():
        problems.append(
            f"{folder / ADAPTER}: an adapter is not read; merge it into the weights (merge_and_unload) and save the model anew"
        )
    if problems:
        raise EdgeminError("\n".join(dict.fromkeys(problems)))
    return rows


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a folder. Raises EdgeminError unless it says what jobs will ask of it."""
    file = folder / "config.json"
    values = read_json(file, header.REMEDY)
    if not isinstance(values, dict):
        raise EdgeminError(f"{file}: not the config of an encoder; save the model anew with save_pretrained")
    check_config(values, file)
    return values


def check_config(config: Any, file: Path) -> None:
    """Raises EdgeminError unless a config says what jobs will ask of it: family, shape, positions."""
    try:
        family_of(config)
    except EdgeminError as error:
        raise EdgeminError(f"{file}: {error}") from None
    except (AttributeError, TypeError) as error:
        raise _no_encoder(file, error) from None
    _check_padding(config, file)
    try:
        structure, positions = Structure.of(config), usable_positions(config)
        if min(structure.head_dim, len(structure.heads), *map(len, structure.heads), *structure.intermediate, positions) < 1:
            raise ValueError("a size is below 1")
        encoder_weights(config)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise _no_encoder(file, error) from None


def _check_padding(config: Mapping[str, Any], file: Path) -> None:
    """Where positions count from the padding token, it has to be one of the tokens."""
    padding, size = config.get("pad_token_id", 1), config.get("vocab_size")
    if family_of(config).counts_from_padding and not (isinstance(padding, int) and 0 <= padding < (size or padding + 1)):
        raise EdgeminError(
            f"{file}: pad_token_id is {excerpt(padding)}, and positions count from it; write the id of the padding token"
        )


def _no_encoder(file: Path, error: Exception) -> EdgeminError:
    return EdgeminError(f"{file}: not the config of an encoder ({error!r}); save the model anew with save_pretrained")


def output_rows(tensors: Mapping[str, header.Tensor], family: Family) -> int | None:
    """Classes of the classifier in a file of weights; None: it has none."""
    for name in ("classifier.out_proj.weight", "classifier.weight"):
        shape = tensors[name].shape if name in tensors and name.startswith(family.head) else ()
        if shape:
            return shape[0]
    return None


# -- keys that change what a model computes, and that neither transformers nor this project reads ----------------------


IGNORED = {
    "position_embedding_type": "relative positions are not computed; take another model",
    "use_relative_positions": "relative positions are not computed; take another model",
    "is_decoder": "decoders are not taken; take another model",
    "is_encoder_decoder": "decoders are not taken; take another model",
    "add_cross_attention": "cross attention is not computed; take another model",
    "pruned_heads": "transformers prunes no heads as it loads; save the pruned model without the key",
    "prune_heads": "transformers prunes no heads as it loads; save the pruned model without the key",
    "quantization_config": "quantized weights are not read; take the float model",
    "auto_map": "the model brings code of its own, which is not run; take another model",
    "chunk_size_feed_forward": "neurons would be scored by the last piece alone; write 0, with which it answers alike",
}
"""Key of a config -> why it is refused, and the remedy; where it is null, false, 0 or empty it changes nothing."""


def _ignored(values: Mapping[str, Any], folder: Path) -> Iterator[str]:
    for key, why in IGNORED.items():
        value = values.get(key)
        if value and not _harmless(key, value):
            yield f"{folder / 'config.json'}: {key} is {excerpt(value)}: {why}"


def _harmless(key: str, value: Any) -> bool:
    """`absolute` positions; code of its own for the tokenizer alone."""
    if key == "auto_map" and isinstance(value, Mapping):
        return not any(str(name).startswith(("AutoModel", "AutoConfig")) for name in value)
    return key == "position_embedding_type" and value == "absolute"


# -- weights, labels, tokens -------------------------------------------------------------------------------------------


def _weights(
    folder: Path, values: Mapping[str, Any], family: Family, tensors: Mapping[str, header.Tensor], names: Mapping[str, str]
) -> Iterator[str]:
    wanted = encoder_weights(values)
    head = (*family.head, f"{family.base}.pooler.")
    kept = {name: new for name, new in names.items() if not may_be_left(new, family)}
    if foreign := [name for name, new in kept.items() if new not in wanted and not new.startswith(head)]:
        yield unused_line(folder, foreign, family)
    if missing := sorted(set(wanted) - set(names.values())):
        yield f"{folder}: weights are missing: {abbreviated(missing)}; {_OTHER}"
    for name, new in kept.items():
        shape, expected = tensors[name].shape, wanted.get(new)
        if expected is not None and not _fits(shape, expected):
            yield f"{folder}: {name} has the shape {_by(shape)}, by config.json it is {_by(expected)}; {_OTHER}"
            break
    if odd := [name for name in kept if tensors[name].dtype not in header.FLOATS]:
        yield f"{folder}: {odd[0]} is of type {tensors[odd[0]].dtype}; only floats are read: take the model as it was before it was quantized"


def unused_line(folder: Path, names: list[str], family: Family) -> str:
    """The error message for weights that a model does not use."""
    return (
        f"{folder}: {len(names)} {'weight' if len(names) == 1 else 'weights'} that a {family.name} sequence classifier does not use: "
        f"{abbreviated(sorted(names))}; without them it would compute something else: take another model, or save this one without them"
    )


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(theirs in (None, ours) for ours, theirs in zip(shape, expected, strict=True))


def _by(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape)


def _labels(folder: Path, values: Mapping[str, Any], rows: int | None) -> Iterator[str]:
    try:
        names = outputs(values, rows)
    except EdgeminError as error:
        yield f"{folder / 'config.json'}: {error}"
        return
    declared = values.get("id2label") or values.get("num_labels")
    if declared and rows not in (None, len(names)):
        yield f"{folder}: config.json has {len(names)} outputs ({abbreviated(names)}), the classifier's weights have {rows}; {_OTHER}"


def _tokenizer(
    folder: Path, values: Mapping[str, Any], tensors: Mapping[str, header.Tensor], names: Mapping[str, str]
) -> Iterator[str]:
    tokenizer = read_tokenizer(folder)
    table = f"{family_of(values).base}.embeddings.word_embeddings.weight"
    rows = next((tensors[name].shape[0] for name, new in names.items() if new == table and tensors[name].shape), None)
    if tokenizer is None or rows is None:
        return
    if (tokens := tokens_of(tokenizer, folder / TOKENIZER)) > rows:
        yield tokens_line(folder, tokens, rows)


def tokens_line(folder: Path, tokens: int, rows: int) -> str:
    """The error message for a tokenizer with more tokens than the embeddings have rows."""
    return (
        f"{folder}: its tokenizer has {tokens} tokens, its embeddings have {rows} rows; save it with the tokenizer that it was trained "
        f"with, or after model.resize_token_embeddings({tokens})"
    )
