"""Finds a hidden layer of random features whose output layer, by least squares, fits: activation, scale and width."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from ..arrays import Array, Samples
from ..lapack import triangle_of
from ..memory import require_memory
from ..models import Normalization, RandomFeatures
from ..networks import MLP
from ..options import generator, number, whole_number_or_none
from ..singular_values import svd
from .scheduler import Step, Steps, Worker
from .search import Found, Rows, extrapolated, searched

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
# Multiply-adds of the singular values of a matrix of w columns, in w^3, and of a feature at a row.
SVD_WORK, FEATURE_WORK = 10.0, 100.0


def fit_random_features(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_features: int | None = None,
    activation: str | None = None,
    scale: float | None = None,
    sample_weight: ArrayLike | None = None,
    error: Literal["absolute", "relative"] = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
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
    error : "absolute", or "relative" for errors that count relative to each y, of one output that is 0 nowhere.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    Raises ValueError for data or options that can't be fitted.
    """
    rng = generator(random_state)
    model = searched(
        lambda rows: RandomFeaturesSearch(rows, rng, n_features=n_features, activation=activation, scale=scale),
        X,
        y,
        sample_weight=sample_weight,
        error=error,
        validation=validation,
        effort=effort,
        time_limit=time_limit,
        random_state=rng,
        n_threads=n_threads,
    )
    assert isinstance(model, RandomFeatures)
    return model


@dataclass(frozen=True)
class Hidden:
    """A layer of features that are drawn, with the parameters of a network of it and no output layer yet."""

    mlp: MLP
    params: Array
    scale: float

    @classmethod
    def drawn(cls, widths: tuple[int, int, int], activation: str, scale: float, rng: np.random.Generator) -> Hidden:
        mlp = MLP(widths, activation)
        params = np.zeros(mlp.n_params)
        weight, bias = mlp.layers(params)[0]
        weight[...] = rng.normal(scale=scale / np.sqrt(widths[0]), size=weight.shape)
        # Each feature is centred at a random point of the box, where a tanh turns; a sine has a random phase there.
        bias[...] = -np.sum(weight * rng.uniform(-1.0, 1.0, size=weight.shape), axis=1)
        if activation == "sin":
            bias += rng.uniform(-np.pi, np.pi, size=widths[1])
        return cls(mlp, params, scale)

    @property
    def width(self) -> int:
        return self.mlp.widths[1]

    def with_output(self, layer: Array) -> Array:
        """The parameters with this output layer, flat."""
        params = self.params.copy()
        params[self.mlp.linear] = layer
        return params


@dataclass(frozen=True)
class System:
    """Least squares for an output layer: the `singular` values of the features U S V, `V`, and U'y."""

    singular: Array
    V: Array
    projected: Array

    @classmethod
    def of(cls, triangle: Array, columns: int, worker: Worker | None = None) -> System:
        """Of a `triangle` whose first columns are the features and a one."""
        U, singular, V = svd(triangle[:columns, :columns], full_matrices=False)
        return cls(singular, V, U.T @ triangle[: len(U), columns:])

    def layer(self, rcond: float) -> Array:
        """The output layer, flat: the shortest solution without singular values below rcond times the largest."""
        rank = max(1, int(np.sum(self.singular > rcond * self.singular[0])))
        solution = self.V[:rank].T @ (self.projected[:rank] / self.singular[:rank, None])
        return np.concatenate([solution[:-1].T.reshape(-1), solution[-1]])


