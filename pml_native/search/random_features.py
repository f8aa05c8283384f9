"""Finds a hidden layer of random features whose output layer, by least squares, fits: activation, scale and width."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import qr

from .. import _core
from ..arrays import Array, Samples, as_samples
from ..hold_out import split
from ..memory import require_memory
from ..models import Normalization, RandomFeatures, Signature
from ..networks import MLP
from ..report import Errors
from ..singular_values import svd

ACTIVATIONS = ("sin", "tanh")
# Standard deviations of the length of the hidden weights, for inputs in [-1, 1].
SCALES = (0.5, 1.0, 2.0, 4.0, 8.0)
# Features in each round, and how many choices of activation and scale go on to the next.
ROUNDS = ((60, 4), (150, 3), (400, 2), (1000, 1))
# Relative singular values that are cut off. At the first the cut itself is no larger than the rounding of the solution;
# at the last, weights of 1e6 lose nothing above 1e-10.
RCONDS = (1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-8, 1e-6)
# Rows a fit takes are at most this many, or this many times its features.
MOST_ROWS, ROWS_PER_FEATURE = 4000, 5
# Relative errors that leave nothing to gain.
ENOUGH = 1e-15


def fit_random_features(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_features: int | None = None,
    activation: str | None = None,
    scale: float | None = None,
    sample_weight: ArrayLike | None = None,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    time_limit: float = 10.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> RandomFeatures:
    """The model with the smallest error on held-out rows.

    X : (n, d), or (n,).
    y : (n,) or (n, m).
    n_features : width of the hidden layer; None tries up to 1000, at most half as many as rows are trained on.
    activation, scale : of the features, and how fast they turn: the length of their weights, for inputs in
        [-1, 1]. None tries sines and tanh of several scales.
    sample_weight : (n,), weights of the squared errors.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    time_limit : seconds; one model is always fitted.

    Raises ValueError for data or options that can't be fitted.
    """
    if n_features is not None and n_features < 1:
        raise ValueError(f"n_features: expected a positive integer, got {n_features}")
    if scale is not None and not (scale > 0 and np.isfinite(scale)):
        raise ValueError(f"scale: expected a number > 0, got {scale}")
    samples = as_samples(X, y, sample_weight)
    rng = np.random.default_rng(random_state)
    train, held_out = split(samples, validation, rng)
    found: list[Found] = []
    search_features(
        train,
        held_out,
        choices(activation, scale),
        n_features=n_features,
        seconds=time_limit,
        rng=rng,
        offer=found.append,
        n_threads=n_threads,
    )
    return min(found, key=lambda one: one.errors.rmse).model


@dataclass(frozen=True)
class Found:
    """A model, and its errors on the held-out rows."""

    model: RandomFeatures
    errors: Errors
    description: str


def choices(activation: str | None = None, scale: float | None = None) -> list[tuple[str, float]]:
    """What to try where activation or scale isn't given."""
    activations = ACTIVATIONS if activation is None else (activation,)
    return list(itertools.product(activations, SCALES if scale is None else (scale,)))


