"""The best member of a model's family for given rows, as near as it can be found: what a decomposition compares with.

A network is trained by Levenberg-Marquardt from several starts, the parameters it has among them. Families that are
linear in their parameters are solved by least squares on the same columns: terms of a polynomial, splines on the same
knots, hats on the same simplices, the same random features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from scipy.linalg import lstsq

from ..arrays import Array
from ..models import (
    Boosted,
    Model,
    NetworkModel,
    Polynomial,
    RandomFeatures,
    Signature,
    SimplexInterpolator,
    SplineInterpolator,
    Transformed,
)
from ..optimize import LeastSquares, LevenbergMarquardt, Status, minimize
from ..search.random_features import RCONDS, output_layers

# Numbers in a table of columns or in a Jacobian: 256 MiB.
MOST_NUMBERS = 2**25


@dataclass(frozen=True)
class Rows:
    """X (n, d) and y (n, m)."""

    X: Array
    y: Array

    def first(self, n: int) -> Rows:
        return Rows(self.X[:n], self.y[:n])


@dataclass(frozen=True)
class Effort:
    """How hard to try: `restarts` random starts besides those given, each for up to `max_steps` and `max_seconds`."""

    restarts: int
    max_steps: int
    max_seconds: float
    rng: np.random.Generator
    n_threads: int | None


@dataclass(frozen=True)
class Family:
    """`train` gives fits to rows, from models to start at; `method` says how, `exact` whether they are solved for."""

    train: Callable[[Rows, list[Model], Effort], list[Model]]
    method: str
    exact: bool
    n_params: int


@singledispatch
def family_of(model: Model) -> Family:
    """How models like `model` are fitted; TypeError for a family that has no such way here."""
    raise TypeError(f"model: expected a network or a family linear in its parameters, got {model!r}: give train=")


@family_of.register
def _(model: NetworkModel) -> Family:
    def train(rows: Rows, starts: list[Model], effort: Effort) -> list[Model]:
        X, y = model.inputs.apply(rows.X), model.outputs.apply(rows.y)
        objective = LeastSquares(model.mlp, X, y, n_threads=effort.n_threads)
        points = [start.params for start in starts if isinstance(start, NetworkModel)]
        points += [model.mlp.initialize(effort.rng) for _ in range(effort.restarts)]
        return [_with_params(model, _minimized(objective, params, effort)) for params in points]

    return Family(train, "Levenberg-Marquardt", False, model.n_params * model.mlp.n_outputs)


def _minimized(objective: LeastSquares, params: Array, effort: Effort) -> Array:
    result = minimize(
        objective, params, LevenbergMarquardt(), max_steps=effort.max_steps, max_seconds=effort.max_seconds
    )
    if result.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return result.params


def _with_params(model: NetworkModel, params: Array) -> NetworkModel:
    return type(model)(
        model.mlp,
        params,
        inputs=model.inputs,
        outputs=model.outputs,
        signature=model.signature,
        n_threads=model.n_threads,
    )


@family_of.register
def _(model: RandomFeatures) -> Family:
    def train(rows: Rows, starts: list[Model], effort: Effort) -> list[Model]:
        # The columns are nearly dependent: what is best to cut off differs from one set of rows to another.
        inner = model.inputs.apply(rows.X), model.outputs.apply(rows.y)
        found: list[Model] = []
        for layer in output_layers(model.mlp, model.params, *inner, None, RCONDS):
            params = model.params.copy()
            params[model.mlp.linear] = layer
            found.append(_with_params(model, params))
        return found

    return Family(train, "least squares on the same features", True, model.n_params)


@family_of.register
def _(model: Boosted) -> Family:
    # Stages are trained on from where they are, as one network.
    try:
        merged = model.merge()
    except ValueError as error:
        raise TypeError(f"model: expected stages that are one network ({error}): give train=") from None
    family = family_of(merged)

    def train(rows: Rows, starts: list[Model], effort: Effort) -> list[Model]:
        return family.train(rows, [start.merge() if isinstance(start, Boosted) else start for start in starts], effort)

    return Family(train, f"{family.method} of its stages as one network", False, family.n_params)


@family_of.register
def _(model: Transformed) -> Family:
    family = family_of(model.model)
    names = model.input_transforms, model.output_transforms
    scales = model.input_scales, model.output_scales

    def train(rows: Rows, starts: list[Model], effort: Effort) -> list[Model]:
        inner = Rows(
            Transformed.transform_inputs(rows.X, names[0], scales[0]),
            Transformed.transform_outputs(rows.y, names[1], scales[1]),
        )
        begun = [start.model for start in starts if isinstance(start, Transformed)]
        return [
            Transformed(found, *names, model.signature, input_scales=scales[0], output_scales=scales[1])
            for found in family.train(inner, begun, effort)
        ]

    # What is least in other coordinates need not be so in those of y.
    exact = family.exact and all(name == "identity" for name in names[1])
    return Family(train, f"{family.method} in its own coordinates", exact, family.n_params)


@family_of.register(Polynomial)
@family_of.register(SplineInterpolator)
@family_of.register(SimplexInterpolator)
def _(model: Model) -> Family:
    name, n_columns = _linear(model)

    def train(rows: Rows, starts: list[Model], effort: Effort) -> list[Model]:
        if len(rows.X) * n_columns > MOST_NUMBERS:
            raise ValueError(
                f"model: expected at most {MOST_NUMBERS // len(rows.X):,} parameters for {len(rows.X):,} rows, "
                f"got {n_columns:,}: give train="
            )
        table = _with_columns(model, name, np.eye(n_columns)).evaluate(rows.X)
        inside = np.isfinite(table).all(axis=1)
        # Columns without a row, and those that depend on others, get the shortest solution.
        solution = lstsq(table[inside], rows.y[inside], lapack_driver="gelsd")[0]
        return [_with_columns(model, name, solution)]

    return Family(train, "least squares on the same columns", True, n_columns)


def _linear(model: Model) -> tuple[str, int]:
    """The name of the parameters among a model's arrays, and how many columns there are to each output."""
    name = "y" if isinstance(model, SimplexInterpolator) else "coefficients"
    return name, model.state()[1][name].size // model.signature.n_outputs


def _with_columns(model: Model, name: str, parameters: Array) -> Model:
    """The model with `parameters` (p, k), of k outputs."""
    values, arrays = model.state()
    k = parameters.shape[1]
    if isinstance(model, SplineInterpolator):
        arrays = {**arrays, name: np.ascontiguousarray(parameters.T).reshape(k, *arrays[name].shape[1:])}
    else:
        arrays = {**arrays, name: parameters}
    if isinstance(model, Polynomial):
        arrays["output_exponents"] = np.zeros(k, dtype=np.int64)
    signature = model.signature if k == model.signature.n_outputs else Signature(model.signature.n_inputs, k)
    return type(model).from_state(values, arrays, signature)
