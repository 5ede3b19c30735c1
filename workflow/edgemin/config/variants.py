"""Stage variants: what a distill, prune or quantize link does. A new objective or method is one model here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from edgemin.config.base import Name, Strict
from edgemin.config.sources import ModelSource

LayerIndex = Annotated[int, Field(ge=0)]
Projection = Literal["query", "key", "value"]


class Term(Strict):
    """One weighted objective of a phase."""

    predicts: ClassVar[bool] = False
    """Whether it trains the classifier's output, so that the validation metric can choose among epochs."""
    settles: ClassVar[bool] = False
    """Whether the model is of use only when the phase's last update is made, so that no earlier epoch can be chosen."""
    weight: float = Field(1.0, gt=0)

    @property
    def needs(self) -> list[str]:
        """Names of the teacher signals that it reads."""
        return []


class Labels(Term):
    """Cross-entropy with the gold labels (mean squared error for regression): the control."""

    predicts: ClassVar[bool] = True
    objective: Literal["labels"]


class Logits(Term):
    """Hinton et al. 2015 (arXiv 1503.02531): T^2 * KL(teacher || student) of the tempered predictions."""

    predicts: ClassVar[bool] = True
    objective: Literal["logits"]
    temperature: float = Field(1.0, gt=0)
    loss: Literal["kl", "mse", "cross_entropy"] = "kl"
    """`cross_entropy`: soft cross-entropy without T^2, TinyBERT's prediction loss. A regression takes `mse` whatever stands here."""

    @property
    def needs(self) -> list[str]:
        return ["logits"]


class DistilBert(Term):
    """Sanh et al. 2019 (arXiv 1910.01108), for a task: tempered logits, gold labels in place of masked words, and the
    cosine of the last hidden states; where the widths differ, a learned projection takes the student's to the teacher's."""

    predicts: ClassVar[bool] = True
    objective: Literal["distilbert"]
    temperature: float = Field(2.0, gt=0)
    logits: float = Field(5.0, ge=0)
    labels: float = Field(2.0, ge=0)
    cosine: float = Field(1.0, gt=0)

    @property
    def needs(self) -> list[str]:
        return ["hidden_last", "logits"]


class TinyBert(Term):
    """Jiao et al. 2019 (arXiv 1909.10351), the intermediate step: mean squared errors of embeddings, hidden states (through
    one learned projection) and raw attention scores, by the uniform layer map. A phase of `logits` follows it."""

    objective: Literal["tinybert"]
    layers: Annotated[int, Field(ge=1)]
    """Layers of the student; the teacher's number of layers must be a multiple of it."""
    embeddings: float = Field(1.0, ge=0)
    hidden: float = Field(1.0, ge=0)
    attention: float = Field(1.0, ge=0)

    @property
    def needs(self) -> list[str]:
        hidden = [f"hidden_map{self.layers}"] if self.embeddings or self.hidden else []
        return hidden + ([f"scores_map{self.layers}"] if self.attention else [])

    @model_validator(mode="after")
    def _weighs_something(self) -> TinyBert:
        if not self.needs:
            raise ValueError("embeddings, hidden and attention are all 0; give one of them a weight")
        return self


class MiniLM(Term):
    """Wang et al. 2020 (arXiv 2002.10957): KL of the last layer's attention distributions and of its value relations."""

    objective: Literal["minilm"]

    @property
    def needs(self) -> list[str]:
        return ["qkv_last", "scores_last"]


class MiniLMv2(Term):
    """Wang et al. 2020 (arXiv 2012.15828): KL of self-attention relations of one layer."""

    objective: Literal["minilmv2"]
    teacher_layer: LayerIndex | Literal["last"] = "last"
    student_layer: LayerIndex | Literal["last"] = "last"
    relations: Annotated[list[tuple[Projection, Projection]], Field(min_length=1)] = [
        ("query", "query"),
        ("key", "key"),
        ("value", "value"),
    ]
    relation_heads: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """`auto`: the largest common divisor of both widths that is at most 48."""

    @property
    def needs(self) -> list[str]:
        return [f"qkv_{self.teacher_layer}"]


