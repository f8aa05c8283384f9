"""All figures, in the paper's order. A new one adds its line here."""

from __future__ import annotations

from .figure import Figure
from .guide import FIG10
from .splines import FIG4

FIGURES: dict[str, Figure] = {figure.name: figure for figure in (FIG4, FIG10)}
