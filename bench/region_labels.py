"""Whether `fit` finds where the law of y changes, and cuts nothing that is smooth.

    python bench/region_labels.py --seeds 1 2 3            # tables with several laws, hard ones, and smooth ones
    python bench/region_labels.py --kinds smooth           # of one kind only
    python bench/region_labels.py --kinds cut --fit        # errors of `fit` with its defaults as well
    python bench/region_labels.py --kinds cut --targets clipped --effort 0.2

Targets: label_targets.py. Without --fit, polynomials have a turn, and then regions are looked for as in `fit`: what is
printed is the number of regions that the model has (1 where the table is not cut), how many of the rows are on the
wrong side of its boundary, and the seconds of processor time that regions have taken. With --fit, the relative RMSE,
the median and the largest error of `fit` on 10,000 fresh points, over the standard deviation of y, and the share of
these points that are on the wrong side.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import math
import time
import warnings

import numpy as np
from label_targets import CUT, HARD, SMOOTH, Target

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting import guide, regions
from pml_native.fitting.race import Race
from pml_native.hold_out import split
from pml_native.search.scheduler import Crew
from pml_native.search.search import WHOLE_WORK, Rows

KINDS = {"cut": CUT, "hard": HARD, "smooth": SMOOTH}
N_TEST, FIRST_TEST_SEED = 10_000, 1_000_000


def misplaced(model: pml.Model, X: np.ndarray, labels: np.ndarray) -> int:
    """Rows that are not in the region where most rows of their law are, or in one where most are of another law."""
    pieces = model.piece_of(X) if isinstance(model, pml.Regions) else np.zeros(len(X), dtype=int)
    right = sum(np.bincount(labels[pieces == piece]).max() for piece in np.unique(pieces))
    return len(X) - int(right)


def found_in(target: Target, seed: int, effort: float) -> tuple[int, int, float]:
    """The number of regions, how many rows are on the wrong side, and the seconds that they took."""
    X, y, labels = target.sample(seed)
    samples = as_samples(X, y)
    rng = np.random.default_rng(seed)
    rows = Rows.of(*split(samples, None, rng), rng)
    table = tuple(row for row in guide.SCATTERED if row.search in ("polynomial", regions.SEARCH))
    race = Race(rows, table[:1], rng, effort * WHOLE_WORK, rounds=(1 / 64,))
    Crew(1, math.inf).run(race)
    race = Race(rows, table[1:], rng, effort * WHOLE_WORK, best=race.best, found=dict(race.found))
    start = time.process_time()
    Crew(1, math.inf).run(race)
    took = time.process_time() - start
    cut = race.found.get("of regions")
    if cut is None:
        return 1, misplaced(race.best.model, X, labels), took
    model = cut.refit(samples)
    return len(model.pieces), misplaced(model, X, labels), took


def fitted(target: Target, seed: int, effort: float) -> str:
    X, y, _ = target.sample(seed)
    X_test, y_test, labels = target.sample(FIRST_TEST_SEED + seed, N_TEST)
    start = time.process_time()
    model = pml.fit(X, y, effort=effort, time_limit=None, random_state=seed, n_threads=1, progress=False)
    took = time.process_time() - start
    error = np.abs(model(X_test) - y_test) / np.std(y_test)
    wrong = misplaced(model, X_test, labels) / N_TEST
    assert model.report is not None
    return (
        f"RMSE {np.sqrt(np.mean(error**2)):.1e} (told {model.report.error:.1e}), median {np.median(error):.0e}, "
        f"max {error.max():.0e}, wrong side {wrong:.2%}, {took:.0f} s, {model.report.family}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--targets", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--fit", action="store_true", help="errors of fit as well")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for kind in arguments.kinds:
        for name, target in KINDS[kind].items():
            if arguments.targets and name not in arguments.targets:
                continue
            for seed in arguments.seeds:
                q, wrong, took = found_in(target, seed, arguments.effort)
                line = f"{kind:6} {name:32} seed {seed}: {q} regions of {len(target.laws)}, {wrong} rows misplaced"
                print(f"{line}, {took:.1f} s", flush=True)
                if arguments.fit:
                    print(f"       {fitted(target, seed, arguments.effort)}", flush=True)


if __name__ == "__main__":
    main()