class FeatureRelation(Term):
    """Hidden states (mean squared error through a learned projection) and query, key and value relations, both of the last
    layer; each is divided by its size at the first step, so that neither drowns the other."""

    objective: Literal["feature_relation"]
    hidden: float = Field(1.0, gt=0)
    relation: float = Field(1.0, gt=0)
    relation_heads: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    normalise: bool = True

    @property
    def needs(self) -> list[str]:
        return ["hidden_last", "qkv_last"]


class Preference(Term):
    """Pairwise preferences: P(i over j) = sigmoid((z_i - z_j) / T), matched by KL. Between the classes of one example it is
    Hinton's loss again where there are two classes; between the examples of a batch (on each class's logit) it is not."""

    predicts: ClassVar[bool] = True
    objective: Literal["preference"]
    between: Literal["classes", "examples"] = "classes"
    temperature: float = Field(1.0, gt=0)

    @property
    def needs(self) -> list[str]:
        return ["logits"]


class CofiLayers(Term):
    """Xia et al. 2022 (arXiv 2204.00408): mean squared error between the teacher's hidden states at evenly spaced layers and
    the student's best matching ones in rising order, through a learned projection that begins as the identity where both are
    equally wide. Meant for a student that was cut from its teacher."""

    objective: Literal["cofi_layers"]
    layers: Annotated[int, Field(ge=1)] = 4
    """How many of the teacher's layers are matched; its number of layers must be a multiple of it."""

    @property
    def needs(self) -> list[str]:
        return [f"hidden_map{self.layers}"]


class MaskTerm(Term):
    """The price of size, while CoFi learns its masks. No term of a study: `structure: cofi` adds it."""

    settles: ClassVar[bool] = True
    objective: Literal["masks"] = "masks"


AnyTerm = Annotated[
    Labels | Logits | DistilBert | TinyBert | MiniLM | MiniLMv2 | FeatureRelation | Preference | CofiLayers,
    Field(discriminator="objective"),
]


class Schedule(Strict):
    """One run of the training loop: linear warm-up and decay of its own."""

    epochs: Annotated[int, Field(ge=1)] = 3
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 5e-5
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the updates over which the learning rate rises from zero."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Of the trained model, in this phase only; empty: as its config says."""


class Phase(Schedule):
    """A run on weighted terms."""

    terms: Annotated[list[AnyTerm], Field(min_length=1)]


class FakeQuantTerm(Term):
    """Quantizes what the linear layers read and hold while they train; costs nothing. No term of a study: `int8_qat` adds it."""

    objective: Literal["fake_quant"] = "fake_quant"


def chooses_epoch(terms: Sequence[Term]) -> bool:
    """Whether validation says which epoch of a phase on these terms counts; else its last one does."""
    return any(term.predicts for term in terms) and not any(term.settles for term in terms)


class LabelPhase(Schedule):
    """A run on gold labels alone: fine-tuning."""

    terms: Annotated[list[Labels], Field(min_length=1, max_length=1)] = [Labels(objective="labels")]


def _rising(layers: list[int] | None) -> list[int] | None:
    if layers and sorted(set(layers)) != layers:
        raise ValueError(f"{layers} must rise without repeats")
    return layers


class LayerSubset(Strict):
    layers: Annotated[list[LayerIndex], Field(min_length=1), AfterValidator(_rising)]
    """Layers of the parent that the student starts from, counted from 0."""


class OwnSource(Strict):
    source: ModelSource
    """A model of its own; nothing of the parent is inherited."""
    layers: Annotated[list[LayerIndex], Field(min_length=1), AfterValidator(_rising)] | None = None
    """Layers of it that the student starts from, counted from 0; empty: all."""


class Distill(Strict):
    teacher: Literal["root", "parent"] = "root"
    student: Literal["parent"] | LayerSubset | OwnSource
    """`parent`: go on training the parent (recovery)."""
    transfer: Name | None = None
    """Train on this transfer set in place of the training split."""
    phases: Annotated[list[Phase], Field(min_length=1)]


