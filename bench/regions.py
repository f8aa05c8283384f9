"""How exact `fit` is where a law changes or coordinates matter, beside an expert who cuts or turns the table by hand.

    python bench/regions.py --seeds 1 2 3 --store regions.db    # hours; goes on where it was ended
    python bench/regions.py --targets cusp clipped --no-peers
    python bench/regions.py --methods fit --effort 0.25          # a budget of work, and no clock

Targets and what the expert does: region_targets.py. Each: uniform rows, one core, a minute, defaults; errors on 10,000
fresh points, relative to the RMS of y, by the median and the worst of the seeds. The expert calls `fit` on what he has
made of the rows, with as many seconds in all. `rows` is what rows leave open where y jumps: the RMSE of the true
laws, with the plane of the widest margin between the rows of both in the columns in which the true boundary is one.
Peers (regression_peers.py) have the rows as they are, and the same
seconds; `best peer` is the one of the least RMSE. `over` is the RMSE of `fit` over the expert's. `sides` is the share
of fresh points on the wrong side of a boundary, where the model tells its sides: with the laws matched to the true ones
as well as they can be. A store knows nothing of builds: take another one for another build.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import math
import time
import warnings
from collections.abc import Callable

import numpy as np
from cores import on_core
from region_targets import Array, jumps, region_targets
from regression_peers import PEERS, UnsuitableError
from scipy.optimize import linprog

import pml_native as pml

N_TEST = 10_000
FIRST_TEST_SEED = 1_000_000  # beyond any training seed: test points are fresh
FIT, EXPERT, ROWS = "fit", "expert", "rows"
LEAST = 1e-16  # errors below count as this in ratios
# What the table is held against: an expert's error times this, an error that at least GOOD_SHARE are below, one that
# none is above, and how many times better than `fit` the best peer may be.
NEAR_EXPERT, GOOD, N_GOOD, WORST, BETTER = 30.0, 1e-10, 12, 1e-3, 2.0
ERRORS = ("rmse", "p95", "max")


def misplaced(model: object, X: Array, labels: Array) -> float:
    """The share of rows whose piece is not the one that most rows of their law are in; NaN for a model of one piece."""
    piece_of: Callable[[Array], Array] | None = getattr(model, "piece_of", None)
    if piece_of is None:
        return math.nan
    pieces = piece_of(X)
    right = sum(
        max(np.count_nonzero(labels[pieces == piece] == law) for law in np.unique(labels)) for piece in set(pieces)
    )
    return 1.0 - right / len(X)


def by_margin(target: str, X: Array, y: Array) -> Callable[[Array], Array]:
    """The true laws of a target that jumps, each where the plane of the widest margin between the rows has it."""
    jump = jumps[target]
    columns = jump.columns(X)
    low, width = columns.min(axis=0), np.ptp(columns, axis=0)

    def terms(Q: Array) -> Array:
        return np.column_stack([(jump.columns(Q) - low) / width, np.ones(len(Q))])

    # The programme: the largest t with sign (w z + b) >= t at all rows, no coefficient of w beyond 1.
    signs = np.where(jump.side(X), 1.0, -1.0)[:, None]
    rows = np.column_stack([-signs * terms(X), np.ones(len(X))])
    d = columns.shape[1]
    bounds = [(-1.0, 1.0)] * d + [(None, None)] * 2
    plane = linprog(np.eye(d + 2)[-1] * -1.0, A_ub=rows, b_ub=np.zeros(len(X)), bounds=bounds, method="highs").x[:-1]
    return lambda Q: jump.value(Q, terms(Q) @ plane > 0.0)


def run(target: str, method: str, seconds: float, effort: float | None, seed: int) -> dict[str, float | str]:
    """One row: relative errors on fresh points, of `fit`, of the expert, or of a peer."""
    problem, n, expert, labels = region_targets[target]
    X, y = problem.sample(n, seed)
    X_test, y_test = problem.sample(N_TEST, FIRST_TEST_SEED + seed)

    def fit(X: Array, y: Array, share: float = 1.0) -> pml.models.Model:
        limit = {"time_limit": share * seconds} if effort is None else {"time_limit": None, "effort": share * effort}
        return pml.fit(X, y, random_state=seed, n_threads=1, progress=False, **limit)

    start, about, sides = time.process_time(), "", math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == FIT:
            model = fit(X, y)
            about, claimed = f"{model.report.family} {model.report.description}", model.report.error
            sides = math.nan if labels is None else misplaced(model, X_test, labels(X_test))
        elif method == EXPERT:
            n_parts = 1 if labels is None else len(np.unique(labels(X)))
            model, claimed = expert(X, y, lambda X, y: fit(X, y, 1.0 / n_parts)), math.nan
        elif method == ROWS:
            if target not in jumps:
                return {"about": "y does not jump"}
            model, claimed = by_margin(target, X, y), math.nan
        else:
            try:
                model, about = PEERS[method](X, y, seed, seconds)
            except UnsuitableError as error:
                return {"about": str(error)}
            claimed = math.nan
        took = time.process_time() - start
        errors = pml.report.Errors.of(np.ravel(model(X_test))[:, None], y_test[:, None])
    return {
        **{name: getattr(errors, name) for name in ERRORS},
        "fit_seconds": took,
        "claimed": claimed,
        "sides": sides,
        "about": about,
    }


def print_targets(table: pml.scaling.Table, names: list[str], methods: list[str]) -> None:
    """A line a target, then how many meet what they are held against."""
    headings = " ".join(f"{heading:>8} {'worst':>8}" for heading in ("RMSE", "95 %", "maximum"))
    others = " ".join(f"{heading:>8}" for heading in ("sides", "rows", "expert", "over", "peer"))
    print(f"{'target':20} {headings} {'s':>5} {others}  best peer; family")
    medians, overs, behind, open_by_rows = [], [], [], []
    for name in names:
        rows = {
            method: [row for row in table.where(target=name, method=method).done if "rmse" in row] for method in methods
        }
        ours = rows.get(FIT, [])
        if not ours:
            continue
        columns = " ".join(
            f"{np.median([row[error] for row in ours]):8.1e} {max(row[error] for row in ours):8.1e}" for error in ERRORS
        )
        by_method = {method: float(np.median([row["rmse"] for row in of])) for method, of in rows.items() if of}
        rmse = by_method[FIT]
        medians.append(rmse)
        expert = by_method.get(EXPERT, math.nan)
        over = max(rmse, LEAST) / max(expert, LEAST)
        if math.isfinite(over):
            overs.append(over)
        peers = {method: error for method, error in by_method.items() if method in PEERS}
        peer, least = min(peers.items(), key=lambda one: one[1], default=("", math.nan))
        left = by_method.get(ROWS, math.nan)
        if rmse > WORST and rmse <= BETTER * left:
            open_by_rows.append(name)
        if rmse > BETTER * least:
            behind.append(name)
        seconds, sides = (np.median([row[key] for row in ours]) for key in ("fit_seconds", "sides"))
        print(
            f"{name:20} {columns} {seconds:5.0f} {sides:8.1e} {left:8.1e} {expert:8.1e} {over:8.1e} {least:8.1e}  "
            f"{peer}; {ours[0]['about'][:60]}"
        )
    if overs:
        print(f"median of fit over the expert: {np.median(overs):.1f} (at most {NEAR_EXPERT:g})")
    print(f"{np.count_nonzero(np.array(medians) < GOOD)} of {len(medians)} below {GOOD:.0e} (at least {N_GOOD})")
    print(
        f"{np.count_nonzero(np.array(medians) > WORST)} above {WORST:.0e} (none); within {BETTER:g}x of what the rows "
        f"leave open: {', '.join(open_by_rows) or 'none'}"
    )
    print(f"a peer is better by more than {BETTER:g}x on: {', '.join(behind) or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", choices=list(region_targets), default=list(region_targets))
    parser.add_argument(
        "--methods", nargs="+", choices=[FIT, EXPERT, ROWS, *PEERS], default=[FIT, EXPERT, ROWS, *PEERS]
    )
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--effort", type=float, help="of `fit` and of the expert, instead of seconds")
    parser.add_argument("--jobs", type=int, help="runs at a time; as many as cores if not given")
    parser.add_argument("--store", help="keeps finished runs in this file")
    parser.add_argument("--core", type=int, help="the core that all runs are on")
    options = parser.parse_args()
    methods = [FIT, EXPERT, ROWS] if options.no_peers else options.methods
    shared = {"seconds": options.seconds, "effort": options.effort}
    settings = [
        {"target": target, "method": method, "seed": seed, **shared}
        for seed in options.seeds
        for target in options.targets
        for method in methods
    ]
    with on_core(options.core):
        table = pml.scaling.sweep(run, settings=settings, store=options.store, jobs=options.jobs)
    print(f"relative errors on {N_TEST:,} fresh points; seeds {options.seeds}")
    print_targets(table, options.targets, methods)


if __name__ == "__main__":
    main()
