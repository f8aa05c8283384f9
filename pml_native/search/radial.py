"""Finds the radial basis function, and its width, that interpolates scattered points best."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Samples, as_samples
from ..hold_out import split
from ..memory import available_memory
from ..models import RBF, Signature
from ..models.rbf import SCALE_FREE, system_bytes
from ..report import Errors

# What `fit` tries: epsilon in units of the density, (points in the box)^(1/d), as flat kernels are the exact ones until
# the system is singular to float64.
CHOICES = (
    ("cubic", 1.0),
    ("quintic", 1.0),
    *(("gaussian", e) for e in (0.1, 0.2, 0.4, 0.8)),
    *(("inverse_multiquadric", e) for e in (0.05, 0.1, 0.2, 0.4)),
)
# Points that the choice is made on, nearest points where not all can be taken, and operations a second to be expected.
TRIAL_POINTS = 1000
NEIGHBORS = 80
PACE = 1e10


def fit_rbf(
    X: ArrayLike,
    y: ArrayLike,
    *,
    kernel: str | None = None,
    epsilon: float | None = None,
    neighbors: int | None = None,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    time_limit: float = 10.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> RBF:
    """The kernel and epsilon with the smallest error on held-out rows, `X` (n, d), `y` (n,) or (n, m).

    kernel, epsilon : as for `RBF`; None tries some.
    neighbors : None takes all points if their system fits into memory and `time_limit`, else the 80 nearest.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    time_limit : seconds.
    n_threads : that evaluate the model; None for all cores.
    """
    rng = np.random.default_rng(random_state)
    train, held_out = split(as_samples(X, y), validation, rng)
    if kernel is None or (epsilon is None and kernel not in SCALE_FREE):
        choices = [c for c in CHOICES if kernel in (None, c[0])] or [(kernel or "", e) for e in (0.1, 0.2, 0.4)]
        unit = len(train.X) ** (1.0 / train.X.shape[1])
        choices = [(name, (e if epsilon is None else epsilon / unit)) for name, e in choices]
        return choose_kernel(train, held_out, choices, neighbors, time_limit, rng, n_threads=n_threads).model
    return RBF(
        train.X,
        train.y,
        kernel=kernel,
        epsilon=epsilon or 1.0,
        neighbors=neighbors or _neighbors(train, time_limit),
        signature=Signature.of(train),
        n_threads=n_threads,
    )


@dataclass(frozen=True)
class Found:
    """A model, and its errors on the held-out rows."""

    model: RBF
    errors: Errors


def choose_kernel(
    train: Samples,
    held_out: Samples,
    choices: list[tuple[str, float]],
    neighbors: int | None,
    seconds: float,
    rng: np.random.Generator,
    should_stop: Callable[[], bool] = lambda: False,
    n_threads: int | None = None,
) -> Found:
    """The best of `choices` of kernel and epsilon, over the density of the points, on a part of them; then on all."""
    start = time.perf_counter()
    part = train.take(rng.permutation(len(train.X))[:TRIAL_POINTS])
    few = held_out.take(np.arange(min(len(held_out.X), TRIAL_POINTS)))
    trials: list[tuple[float, tuple[str, float]]] = []
    for choice in choices:
        if trials and (should_stop() or time.perf_counter() - start > 0.5 * seconds):
            break
        model = _tried(part, choice, neighbors, n_threads)
        trials.append((np.inf if model is None else _errors(model, few).rmse, choice))
    if neighbors is None:
        neighbors = _neighbors(train, seconds - (time.perf_counter() - start))
    for _, choice in sorted(trials, key=lambda trial: trial[0]):
        model = _tried(train, choice, neighbors, n_threads)
        if model is not None:
            return Found(model, _errors(model, held_out))
    raise ValueError("X: expected points that radial basis functions can tell apart, got singular systems")


def _tried(train: Samples, choice: tuple[str, float], neighbors: int | None, n_threads: int | None) -> RBF | None:
    kernel, epsilon = choice
    try:
        density = len(train.X) ** (1.0 / train.X.shape[1])
        return RBF(
            train.X,
            train.y,
            kernel=kernel,
            epsilon=epsilon * density,
            neighbors=neighbors,
            signature=Signature.of(train),
            n_threads=n_threads,
        )
    except ValueError:  # too few points, or some of them twice
        return None


def _errors(model: RBF, held_out: Samples) -> Errors:
    try:
        return Errors.of(model.evaluate(held_out.X), held_out.y, held_out.sample_weight)
    except np.linalg.LinAlgError:
        return Errors(np.inf, np.inf, np.inf)


def _neighbors(train: Samples, seconds: float) -> int | None:
    """None where the system of all points fits into memory and time."""
    n = len(train.X)
    available = available_memory()
    fits = available is None or system_bytes(n) < 0.8 * available
    in_time = 2.0 / 3.0 * n**3 < PACE * max(seconds, 0.0)
    return None if n <= TRIAL_POINTS or (fits and in_time) else NEIGHBORS
