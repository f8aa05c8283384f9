"""Figure 6: x1 y1 + x2 y2 + x3 y3, which 12 tanh units have to any precision, and what training makes of it.

With s a smooth function and s''(a) not 0, four units multiply:
    x y = [s(a + l(x+y)) + s(a - l(x+y)) - s(a + l(x-y)) - s(a - l(x-y))] / (4 l^2 s''(a)) + O(l^2)
(Lin, Tegmark and Rolnick 2017). Where also s''''(a) = 0, which tanh has at tanh(a)^2 = 2/3, the error is O(l^4). In
float64 the differences have errors of eps/l^2 beside it: about 1e-11 is left at the best l, though the limit is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atanh, inf, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import scaling
from ..figures import terms
from ..figures.scaling import Curve
from ..models import NetworkModel, Normalization
from ..networks import MLP
from ..optimize import Adam, LeastSquares, Status, minimize
from ..problems import get
from ..report import Errors
from ..scaling import Table, decompose
from .figure import Claim, Figure, Setting

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

PROBLEM = "I.11.19"
N_TEST = 10_000
KINDS = ("constructed", "adam", "decomposed")
TERMS = {
    "optimization error": "optimization_error",
    "sampling luck (modulus)": "sampling_luck",
    "generalization gap": "generalization_gap",
    "architecture error": "architecture_error",
}
# Points so few that all networks here can pass through them.
FEW = 100
# Where the fourth derivative of tanh is 0, and the second one, -2 t (1 - t^2), there.
CENTRE = atanh(sqrt(2 / 3))
SECOND_DERIVATIVE = -2 * sqrt(2 / 3) * (1 - 2 / 3)


def measure_multiplication(kind: str, **options: Any) -> dict[str, Any]:
    """One row: a network of 12 units "constructed", one trained by "adam", or such an error "decomposed"."""
    runs: tuple[Callable[..., dict[str, Any]], ...] = (constructed, adam, decomposed)
    return dict(zip(KINDS, runs, strict=True))[kind](**options)


def constructed(binary_scale: int) -> dict[str, Any]:
    """The 12 units above with l = 2^binary_scale: errors in float64 and, of the same weights, in double-double."""
    scale = 2.0**binary_scale
    network = MLP((6, 12, 1))
    params = np.zeros(network.n_params)
    (weight, bias), (output, _) = network.layers(params)
    bias[...] = CENTRE
    for i in range(3):
        for k, (sign, of_y) in enumerate(((1, 1), (-1, 1), (1, -1), (-1, -1))):
            weight[4 * i + k, [i, 3 + i]] = sign * scale, sign * of_y * scale
            output[0, 4 * i + k] = of_y / (4.0 * scale**2 * SECOND_DERIVATIVE)
    X, y = get(PROBLEM).sample(N_TEST, 0)
    high, _ = network.forward_extended(params, X)
    return {
        "n_params": network.n_params,
        "rmse": Errors.of(network.forward(params, X), y[:, None]).rmse,
        "rmse_double_double": Errors.of(high, y[:, None]).rmse,
    }


def adam(depth: int, width: int, steps: int, seed: int) -> dict[str, Any]:
    """The paper's training: on P // 7 points for P parameters, inputs normalized."""
    size = _network(depth, width).n_params // 7
    found = scaling.measure(PROBLEM, "network", size, seed=seed, depth=depth, width=width, steps=steps)
    return {name: found[name] for name in ("n_points", "n_params", "train_rmse", "rmse")}


def decomposed(depth: int, width: int, points: int, steps: int, lm_steps: int, seed: int) -> dict[str, Any]:
    """Training by Adam on `points` points, and the terms of its error, found by Levenberg-Marquardt."""
    problem = get(PROBLEM)
    X, y = problem.sample(points, np.random.default_rng([seed, 0]))
    network = _network(depth, width)
    inputs = Normalization.of(X)
    objective = LeastSquares(network, inputs.apply(X), y, n_threads=1)
    params = network.initialize(np.random.default_rng([seed, 2]))
    trained = minimize(objective, params, Adam(), max_steps=steps)
    if trained.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    model = NetworkModel(network, trained.params, inputs=inputs, n_threads=1)
    X_test, y_test = problem.sample(N_TEST, np.random.default_rng([seed, 1]))
    found = decompose(model, X, y, problem, restarts=1, max_steps=lm_steps, time_limit=inf, n_threads=1)
    return {
        "n_params": network.n_params,
        "train_rmse": found.loss,
        "rmse": Errors.of(model.evaluate(X_test), y_test[:, None]).rmse,
        **found.terms,
        "sample_loss_of_best_on_sample": found.sample_loss_of_best_on_sample,
        "loss_of_best_on_sample": found.loss_of_best_on_sample,
    }


def _network(depth: int, width: int) -> MLP:
    return MLP((6, *[width] * (depth - 1), 1))


