"""Figure 10: the paper's user guide says which method for which data; here, what `fit` does and what it could do.

The paper's guide in a sentence: in one and two dimensions splines of high order if there are data enough, otherwise and
in more dimensions networks, trained by second-order methods and boosted. `fit` with method="auto" holds such a guide;
every method is also tried alone on the same data, with the same work, and all are measured on fresh points.
"""

from __future__ import annotations

import warnings
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from ..figures import dots
from ..fit import fit
from ..problems import get
from ..report import Errors
from ..scaling import Table
from ..search import SEARCHES
from .figure import Claim, Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

N_TEST = 10_000
# An error below this is as good as any other: rounding decides.
FLOOR = 1e-15
# A target for each number of inputs, none of them a polynomial.
PROBLEMS = ("Z.002", "I.6.2", "I.10.7", "I.8.14", "II.6.15a")


def run(problem: str, sampler: str, size: int, method: str, effort: float, seed: int) -> dict[str, Any]:
    """One method of `fit` on about `size` points, measured on points of the middle 80 % of each side."""
    target = get(problem)
    X, y = target.sample(size, np.random.default_rng([seed, 0]), sampler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the data, which are meant to be what they are
        model = fit(X, y, method=method, effort=effort, time_limit=None, random_state=seed, n_threads=1, progress=False)
    X_test, y_test = target.test_box(N_TEST, np.random.default_rng([seed, 1]))
    errors = Errors.of(model.evaluate(X_test), y_test[:, None])
    assert model.report is not None
    return {
        "n_inputs": target.n_inputs,
        "n_points": len(X),
        "family": model.report.family,
        "description": model.report.description,
        "validation_rmse": model.report.validation_rmse,
        "rmse": errors.rmse,
        "p95": errors.p95,
        "max": errors.max,
    }


def _settings(size: int, effort: float, seeds: int) -> list[dict[str, object]]:
    return [
        {"problem": problem, "sampler": sampler, "size": size, "method": method, "effort": effort, "seed": seed}
        for problem in PROBLEMS
        for sampler in ("grid", "uniform")
        for method in ("auto", *SEARCHES)
        if sampler == "grid" or method != "spline"
        for seed in range(seeds)
    ]


def _cases(table: Table) -> dict[tuple[int, str, str], dict[str, float]]:
    """Median errors of the methods by number of inputs, problem and sampler."""
    found: dict[tuple[int, str, str], dict[str, list[float]]] = {}
    for row in table:
        case = (row["n_inputs"], row["problem"], row["sampler"])
        found.setdefault(case, {}).setdefault(row["method"], []).append(max(row["rmse"], FLOOR))
    return {case: {m: float(np.median(e)) for m, e in errors.items()} for case, errors in sorted(found.items())}


def claims(table: Table) -> list[Claim]:
    regrets: list[float] = []
    few: list[float] = []
    many: list[float] = []
    for (d, _, sampler), errors in _cases(table).items():
        alone = [error for method, error in errors.items() if method != "auto"]
        if "auto" in errors and alone:
            regrets.append(errors["auto"] / min(alone))
        if sampler == "grid" and {"spline", "network"} <= errors.keys():
            (few if d <= 2 else many).append(errors["spline"] / errors["network"])
    return [
        Claim("d <= 2, grids: the error of splines over that of networks, largest", max(few, default=nan), 0.0, 10.0),
        Claim("d >= 3, grids: the error of splines over that of networks, least", min(many, default=nan), 1.0, inf),
        Claim(
            "the guide's error over that of the best method alone, median",
            float(np.median(regrets)) if regrets else nan,
            0.0,
            3.0,
            ours=True,
        ),
        Claim("the same, worst", max(regrets, default=nan), 0.0, 100.0, ours=True),
    ]


def draw(table: Table) -> Picture:
    """A line for each case, a mark for each method, a ring around what the guide arrived at."""
    rows = {
        f"{problem}, {d} input{'s' if d > 1 else ''}, {'grid' if sampler == 'grid' else 'scattered'}": errors
        for (d, problem, sampler), errors in _cases(table).items()
    }
    return dots.draw(rows, ring="auto", ring_label="what the guide arrives at", x="relative RMSE")


FIG10 = Figure(
    name="fig10",
    title="The user's guide, applied",
    caption=(
        "Every method of fit alone, and the guide (method='auto', ringed), on the same points and with the same work, "
        "one core. Points form a grid or are uniform. Relative RMSE on 10,000 fresh points of the middle 80 % of each "
        "side; values below 1e-15 are drawn there."
    ),
    run=run,
    quick=_settings(size=1000, effort=0.1, seeds=1),
    full=_settings(size=4000, effort=1.0, seeds=3),
    draw=draw,
    claims=claims,
)
