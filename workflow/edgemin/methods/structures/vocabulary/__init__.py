"""Word pieces that no text uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.pruning import Pruning
from edgemin.study.structure import Shape

if TYPE_CHECKING:
    from edgemin.methods.prune.inputs import Cut, PruneInputs


class Vocabulary(Pruning):
    """Removes word pieces that are used neither in the training split nor in the transfer set (if one is named), up to `max_length`.
    Single characters are kept, so any text still tokenizes. Texts of kept pieces only get the same logits as before."""

    cuts_tokenizer: ClassVar[bool] = True
    structure: Literal["vocabulary"]

    @property
    def description(self) -> tuple[str, str | None]:
        return "unused", None

    def shape(self, parent: Shape) -> Shape:
        if parent.tokenizer not in (None, "WordPiece"):
            raise EdgeminError(f"structure: vocabulary cuts WordPiece tokenizers, this one is {parent.tokenizer}; leave it out")
        return parent

    @refuses
    def _unused(self) -> list[str]:
        return [] if self.phases else ["teacher"]

    def cut(self, given: PruneInputs) -> Cut:
        from . import cut

        return cut.cut(given)

    def write_tokenizer(self, folder: Path, tokens: Sequence[Path], out: Path) -> None:
        from . import tokenizer

        tokenizer.write(folder, tokens, out)
