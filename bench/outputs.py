"""How exact several outputs are that are fitted in one call: pairs of equations beside each alone, and a spectrum.

    python bench/outputs.py                    # 15 pairs, then the spectrum; half an hour on two cores
    python bench/outputs.py --effort 0.05      # with less work for each fit
    python bench/outputs.py --pairs 0          # the spectrum alone

Pairs are of equations of the paper with equally many variables, each mapped onto the unit cube, so that both are
functions of the same inputs. The two alone and the pair are fitted with the same effort, which in the pair each has.
Errors are relative RMSEs on 10,000 fresh points; a ratio is that of an output in the pair over the same
alone, errors below 1e-15 counting as that.

The spectrum is a modified black body at 500 frequencies, of five parameters. Microseconds are the least of several
rounds: of one point in a call, of points in a batch, and of one point by the function of `to_numba`.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np

import pml_native as pml
from pml_native.problems import Equation

N_ROWS, N_TEST = 3000, 10_000
LEAST = 1e-15
# Of each number of variables, so many pairs; each of two equations that stand apart in the table.
VARIABLES, PAIRS_OF_EACH = (2, 3, 4, 5, 6), 3
N_OUTPUTS = 500
ROUNDS, CALLS = 20, 50


def on_unit_cube(equation: Equation) -> Callable[[np.ndarray], np.ndarray]:
    low, high = np.array(equation.bounds).T
    return lambda U: equation(low + (high - low) * U)


def pairs() -> Iterator[tuple[str, str]]:
    for d in VARIABLES:
        names = [name for name, one in pml.problems.equations.items() if len(one.variables) == d]
        half = len(names) // 2
        for i in range(PAIRS_OF_EACH):
            k = i * half // PAIRS_OF_EACH
            yield names[k], names[half + k]


def rms_errors(model: pml.Model, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    error = model(X).reshape(y.shape) - y
    return np.atleast_1d(np.sqrt(np.mean(error**2, axis=0) / np.mean(y**2, axis=0)))


def compare(names: tuple[str, str], effort: float, seed: int) -> np.ndarray:
    """Prints the errors alone and together, and returns the ratios."""
    functions = [on_unit_cube(pml.problems.equations[name]) for name in names]
    rng = np.random.default_rng(seed)
    d = len(pml.problems.equations[names[0]].variables)
    X, Q = rng.uniform(size=(N_ROWS, d)), rng.uniform(size=(N_TEST, d))
    y, wanted = (np.stack([f(points) for f in functions], axis=1) for points in (X, Q))
    settings = {"effort": effort, "time_limit": None, "progress": False, "random_state": seed}
    start = time.perf_counter()
    alone = [rms_errors(pml.fit(X, y[:, j], **settings), Q, wanted[:, j])[0] for j in range(2)]
    between = time.perf_counter()
    model = pml.fit(X, y, **settings)
    end = time.perf_counter()
    together = rms_errors(model, Q, wanted)
    with np.errstate(invalid="ignore"):
        ratios = np.maximum(together, LEAST) / np.maximum(alone, LEAST)
    ratios = np.where(together == alone, 1.0, ratios)  # also where both have no value at a point
    for j, name in enumerate(names):
        print(f"  {name:10s} alone {alone[j]:.1e}   together {together[j]:.1e}   ratio {ratios[j]:.2g}")
    print(f"  {d} variables; {between - start:.1f} s alone, both, {end - between:.1f} s together", flush=True)
    return ratios


def spectrum(X: np.ndarray) -> np.ndarray:
    """A black body of temperature T seen through dust: a u^3 / (exp(u / T) - 1) (1 - exp(-tau u^b)) exp(-n / u)."""
    u = np.linspace(0.2, 8.0, N_OUTPUTS)
    T, b, a, tau, n = X.T[:, :, None]
    return a * u**3 / np.expm1(u / T) * -np.expm1(-tau * u**b) * np.exp(-n / u)


def emulate(effort: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, high = np.array([0.8, 0.5, 0.5, 0.2, 0.0]), np.array([1.6, 1.5, 1.5, 1.0, 0.3])
    X, Q = (rng.uniform(low, high, size=(n, 5)) for n in (N_ROWS, N_TEST))
    start = time.perf_counter()
    before = time.process_time()
    model = pml.fit(X, spectrum(X), effort=effort, progress=False, random_state=seed)
    seconds, processor = time.perf_counter() - start, time.process_time() - before
    errors = rms_errors(model, Q, spectrum(Q))
    assert model.report is not None
    print(f"{N_OUTPUTS} outputs, {seconds:.1f} s ({processor:.1f} s of processors): {model.report.description}")
    print(f"  error over the RMS of each output: median {np.median(errors):.1e}, largest {errors.max():.1e}")
    print(f"  over the RMS of all: {np.linalg.norm(model(Q) - spectrum(Q)) / np.linalg.norm(spectrum(Q)):.1e}")
    print(f"  expected {model.report.error:.1e}")
    one, batch = Q[:1].copy(), Q[:1000].copy()
    call, many = least_seconds(lambda: model(one)), least_seconds(lambda: model(batch)) / len(batch)
    print(f"  one point: {1e6 * call:.1f} us in a call, {1e6 * many:.1f} us in a batch", flush=True)
    f = model.to_numba()
    x = Q[0].copy()
    f(x)
    print(f"  {1e6 * least_seconds(lambda: f(x)):.1f} us by a function of numba")


def least_seconds(function: Callable[[], object]) -> float:
    """Of a call, in the fastest of some rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(CALLS):
            function()
        times.append((time.perf_counter() - start) / CALLS)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=15, help="how many of them")
    parser.add_argument("--no-spectrum", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    ratios = []
    for names in list(pairs())[: options.pairs]:
        print(f"{names[0]} and {names[1]}", flush=True)
        ratios.append(compare(names, options.effort, options.seed))
    if ratios:
        worst = np.max(ratios, axis=1)
        print(f"pairs of which each output is within 3 times of alone: {np.sum(worst <= 3.0)} of {len(worst)}")
    if not options.no_spectrum:
        emulate(options.effort, options.seed)


if __name__ == "__main__":
    main()
