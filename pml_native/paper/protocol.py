"""All figures, in the paper's order. A new one adds its line here."""

from __future__ import annotations

from .figure import Figure
from .guide import FIG10
from .landscape import FIG7
from .modular_networks import FIG3
from .multiplication import FIG6
from .regions import FIG1
from .simplex_networks import FIG2, FIG5
from .splines import FIG4
from .tricks import FIG8, FIG9

FIGURES: dict[str, Figure] = {
    figure.name: figure for figure in (FIG1, FIG2, FIG3, FIG4, FIG5, FIG6, FIG7, FIG8, FIG9, FIG10)
}
