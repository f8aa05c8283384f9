"""What searches for changes of law cost where there is none: the same fits with them and without.

    python bench/region_costs.py                          # every fourth equation of the paper, and bench/structure.py
    python bench/region_costs.py --every 25 --effort 0.1
    python bench/region_costs.py --targets none --seeds 7

Uniform rows, one thread, no limit of time: work is counted, so that figures are the same on any machine. `work` is the
share of the effort that a fit has taken, with these searches and without, and `RMSE` the relative error on 10,000 fresh
points. `breaks` says what a model has of them: there should be nothing.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import warnings
from unittest.mock import patch

import numpy as np
from structure_targets import structure_targets

import pml_native as pml
from pml_native.fitting import broken_sums, guide, pieces, regions

N_TEST, FIRST_TEST_SEED = 10_000, 1_000_000
# The rows of the guide that look for changes of law.
SEARCHES = (regions.SEARCH, broken_sums.SEARCH, pieces.SEARCH, "cusps", "partition")


def broken(model: pml.Model) -> str:
    """What a model has of breaks."""
    report = model.report
    assert report is not None
    parts = [report.family] if report.family in ("piecewise", "regions", "partition") else []
    return " ".join([*parts, *(f"{join.name}={join.place:g}" for join in report.joins)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=4, help="of the equations")
    parser.add_argument("--targets", nargs="+", default=list(structure_targets), help="of bench/structure.py; or none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--effort", type=float, default=0.2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    equations = pml.problems.equations
    problems = [(name, equations[name], 4000) for name in list(equations)[:: options.every]]
    problems += [(name, one.problem, one.n) for name, one in structure_targets.items() if name in options.targets]
    without = tuple(row for row in guide.SCATTERED if row.search not in SEARCHES)
    works, cut = [], 0
    print(f"{'target':24} {'work':>7} {'without':>7} {'RMSE':>8} {'without':>8}  breaks")
    for name, problem, n in problems:
        for seed in options.seeds:
            X, y = problem.sample(n, seed)
            Q, q = problem.sample(N_TEST, FIRST_TEST_SEED + seed)
            spent, errors, seen = [], [], ""
            for table in (guide.SCATTERED, without):
                with patch.object(guide, "SCATTERED", table):
                    model = pml.fit(
                        X, y, effort=options.effort, time_limit=None, random_state=seed, n_threads=1, progress=False
                    )
                assert model.report is not None
                spent.append(model.report.effort)
                errors.append(float(np.sqrt(np.mean((np.ravel(model(Q)) - q) ** 2) / np.mean(q**2))))
                seen = broken(model) if table is not without else seen
            works.append(spent)
            cut += bool(seen)
            print(f"{name:24} {spent[0]:7.4f} {spent[1]:7.4f} {errors[0]:8.1e} {errors[1]:8.1e}  {seen}", flush=True)
    ours, others = np.sum(works, axis=0)
    print(f"work in all: {ours:.3f} and {others:.3f}, {100.0 * (ours / others - 1.0):+.1f} %; {cut} with a break")


if __name__ == "__main__":
    main()
