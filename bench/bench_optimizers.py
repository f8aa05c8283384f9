"""BFGS against SciPy's on torch's gradients: 1,000 iterations on a teacher-student task, on one core; and where the
seconds of a Levenberg-Marquardt step go.

PML_BENCH_SEEDS (default 5) is the number of seeds; SciPy takes 20 seconds or more for each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
import peers
import pytest
import scipy.optimize
from scipy.linalg import blas, lapack

from pml_native import MLP, LeastSquares, _core
from pml_native.optimize import BFGS, LevenbergMarquardt, minimize

N_SAMPLES = 10_000
N_ITERATIONS = 1_000


class Timed:
    """A function that counts its calls and the seconds inside them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.n_calls = 0
        self.seconds = 0.0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        start = perf_counter()
        result = self.function(*arguments, **options)
        self.seconds += perf_counter() - start
        self.n_calls += 1
        return result

    loss_and_gradient = __call__  # what an objective is to pml_native.optimize


@dataclass(frozen=True)
class Run:
    """One minimization; `inside` are the seconds in the loss and gradient."""

    seconds: float
    inside: float
    n_iterations: int
    n_evaluations: int
    loss: float


def _task(seed: int) -> tuple[MLP, np.ndarray, LeastSquares]:
    """A 1-20-20-1 student with its first parameters, and its loss against a 1-3-3-1 teacher."""
    rng = np.random.default_rng(seed)
    teacher, student = MLP((1, 3, 3, 1)), MLP((1, 20, 20, 1))
    X = rng.uniform(-1, 1, (N_SAMPLES, 1))
    y = teacher.forward(teacher.initialize(rng), X)
    return student, student.initialize(1000 + seed), LeastSquares(student, X, y, n_threads=1)


def _ours(objective: LeastSquares, params: np.ndarray) -> Run:
    timed = Timed(objective.loss_and_gradient)
    timed.function(params)
    start = perf_counter()
    result = minimize(timed, params, BFGS(n_threads=1), max_steps=N_ITERATIONS)
    seconds = perf_counter() - start
    return Run(seconds, timed.seconds, result.n_steps, timed.n_calls, result.loss)


def _scipy(objective: Callable[[np.ndarray], tuple[float, np.ndarray]], params: np.ndarray) -> Run:
    timed = Timed(objective)
    timed.function(params)
    options = {"maxiter": N_ITERATIONS, "gtol": 1e-60}  # only its iterations, or its precision, end it
    start = perf_counter()
    result = scipy.optimize.minimize(timed, params, jac=True, method="BFGS", options=options)
    seconds = perf_counter() - start
    return Run(seconds, timed.seconds, result.nit, timed.n_calls, float(result.fun))


def _line(name: str, runs: list[Run]) -> str:
    def middle(value: Callable[[Run], float]) -> float:
        return median(value(run) for run in runs)

    iterations = [run.n_iterations for run in runs]
    return (
        f"{'':18} {name:16} {middle(lambda r: r.seconds):8.2f} s, loss {middle(lambda r: r.loss):.1e}, "
        f"iterations {min(iterations)} to {max(iterations)}, a step {1e3 * middle(_per_step):.2f} ms: "
        f"{1e3 * middle(lambda r: r.inside / r.n_iterations):.2f} in "
        f"{middle(lambda r: r.n_evaluations / r.n_iterations):.2f} losses and gradients, "
        f"{1e3 * middle(lambda r: (r.seconds - r.inside) / r.n_iterations):.2f} outside"
    )


def _per_step(run: Run) -> float:
    return run.seconds / run.n_iterations


def bench_bfgs(benchmark, summary_line):
    ours, theirs = [], []
    for seed in range(int(os.environ.get("PML_BENCH_SEEDS", "5"))):
        student, params, objective = _task(seed)
        peer = peers.torch_objective(student.widths, objective.X, objective.y)
        if peer is not None:
            loss, gradient = objective.loss_and_gradient(params)
            peer_loss, peer_gradient = peer(params)
            assert abs(peer_loss - loss) <= 1e-12 * loss
            assert np.max(np.abs(peer_gradient - gradient)) <= 1e-10 * np.max(np.abs(gradient))
        ours.append(_ours(objective, params))
        if peer is not None:
            theirs.append(_scipy(peer, params))

    heading = f"{'BFGS':18} 1-20-20-1 n={N_SAMPLES:,}, {N_ITERATIONS:,} iterations, medians of {len(ours)} seeds"
    if theirs:
        total = median(run.seconds for run in theirs) / median(run.seconds for run in ours)
        per_step = median(map(_per_step, theirs)) / median(map(_per_step, ours))
        heading += f"  SciPy+torch {total:.1f}x, a step {per_step:.1f}x"
        benchmark.extra_info["peer_over_ours"] = {"SciPy+torch": total, "SciPy+torch, a step": per_step}
    summary_line(heading)
    summary_line(_line("pml_native", ours))
    if theirs:
        summary_line(_line("SciPy+torch", theirs))

    _, params, objective = _task(0)
    benchmark.pedantic(lambda: minimize(objective, params, BFGS(n_threads=1), max_steps=100), rounds=3, warmup_rounds=1)


