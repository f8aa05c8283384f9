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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, repeat

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import KDTree

from ..arrays import Array, Samples, as_samples
from ..hold_out import split
from ..models import Boosted, Model, NetworkModel, Signature
from ..networks import MLP
from ..optimize.interrupt import InterruptGuard
from ..options import effort_of, generator, seconds_of, shown, whole_number
from ..report import Errors
from ..threads import resolve_threads
from .random_features import output_layers
from .scheduler import Steps, held_blas
from .search import WHOLE_WORK, Rows, run_alone
from .training import Coordinates, Training, widest

# First-layer scales below and above which a stage is not started: the networks' usual one, and more oscillations than
# its units could follow.
LEAST_SCALE, MOST_SCALE = 1.0, 30.0
# Residuals that turn faster than this, in radians over a standard deviation of the inputs, are given sines.
SIN_FREQUENCY = 4.0
# Singular values of the features relatively smaller than this are left out, which keeps output weights moderate.
OUTPUT_RCOND = 1e-10
# Multiply-adds of a start after the first stage: neighbours are looked for, and a last layer solved for.
STAGE_WORK = 3e8
# Pairs of neighbours that a frequency is measured on.
MOST_PAIRS = 4000


@dataclass(frozen=True)
class StageData:
    """What a trainer gets: rows to train on, X (n, d) and y (n, m), and rows to choose by; y has unit size.

    `number` counts stages from 0. `work` is what it may do, in multiply-adds, and `deadline`, of time.perf_counter,
    when it must have ended. `sample_weight` (n,) and `held_out_weight` are None for 1.
    """

    X: Array
    y: Array
    held_out_X: Array
    held_out_y: Array
    number: int
    work: float
    rng: np.random.Generator
    n_threads: int | None
    sample_weight: Array | None = None
    held_out_weight: Array | None = None
    deadline: float = math.inf


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
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Boosted:
    """A sum of at most `stages` models of y = f(X), `X` (n, d), `y` (n,) or (n, m), without noise.

    trainer : a function from `StageData` to a model of any family, or one for each stage; None trains tanh or sine
        networks, with the scale of the first layer set by the residual's own frequency.
    first : a model already there, taken as stage 0.
    sample_weight : (n,), weights of the squared errors.
    validation : rows (X, y) to choose by; None holds out 15 % of the rows, as `fit` does.
    effort : how much work is done at most, shared equally by the stages; 1 is most of a minute of one core.
    time_limit : seconds, a bound that stages still to come share equally; None for none. The same rows, `random_state`
        and effort give the same sum where it ends no stage.

    A stage that doesn't lower the held-out error ends the sum, and so does Ctrl-C, with the stages there are. Raises
    ValueError for data that can't be fitted.
    """
    stages, effort, limit = whole_number(stages, "stages", 1), effort_of(effort), seconds_of(time_limit)
    rng, trainers = generator(random_state), _trainers(trainer, stages)
    resolve_threads(n_threads)
    if first is not None and not isinstance(first, Model):
        raise ValueError(f"first: expected a model or None, got {shown(first)}")
    samples = as_samples(X, y, sample_weight)
    some, held_out = split(samples, validation, rng)
    train = some.all()
    signature = Signature.of(samples)
    end = time.perf_counter() + limit
    first_number = 0 if first is None else 1
    work = effort * WHOLE_WORK / max(1, stages - first_number)
    model = None if first is None else Boosted([first], [1.0], signature)
    with InterruptGuard() as guard:
        each = zip(range(first_number, stages), islice(trainers, first_number, None), strict=False)
        for number, train_one in each:
            left = left_over(model, train, held_out)
            if left is None or (guard.requested and model is not None):
                break
            now = time.perf_counter()
            deadline = now + max(0.0, end - now) / (stages - number)
            stage = train_one(
                StageData(
                    train.X,
                    left.train.y,
                    held_out.X,
                    left.held_out.y,
                    number,
                    work,
                    rng,
                    n_threads,
                    train.sample_weight,
                    held_out.sample_weight,
                    deadline,
                )
            )
            if model is None:
                model = Boosted([stage], left.scale[None, :], signature)
                continue
            extended = model.with_stage(stage, left.scale)
            if not _held_out_rmse(extended, held_out) < _held_out_rmse(model, held_out):
                break
            model = extended
    assert model is not None
    return model


def _held_out_rmse(model: Model, held_out: Samples) -> float:
    return Errors.of(model.evaluate(held_out.X), held_out.y, held_out.sample_weight).rmse


@dataclass(frozen=True)
class LeftOver:
    """What a model leaves to fit, divided by `scale` (m,), of the rows trained on and held out."""

    scale: Array
    train: Samples
    held_out: Samples