class Pruning(Strict):
    """What every kind of pruning shares: the training after the cut."""

    structure: str
    sentences: Annotated[int, Field(ge=1)] = 512
    """How many training sentences a data-driven criterion reads."""
    transfer: Name | None = None
    """Recover on this transfer set in place of the training split."""
    teacher: Literal["root", "parent"] = "root"
    """Whose outputs the recovery phases follow."""
    recovery: list[Phase] = []

    @property
    def phases(self) -> list[Phase]:
        """All that it trains."""
        return self.recovery

    @model_validator(mode="after")
    def _recovery_keys_are_used(self) -> Self:
        if self.teacher == "parent" and not self.phases:
            raise ValueError("teacher: parent says whom the recovery follows, but there are no recovery phases")
        if self.transfer is not None and not self.phases and self.structure != "vocabulary":
            raise ValueError("transfer: says what the recovery trains on, but there are no recovery phases")
        return self


UnitCriterion = Literal["magnitude", "gradient", "taylor", "michel", "activation", "random", "oracle"]


class Units(Pruning):
    """Units of each layer, ranked by a criterion, cut to physically smaller matrices."""

    structure: Literal["heads", "ffn"]
    criterion: UnitCriterion = "magnitude"
    """`magnitude` reads the weights; `random` is the floor; the others read sentences of the training split."""
    p: Literal[1, 2] = 2
    """The norm of `magnitude`."""
    matrices: Literal["all", "output"] = "all"
    """For `magnitude`, `gradient` and `taylor`: all of a unit's weights, or those alone that read its output."""
    normalise: Literal["none", "layer"] = "none"
    """`layer`: divide scores by their norm over the layer, before layers are ranked together."""
    ratio: Annotated[float, Field(ge=0, lt=1)]
    """Share of the units to cut; 0, with recovery phases, is the control that is trained as long without pruning."""
    scope: Literal["global", "per_layer"] = "global"
    floor: Annotated[int, Field(ge=1)] = 1
    """Units that every layer keeps."""
    iterations: Annotated[int, Field(ge=1)] = 1
    """Cut in so many equal steps, scoring anew before each."""

    @model_validator(mode="after")
    def _cuts_or_trains(self) -> Self:
        if not self.ratio and not self.recovery:
            raise ValueError("ratio: 0 cuts nothing and there are no recovery phases; raise the ratio")
        return self


class Heads(Units):
    """Attention heads."""

    structure: Literal["heads"] = "heads"


class Ffn(Units):
    """Neurons of the feed-forward layers."""

    structure: Literal["ffn"]
    multiple: Annotated[int, Field(ge=1)] = 8
    """Every layer keeps a multiple of so many neurons (the nearest), for the sake of the kernels."""


class Layers(Pruning):
    """Whole encoder layers, or their attention or FFN alone (Sajjad et al. 2020, arXiv 2004.03844)."""

    structure: Literal["layers"]
    strategy: Literal["top", "bottom", "alternate", "symmetric", "contribution"] = "top"
    """Which go: the last, the first, every other one from above, those in the middle, or those that change the first token's
    hidden state least (measured on training sentences)."""
    drop: Annotated[int, Field(ge=1)]
    """How many."""
    part: Literal["layer", "attention", "ffn"] = "layer"
    """`attention`, `ffn`: only that block of each goes, and the LayerNorm after it stays."""


class Weights(Pruning):
    """Single weights of the encoder's linear layers, set to zero and kept there: dense kernels gain nothing by it."""

    structure: Literal["weights"]
    criterion: Literal["magnitude", "random"] = "magnitude"
    """`magnitude`: the least go."""
    ratio: Annotated[float, Field(gt=0, lt=1)]
    """Share of the weights."""
    scope: Literal["global", "per_layer"] = "global"
    """Rank all matrices together, or each by itself."""


class Width(Pruning):
    """Dimensions of the hidden states, through embeddings, projections, LayerNorms and the classifier's head; heads keep their
    number and width."""

    structure: Literal["width"]
    criterion: Literal["magnitude", "activation", "random"] = "magnitude"
    """`activation`: mean size over the real tokens of training sentences and all layers."""
    ratio: Annotated[float, Field(gt=0, lt=1)]
    """Share of the dimensions to cut; what is kept is the nearest multiple of the heads and of `multiple`."""
    multiple: Annotated[int, Field(ge=1)] = 8


