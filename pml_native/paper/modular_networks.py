"""Figure 3: networks along the graph of a formula, one small network a node, against dense ones of equal size."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from typing import TYPE_CHECKING

import numpy as np

from ..figures import scaling
from ..scaling import Table, measure
from .figure import Claim, Figure, Setting

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# Depths from inputs to output: 2 and 3 maps in each node, of which 2 and 3 stand one behind the other.
DEPTHS = {"I.8.14": (4, 6), "II.6.15a": (6, 9)}
DENSE: Setting = {"family": "network", "activation": "relu", "optimizer": "adam"}
MODULAR: Setting = {"family": "modular", "activation": "relu", "optimizer": "adam"}
OURS: Setting = {"family": "modular", "activation": "tanh", "optimizer": "lm", "normalize": "both"}
OUR_LABEL = "modular, tanh, deeper, Levenberg-Marquardt (ours)"


def _runs(kind: Setting, sizes: Sequence[int], seeds: int, *, only_deeper: bool = False) -> list[Setting]:
    """The largest first, so that several workers end at about the same time."""
    return [
        {"problem": problem, **kind, "depth": depth, "size": size, "seed": seed}
        for size in sorted(sizes, reverse=True)
        for problem, depths in DEPTHS.items()
        for depth in depths[only_deeper:]
        for seed in range(seeds)
    ]


def _of(table: Table, problem: str, depth: int, kind: Setting) -> list[Setting]:
    wanted = {"problem": problem, "depth": depth, **kind}
    found = [row for row in table if all(row.get(name) == value for name, value in wanted.items())]
    return [row for row in found if isfinite(row["rmse"])]


def _median(rows: Sequence[Setting], size: int) -> float:
    return float(np.median([row["rmse"] for row in rows if row["size"] == size]))


def _ratio(one: Sequence[Setting], other: Sequence[Setting]) -> float:
    """The error of `one` over that of `other`, medians over seeds, at the larger half of the sizes that both have:
    their geometric mean."""
    common = sorted({row["size"] for row in one} & {row["size"] for row in other})
    if not common:
        return nan
    ratios = [_median(one, size) / _median(other, size) for size in common[len(common) // 2 :]]
    return float(np.exp(np.mean(np.log(ratios))))


def claims(table: Table) -> list[Claim]:
    found, ratios = [], []
    for problem, depths in DEPTHS.items():
        for depth in depths:
            ratios.append(_ratio(_of(table, problem, depth, MODULAR), _of(table, problem, depth, DENSE)))
            text = f"{problem}, depth {depth}: the modular network is at least as good as the dense one of equal size"
            found.append(Claim(f"{text} (RMSE over RMSE)", ratios[-1], high=1.0))
    text = "modular networks are better than dense ones of equal size (RMSE over RMSE, geometric mean)"
    found.append(Claim(text, float(np.exp(np.mean(np.log(ratios)))), high=1.0))
    for problem, depths in DEPTHS.items():
        text = f"{problem}: modular tanh networks by Levenberg-Marquardt are better than dense ReLU networks by Adam"
        value = _ratio(_of(table, problem, depths[-1], OURS), _of(table, problem, depths[-1], DENSE))
        found.append(Claim(f"{text} (RMSE over RMSE)", value, high=0.5, ours=True))
    return found


def draw(table: Table) -> Picture:
    """A panel for each equation: dense networks dashed, modular ones of the same depth in the same colour."""
    panels: dict[str, list[scaling.Curve]] = {}
    for problem, depths in DEPTHS.items():
        curves = []
        for name, depth, style in zip(("shallower", "deeper"), depths, (5, 1), strict=True):
            for what, kind in (("dense", DENSE), ("modular", MODULAR)):
                label = f"{what}, ReLU, {name}, Adam"
                curves.append((label, _of(table, problem, depth, kind), style, what == "dense"))
        curves.append((OUR_LABEL, _of(table, problem, depths[-1], OURS), 0, False))
        panels[f"{problem}, depths {depths[0]} and {depths[1]}"] = [
            scaling.Curve(
                label, [row["n_params"] for row in rows], [row["rmse"] for row in rows], style=style, dashed=dashed
            )
            for label, rows, style, dashed in curves
            if rows
        ]
    return scaling.draw(panels, x="parameters N", y="relative RMSE", columns=2, width=5.0, height=4.0)


FIG3 = Figure(
    name="fig3",
    title="Networks along the graph of a formula",
    caption=(
        "Dense ReLU networks (dashed) and modular ones, which have a network at each node of the formula's graph "
        "(nodes of two inputs; 3 for I.8.14, 5 for II.6.15a) and the same number of maps from inputs to output: 4 and "
        "6 for I.8.14, 6 and 9 for II.6.15a. All have N = n (d + 1) parameters for n points, normalised inputs, and "
        "20,000 steps of Adam. Beside them, as our own method, modular tanh networks by Levenberg-Marquardt. Lines are "
        "medians over seeds, bands their range: from some starts, modular networks fit the points and not what is "
        "between them. Errors are those in the middle 80 % of each side, divided by the RMS of y."
    ),
    run=measure,
    quick=[
        *_runs(MODULAR, [128, 512], 3),
        *_runs(OURS, [64, 128, 256], 3, only_deeper=True),
        *_runs(DENSE, [128, 256, 512], 3),
    ],
    full=[
        *_runs(MODULAR, [2**k for k in range(6, 17)], 4),
        *_runs(OURS, [2**k for k in range(6, 10)], 4, only_deeper=True),
        *_runs(DENSE, [2**k for k in range(6, 17)], 4),
    ],
    draw=draw,
    claims=claims,
    needs=("sympy",),
)