class RandomFeaturesSearch:
    """Fits models of several choices of activation and scale with more and more features, the best ones furthest."""

    def __init__(
        self,
        rows: Rows,
        rng: np.random.Generator,
        *,
        n_features: int | None = None,
        activation: str | None = None,
        scale: float | None = None,
    ) -> None:
        n_features = whole_number_or_none(n_features, "n_features", 1)
        number(scale, "scale", above=0.0, or_none=True)
        activations = ACTIVATIONS if activation is None else (activation,)
        for name in activations:
            MLP((rows.n_inputs, 1, rows.n_outputs), name)  # refuses names that are none
        self.rows, self.rng = rows, rng
        self.choices = list(itertools.product(activations, SCALES if scale is None else (scale,)))
        self.rounds = ROUNDS if n_features is None else ((n_features, 1),)
        self.most = max(1, rows.n // 2) if n_features is None else n_features
        self.inputs, self.outputs = Normalization.of_box(rows.train.X), Normalization.of(rows.train.y)
        self.prospect = 0.0

    def steps(self) -> Steps:
        best: Found | None = None
        sizes: list[float] = []
        errors: list[float] = []
        choices, largest = self.choices, min(self.rounds[-1][0], self.most)
        for width, survivors in self.rounds:
            if sizes and sizes[-1] >= self.most:
                return
            width = min(width, self.most)
            n, columns = min(self.rows.n, taken(width)), width + 1 + self.rows.n_outputs
            table = f"random features: {n:,} x {width:,} numbers"
            require_memory(24.0 * n * columns, table, "ask for fewer features")
            widths = (self.rows.n_inputs, width, self.rows.n_outputs)
            layers = [Hidden.drawn(widths, *choice, self.rng) for choice in choices]
            work = n * (columns**2 + FEATURE_WORK * width)
            triangles = yield [Step(work, partial(self._triangle, hidden)) for hidden in layers]
            systems = yield [Step(SVD_WORK * width**3, partial(System.of, R, width + 1)) for R in triangles]
            work = FEATURE_WORK * (self.rows.n + 2 * self.rows.n_held_out) * width
            found = yield [
                Step(work, partial(self._found, hidden, system)) for hidden, system in zip(layers, systems, strict=True)
            ]
            ranked = sorted(range(len(found)), key=lambda i: found[i].score)
            least = found[ranked[0]]
            if best is None or least.score < best.score:
                best = least
                yield best
            choices = [choices[i] for i in ranked[:survivors]]
            sizes.append(float(width))
            errors.append(least.error)
            self.prospect = extrapolated(sizes, errors, float(largest), self.rows.n_inputs)

    def _triangle(self, hidden: Hidden, worker: Worker) -> Array:
        samples = self.rows.train.first(taken(hidden.width))
        X, y = self.inputs.apply(samples.X), self.outputs.apply(samples.y)
        return triangle(hidden.mlp, hidden.params, X, y, samples.sample_weight)

    def _found(self, hidden: Hidden, system: System, worker: Worker) -> Found:
        """The best of several cuts on the rows held out."""
        rows = self.rows
        held_out = features(hidden.mlp, hidden.params, self.inputs.apply(rows.held_out.X))

        def error(params: Array) -> float:
            weight, bias = hidden.mlp.layers(params)[-1]
            return rows.held_out_rmse(self.outputs.invert(held_out @ weight.T + bias))

        tried = [hidden.with_output(system.layer(rcond)) for rcond in RCONDS]
        best = int(np.argmin([error(params) for params in tried]))

        def refit(samples: Samples) -> RandomFeatures:
            X, y = self.inputs.apply(samples.X), self.outputs.apply(samples.y)
            cut = RCONDS[best : best + 1]
            [layer] = output_layers(hidden.mlp, hidden.params, X, y, samples.sample_weight, cut)
            return self._model(hidden, hidden.with_output(layer))

        return rows.found(
            self._model(hidden, tried[best]),
            RandomFeatures.family,
            f"{hidden.width} {hidden.mlp.activation} features of scale {hidden.scale:g}",
            coordinates=hidden.mlp.activation,
            status="solved",
            refit=refit if rows.n <= MOST_ROWS else None,
        )

    def _model(self, hidden: Hidden, params: Array) -> RandomFeatures:
        return RandomFeatures(
            hidden.mlp, params, inputs=self.inputs, outputs=self.outputs, signature=self.rows.signature, n_threads=1
        )


def taken(width: int) -> int:
    """The most rows that so many features are fitted to."""
    return max(MOST_ROWS, ROWS_PER_FEATURE * width)


def features(mlp: MLP, params: Array, X: Array) -> Array:
    """What comes out of the layers of `mlp` before the last at X (n, d)."""
    for weight, bias in mlp.layers(params)[:-1]:
        sums = X @ weight.T + bias
        X = _core.activation_value(mlp.activation, sums.reshape(-1)).reshape(sums.shape)
    return X


def triangle(mlp: MLP, params: Array, X: Array, y: Array, sample_weight: Array | None) -> Array:
    """R of the QR factorization of [features, 1, y]: the triangle of the features beside Q'y, without Q.

    `X` (n, d) and `y` (n, m) in the coordinates of the network; the features are those before its output layer.
    """
    table = np.column_stack([features(mlp, params, X), np.ones(len(X)), y])
    if sample_weight is not None:
        table *= np.sqrt(sample_weight)[:, None]
    return triangle_of(table)


def output_layers(
    mlp: MLP, params: Array, X: Array, y: Array, sample_weight: Array | None, rconds: tuple[float, ...]
) -> list[Array]:
    """For each of `rconds` the least-squares output layer of `mlp`, flat, on the features of the layers before it.

    Singular values of the features below rcond times the largest are left out: the shortest solution of those that
    remain. `X` (n, d) and `y` (n, m) in the coordinates of the network.
    """
    R = triangle(mlp, params, X, y, sample_weight)
    system = System.of(R, R.shape[1] - y.shape[1])
    return [system.layer(rcond) for rcond in rconds]
