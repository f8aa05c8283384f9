"""How true the error is that the report of `fit` gives: hundreds of problems that are drawn afresh for each seed.

    python bench/honesty.py                                  # 400 problems, some minutes of one core
    python bench/honesty.py --store honesty.db --seed 2      # goes on where it was ended
    python bench/honesty.py --store honesty.db --part 0/2 --core 0 & \
        python bench/honesty.py --store honesty.db --part 1/2 --core 1; wait  # on two cores; then again without --part
    python bench/honesty.py --only jump --show 30            # of the 400 those of one function, layout, or group
    python bench/honesty.py --seed 2 --one 17                # a single one, and its report

A problem is a function, a layout of rows, and what is done to y. The truth is the RMS error at fresh uniform points of
the bounding box of the rows, against the function without noise and with all digits, over the RMS of y. NaN counts as
an error of one range of y, and no error as more than CAP ranges. Claims and truths below FLOOR count as FLOOR. What the
report claims is `report.error`; of a build without it, the larger of its `validation_rmse` and `box_rmse`. No row can
tell what lies behind a jump, step or kink where no row is; where an error has this reason, the list says so. Seconds
are processor time. A store knows nothing of builds: take another one for another build.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from cores import on_core
from honesty_problems import (
    FUNCTIONS,
    GROUPS,
    LAYOUTS,
    SCATTERED,
    SMOOTH,
    Array,
    Problem,
    kinds_of,
    problem_of,
)

import pml_native as pml

Row = dict[str, Any]
N_TEST = 20_000
N_LOCAL = 5000  # of them those at which the model's own estimates of its error are asked for
FLOOR = 1e-15  # relative; what float64 leaves of any claim
CAP = 1000.0  # ranges of y
# What the report has to reach: shares of problems whose error is so many times the claim, the median of the claim over
# the error, the share of smooth scattered problems with a warning that nothing bears out, the shares of points within
# the model's own estimate and within 10 times it, and the median of this estimate over the error.
MOST_ABOVE_3, MOST_ABOVE_30, MOST_MEDIAN, MOST_WARNED = 0.03, 0.005, 3.0, 0.10
# And the share of problems whose error is below the range that the report gives.
MOST_BELOW = 0.10
LEAST_WITHIN, LEAST_WITHIN_10, MOST_LOCAL_MEDIAN = 0.95, 0.999, 10.0
# An error over the box above this bears out a warning: two digits are few for a smooth function.
BORNE_OUT = 1e-2


# --- one problem: its model, what the report says, and what is true


def fitted(problem: Problem, effort: float) -> tuple[pml.models.Model, float]:
    """The model, and the processor seconds that it took."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pml.fit(
            problem.X, problem.y, effort=effort, time_limit=None, random_state=1, n_threads=1, progress=False
        )
    return model, time.process_time() - start


def test_points(problem: Problem, seed: int) -> Array:
    low, high = problem.X.min(axis=0), problem.X.max(axis=0)
    rng = np.random.default_rng([seed, problem.number, N_TEST])  # others than those that have drawn the rows
    return rng.uniform(low, high, (N_TEST, len(low)))


def true_errors(problem: Problem, model: pml.models.Model, points: Array) -> tuple[Array, float]:
    """The errors at `points` (n,) over the RMS of y, and the share of points where the model is not a number."""
    size = float(np.sqrt(np.mean(problem.y**2))) or 1.0
    span = float(np.ptp(problem.y)) or size
    with np.errstate(all="ignore"):
        errors = np.abs(np.ravel(model(points)) - problem.value(points))
    is_nan = np.isnan(errors)
    return np.where(is_nan, span, np.minimum(errors, CAP * span)) / size, float(np.mean(is_nan))


def claim_of(report: pml.report.FitReport) -> float:
    claimed = getattr(report, "error", None)
    if claimed is None:
        return max(report.validation_rmse, report.box_rmse or 0.0)
    return float(claimed)