class Vocabulary(Pruning):
    """Word pieces that neither the training split uses nor the transfer set, if one is named; single characters stay, so that
    any text still tokenizes. Texts that use kept pieces alone get the same logits as before."""

    structure: Literal["vocabulary"]


Mask = Literal["layers", "heads", "neurons", "hidden"]


class Cofi(Pruning):
    """Masks on attention and FFN blocks, heads, neurons and hidden dimensions, learned together with the weights until the model
    is as sparse as asked for; then it is cut by them (Xia et al. 2022, arXiv 2204.00408)."""

    structure: Literal["cofi"]
    sparsity: Annotated[float, Field(gt=0, lt=1)]
    """Share of the parameters to cut."""
    accounting: Literal["prunable", "model"] = "prunable"
    """Of which parameters: `prunable`: CoFi's own count, attention and FFN alone; `model`: all, embeddings too."""
    learn: Phase = Phase(epochs=10, learning_rate=5e-5, terms=[Logits(objective="logits", temperature=2.0)])
    """The phase in which masks and weights are learned; embedding tables are frozen in it."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of its updates over which the wanted sparsity rises."""
    mask_learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Of masks and Lagrange multipliers; falls with the phase's own rate."""
    masks: Annotated[list[Mask], Field(min_length=1)] = ["layers", "heads", "neurons", "hidden"]
    """What may be cut; `layers`: whole attention and FFN blocks."""
    multiple: Annotated[int, Field(ge=1)] = 8
    """Every layer keeps a multiple of so many neurons, and the hidden states a multiple of as many dimensions, for the kernels."""

    @property
    def phases(self) -> list[Phase]:
        return [self.learn, *self.recovery]


def _tagged(key: str, default: str) -> Callable[[Any], str]:
    """The tag of a variant, read or already parsed: what stands under `key`, or the default."""
    return lambda value: str(value.get(key, default)) if isinstance(value, dict) else getattr(value, key, default)


AnyPrune = Annotated[
    Annotated[Heads, Tag("heads")]
    | Annotated[Ffn, Tag("ffn")]
    | Annotated[Layers, Tag("layers")]
    | Annotated[Weights, Tag("weights")]
    | Annotated[Vocabulary, Tag("vocabulary")]
    | Annotated[Width, Tag("width")]
    | Annotated[Cofi, Tag("cofi")],
    Discriminator(
        _tagged("structure", "heads"),
        custom_error_type="structure",
        custom_error_message="structure is not one of heads, ffn, layers, weights, vocabulary, width, cofi",
    ),
]


class Quantizing(Strict):
    """What every way to quantize tells: who runs the result, and which module makes it."""

    scheme: str
    backend: Literal["onnxruntime", "torch"]
    reads_data: ClassVar[bool] = False
    """Whether it looks at training sentences."""
    trains: ClassVar[bool] = False
    """Whether it is a training job, with phases, teacher and signals."""

    @property
    def module(self) -> str:
        """Below `edgemin.quantize`: backend and scheme."""
        return f"{self.backend}_{self.scheme.removeprefix('int8_')}"

    @property
    def details(self) -> str:
        """What differs from the scheme's defaults, in words, such as `per_channel false`."""
        told = {"scheme", "backend"}
        return ", ".join(
            f"{name} {str(value).lower() if isinstance(value, bool) else value}"
            for name, value in self.model_dump(exclude_defaults=True).items()
            if name not in told
        )


class Int8Dynamic(Quantizing):
    """Dynamic INT8: weights quantized ahead, activations at each call."""

    scheme: Literal["int8_dynamic"] = "int8_dynamic"
    backend: Literal["onnxruntime", "torch"]
    per_channel: bool = True
    """One scale per output channel. `onnxruntime`: of MatMul weights; `torch`: of Linear weights."""
    embeddings: bool | None = None
    """Quantize the embedding tables too; unless said otherwise, onnxruntime does. torch.ao cannot."""
    skip: list[str] = []
    """Modules whose linear layers stay in fp32, by name or by what it ends in or has inside, such as `layer.5.output`."""

    @model_validator(mode="after")
    def _torch_keeps_embeddings(self) -> Int8Dynamic:
        if self.backend == "torch" and self.embeddings:
            raise ValueError(
                "embeddings: torch.ao's dynamic scheme leaves them in fp32; drop the key or use backend: onnxruntime"
            )
        if self.backend == "torch" and self.skip:
            raise ValueError("skip: only for backend: onnxruntime; drop the key")
        return self


