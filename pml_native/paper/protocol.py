"""All figures, in the paper's order. A new one adds its line here."""

from __future__ import annotations

from .figure import Figure
from .splines import FIG4

FIGURES: dict[str, Figure] = {figure.name: figure for figure in (FIG4,)}
