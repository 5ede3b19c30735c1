"""Shared settings of all prune variants. Settings half of `methods.structures`; the union of all structures is in `study.variants`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from edgemin.study.base import Name, Strict, refuses
from edgemin.study.phases import Phase
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.prune.inputs import Cut, PruneInputs


class Pruning(Strict):
    """A cut, and the training after it."""

    learns: ClassVar[bool] = False
    """Whether what is cut is learned in training, so that its history tells what was reached."""
    cuts_tokenizer: ClassVar[bool] = False
    """Whether the model gets another tokenizer."""
    structure: str
    """What is cut."""
    sentences: Annotated[int, Field(ge=1)] = 512
    """How many training sentences a data-driven criterion reads."""
    transfer: Name | None = None
    """Recover on this transfer set in place of the training split."""
    teacher: Literal["root", "parent"] = "root"
    """Whose outputs the recovery phases follow: the fine-tuned teacher's, or those of the model before the cut."""
    recovery: list[Phase] = []
    """Training after the cut."""

    @property
    def phases(self) -> list[Phase]:
        """All that it trains."""
        return self.recovery

    @property
    def description(self) -> tuple[str, str | None]:
        """A short description of the cut and its criterion: `50 %`, `michel`."""
        raise NotImplementedError

    def shape(self, parent: Shape) -> Shape:
        """The shape after the cut. Raises EdgeminError, without the name of the variant, for a cut that cannot work."""
        return parent

    def cut(self, given: PruneInputs) -> Cut:
        """Cut the given model, in place."""
        raise NotImplementedError

    def write_tokenizer(self, folder: Path, tokens: Sequence[Path], out: Path) -> None:
        """Write the tokenizer that the model gets. tokens: files of the texts that it has to know, by the one of `folder`.

        Asked only where `cuts_tokenizer` is true.
        """
        raise NotImplementedError

    @refuses
    def _unused(self) -> list[str]:
        """Keys of a recovery, when there is no recovery."""
        return [] if self.phases else ["teacher", "transfer"]

    @model_validator(mode="after")
    def _recovery_keys_are_used(self) -> Self:
        unused = self._unused()
        if self.teacher == "parent" and "teacher" in unused:
            raise ValueError("teacher: parent says whom the recovery follows, but there are no recovery phases")
        if self.transfer is not None and "transfer" in unused:
            raise ValueError("transfer: says what the recovery trains on, but there are no recovery phases")
        return self


def per_cent(share: float) -> str:
    return f"{share * 100:g} %"


Scope = Literal["global", "per_layer"]