def local_estimates(model: pml.models.Model, points: Array, errors: Array) -> Row:
    """How the model's own estimates (n,), relative to the RMS of y, are borne out by the `errors` at `points`."""
    if model.estimate is None:
        return {}
    own = np.maximum(model.error_estimate(points), FLOOR)
    true = np.maximum(errors, FLOOR)
    return {
        "within": float(np.mean(true <= own)),
        "within_10": float(np.mean(true <= 10.0 * own)),
        "local_median": float(np.median(own / true)),
    }


def measured(problem: Problem, model: pml.models.Model, seed: int) -> Row:
    """What is known of one model: names and values of a row of the store."""
    report = model.report
    assert report is not None
    points = test_points(problem, seed)
    errors, nan_share = true_errors(problem, model, points)
    return {
        "function": problem.function,
        "layout": problem.layout,
        "group": problem.group,
        "n": len(problem.X),
        "d": problem.X.shape[1],
        "family": report.family,
        "description": report.description,
        "true": float(np.sqrt(np.mean(errors**2))),
        "nan_share": nan_share,
        "claimed": claim_of(report),
        "validation_rmse": report.validation_rmse,
        "box_rmse": report.box_rmse,
        "least": report.error_range[0],
        "warnings": report.warnings,
        "not_checked": "not checked" in " ".join(str(report).split()),  # it is wrapped
        "unseen": problem.unseen(points),
        **local_estimates(model, points[:N_LOCAL], errors[:N_LOCAL]),
        "build": this_build(),
    }


def run(number: int, seed: int, effort: float) -> Row:
    """One row of the store."""
    problem = problem_of(number, seed)
    model, took = fitted(problem, effort)
    return measured(problem, model, seed) | {"fit_seconds": took}


def this_build() -> str:
    return f"{pml.__version__} in {Path(pml.__file__).parent}"


# --- tables


def over_truth(rows: Iterable[Row], claim: Callable[[Row], float] = lambda row: row["claimed"]) -> Array:
    """Claims over true errors (n,), both at least FLOOR; a claim that is not a number is none, and counts as FLOOR."""
    return np.array([max(FLOOR, claim(row)) / max(FLOOR, row["true"]) for row in rows])


def held_out_and_box(row: Row) -> float:
    return float(max(row["validation_rmse"], row["box_rmse"] or 0.0))


def print_line(name: str, ratios: Array) -> None:
    if not len(ratios):
        return
    shares = [100.0 * np.mean(ratios < 1.0 / times) for times in (3.0, 30.0, 1000.0)]
    shares += [100.0 * np.mean((ratios >= 1.0 / 3.0) & (ratios <= 3.0)), 100.0 * np.mean(ratios > 30.0)]
    texts = "".join(f" {share:8.1f}" for share in shares)
    print(f"{name:34} {len(ratios):4}{texts} {np.median(ratios):8.1e} {np.percentile(ratios, 90):8.1e}")


def print_tables(rows: Sequence[Row]) -> None:
    """Shares in percent: true error above 3, 30, 1,000 times the claim, within 3 times, claim above 30 times it."""
    heads = ("> 3x", "> 30x", "> 1000x", "within", "fear 30x", "median", "90 %")
    print(f"{'claim over true error; % of them':34} {'n':>4}" + "".join(f" {head:>8}" for head in heads))
    print_line("all", over_truth(rows))
    for group in GROUPS:
        print_line(group, over_truth(row for row in rows if row["group"] == group))
    print_line("smooth and scattered", over_truth(filter(is_smooth_scattered, rows)))
    print_line("said to be not checked", over_truth(row for row in rows if row["not_checked"]))
    for name in ("family", "function", "layout"):
        for value in sorted({row[name] for row in rows}):
            print_line(f"{name} {value}", over_truth(row for row in rows if row[name] == value))
    print_line("instead: validation_rmse", over_truth(rows, lambda row: row["validation_rmse"]))
    print_line("instead: the larger, with box_rmse", over_truth(rows, held_out_and_box))


