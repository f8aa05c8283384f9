"""Figures 2 and 5: linear interpolation on simplices against networks of equal size, piecewise linear and smooth ones.

Equal size is as in the paper: n points for both, and n (d + 1) numbers, which simplices store and networks train.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import isfinite, nan
from typing import TYPE_CHECKING

import numpy as np

from ..figures import scaling
from ..scaling import Table, fit_power_law, measure
from .figure import Claim, Figure, Setting

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# The equation for each number of inputs.
EQUATIONS = {1: "Z.001", 2: "II.8.31", 3: "I.30.5", 4: "I.8.14", 5: "I.44.4", 6: "II.6.15a"}
SIMPLEX: Setting = {"family": "simplex"}
RELU: Setting = {"family": "network", "activation": "relu", "optimizer": "adam"}
TANH: Setting = {"family": "network", "activation": "tanh", "optimizer": "adam"}
OURS: Setting = {"family": "network", "activation": "tanh", "optimizer": "lm", "normalize": "both"}
OUR_LABEL = "tanh, depth 3, Levenberg-Marquardt (ours)"
DEPTHS = (2, 3, 4)
DEPTH = 3  # where one is enough
TOLERANCE = 0.1  # of an exponent, relative to the expected one
PAPERS_LARGEST = 2**16  # points for networks
# The absolute RMSE of the paper's largest tanh networks, and the factor that reading it off a plot and the seeds allow.
PAPERS_TANH, FACTOR = {3: 1.5e-4, 4: 2e-3, 5: 2e-2, 6: 3e-4}, 4.0


def _powers(first: int, last: int, ratio: int = 2) -> list[int]:
    sizes = [first]
    while sizes[-1] * ratio <= last:
        sizes.append(sizes[-1] * ratio)
    return sizes


def _runs(
    kind: Setting, dimensions: Iterable[int], sizes: Sequence[int], seeds: int, depths: Sequence[int] = ()
) -> list[Setting]:
    """The largest first, so that several workers end at about the same time."""
    shapes: list[Setting] = [{"depth": depth} for depth in depths] or [{}]
    return [
        {"problem": EQUATIONS[d], **kind, **shape, "size": size, "seed": seed}
        for size in sorted(sizes, reverse=True)
        for d in dimensions
        for shape in shapes
        for seed in range(seeds)
    ]


def _of(table: Table, d: int, kind: Setting, **more: object) -> list[Setting]:
    """The rows of one equation and one kind of fit that have an error."""
    wanted = {"problem": EQUATIONS[d], **kind, **more}
    found = [row for row in table if all(row.get(name) == value for name, value in wanted.items())]
    return [row for row in found if isfinite(row["rmse"])]


def _median(rows: Sequence[Setting], size: int, error: str = "rmse") -> float:
    """The median over seeds and depths at this size."""
    return float(np.median([row[error] for row in rows if row["size"] == size]))


def _ratio(one: Sequence[Setting], other: Sequence[Setting]) -> float:
    """The error of `one` over that of `other`, medians at the largest size that both have."""
    common = {row["size"] for row in one} & {row["size"] for row in other}
    return _median(one, max(common)) / _median(other, max(common)) if common else nan


def _exponent(rows: Sequence[Setting]) -> float:
    """That of the power law through all sizes, by the rules of `fit_power_law`; NaN for too few of them."""
    try:
        return fit_power_law([row["n_params"] for row in rows], [row["rmse"] for row in rows]).exponent
    except ValueError:
        return nan


def _about(d: int) -> str:
    return f"{EQUATIONS[d]} ({d} input{'s' if d > 1 else ''})"


def relu_claims(table: Table) -> list[Claim]:
    found = []
    for d in EQUATIONS:
        exponent = _exponent(_of(table, d, SIMPLEX))
        text = f"{_about(d)}: simplices err as N^(-2/{d}) (exponent over -2/{d})"
        found.append(Claim(text, exponent * d / -2.0, 1 - TOLERANCE, 1 + TOLERANCE))
    for d in (1, 2):
        text = f"{_about(d)}: ReLU networks are worse than simplices (RMSE over RMSE)"
        found.append(Claim(text, _ratio(_of(table, d, RELU), _of(table, d, SIMPLEX)), low=1.0))
    for d in (4, 5, 6):
        text = f"{_about(d)}: ReLU networks are better than simplices (RMSE over RMSE)"
        found.append(Claim(text, _ratio(_of(table, d, RELU), _of(table, d, SIMPLEX)), high=1.0))
    steeper = [_exponent(_of(table, d, RELU, depth=DEPTH)) * d / -2.0 for d in (4, 5, 6)]
    text = f"4 to 6 inputs: ReLU networks of depth {DEPTH} improve faster than N^(-2/d) (exponent over -2/d, median)"
    found.append(Claim(text, float(np.median(steeper)), low=1.0))
    for d in EQUATIONS:
        text = f"{_about(d)}: a tanh network by Levenberg-Marquardt is better than ReLU networks (RMSE over RMSE)"
        found.append(Claim(text, _ratio(_of(table, d, OURS), _of(table, d, RELU)), high=0.7, ours=True))
    return found


def tanh_claims(table: Table) -> list[Claim]:
    found = []
    for d in PAPERS_TANH:
        text = f"{_about(d)}: tanh networks are better than simplices (RMSE over RMSE)"
        found.append(Claim(text, _ratio(_of(table, d, TANH), _of(table, d, SIMPLEX)), high=1.0))
    for d, paper in PAPERS_TANH.items():
        rows = _of(table, d, TANH)
        # Errors of the largest networks say nothing about those of smaller ones.
        if any(row["size"] == PAPERS_LARGEST for row in rows):
            text = f"{_about(d)}: absolute RMSE of the largest tanh networks, the paper's {paper:g}"
            value = _median(rows, PAPERS_LARGEST, "rmse_absolute")
            found.append(Claim(text, value, paper / FACTOR, paper * FACTOR))
    ratios = {d: _ratio(_of(table, d, OURS), _of(table, d, TANH, depth=DEPTH)) for d in PAPERS_TANH}
    for d, ratio in ratios.items():
        text = f"{_about(d)}: Levenberg-Marquardt is better than Adam for the same network (RMSE over RMSE)"
        found.append(Claim(text, ratio, high=1.0, ours=True))
    text = "3 to 6 inputs: the same, geometric mean"
    found.append(Claim(text, float(np.exp(np.mean(np.log(list(ratios.values()))))), high=0.3, ours=True))
    return found


def _curve(label: str, rows: Sequence[Setting], style: int, **more: float | bool) -> list[scaling.Curve]:
    sizes, errors = [row["n_params"] for row in rows], [row["rmse"] for row in rows]
    return [scaling.Curve(label, sizes, errors, style=style, **more)] if rows else []  # type: ignore[arg-type]


def draw(table: Table, *, dimensions: Sequence[int], networks: Setting, others: Setting | None = None) -> Picture:
    """A panel for each number of inputs: simplices, `networks` of each depth, `others` of one depth, and ours."""
    panels: dict[str, list[scaling.Curve]] = {}
    for d in dimensions:
        curves = _curve("simplex", _of(table, d, SIMPLEX), 4, expected=-2.0 / d)
        for depth, style in zip(DEPTHS, (5, 1, 3), strict=True):
            label = f"{networks['activation']}, depth {depth}, Adam"
            curves += _curve(_cased(label), _of(table, d, networks, depth=depth), style)
        if others is not None:
            label = f"{others['activation']}, depth {DEPTH}, Adam"
            curves += _curve(_cased(label), _of(table, d, others, depth=DEPTH), 2, dashed=True)
        curves += _curve(OUR_LABEL, _of(table, d, OURS), 0)
        panels[_about(d)] = curves
    return scaling.draw(panels, x="parameters N", y="relative RMSE", columns=3 if len(panels) > 4 else 2)


def _cased(label: str) -> str:
    return label.replace("relu", "ReLU")


def _picture(**options: object) -> Callable[[Table], Picture]:
    return partial(draw, **options)  # type: ignore[arg-type]


FIG2 = Figure(
    name="fig2",
    title="Simplices against ReLU networks",
    caption=(
        "Linear interpolation on simplices, ReLU networks (inputs normalised, Adam with learning rate 1e-3, 20,000 "
        "steps) and, as our own method, tanh networks by Levenberg-Marquardt, on equations with 1 to 6 inputs. All "
        "have n points and n (d + 1) = N parameters. Lines are medians over seeds, bands their range. Simplices follow "
        "N^(-2/d), the dotted line; networks are worse for one and two inputs and better from four on (medians "
        "over depths: for two inputs, those of one hidden layer are better than simplices at these sizes). Errors are "
        "those at 30,000 points of the middle 80 % of each side, divided by the RMS of y."
    ),
    run=measure,
    quick=[
        *_runs(OURS, EQUATIONS, _powers(64, 256), 2, [DEPTH]),
        *_runs(RELU, EQUATIONS, _powers(64, 512), 2, [DEPTH]),
        *_runs(RELU, EQUATIONS, [64, 512], 2, [2, 4]),
        *_runs(SIMPLEX, EQUATIONS, _powers(64, 2**18), 2),
    ],
    full=[
        *_runs(OURS, EQUATIONS, _powers(64, 512), 4, [DEPTH]),
        *_runs(RELU, EQUATIONS, _powers(64, PAPERS_LARGEST), 4, DEPTHS),
        *_runs(SIMPLEX, EQUATIONS, _powers(64, 2**18), 4),
    ],
    draw=_picture(dimensions=tuple(EQUATIONS), networks=RELU),
    claims=relu_claims,
)

FIG5 = Figure(
    name="fig5",
    title="Simplices against tanh networks",
    caption=(
        "As in figure 2, with tanh networks of depths 2 to 4 in the place of ReLU networks, of which one depth is "
        "drawn for comparison, on the equations with 3 to 6 inputs. What Adam leaves over is largely optimization "
        "error: Levenberg-Marquardt takes networks of depth 3 further, except where the function isn't smooth, as the "
        "distance I.8.14 at 0."
    ),
    run=measure,
    quick=[
        *_runs(OURS, PAPERS_TANH, _powers(64, 256), 2, [DEPTH]),
        *_runs(TANH, PAPERS_TANH, _powers(64, 256), 2, DEPTHS),
        *_runs(RELU, PAPERS_TANH, _powers(64, 256), 2, [DEPTH]),
        *_runs(SIMPLEX, PAPERS_TANH, _powers(64, 2**15), 2),
    ],
    full=[
        *_runs(OURS, PAPERS_TANH, _powers(64, 512), 4, [DEPTH]),
        *_runs(TANH, PAPERS_TANH, _powers(64, PAPERS_LARGEST), 4, DEPTHS),
        *_runs(RELU, PAPERS_TANH, _powers(64, PAPERS_LARGEST), 4, [DEPTH]),
        *_runs(SIMPLEX, PAPERS_TANH, _powers(64, 2**18), 4),
    ],
    draw=_picture(dimensions=tuple(PAPERS_TANH), networks=TANH, others=RELU),
    claims=tanh_claims,
)