def left_over(model: Boosted | None, train: Samples, held_out: Samples) -> LeftOver | None:
    """What `model`, or no model, leaves to fit; None for nothing."""
    if model is None:
        return LeftOver(np.ones(train.y.shape[1]), train, held_out)
    residuals = model.residuals(train.X, train.y)
    exponent = np.frexp(np.max(np.abs(residuals), axis=0))[1]
    scale = np.ldexp(np.sqrt(np.mean(np.ldexp(residuals, -exponent) ** 2, axis=0)), exponent)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        return None
    held_out_residuals = model.residuals(held_out.X, held_out.y)

    def left(samples: Samples, residuals: Array) -> Samples:
        """What is left keeps the weights of its rows, but is nothing that errors are relative to."""
        known = samples.derivatives
        if known is not None:
            known = replace(known, values=(known.values - known.of(model)) / scale)
        return replace(samples.changed(y=residuals / scale), is_relative=False, derivatives=known)

    return LeftOver(scale, left(train, residuals), left(held_out, held_out_residuals))


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


def _trainers(trainer: Trainer | Sequence[Trainer] | None, stages: int) -> Iterable[Trainer]:
    """One for each stage, or more; ValueError for what is none, or for fewer."""
    if trainer is None or callable(trainer):
        return repeat(trainer or train_stage)
    if not isinstance(trainer, Sequence) or not all(map(callable, trainer)):
        raise ValueError(f"trainer: expected a function, or one for each stage, got {shown(trainer)}")
    if len(trainer) < stages:
        raise ValueError(f"trainer: expected {stages} of them, one for each stage, got {len(trainer)}")
    return trainer


def train_stage(data: StageData) -> Model:
    """The trainer that `boost` takes where none is given: `stage_network`."""
    return stage_network(data)


def stage_network(
    data: StageData, hidden: tuple[int, ...] | None = None, activation: str | None = None
) -> NetworkModel:
    """A network for stage `data.number`, its first layer scaled to how fast the residual turns.

    hidden : widths of the hidden layers. By default one of 20 units, or 60 after the first stage, for one input, which
        then needs few parameters; else two of 20; narrower for few rows.
    activation : by default tanh, or sines for a residual that turns fast.
    """
    parts = ((data.X, data.y, data.sample_weight), (data.held_out_X, data.held_out_y, data.held_out_weight))
    train, held_out = (Samples(X, y, weight, False, None, None) for X, y, weight in parts)
    rows = Rows.of(train, held_out, data.rng)
    with held_blas():
        training = stage_training(rows, Coordinates.as_given(rows), data.number, data.rng, hidden, activation)
    time_limit = None if data.deadline == math.inf else data.deadline - time.perf_counter()
    run_alone(_Stage(training), effort=data.work / WHOLE_WORK, time_limit=time_limit, n_threads=data.n_threads)
    assert training.network is not None
    training.network.use_threads(data.n_threads)
    return training.network


class _Stage:
    """The search for one stage: a training, until it ends."""

    prospect = 0.0

    def __init__(self, training: Training) -> None:
        self.training = training

    def steps(self) -> Steps:
        while not self.training.ended:
            [found] = yield [self.training.step()]
            if found is not None:
                yield found


def stage_training(
    rows: Rows,
    coordinates: Coordinates,
    number: int,
    rng: np.random.Generator,
    hidden: tuple[int, ...] | None = None,
    activation: str | None = None,
) -> Training:
    """What `stage_network` trains: a random start, whose last layer after the first stage fits the others best."""
    table = coordinates.train
    (n, d), m = table.X.shape, rows.n_outputs
    turns = 0.0 if number == 0 else frequency(table.X, table.y)
    # Rows of the first layer have a root mean square length of 1/sqrt(3) as they are initialized.
    scale = 1.0 if number == 0 else float(np.clip(math.sqrt(3.0) * turns, LEAST_SCALE, MOST_SCALE))
    if hidden is None and d == 1:
        hidden = (widest(lambda w: MLP((1, w, m)).n_params, n * m, 20 if number == 0 else 60),)
    elif hidden is None:
        hidden = 2 * (widest(lambda w: MLP((d, w, w, m)).n_params, n * m, 20),)
    mlp = MLP((d, *hidden, m), activation or ("sin" if turns > SIN_FREQUENCY else "tanh"))
    params = mlp.initialize(rng)
    weight, _ = mlp.layers(params)[0]
    weight *= scale
    if number > 0:
        part = table.first(4 * mlp.n_params)
        [params[mlp.linear]] = output_layers(mlp, params, part.X, part.y, part.sample_weight, (OUTPUT_RCOND,))
    return Training(rows, coordinates, mlp, params)
