"""Word pieces that few texts use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.pruning import Pruning
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.prune.inputs import Cut, PruneInputs


class RarePieces(Pruning):
    """Removes word pieces that occur fewer than `at_least` times in the training split, and in the transfer set if one is named (counted apart;
    the larger number decides). A text that has one is split into smaller pieces, so logits change: let `recovery` phases follow."""

    cuts_tokenizer: ClassVar[bool] = True
    structure: Literal["rare_pieces"]
    at_least: Annotated[int, Field(ge=2)]
    """Occurrences of a piece that stays. (1 would be `structure: vocabulary`.)"""

    @property
    def description(self) -> tuple[str, str | None]:
        return f"rarer than {self.at_least}", None

    def shape(self, parent: Shape) -> Shape:
        if parent.tokenizer not in (None, "WordPiece"):
            raise EdgeminError(f"structure: rare_pieces cuts WordPiece tokenizers, this one is {parent.tokenizer}; leave it out")
        return parent

    @refuses
    def _unused(self) -> list[str]:
        return [] if self.phases else ["teacher"]

    def cut(self, given: PruneInputs) -> Cut:
        from . import cut

        return cut.cut(given)

    def write_tokenizer(self, folder: Path, tokens: Sequence[Path], out: Path) -> None:
        from . import tokenizer

        tokenizer.write(folder, tokens, self.at_least, out)
