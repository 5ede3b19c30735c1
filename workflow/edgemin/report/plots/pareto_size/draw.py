"""By the module that both Pareto plots share."""

from __future__ import annotations

from edgemin.report.pareto import draw

__all__ = ["draw"]
