"""All figures, in the paper's order. A new one adds its line here."""

from __future__ import annotations

from .figure import Figure
from .modular_networks import FIG3
from .regions import FIG1
from .simplex_networks import FIG2, FIG5
from .splines import FIG4

FIGURES: dict[str, Figure] = {figure.name: figure for figure in (FIG1, FIG2, FIG3, FIG4, FIG5)}
