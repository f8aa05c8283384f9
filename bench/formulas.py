"""Of how many equations of the paper `model.formula()` is the formula, from 4,000 rows and a `fit` of default effort.

    python bench/formulas.py --models /tmp/models                # some 10 minutes; models are kept there
    python bench/formulas.py --models /tmp/models                # again, without fitting: a minute
    python bench/formulas.py --models /tmp/models --names I.8.14 II.35.21 --seed 2
    python bench/formulas.py --peer --seconds 60                 # pyoperon beside it, on 20 of them, where there is one

A formula is the paper's where both agree to 1e-13, in 40 digits, at all of 60 points of a box three times as wide as
the data's, in which variables keep their sign if all rows have the same; points where the paper's formula has no real
value are left out. With all numbers recognised they agree to some 1e-39: that is said to be exact. `s` is processor
time of `formula()`.

`--peer` gives the same tables and so many seconds of one core to both: `fit` and `formula()`, and pyoperon's genetic
programming with constants fitted by Levenberg and Marquardt's method. As it recognises no constants, it is said as well
which are the paper's to NEAR.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from pathlib import Path

import mpmath
import numpy as np
import sympy

import pml_native as pml
from pml_native.problems.equation import Equation

N_ROWS = 4000
N_POINTS = 60
WIDER = 3.0
DIGITS = 40
EQUAL, EXACT, NEAR = 1e-13, 1e-30, 1e-6
# Every fifth of the equations, and what pyoperon makes formulas of.
N_PEER, STEP = 20, 5
SYMBOLS = "add,sub,mul,div,sin,cos,exp,log,sqrt,square,constant,variable"
FUNCTIONS = {"arcsin": sympy.asin, "ln": sympy.log}


def model_of(equation: Equation, seed: int, folder: Path | None) -> pml.Model:
    """The model of a default fit, from the folder if it is there."""
    path = None if folder is None else folder / f"{equation.name}-{seed}.pml"
    if path is not None and path.exists():
        return pml.load(path)
    X, y = equation.sample(N_ROWS, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pml.fit(
            X, y, random_state=seed, n_threads=1, input_names=list(equation.variables), progress=False, time_limit=None
        )
    if path is not None:
        model.save(path)
    return model


def disagreement(equation: Equation, formula: sympy.Expr) -> float:
    """The largest relative difference of the two on the wider box."""
    symbols = {name: sympy.Symbol(name) for name in equation.variables}
    paper = sympy.sympify(equation.formula, locals={**FUNCTIONS, **symbols}, rational=True)
    both = sympy.lambdify(list(symbols.values()), [paper, formula], "mpmath")
    low, high = np.array(equation.bounds).T
    middle, half = (low + high) / 2.0, WIDER * (high - low) / 2.0
    lowest = np.where(low >= 0.0, np.maximum(middle - half, low / WIDER), middle - half)
    worst = 0.0
    with mpmath.workdps(DIGITS):
        for point in np.random.default_rng(0).uniform(lowest, middle + half, (N_POINTS, len(low))):
            wanted, got = both(*map(mpmath.mpf, point.tolist()))
            if mpmath.im(wanted) == 0 and wanted != 0:
                worst = max(worst, float(abs((got - wanted) / wanted)))
    return worst


def peer_formula(equation: Equation, seed: int, seconds: float) -> sympy.Expr:
    from pyoperon.sklearn import SymbolicRegressor

    X, y = (np.array(values, order="C") for values in equation.sample(N_ROWS, seed))
    regressor = SymbolicRegressor(
        allowed_symbols=SYMBOLS,
        optimizer_iterations=10,
        generations=1_000_000,
        max_evaluations=1_000_000_000,
        max_time=int(seconds),
        n_threads=1,
        random_state=seed,
    )
    regressor.fit(X, y)
    # Its own name for each column, as theirs may be functions in SymPy.
    columns = [f"column{j}" for j in range(X.shape[1])]
    text = regressor.get_model_string(regressor.model_, 17, columns).replace("^", "**")
    own = {column: sympy.Symbol(name) for column, name in zip(columns, equation.variables, strict=True)}
    return sympy.sympify(text, locals=own)


def own_formula(equation: Equation, seed: int, seconds: float) -> sympy.Expr:
    X, y = equation.sample(N_ROWS, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = list(equation.variables)
        model = pml.fit(X, y, random_state=seed, n_threads=1, input_names=names, progress=False, time_limit=seconds)
    return model.formula()


def compare(names: list[str], seed: int, seconds: float) -> None:
    makers = {"pml_native": own_formula, "pyoperon": peer_formula}
    found: dict[str, list[float]] = {maker: [] for maker in makers}
    for name in names:
        equation = pml.problems.equations[name]
        for maker, make in makers.items():
            start = time.process_time()
            try:
                formula = make(equation, seed, seconds)
                shown, difference = str(formula), disagreement(equation, formula)
            except ValueError:
                shown, difference = "none", np.inf
            found[maker].append(difference)
            took = time.process_time() - start
            print(f"{name:10} {maker:10} {took:6.1f} s  {difference:8.1e}  {shown[:120]}", flush=True)
    for maker, differences in found.items():
        counts = [f"{np.count_nonzero(np.array(differences) < level)} to {level:.0e}" for level in (EQUAL, NEAR)]
        print(f"{maker}: of {len(names)} equations {', '.join(counts)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, help="folder where models are kept")
    parser.add_argument("--names", nargs="*")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peer", action="store_true", help="pyoperon beside it, on some of the equations")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each, beside a peer")
    arguments = parser.parse_args()
    every = list(pml.problems.equations)
    if arguments.peer:
        compare(arguments.names or every[::STEP][:N_PEER], arguments.seed, arguments.seconds)
        return
    if arguments.models is not None:
        arguments.models.mkdir(parents=True, exist_ok=True)
    took, differences = [], []
    for name in arguments.names or every:
        equation = pml.problems.equations[name]
        model = model_of(equation, arguments.seed, arguments.models)
        assert model.report is not None
        start = time.process_time()
        try:
            formula = model.formula()
            shown, difference = str(formula), disagreement(equation, formula)
        except ValueError:
            shown, difference = "none", np.inf
        took.append(time.process_time() - start)
        differences.append(difference)
        said = "exact" if difference < EXACT else "equal" if difference < EQUAL else "no"
        print(
            f"{name:10} {model.report.error:8.1e} {took[-1]:6.1f} s  {said:6} {shown}   ({equation.formula})",
            flush=True,
        )
    good, seconds = np.array(differences) < EQUAL, np.array(took)
    print(
        f"{good.sum()} of {len(good)} are the paper's, {(np.array(differences) < EXACT).sum()} of them exact; "
        f"{(good & (seconds < 10.0)).sum()} in 10 s, {(good & (seconds < 60.0)).sum()} in 60 s, "
        f"the longest {seconds.max():.1f} s"
    )


if __name__ == "__main__":
    main()