class Int8Static(Quantizing):
    """Static INT8: activations too have ranges that were found ahead, on sentences of the training split."""

    scheme: Literal["int8_static"]
    backend: Literal["onnxruntime"]
    reads_data: ClassVar[bool] = True
    calibration: Literal["minmax", "percentile", "entropy"] = "minmax"
    """`percentile`: as wide as holds this share of the values; `entropy`: as wide as changes their distribution least (KL)."""
    percentile: Annotated[float, Field(gt=50, lt=100)] = 99.99
    sentences: Annotated[int, Field(ge=8)] = 256
    """How many training sentences are read."""
    per_channel: bool = True
    embeddings: bool = True
    skip: list[str] = []


Bits = Literal[4, 8, 32]


class Int4(Quantizing):
    """4-bit weights, each group with a scale, in linear layers or embedding tables or both; the others at 8 bits or as they are."""

    scheme: Literal["int4"]
    backend: Literal["onnxruntime"]
    linear: Bits = 4
    """8: as in `int8_dynamic`; 32: floats."""
    embeddings: Bits = 4
    block_size: Literal[16, 32, 64, 128] = 32
    """Neighbours that share a scale."""

    @model_validator(mode="after")
    def _has_four_bits(self) -> Int4:
        if 4 not in (self.linear, self.embeddings):
            raise ValueError("neither linear nor embeddings has 4 bits; set one of them to 4, or use scheme: int8_dynamic")
        return self


class BFloat16(Quantizing):
    """Weights and arithmetic in bfloat16: half the bytes, and what today's CPUs do without any quantization."""

    scheme: Literal["bf16"]
    backend: Literal["torch"]


class Int8Qat(Quantizing):
    """Quantization-aware training: the parent goes on training with weights and activations rounded as INT8 will round them, and
    rounding passed over by the gradient (Zafrir et al. 2019, arXiv 1910.06188); written as static INT8."""

    scheme: Literal["int8_qat"]
    backend: Literal["onnxruntime"]
    trains: ClassVar[bool] = True
    learn: Phase
    teacher: Literal["root", "parent"] = "parent"
    """Whose outputs the phase follows; `parent` is the model before quantization."""
    transfer: Name | None = None
    ranges: Literal["ema", "learned"] = "ema"
    """Of activations: a moving average of what was seen, or learned with the weights."""
    range_learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Of learned ranges; rises and falls with the phase's own."""
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Of the moving average, per batch."""
    per_channel: bool = True
    embeddings: bool = True
    skip: list[str] = []

    @property
    def phases(self) -> list[Phase]:
        return [self.learn]

    @property
    def details(self) -> str:
        return f"{self.learn.epochs} epochs, {self.ranges} ranges"


AnyQuantize = Annotated[
    Annotated[Int8Dynamic, Tag("int8_dynamic")]
    | Annotated[Int8Static, Tag("int8_static")]
    | Annotated[Int8Qat, Tag("int8_qat")]
    | Annotated[Int4, Tag("int4")]
    | Annotated[BFloat16, Tag("bf16")],
    Discriminator(
        _tagged("scheme", "int8_dynamic"),
        custom_error_type="scheme",
        custom_error_message="scheme is not one of int8_dynamic, int8_static, int8_qat, int4, bf16",
    ),
]


def needs_of(phases: list[Phase]) -> list[str]:
    """The teacher signals that the terms of `phases` read, sorted; `logits`, which every cache holds, only if it is all."""
    needs = sorted({need for phase in phases for term in phase.terms for need in term.needs})
    return [need for need in needs if need != "logits"] or needs
