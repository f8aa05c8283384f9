"""boost(X, y): a sum of models, each trained on what those before it left over.

Stage k is fitted to the residual divided by its root mean square. The residual is taken in double-double, so that the
rounding of the earlier stages' own evaluation isn't part of it. A stage is kept only if the error on held-out rows
falls. Stages may be of any family: a trainer is a function of the rows.
Sources: Michaud, Liu, Tegmark, "Precision Machine Learning" (2022), section 4.3; Wang and Lai, "Multi-stage neural
networks" (2024), for the first layer's scale.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import KDTree

from ..arrays import Array, Samples, as_samples
from ..hold_out import split
from ..models import Boosted, Model, NetworkModel, Normalization, Signature
from ..networks import MLP
from ..optimize.interrupt import InterruptGuard
from ..report import Errors
from .descent import Descent, descend, shuffled
from .random_features import output_layers

# First-layer scales below and above which a stage is not started: the networks' usual one, and more oscillations than
# its units could follow.
LEAST_SCALE, MOST_SCALE = 1.0, 30.0
# Residuals that turn faster than this, in radians over a standard deviation of the inputs, are given sines.
SIN_FREQUENCY = 4.0
# Singular values of the features relatively smaller than this are left out, which keeps output weights moderate.
OUTPUT_RCOND = 1e-10
# Pairs of neighbours that a frequency is measured on.
MOST_PAIRS = 4000


@dataclass(frozen=True)
class StageData:
    """What a trainer gets: rows to train on, X (n, d) and y (n, m), and rows to choose by; y has unit size.

    `number` counts stages from 0, `seconds` is the time allowed, `sample_weight` (n,) or None.
    """

    X: Array
    y: Array
    held_out_X: Array
    held_out_y: Array
    number: int
    seconds: float
    rng: np.random.Generator
    n_threads: int | None
    sample_weight: Array | None = None


Trainer = Callable[[StageData], Model]


def boost(
    X: ArrayLike,
    y: ArrayLike,
    *,
    stages: int = 2,
    trainer: Trainer | Sequence[Trainer] | None = None,
    first: Model | None = None,
    sample_weight: ArrayLike | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    time_limit: float = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Boosted:
    """A sum of at most `stages` models of y = f(X), `X` (n, d), `y` (n,) or (n, m), without noise.

    trainer : a function from `StageData` to a model of any family, or one for each stage; None trains tanh or sine
        networks, with the scale of the first layer set by the residual's own frequency.
    first : a model already there, taken as stage 0.
    sample_weight : (n,), weights of the squared errors.
    validation : rows (X, y) to choose by; None holds out 15 % of the rows, as `fit` does.
    time_limit : seconds, shared equally by the stages still to come.

    A stage that doesn't lower the held-out error ends the sum, and so does Ctrl-C, with the stages there are. Raises
    ValueError for data that can't be fitted.
    """
    if stages < 1:
        raise ValueError(f"stages: expected a positive integer, got {stages}")
    samples = as_samples(X, y, sample_weight)
    rng = np.random.default_rng(random_state)
    train, held_out = split(samples, validation, rng)
    signature = Signature.of(samples)
    trainers = [trainer or train_stage] * stages if trainer is None or callable(trainer) else list(trainer)
    if len(trainers) < stages:
        raise ValueError(f"trainer: expected {stages} of them, one for each stage, got {len(trainers)}")

    start = time.perf_counter()
    model = None if first is None else Boosted([first], [1.0], signature)
    with InterruptGuard() as guard:
        for number in range(0 if first is None else 1, stages):
            data = left_over(model, train.X, train.y, held_out.X, held_out.y)
            if data is None or (guard.requested and model is not None):
                break
            scale, residuals, held_out_residuals = data
            remaining = time_limit - (time.perf_counter() - start)
            stage = trainers[number](
                StageData(
                    train.X,
                    residuals,
                    held_out.X,
                    held_out_residuals,
                    number,
                    max(0.0, remaining / (stages - number)),
                    rng,
                    n_threads,
                    train.sample_weight,
                )
            )
            if model is None:
                model = Boosted([stage], scale[None, :], signature)
                continue
            extended = model.with_stage(stage, scale)
            if not _held_out_rmse(extended, held_out) < _held_out_rmse(model, held_out):
                break
            model = extended
    assert model is not None
    return model


def _held_out_rmse(model: Model, held_out: Samples) -> float:
    return Errors.of(model.evaluate(held_out.X), held_out.y, held_out.sample_weight).rmse


def left_over(
    model: Boosted | None, X: Array, y: Array, held_out_X: Array, held_out_y: Array
) -> tuple[Array, Array, Array] | None:
    """Scales (m,) and what `model` leaves to fit of y and of the held-out y, divided by them; None for nothing."""
    if model is None:
        return np.ones(y.shape[1]), y, held_out_y
    residuals = model.residuals(X, y)
    exponent = np.frexp(np.max(np.abs(residuals), axis=0))[1]
    scale = np.ldexp(np.sqrt(np.mean(np.ldexp(residuals, -exponent) ** 2, axis=0)), exponent)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        return None
    return scale, residuals / scale, model.residuals(held_out_X, held_out_y) / scale


def frequency(X: Array, y: Array) -> float:
    """How fast y (n, m) turns along X (n, d): the RMS of its slope between nearest neighbours over its own RMS.

    For a sine that is its angular frequency over the square root of 2 and of the inputs it doesn't depend on. Rounding
    errors, which know no neighbours, have a frequency as large as the rows are dense.
    """
    pairs = X[:MOST_PAIRS]
    distance, neighbour = KDTree(X).query(pairs, k=2)
    h, other = distance[:, 1], neighbour[:, 1]
    apart = h > 0
    if not apart.any():
        return 0.0
    slope = (y[: len(pairs)] - y[other])[apart] / h[apart, None]
    size = float(np.sqrt(np.mean((y - np.mean(y, axis=0)) ** 2)))
    # Few very close pairs would decide a mean: rounding errors over small distances.
    steepness = float(np.sqrt(np.median(np.mean(slope**2, axis=1)) / 0.455))  # 0.455 is the median of chi^2_1
    return steepness / size if size > 0 else 0.0


def train_stage(data: StageData) -> Model:
    """The trainer that `boost` takes where none is given: `stage_network`."""
    return stage_network(data)[0]


def stage_network(
    data: StageData, hidden: tuple[int, ...] | None = None, activation: str | None = None
) -> tuple[NetworkModel, Descent]:
    """A network for stage `data.number`, its first layer scaled to how fast the residual turns.

    hidden : widths of the hidden layers. By default one of 20 units, or 60 after the first stage, for one input, which
        then needs few parameters; else two of 20; narrower for few rows.
    activation : by default tanh, or sines for a residual that turns fast.
    """
    d, m = data.X.shape[1], data.y.shape[1]
    inputs = Normalization.of(data.X)
    first = data.number == 0
    turns = 0.0 if first else frequency(inputs.apply(data.X), data.y)
    # Rows of the first layer have a root mean square length of 1/sqrt(3) as they are initialized.
    scale = 1.0 if first else float(np.clip(math.sqrt(3.0) * turns, LEAST_SCALE, MOST_SCALE))
    if hidden is None and d == 1:
        hidden = (widest(lambda w: MLP((1, w, m)).n_params, len(data.X) * m, 20 if first else 60),)
    elif hidden is None:
        hidden = 2 * (widest(lambda w: MLP((d, w, w, m)).n_params, len(data.X) * m, 20),)
    mlp = MLP((d, *hidden, m), activation or ("sin" if turns > SIN_FREQUENCY else "tanh"))
    return train_network(mlp, data, inputs, first_layer_scale=scale, solve_outputs=not first)


def train_network(
    mlp: MLP,
    data: StageData,
    inputs: Normalization,
    *,
    first_layer_scale: float = 1.0,
    solve_outputs: bool = False,
) -> tuple[NetworkModel, Descent]:
    """`mlp` trained on the stage's rows from one random start; the best on the held-out rows.

    `solve_outputs` starts with the last layer that fits the random ones before it best.
    """
    outputs = Normalization.of(data.y)
    table = shuffled(inputs.apply(data.X), outputs.apply(data.y), data.sample_weight, data.rng)
    held_out_X, held_out_y = inputs.apply(data.held_out_X), outputs.apply(data.held_out_y)
    params = mlp.initialize(data.rng)
    weight, _ = mlp.layers(params)[0]
    weight *= first_layer_scale
    if solve_outputs:
        part = table.first(4 * mlp.n_params)
        [params[mlp.linear]] = output_layers(mlp, params, part.X, part.y, part.sample_weight, (OUTPUT_RCOND,))
    best_error, best_params = math.inf, params

    def look(params: Array, loss: float) -> float:
        nonlocal best_error, best_params
        difference = mlp.forward(params, held_out_X, n_threads=data.n_threads) - held_out_y
        error = float(np.sqrt(np.mean(difference**2)))
        if error < best_error:
            best_error, best_params = error, params.copy()
        return error

    descent = descend(mlp, params, table, look, seconds=data.seconds, n_threads=data.n_threads)
    model = NetworkModel(
        mlp,
        best_params,
        inputs=inputs,
        outputs=outputs,
        signature=Signature(data.X.shape[1], data.y.shape[1]),
        n_threads=data.n_threads,
    )
    return model, descent


def widest(n_params: Callable[[int], int], n_values: int, most: int, values_per_parameter: float = 2.0) -> int:
    """The largest width up to `most` whose parameters the values can determine; 2 at least."""
    return max((w for w in range(2, most + 1) if values_per_parameter * n_params(w) <= n_values), default=2)
