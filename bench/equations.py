"""How exact `fit` is with its defaults on all equations of the paper: a table, and how many are met to which error.

    python bench/equations.py --store equations.db            # an hour or so on two cores; goes on where it was ended
    python bench/equations.py --quick                          # ten of them
    python bench/equations.py --peers --store equations.db     # with what else fits tables, on every fourth equation
    python bench/equations.py --method polynomial --seconds 10  # fit_polynomial alone
    python bench/equations.py --targets own --peers            # ten others (own_targets.py), and peers on all of them
    python bench/equations.py --against /old/bin/python --seeds 1 2 3 --store against.db --core 0
    python bench/equations.py --threads 1 2 --store equations.db  # the longest of the fits in the store, and both ways

Each: n uniform points, one core, the default minute; errors on 10,000 fresh points of the whole box, relative to the
RMS of y; `s` is processor time. Peers (regression_peers.py) are given the same points, minute and core. Several of
these commands may run at the same time with one store, as `--method peers` does the peers alone.

With --against each table is fitted, with defaults, by this build and by the one that is installed for that interpreter,
in turns and in fresh processes, on the same core; `s` is then the wall time of `fit`. With --threads the longest fits
that the store has, of --against if that is given too, are timed with these numbers of threads in turns. A store knows
nothing of builds: take another one for another build.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import importlib.util
import time
import warnings
from collections.abc import Callable

import against
import numpy as np
import regression_peers
from against import FIRST_TEST_SEED, LEVELS, N_TEST
from cores import on_core
from own_targets import own_targets
from regression_peers import PEERS

import pml_native as pml

QUICK = 11  # every so many equations
PEERS_EVERY = 4
LEAST = 1e-17  # errors below count as this in ratios: some are 0
Function = Callable[[np.ndarray], np.ndarray]


def fit(X: np.ndarray, y: np.ndarray, seed: int, seconds: float) -> tuple[Function, str]:
    model = pml.fit(X, y, time_limit=seconds, random_state=seed, n_threads=1, progress=False)
    assert model.report is not None
    return model, f"{model.report.family} {model.report.description}"


def polynomial(X: np.ndarray, y: np.ndarray, seed: int, seconds: float) -> tuple[Function, str]:
    model = pml.fit_polynomial(X, y, time_limit=seconds, random_state=seed)
    return model, repr(model)


OURS = {"fit": fit, "polynomial": polynomial}


def run(equation: str, method: str, n: int, seconds: float, seed: int) -> dict[str, float | str]:
    """One row: relative errors, divided by the RMS of y; none where the method isn't made for such data."""
    target = own_targets[equation] if equation in own_targets else pml.problems.equations[equation]
    X, y = target.sample(n, seed)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model, description = (OURS | PEERS)[method](X, y, seed, seconds)
        except regression_peers.UnsuitableError as reason:
            return {"description": str(reason)}
        took = time.process_time() - start
        X_test, y_test = target.sample(N_TEST, FIRST_TEST_SEED + seed)
        errors = pml.report.Errors.of(np.ravel(model(X_test))[:, None], y_test[:, None])
    report = getattr(model, "report", None)
    return {
        "rmse": errors.rmse,
        "p95": errors.p95,
        "max": errors.max,
        "fit_seconds": took,
        "description": description,
        "claimed": np.nan if report is None else report.validation_rmse,
        "claimed_over_box": np.nan if report is None or report.box_rmse is None else report.box_rmse,
    }


def equations_of(options: argparse.Namespace) -> list[str]:
    """The equations that are wanted."""
    if options.equations or options.targets == "own":
        return options.equations or list(own_targets)
    return list(pml.problems.equations)[:: QUICK if options.quick else 1]


def settings(options: argparse.Namespace) -> list[dict[str, object]]:
    names = equations_of(options)
    few = names if options.equations or options.targets == "own" else names[::PEERS_EVERY]
    wanted = [(name, options.method) for name in names if options.method in OURS]
    wanted += [(name, peer) for name in few for peer in peers_of(options)]
    return [
        {"equation": equation, "method": method, "n": options.n, "seconds": options.seconds, "seed": seed}
        for equation, method in wanted
        for seed in options.seeds
    ]


