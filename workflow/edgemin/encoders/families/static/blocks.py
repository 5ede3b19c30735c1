"""There are no layers, so there is nothing to hook or to cut."""

from __future__ import annotations

from typing import Any

from torch import nn

from edgemin.encoders.blocks import Blocks, Classifier


class StaticBlocks(Blocks):
    """Blocks of a static encoder: none."""

    def layers(self, model: Classifier) -> Any:
        return nn.ModuleList()