KERNELS = [name for name in vars(_core) if name.startswith("mlp_")]
FACTORIZATIONS = {lapack: ("dpotrf", "dpotrs", "dtrtri", "dtrtrs"), blas: ("dsyrk", "dtrsm")}
LM_STEPS = 5


@dataclass(frozen=True)
class Shares:
    """Seconds of a step in the network's kernels, in the functions of LAPACK and BLAS, and in all."""

    kernels: float
    factors: float
    total: float

    @property
    def rest(self) -> float:
        return self.total - self.kernels - self.factors


def _lm_task(widths: tuple[int, ...], n: int) -> tuple[LeastSquares, np.ndarray]:
    """The network's own y, and parameters off by 1e-6: the first try of a step is accepted at any damping."""
    network, rng = MLP(widths), np.random.default_rng(0)
    X, params = rng.uniform(-1, 1, (n, 1)), network.initialize(rng)
    y = network.forward(params, X)
    return LeastSquares(network, X, y, n_threads=1), params + 1e-6 * rng.standard_normal(params.shape)


def _shares(monkeypatch, optimizer: LevenbergMarquardt, objective: LeastSquares, params: np.ndarray) -> Shares:
    """The fastest of a few steps from `params`."""
    runs = []
    for _ in range(LM_STEPS):
        state = optimizer.start(objective, params)
        before = state.n_evaluations
        with monkeypatch.context() as patch:
            kernels = _timed(patch, _core, KERNELS)
            factors = [timed for module, names in FACTORIZATIONS.items() for timed in _timed(patch, module, names)]
            start = perf_counter()
            optimizer.step(objective, state)
            total = perf_counter() - start
        assert state.n_evaluations - before == 2  # one try, and the system at the new parameters
        runs.append(Shares(sum(k.seconds for k in kernels), sum(f.seconds for f in factors), total))
    return min(runs, key=lambda run: run.total)


def _timed(patch, module: ModuleType, names: Iterable[str]) -> list[Timed]:
    wrapped = {name: Timed(getattr(module, name)) for name in names}
    for name, timed in wrapped.items():
        patch.setattr(module, name, timed)
    return list(wrapped.values())


# Below 2e-15 of |J'J| a step needs two factors.
@pytest.mark.parametrize("first_damping", [1e-2, 1e-18], ids=["one factor", "two factors"])
@pytest.mark.parametrize("width", [20, 40])
def bench_levenberg_marquardt_step(benchmark, summary_line, monkeypatch, width, first_damping):
    """What is left beside the compiled kernels and LAPACK: NumPy's passes over J and J'J, and Python itself.

    The last is what a step takes for hardly any numbers.
    """
    widths, optimizer = (1, width, width, 1), LevenbergMarquardt(first_damping=first_damping)
    objective, params = _lm_task(widths, N_SAMPLES)
    shares = _shares(monkeypatch, optimizer, objective, params)
    python = _shares(monkeypatch, optimizer, *_lm_task((1, 1, 1, 1), 10)).rest
    parts = {"kernels": shares.kernels, "LAPACK and BLAS": shares.factors, "rest": shares.rest}
    summary_line(
        f"{'LM step':18} {'-'.join(map(str, widths))} n={N_SAMPLES:,}, damping {first_damping:.0e}: "
        f"{1e3 * shares.total:.1f} ms, "
        + ", ".join(f"{name} {100 * seconds / shares.total:.1f} %" for name, seconds in parts.items())
        + f" (Python alone {1e3 * python:.2f} ms)"
    )
    benchmark.extra_info["seconds"] = parts
    benchmark.pedantic(
        optimizer.step, setup=lambda: ((objective, optimizer.start(objective, params)), {}), rounds=3, warmup_rounds=0
    )