def claims(table: Table) -> list[Claim]:
    built, trained, parts = (table.where(kind=kind) for kind in KINDS) if len(table) else (table,) * 3
    stuck = [min(row["rmse"] for row in trained if row["depth"] == depth) for depth in _depths(trained)]
    shares = [row["optimization_error"] / row["train_rmse"] for row in parts]
    gains = [row["rmse"] / row["loss_of_best_on_sample"] for row in parts]
    found = [
        Claim(
            "12 hidden units suffice: the constructed network's error in exact arithmetic, with weights in float64",
            min((row["rmse_double_double"] for row in built), default=nan),
            high=1e-15,
            ours=True,
        ),
        Claim(
            "in float64 the constructed 12 units reach",
            min((row["rmse"] for row in built), default=nan),
            high=1e-10,
            ours=True,
        ),
        Claim(
            "networks trained by Adam get stuck ten orders above float64's rounding (the lowest error of any)",
            min(stuck, default=nan),
            low=1e-6,
        ),
        Claim(
            "by Adam the best network of each depth is stuck at about 1e-2 (relative RMSE, the largest of the depths)",
            max(stuck, default=nan),
            1e-4,
            1e-1,
        ),
        Claim(
            "on ample points all of it is optimization error (its share of the loss, the least of all networks)",
            min(shares, default=nan),
            low=0.9,
        ),
        Claim(
            "on fewer than 100 points, as P // 7 gives, they learn them by heart: training error over error on fresh "
            "points (the largest)",
            max((row["train_rmse"] / row["rmse"] for row in trained if row["n_points"] < FEW), default=nan),
            high=0.01,
            ours=True,
        ),
        Claim(
            "the same networks by Levenberg-Marquardt on the same points: errors lower by (the median of all)",
            float(np.median(gains)) if gains else nan,
            low=100.0,
            ours=True,
        ),
    ]
    return found


def _depths(table: Table) -> list[int]:
    return list(dict.fromkeys(row["depth"] for row in table))


def draw(table: Table) -> Picture:
    """Errors against parameters, what they are made of, and what the construction reaches."""
    built, trained, parts = (table.where(kind=kind) for kind in KINDS) if len(table) else (table,) * 3
    curves = []
    for depth in _depths(trained):
        rows = trained.where(depth=depth)
        curves.append(Curve(f"Adam, depth {depth}, P // 7 points", rows.column("n_params"), rows.column("rmse")))
    points = []
    if len(parts):
        errors = parts.column("loss_of_best_on_sample")
        sizes, few = parts.column("n_params"), f"{parts.rows[0]['points']:,} points"
        points.append(Curve(f"Adam, {few}", sizes, parts.column("rmse"), style=3))
        points.append(Curve(f"Levenberg-Marquardt, {few}", sizes, errors, style=4))
    if len(built):
        best = min(built, key=lambda row: float(row["rmse"]))
        points.append(Curve("12 units, constructed", [best["n_params"]], [best["rmse"]], style=5))
    scales = [2.0 ** row["binary_scale"] for row in built]
    precise = [
        Curve(label, scales, [row[name] for row in built], style=style)
        for label, name, style in (("float64", "rmse", 5), ("evaluated in double-double", "rmse_double_double", 6))
        if scales
    ]
    ordered = sorted(parts, key=lambda row: (row["depth"], row["width"]))
    names = [f"depth {row['depth']}, width {row['width']}" for row in ordered]
    values = {label: [row[name] for row in ordered] for label, name in TERMS.items()}
    return terms.draw(
        terms.Panel("errors on fresh points", "parameters", curves, points),
        names,
        values,
        terms.Panel("12 units, constructed", "size of the weights", precise),
        y="relative RMSE",
    )


def _settings(
    widths: dict[int, tuple[int, ...]], seeds: int, shapes: tuple[tuple[int, int], ...], points: int, lm_steps: int
) -> list[Setting]:
    """Depths and widths in `shapes` decomposed, Adam on `widths` of each depth, and the construction."""
    found: list[Setting] = [
        {
            "kind": "decomposed",
            "depth": k,
            "width": w,
            "points": points,
            "steps": 20_000,
            "lm_steps": lm_steps,
            "seed": 0,
        }
        for k, w in shapes
    ]
    found += [
        {"kind": "adam", "depth": depth, "width": width, "steps": 20_000, "seed": seed}
        for depth, of_depth in widths.items()
        for width in of_depth
        for seed in range(seeds)
    ]
    return found + [{"kind": "constructed", "binary_scale": k} for k in range(-3, -17, -1)]


QUICK = _settings(
    {2: (12, 48, 192, 400), 3: (8, 16, 32, 48), 4: (8, 12, 24, 36)}, 1, ((3, 12), (4, 8), (2, 24), (2, 12)), 1000, 150
)
FULL = _settings(
    {2: (12, 48, 192, 768, 3072, 12_288), 3: (8, 16, 32, 64, 128, 256, 512), 4: (8, 12, 24, 48, 96, 192, 360)},
    4,
    ((2, 12), (2, 24), (2, 48), (3, 8), (3, 12), (3, 16), (4, 8), (4, 12), (4, 16)),
    10_000,
    500,
)

FIG6 = Figure(
    name="fig6",
    title="A function of finite width",
    caption=(
        "x1 y1 + x2 y2 + x3 y3 (I.11.19). Left: tanh networks of depth 2 to 4 by 20,000 steps of Adam on P // 7 points "
        "for P parameters, as many as the paper gives simplices of equal size; beside them the same kind of network on "
        "ample points, by Adam and by Levenberg-Marquardt. Middle: what the error of those trained by Adam on ample "
        "points is made of, for each depth and width; the best on the sample and the best there is are estimated by "
        "Levenberg-Marquardt. Right: a network of 12 units that multiplies by differences of tanh. Its error falls "
        "with the fourth power of its weights until float64's rounding of the differences ends it; the same weights "
        "evaluated in double-double go on. So 12 units have no architecture error in exact arithmetic, and 2e-11 in "
        "float64."
    ),
    run=measure_multiplication,
    quick=QUICK,
    full=FULL,
    draw=draw,
    claims=claims,
)