def peers_of(options: argparse.Namespace) -> list[str]:
    """The peers that are wanted and installed."""
    wanted = list(PEERS) if options.peers or options.method == "peers" else [options.method]
    return [
        name
        for name in wanted
        if name in PEERS and importlib.util.find_spec(regression_peers.NEEDS.get(name, "scipy")) is not None
    ]


def print_errors(table: pml.scaling.Table) -> None:
    """Each run's errors, and how many of all runs, failed ones too, are met to which."""
    print(f"{'equation':13} {'RMSE':>8} {'95 %':>8} {'maximum':>8} {'s':>6}  chosen")
    for row in table.done:
        errors = " ".join(f"{row.get(name, np.nan):8.1e}" for name in ("rmse", "p95", "max"))
        print(f"{row['equation']:13} {errors} {row.get('fit_seconds', np.nan):6.1f}  {row['description'][:90]}")
    rmse = np.array([row["rmse"] for row in table.done if "rmse" in row])
    for level in LEVELS:
        print(f"{np.count_nonzero(rmse <= level):4} of {len(table)} to {level:.0e}")
    if len(rmse):
        print(f"median {np.median(rmse):.1e}")
        print(f"largest 95th percentile {max(row['p95'] for row in table.done if 'rmse' in row):.1e}")
    seeds = list(dict.fromkeys(row["seed"] for row in table))
    if len(seeds) > 1:
        print_seeds(table, seeds)


def print_seeds(table: pml.scaling.Table, seeds: list[int]) -> None:
    """How many equations are met to which error by each seed, and by the median and the worst of them."""
    names = list(dict.fromkeys(row["equation"] for row in table))
    found = {(row["equation"], row["seed"]): row.get("rmse", np.inf) for row in table.done}
    rmse = np.array([[found.get((name, seed), np.inf) for seed in seeds] for name in names])
    columns = {f"seed {seed}": column for seed, column in zip(seeds, rmse.T, strict=True)}
    columns |= {"median seed": np.median(rmse, axis=1), "worst seed": np.max(rmse, axis=1)}
    for name, errors in columns.items():
        counts = ", ".join(f"{np.count_nonzero(errors <= level)} to {level:.0e}" for level in LEVELS)
        print(f"{name}: of {len(names)} {counts}; median {np.median(errors):.1e}")


def print_claims(table: pml.scaling.Table) -> None:
    """How often the errors that reports give are borne out, up to a factor of three."""
    for name, words in (("claimed", "held-out rows"), ("claimed_over_box", "the box of the rows")):
        rows = [row for row in table.done if np.isfinite(row.get(name, np.nan))]
        held = sum(row["rmse"] <= 3.0 * max(row[name], np.finfo(float).eps) for row in rows)
        if rows:
            print(f"the error that the report gives for {words} is at least a third of it on {held} of {len(rows)}")


