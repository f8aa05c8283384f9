"""Figure 1: the pieces of piecewise linear fits, by ReLU networks and by simplices, in one and two dimensions."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..figures import regions
from ..models import Model
from ..problems import get
from ..scaling import Table
from ..scaling.measure import Task, errors, network, simplex
from .figure import Claim, Figure, Setting

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

LINE, PLANE = "cos(2x)", "xy"
# Of depth-3 networks: 46 parameters and 23 points on the line, 501 and 167 in the plane.
WIDTHS = {LINE: 5, PLANE: 20}
RELU: Setting = {"activation": "relu"}
METHODS: dict[str, Setting] = {
    "ReLU, unnormalised": {**RELU, "normalize": "none"},
    "ReLU, normalised": {**RELU, "normalize": "inputs"},
    "simplex": {},
    "tanh, Levenberg-Marquardt (ours)": {"activation": "tanh", "optimizer": "lm", "normalize": "both"},
}
UNNORMALISED, NORMALISED, SIMPLEX, OURS = METHODS
CURVE_POINTS = 301
# The window in which pieces are counted has twice the width of the data, on each axis, and so many points: pieces
# between them are missed, of all methods alike. Fewer are drawn.
COUNTED = {LINE: 40_000, PLANE: 800}
PIXELS = 240
SMOOTH_PIXELS = 60
# Gradients within one piece differ by rounding only.
DECIMALS = 9
NONE = -1  # the number of the piece where there is none: outside the hull
# What is stored for the picture.
DRAWN_DECIMALS = 4


def fit_and_count(part: str, method: str, seed: int, shown: bool) -> dict[str, Any]:
    """The errors of one fit to the problem `part` and the number of its pieces; if `shown`, what the picture needs."""
    problem, units = get(part), WIDTHS[part]
    d = problem.n_inputs
    n_params = (d + 1) * units + (units + 1) * units + units + 1
    task = Task(problem, n_params // (d + 1), seed)
    fitted = simplex(task) if method == SIMPLEX else network(task, width=units, **METHODS[method])
    found: dict[str, Any] = errors(task, fitted)
    window = [(1.5 * low - 0.5 * high, 1.5 * high - 0.5 * low) for low, high in problem.bounds]
    if method != OURS:  # which is smooth
        X = _centres(window, COUNTED[part])
        middle, width = np.mean(problem.bounds, axis=1), np.ptp(problem.bounds, axis=1)
        on_data = np.all(np.abs(X - middle) <= 0.5 * width, axis=1)
        numbers = _pieces(fitted.model, X)[0]
        found |= {"pieces": _different(numbers[on_data]), "pieces_around": _different(numbers[~on_data])}
    if not shown:
        return found
    found |= {"X": fitted.X.round(DRAWN_DECIMALS), "box": problem.bounds, "window": window}
    if part == LINE:
        x = np.linspace(*problem.bounds[0], CURVE_POINTS)
        y = fitted.model.evaluate(x[:, None])[:, 0]
        return found | {"Y": fitted.y, "curve_x": x, "curve_y": y, "curve_truth": problem(x[:, None])}
    n = SMOOTH_PIXELS if method == OURS else PIXELS
    numbers, gradients = _pieces(fitted.model, _centres(window, n))
    return found | {"map": numbers.reshape(n, n), "gradients": gradients.round(DRAWN_DECIMALS)}


def _centres(window: list[tuple[float, float]], n: int) -> Array:
    """The centres (n^d, d) of `n` cells an axis, the last axis fastest."""
    fractions = (np.arange(n) + 0.5) / n
    axes = [low + (high - low) * fractions for low, high in window]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def _pieces(model: Model, X: Array) -> tuple[NDArray[np.intp], Array]:
    """The number (n,) of the piece that each point lies in, and the gradient (k, d) of each: different gradients are
    different pieces."""
    gradient = model.evaluate_gradient(X).reshape(len(X), -1)
    inside = ~np.isnan(gradient[:, 0])
    different, number = np.unique(gradient[inside].round(DECIMALS), axis=0, return_inverse=True)
    numbers = np.full(len(X), NONE, dtype=np.intp)
    numbers[inside] = number.ravel()
    return numbers, different


def _different(numbers: NDArray[np.intp]) -> int:
    return len(np.unique(numbers[numbers != NONE]))


def _settings(line: int, plane: int) -> list[Setting]:
    """So many seeds of each part. Maps take some room, so that only the first seed has them."""
    return [
        {"part": part, "method": method, "seed": seed, "shown": part == LINE or seed == 0}
        for part, n_seeds in ((LINE, line), (PLANE, plane))
        for seed in range(n_seeds)
        for method in METHODS
    ]


def claims(table: Table) -> list[Claim]:
    def median(part: str, method: str, column: str = "rmse_absolute") -> float:
        values = [row[column] for row in table if (row["part"], row["method"]) == (part, method)]
        return float(np.median(values)) if values else nan

    found = [
        Claim(f"cos(2x), {method}: absolute RMSE, the paper's {paper:g}", median(LINE, method), paper / 3, paper * 3)
        for method, paper in ((UNNORMALISED, 7.8e-2), (NORMALISED, 2.4e-2), (SIMPLEX, 2.2e-2))
    ]
    for part in (LINE, PLANE):
        found += [
            Claim(
                f"{part}: the unnormalised network is worse than the normalised one (RMSE over RMSE)",
                median(part, UNNORMALISED) / median(part, NORMALISED),
                1.5,
            ),
            Claim(
                f"{part}: the normalised network is worse than simplices (RMSE over RMSE)",
                median(part, NORMALISED) / median(part, SIMPLEX),
                1.0,
            ),
            Claim(
                f"{part}: the unnormalised network has fewer pieces on the data than the normalised one (their ratio)",
                median(part, UNNORMALISED, "pieces") / median(part, NORMALISED, "pieces"),
                high=0.8,
            ),
            Claim(
                f"{part}: the normalised network has fewer pieces on the data than simplices (their ratio)",
                median(part, NORMALISED, "pieces") / median(part, SIMPLEX, "pieces"),
                high=1.0,
            ),
        ]
    found += [
        Claim(
            f"xy, {method}: pieces in the data's quarter of the window over pieces around it",
            median(PLANE, method, "pieces") / median(PLANE, method, "pieces_around"),
            low,
            high,
        )
        for method, low, high in ((UNNORMALISED, 0.0, 0.3), (NORMALISED, 0.6, np.inf))
    ]
    found += [
        Claim(
            f"{part}: a tanh network of the same size by Levenberg-Marquardt errs less than simplices (their ratio)",
            median(part, OURS) / median(part, SIMPLEX),
            high=1e-3,
            ours=True,
        )
        for part in (LINE, PLANE)
    ]
    return found


def draw(table: Table) -> Picture:
    """The curves and their errors above, the maps of the plane below."""
    typical = _median_seed([row for row in table if (row["part"], row["method"]) == (LINE, UNNORMALISED)])
    curves = [
        regions.Curve(row["method"], row["curve_x"], row["curve_y"], row["curve_truth"], row["X"], row["Y"])
        for row in table
        if row["part"] == LINE and row["seed"] == typical
    ]
    maps = [
        regions.Map(
            f"{row['method']}\nRMSE {row['rmse_absolute']:.2g}"
            + (f", {row['pieces']} pieces on the data" if "pieces" in row else ", smooth"),
            row["map"],
            row["gradients"],
            row["window"],
            row["box"],
            row["X"],
            edges="pieces" in row,
        )
        for row in table
        if row["part"] == PLANE and row["shown"]
    ]
    return regions.draw(curves, maps)


def _median_seed(rows: list[Setting]) -> int | None:
    """The seed whose error has as many above it as below."""
    ordered = sorted(rows, key=lambda row: float(row["rmse_absolute"]))
    return ordered[(len(ordered) - 1) // 2]["seed"] if ordered else None


FIG1 = Figure(
    name="fig1",
    title="Pieces of ReLU networks and of simplices",
    caption=(
        "Above: y = cos(2x) on [3, 6] from 23 points, by a ReLU network of depth 3 and width 5 (46 parameters, Adam, "
        "20,000 steps) from x as it is and from normalised x, by linear interpolation, and by a tanh network of the "
        "same size with Levenberg-Marquardt; on the right their errors. Below: z = xy on [1, 5]^2 (the frame) from "
        "167 points, networks of width 20. Each piece has the colour of its gradient, which changes from piece to "
        "piece, and lines between them. The unnormalised network spends its pieces where there are no data. Drawn are "
        "the seed whose unnormalised network is the median one, and seed 0; claims are about medians over seeds. "
        "Errors are those in the middle 80 % of each side."
    ),
    run=fit_and_count,
    quick=_settings(line=7, plane=3),
    full=_settings(line=25, plane=10),
    draw=draw,
    claims=claims,
)