def is_smooth_scattered(row: Row) -> bool:
    return row["function"] in SMOOTH and row["layout"] in SCATTERED


def is_warned_in_vain(row: Row) -> bool:
    """Whether there is a warning that no error bears out."""
    return len(row["warnings"]) > 0 and row["true"] <= BORNE_OUT


class Goal(NamedTuple):
    """A figure and the most that it may be."""

    words: str
    value: float
    most: float
    is_share: bool


def goals(rows: Sequence[Row]) -> list[Goal]:
    """What has to be reached, and what is."""
    ratios = over_truth(rows)
    above_30 = [row for row, ratio in zip(rows, ratios, strict=True) if ratio < 1.0 / 30.0]
    n_unseen = sum(row["unseen"] > 0.0 for row in above_30)
    told = f"above 30x ({len(above_30)}, of which no row can tell {n_unseen})"
    found = [
        Goal("true error above 3x of the claim", float(np.mean(ratios < 1.0 / 3.0)), MOST_ABOVE_3, True),
        Goal(told, len(above_30) / len(rows), MOST_ABOVE_30, True),
        Goal("median of the claim over the true error", float(np.median(ratios)), MOST_MEDIAN, False),
    ]
    below = np.mean([max(FLOOR, row["true"]) < max(FLOOR, row["least"]) for row in rows])
    found.append(Goal("true error below the range of the report", float(below), MOST_BELOW, True))
    if plain := list(filter(is_smooth_scattered, rows)):
        share = sum(map(is_warned_in_vain, plain)) / len(plain)
        words = f"smooth scattered problems, {len(plain)}, with a warning that nothing bears out"
        found.append(Goal(words, share, MOST_WARNED, True))
    if local := [row for row in rows if "within" in row]:
        beyond, far_beyond = (1.0 - float(np.mean([row[name] for row in local])) for name in ("within", "within_10"))
        median = float(np.median([row["local_median"] for row in local]))
        found += [
            Goal("points beyond the model's own estimate", beyond, 1.0 - LEAST_WITHIN, True),
            Goal("points beyond 10x of it", far_beyond, 1.0 - LEAST_WITHIN_10, True),
            Goal("median of it over the true error", median, MOST_LOCAL_MEDIAN, False),
        ]
    return found


def print_goals(rows: Sequence[Row]) -> None:
    print()
    for words, value, most, is_share in goals(rows):
        scale, unit = (100.0, "%") if is_share else (1.0, " ")
        word = "ok" if value <= most else "MISSED"
        print(f"{words:72} {scale * value:8.3g} {unit} (at most {scale * most:.3g}) {word}")


def print_problems(rows: Iterable[Row]) -> None:
    heads = ("true", "claimed", "held out", "box", "ratio")
    print(f"{'number':>6} {'function':11} {'layout':14} {'n':>4} d" + "".join(f" {head:>8}" for head in heads))
    for row in rows:
        box = math.nan if row["box_rmse"] is None else row["box_rmse"]
        ratio = float(over_truth([row])[0])
        errors = (row["true"], row["claimed"], row["validation_rmse"], box, ratio)
        words = [f"{row['family']}: {row['description'][:60]}"]
        if row["nan_share"]:
            words.append(f"NaN in {100.0 * row['nan_share']:.2g} %")
        if row["unseen"]:
            words.append(f"no row can tell: none in a part that is {100.0 * row['unseen']:.2g} % of the box")
        if row["not_checked"]:
            words.append("said to be not checked")
        if row["warnings"]:
            words.append(f"{len(row['warnings'])} warned")
        print(
            f"{row['number']:6} {row['function']:11} {row['layout']:14} {row['n']:4} {row['d']}"
            + "".join(f" {error:8.1e}" for error in errors)
            + f"  {'; '.join(words)}"
        )


