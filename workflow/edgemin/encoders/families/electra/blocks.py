"""Embeddings may be narrower than the hidden states; a projection then takes them there."""

from __future__ import annotations

from torch import nn

from edgemin.core.errors import EdgeminError
from edgemin.encoders.blocks import Blocks, Classifier, Side

PROJECTION = "embeddings_project"


class ElectraBlocks(Blocks):
    """Blocks of ELECTRA, with its embedding projection."""

    def _projected(self, model: Classifier) -> bool:
        return hasattr(getattr(model, self.family.base), PROJECTION)

    def side(self, model: Classifier, name: str, module: nn.Module, width: int) -> Side | None:
        if name.rpartition(".")[2] == PROJECTION:
            return "entry"
        if "embeddings." in name and self._projected(model):
            return None
        return super().side(model, name, module, width)

    def set_width(self, model: Classifier, width: int) -> None:
        projected = self._projected(model)
        if projected and width == model.config.embedding_size:
            raise EdgeminError(
                f"a width of {width} is that of the embeddings, whose projection a stock model then lacks; keep another number"
            )
        super().set_width(model, width)
        if not projected:
            model.config.embedding_size = width
