"""How all pictures look: colours that the colour-blind tell apart, few lines, names beside the curves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# Okabe and Ito (2008), most different first; markers tell curves apart in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Our own methods, drawn beside the paper's.
OURS = "#0072B2"
PAPERS = "#D55E00"
FAINT = "0.6"


def panels(n: int, *, columns: int = 3, width: float = 3.7, height: float = 3.1, **options: Any) -> tuple[Picture, Any]:
    """A picture with `n` axes in rows of at most `columns`, and these axes as a list."""
    from matplotlib.figure import Figure

    columns = min(n, columns)
    rows = -(-n // columns)
    picture = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = picture.subplots(rows, columns, squeeze=False, **options)
    flat = list(axes.ravel())
    for unused in flat[n:]:
        unused.set_visible(False)
    for one in flat[:n]:
        plain_axes(one)
    return picture, flat[:n]


def plain_axes(axes: Any) -> None:
    """Few lines: a faint grid, no frame."""
    axes.grid(which="major", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", labelsize=8)


def save(picture: Picture, path: Path) -> None:
    """The picture as PNG; an interruption leaves what was there."""
    content = io.BytesIO()
    picture.savefig(content, format="png", dpi=140)
    with replacing(path) as file:
        file.write(content.getvalue())