def print_worst(rows: Sequence[Row], n_shown: int, seed: int, effort: float) -> None:
    """The most hopeful, all of those by more than 30x among them, the most fearful, and warnings without a reason."""
    ratios = over_truth(rows)
    order = np.argsort(ratios, kind="stable")
    n_hopeful = max(min(n_shown, np.count_nonzero(ratios < 1.0 / 3.0)), np.count_nonzero(ratios < 1.0 / 30.0))
    n_fearful = min(n_shown, np.count_nonzero(ratios > 3.0))
    print(f"\nany of these again: python bench/honesty.py --seed {seed} --effort {effort:g} --one NUMBER")
    if n_hopeful:
        print("too hopeful by more than 3x, worst first")
        print_problems(rows[i] for i in order[:n_hopeful])
    if n_fearful:
        print("too fearful by more than 3x, worst first")
        print_problems(rows[i] for i in order[::-1][:n_fearful])
    if in_vain := [row for row in rows if is_smooth_scattered(row) and is_warned_in_vain(row)][:n_shown]:
        print("smooth and scattered, with warnings that nothing bears out")
        for row in in_vain:
            print(f"{row['number']:6} true {row['true']:.1e}: {' | '.join(row['warnings'])[:200]}")


def print_one(number: int, seed: int, effort: float) -> None:
    """One problem again: what it is, its report, and what is true."""
    problem = problem_of(number, seed)
    model, took = fitted(problem, effort)
    row = measured(problem, model, seed) | {"number": number}
    print(model.report)
    print()
    print_problems([row])
    for name, value in row.items():
        print(f"{name:16} {value}")
    print(f"{'seconds':16} {took:.2f}")


def is_wanted(number: int, only: str | None) -> bool:
    function, layout = kinds_of(number)
    return only is None or only in (function, layout, LAYOUTS[layout].group)


def part(text: str) -> tuple[int, int]:
    """Of "0/2" the first half: every second problem."""
    index, _, number = text.partition("/")
    if not (index.isdigit() and number.isdigit() and int(index) < int(number)):
        raise argparse.ArgumentTypeError(f"expected I/N with 0 <= I < N, as 0/2, got {text!r}")
    return int(index), int(number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn")
    parser.add_argument("--effort", type=float, default=0.02)
    parser.add_argument("--only", choices=dict.fromkeys([*FUNCTIONS, *LAYOUTS, *GROUPS]), help="of these problems some")
    parser.add_argument("--one", type=int, metavar="NUMBER", help="this problem alone, with its report")
    parser.add_argument("--show", type=int, default=10, help="how many of the worst are printed")
    parser.add_argument("--store", help="keeps finished problems in this file; several may share it")
    parser.add_argument("--part", type=part, default=(0, 1), metavar="I/N", help="every N-th, from the I-th")
    parser.add_argument("--core", type=int, help="the core that all runs on")
    options = parser.parse_args()
    with on_core(options.core):
        print(
            f"seed {options.seed}, effort {options.effort:g}; {this_build()}; {pml.info()['isa']}, {pml.info()['blas']}"
        )
        if options.one is not None:
            print_one(options.one, options.seed, options.effort)
            return
        index, every = options.part
        numbers = [i for i in range(options.problems)[index::every] if is_wanted(i, options.only)]
        wanted = [{"number": i, "seed": options.seed, "effort": options.effort} for i in numbers]
        table = pml.scaling.sweep(run, settings=wanted, store=options.store, jobs=1)
    rows = table.done.rows
    if not rows:
        print("no fit has ended well")
        return
    seconds = table.done.column("fit_seconds")
    print(
        f"{len(rows)} problems, {len(table.failed)} failed; {seconds.sum():.0f} s in fits, "
        f"median {np.median(seconds):.2f}, longest {seconds.max():.1f}"
    )
    if others := {row["build"] for row in rows} - {this_build()}:
        print(f"of other builds in the store: {', '.join(sorted(others))}")
    for row, error in zip(table.failed, table.failed.errors, strict=True):
        print(f"failed: {row['number']}: {(error or '').strip().splitlines()[-1]}")
    print_tables(rows)
    print_goals(rows)
    print_worst(rows, options.show, options.seed, options.effort)


if __name__ == "__main__":
    main()