def search_features(
    train: Samples,
    held_out: Samples,
    choices: list[tuple[str, float]],
    *,
    n_features: int | None,
    seconds: float,
    rng: np.random.Generator,
    offer: Callable[[Found], None],
    should_stop: Callable[[], bool] = lambda: False,
    n_threads: int | None = None,
) -> None:
    """Fits models of these `choices` of activation and scale with more and more features, the best ones furthest."""
    start = time.perf_counter()
    order = rng.permutation(len(train.X))
    train = train.take(order)
    most = max(1, len(train.X) // 2)
    rounds = ROUNDS if n_features is None else ((n_features, 1),)
    widths = list(dict.fromkeys(min(width, most if n_features is None else width) for width, _ in rounds))
    best = np.inf
    pace = 0.0
    for width, (_, survivors) in zip(widths, rounds, strict=False):
        errors = []
        for activation, scale in choices:
            late = time.perf_counter() - start + pace * width**2 * _rows(train, width) > seconds
            if np.isfinite(best) and (late or should_stop() or best <= ENOUGH):
                return
            began = time.perf_counter()
            found = _fitted(train, held_out, width, activation, scale, rng, n_threads)
            pace = (time.perf_counter() - began) / (width**2 * _rows(train, width))
            errors.append(found.errors.rmse)
            best = min(best, found.errors.rmse)
            offer(found)
        choices = [choices[i] for i in np.argsort(errors, kind="stable")[:survivors]]


def _rows(train: Samples, width: int) -> int:
    return min(len(train.X), max(MOST_ROWS, ROWS_PER_FEATURE * width))


def _fitted(
    train: Samples,
    held_out: Samples,
    width: int,
    activation: str,
    scale: float,
    rng: np.random.Generator,
    n_threads: int | None,
) -> Found:
    d, m = train.X.shape[1], train.y.shape[1]
    rows = _rows(train, width)
    require_memory(
        24.0 * rows * (width + 1), f"random features: {rows:,} x {width:,} numbers", "ask for fewer features"
    )
    inputs, outputs = Normalization.of_box(train.X), Normalization.of(train.y)
    mlp = MLP((d, width, m), activation)
    params = np.zeros(mlp.n_params)
    weight, bias = mlp.layers(params)[0]
    weight[...] = rng.normal(scale=scale / np.sqrt(d), size=weight.shape)
    # Each feature is centred at a random point of the box, where a tanh turns; a sine has a random phase there.
    bias[...] = -np.sum(weight * rng.uniform(-1.0, 1.0, size=weight.shape), axis=1)
    if activation == "sin":
        bias += rng.uniform(-np.pi, np.pi, size=width)
    row_weight = None if train.sample_weight is None else train.sample_weight[:rows]
    solutions = output_layers(
        mlp, params, inputs.apply(train.X[:rows]), outputs.apply(train.y[:rows]), row_weight, RCONDS
    )
    found = []
    for solution in solutions:
        own = params.copy()
        own[mlp.linear] = solution
        model = RandomFeatures(
            mlp, own, inputs=inputs, outputs=outputs, signature=Signature.of(train), n_threads=n_threads
        )
        errors = Errors.of(model.evaluate(held_out.X), held_out.y, held_out.sample_weight)
        found.append(Found(model, errors, f"{width} {activation} features of scale {scale:g}"))
    return min(found, key=lambda one: one.errors.rmse)


def output_layers(
    mlp: MLP, params: Array, X: Array, y: Array, sample_weight: Array | None, rconds: tuple[float, ...]
) -> list[Array]:
    """For each of `rconds` the least-squares output layer of `mlp`, flat, on the features of the layers before it.

    Singular values of the features below rcond times the largest are left out: the shortest solution of those that
    remain. `X` (n, d) and `y` (n, m) in the coordinates of the network.
    """
    features = X
    for weight, bias in mlp.layers(params)[:-1]:
        sums = features @ weight.T + bias
        features = _core.activation_value(mlp.activation, sums.reshape(-1)).reshape(sums.shape)
    width, m = features.shape[1], y.shape[1]
    table = np.column_stack([features, np.ones(len(features)), y])
    if sample_weight is not None:
        table *= np.sqrt(sample_weight)[:, None]
    # R of the features and the targets together holds Q'y, without Q.
    R = qr(table, mode="r", overwrite_a=True, check_finite=False)[0][: width + 1 + m]
    U, singular, V = svd(R[: width + 1, : width + 1], full_matrices=False)
    projected = U.T @ R[: len(U), width + 1 :]
    layers = []
    for rcond in rconds:
        rank = max(1, int(np.sum(singular > rcond * singular[0])))
        solution = V[:rank].T @ (projected[:rank] / singular[:rank, None])
        layers.append(np.concatenate([solution[:-1].T.reshape(-1), solution[-1]]))
    return layers
