"""How exact `fit` is with its defaults on functions whose parts have few inputs: errors by target, beside a goal.

    python bench/structure.py --seeds 1 2 3 4 5 --store structure.db   # hours; goes on where it was ended
    python bench/structure.py --targets toy borehole piston
    python bench/structure.py --effort 1 --seeds 4 5                   # bounded by work alone: repeats under any load
    python bench/structure.py --targets polynomials                    # sparse ones in 10, 16 and 20 inputs
    python bench/structure.py --targets uq --store structure.db        # counts by 1e-12 and 1e-6 as well
    python bench/structure.py --targets water
    python bench/structure.py --arity --seeds 1                        # the largest part found, beside the known one

Targets and boxes: structure_targets.py. Each: uniform rows, one core, a minute; errors on 10,000 fresh points of the
whole box, relative to the RMS of y, by the median and the worst of the seeds; `s` is processor time, and `family` what
was chosen with the first seed. A goal is one for the median; it counts as met where the worst seed is within WITHIN
times it. `uq` is the metamodelling suite of uqtestfuns (2,000 rows, drawn from each function's own distribution of
inputs) and `water` steam tables by CoolProp: both are packages that only these targets need. A store knows nothing of
builds: take another one for another build.

`--arity` is of the equations whose d* the paper gives, and the borehole: the most inputs that a part has of the graph
of the model (`report.largest_arity`), of that of its formula if there is one, and of that of the true formula.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings

import numpy as np
from cores import on_core
from structure_targets import structure_targets, target_of, uq_names

import pml_native as pml
from pml_native.networks.formula import formula_graph

N_TEST = 10_000
FIRST_TEST_SEED = 1_000_000  # beyond any training seed: test points are fresh
WITHIN = 100.0
LEVELS = (1e-12, 1e-6)
POLYNOMIAL = "polynomial-"
ARITIES = ("I.8.14", "II.6.15a", "I.12.11", "I.44.4", "borehole")
N_ARITY = 4000
ERRORS = ("rmse", "p95", "max")


def run(target: str, seconds: float | None, effort: float, seed: int) -> dict[str, float | str]:
    """One row: relative errors of the model that `fit` returns; without a limit if `seconds` is None."""
    problem, _, n, _ = target_of(target)
    X, y = problem.sample(n, seed)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pml.fit(X, y, effort=effort, time_limit=seconds, random_state=seed, n_threads=1, progress=False)
    took = time.process_time() - start
    X_test, y_test = problem.sample(N_TEST, FIRST_TEST_SEED + seed)
    errors = pml.report.Errors.of(np.ravel(model(X_test))[:, None], y_test[:, None])
    assert model.report is not None
    return {
        **{name: getattr(errors, name) for name in ERRORS},
        "fit_seconds": took,
        "claimed": model.report.error,
        "family": f"{model.report.family} {model.report.description}",
    }


def names_of(wanted: list[str] | None) -> list[str]:
    """The targets that are meant by these names; those of no package but NumPy and SciPy if None."""
    polynomials = [name for name in structure_targets if name.startswith(POLYNOMIAL)]
    if wanted is None:
        return [name for name in structure_targets if name != "water" and name not in polynomials]
    names: list[str] = []
    for name in wanted:
        if name == "uq":
            names += [f"uq:{function}" for function in uq_names()]
        else:
            names += polynomials if name == "polynomials" else [name]
    return names


def print_targets(table: pml.scaling.Table, names: list[str]) -> None:
    """A line a target: median and worst of the seeds, and whether the goal is met."""
    headings = " ".join(f"{heading:>8} {'worst':>8}" for heading in ("RMSE", "95 %", "maximum"))
    print(f"{'target':21} {headings} {'s':>6} {'goal':>8}      family")
    met, medians = 0, []
    for name in names:
        rows = list(table.where(target=name).done)
        if not rows:
            print(f"{name:21} no run has ended well")
            continue
        goal, measure = target_of(name).goal, target_of(name).measure
        errors = {error: np.array([row[error] for row in rows]) for error in ERRORS}
        columns = " ".join(f"{np.median(errors[error]):8.1e} {np.max(errors[error]):8.1e}" for error in ERRORS)
        is_met = np.median(errors[measure]) <= goal and np.max(errors[measure]) <= WITHIN * goal
        met += is_met
        medians.append(np.median(errors["rmse"]))
        seconds = np.median([row["fit_seconds"] for row in rows])
        goals = f"{goal:8.1e} {'met' if is_met else '   '}"
        print(f"{name:21} {columns} {seconds:6.1f} {goals}  {rows[0]['family'][:80]}")
    print(f"goals met: {met} of {len(names)}")
    for level in LEVELS:
        print(f"{np.count_nonzero(np.array(medians) <= level)} of {len(names)} to {level:.0e} by the median seed")


def borehole_formula() -> str:
    """In the names of a table without names."""
    logarithm = "log(x1/x0)"
    return f"2*pi*x2*(x3-x5)/({logarithm}*(1+2*x6*x2/({logarithm}*x0**2*x7)+x2/x4))"


def print_arities(seconds: float, seeds: list[int]) -> None:
    print(f"{'target':10} inputs seed     RMSE  model formula known  parts of the model")
    for name in ARITIES:
        equation = pml.problems.equations.get(name)
        problem = target_of(name).problem if equation is None else equation
        known = formula_graph(borehole_formula() if equation is None else equation).largest_arity
        for seed in seeds:
            X, y = problem.sample(N_ARITY, seed)
            names = None if equation is None else list(equation.variables)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = pml.fit(
                    X, y, time_limit=seconds, random_state=seed, n_threads=1, progress=False, input_names=names
                )
            assert model.report is not None
            try:
                own = str(formula_graph(str(model.formula()), names).largest_arity)
            except ValueError:
                own = "none"
            graph = model.graph()
            row = f"{model.report.error:8.1e} {graph.largest_arity:6} {own:>7} {known:5}"
            print(f"{name:10} {len(X.T):6} {seed:4} {row}  {'; '.join(str(graph).splitlines())[:120]}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", help="these only; also: polynomials, water, uq, uq:NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--effort", type=float, help="work that bounds each fit, instead of seconds")
    parser.add_argument("--jobs", type=int, help="runs at a time; as many as cores if not given")
    parser.add_argument("--store", help="keeps finished runs in this file")
    parser.add_argument("--core", type=int, help="the core that all fits run on")
    parser.add_argument("--arity", action="store_true", help="the largest parts found instead")
    options = parser.parse_args()
    if options.arity:
        with on_core(options.core):
            print_arities(options.seconds, options.seeds)
        return
    names = names_of(options.targets)
    bound = {"seconds": options.seconds, "effort": 1.0}
    if options.effort is not None:
        bound = {"seconds": None, "effort": options.effort}
    settings = [{"target": name, **bound, "seed": seed} for name in names for seed in options.seeds]
    with on_core(options.core):
        table = pml.scaling.sweep(run, settings=settings, store=options.store, jobs=options.jobs)
    print(f"relative errors on {N_TEST:,} fresh points; {bound}, seeds {options.seeds}")
    print_targets(table, names)


if __name__ == "__main__":
    main()