def print_comparison(table: pml.scaling.Table, ours: str, peers: list[str]) -> None:
    """Relative RMSE side by side, and how many times that of `ours` the peers' are."""
    rmse = {(row["equation"], row["seed"], row["method"]): row.get("rmse", np.nan) for row in table}
    cases = list(dict.fromkeys((equation, seed) for equation, seed, method in rmse if method in peers))
    columns = [ours, *peers] if ours in OURS else peers
    print("\nRMSE".ljust(14) + "".join(f" {name:>8}" for name in columns))
    for case in cases:
        errors = [rmse.get((*case, name), np.nan) for name in columns]
        texts = ["-" if np.isnan(error) else f"{error:.1e}" for error in errors]
        widths = [max(8, len(name)) for name in columns]
        print(f"{case[0]:13}" + "".join(f" {text:>{width}}" for text, width in zip(texts, widths, strict=True)))
    theirs = np.array([[rmse.get((*case, name), np.nan) for case in cases] for name in peers])
    for name, errors in zip(peers, theirs, strict=True):
        if missing := np.count_nonzero(np.isnan(errors)):
            print(f"{name}: no model on {missing} of {len(cases)}")
    if ours not in OURS:
        return
    own = np.maximum([rmse.get((*case, ours), np.nan) for case in cases], LEAST)
    for name, errors in zip(peers, theirs, strict=True):
        ratios = np.maximum(errors, LEAST) / own
        if len(ratios := ratios[~np.isnan(ratios)]):
            print(f"{name}: its error over that of {ours}, median {np.median(ratios):.1e}, least {ratios.min():.1e}")
    ratios = np.maximum(np.fmin.reduce(theirs), LEAST) / own
    if len(ratios := ratios[~np.isnan(ratios)]):
        with np.errstate(divide="ignore"):  # an infinite error of ours makes a ratio of 0
            wins, orders = np.count_nonzero(ratios > 1.0), np.median(np.log10(ratios))
        print(
            f"the best of {len(peers)} peers: {ours} is more exact on {wins} of {len(ratios)}, "
            f"by a median of {orders:.1f} orders of magnitude"
        )


def compare_builds(options: argparse.Namespace) -> pml.scaling.Table:
    """Both builds on all tables, one after the other."""
    wanted = [
        {"equation": equation, "n": options.n, "seed": seed, "python": options.against}
        for equation in equations_of(options)
        for seed in options.seeds
    ]
    table = pml.scaling.sweep(against.run_against, settings=wanted, store=options.store, jobs=1)
    against.print_against(table)
    return table


def compare_threads(options: argparse.Namespace, names: list[str]) -> None:
    wanted = [
        {"equation": name, "n": options.n, "seed": options.seeds[0], "n_threads": options.threads, "repeat": repeat}
        for repeat in range(options.repeats)
        for name in names
    ]
    table = pml.scaling.sweep(against.run_with_threads, settings=wanted, store=options.store, jobs=1)
    against.print_threads(table, tuple(options.threads))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--targets", choices=["paper", "own"], default="paper")
    parser.add_argument("--equations", nargs="+", help="these only, of both kinds of targets")
    parser.add_argument("--quick", action="store_true", help="ten equations")
    parser.add_argument("--method", choices=[*OURS, "peers", *PEERS], default="fit")
    parser.add_argument("--peers", action="store_true", help="also all peers, on every fourth equation")
    parser.add_argument("--jobs", type=int, help="runs at a time; as many as cores if not given")
    parser.add_argument("--store", help="keeps finished runs in this file")
    parser.add_argument("--against", metavar="PYTHON", help="an interpreter for which another build is installed")
    parser.add_argument("--core", type=int, help="the core that all fits run on, but those of --threads")
    parser.add_argument("--threads", type=int, nargs="+", help="time the longest fits with these numbers of threads")
    parser.add_argument("--longest", type=int, default=20, help="how many of them")
    parser.add_argument("--repeats", type=int, default=1, help="how often each is timed; the least seconds count")
    options = parser.parse_args()
    with on_core(options.core):
        if options.against:
            table = compare_builds(options)
        else:
            table = pml.scaling.sweep(run, settings=settings(options), store=options.store, jobs=options.jobs)
    if options.threads and options.against:
        compare_threads(options, against.longest(table, "this_seconds", options.longest))
    elif options.threads:
        compare_threads(options, against.longest(table.where(method="fit"), "fit_seconds", options.longest))
    if options.threads or options.against:
        return
    print(
        f"relative errors on {N_TEST:,} fresh points; n = {options.n:,}, {options.seconds:g} s, seeds {options.seeds}"
    )
    if options.method in OURS:
        print_errors(table.where(method=options.method))
        print_claims(table.where(method=options.method))
    if peers := peers_of(options):
        print_comparison(table.done, options.method, peers)


if __name__ == "__main__":
    main()
