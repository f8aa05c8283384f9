"""What tells how exact a model is at a point: models like it, each made without some of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..export import Vector
from ..export.program import at_least_away, spread
from .families import AnyModel, KeptModel


@dataclass(frozen=True)
class ErrorEstimate:
    """What tells how exact a model is at a point: `others`, models like it, each made without some of the rows.

    The error at x is about `factor` times the root of the sum over them of (f_g(x) - f(x))^2, and at least `least`;
    both are relative to `unit` (m,), the RMS of each output, or to |f(x)| if `is_relative`. Where no row is near it is
    at least `away`. Where the model goes on otherwise than by itself, what it would be by itself is one of the others.
    """

    others: tuple[KeptModel, ...]
    unit: Array
    factor: float
    least: float
    away: float = 0.0
    is_relative: bool = False

    def at(self, model: AnyModel, X: Array) -> Array:
        """Of `model` at `X` (n, d), the RMS over its outputs: (n,). Infinite where one of the models has no value."""
        with np.errstate(all="ignore"):
            how, models = model.beyond, (model, *self.others)
            if how is None:
                own, *others = (one.evaluate(X) for one in models)
            else:
                own, *others = (how.values(one, X, quietly=True) for one in models)
                others += [model.evaluate(X)] * how.bends
            unit = np.abs(own) if self.is_relative else self.unit
            square = sum(np.mean(((values - own) / unit) ** 2, axis=1) for values in others)
            undecided = np.sqrt(np.mean((model.undecided(X) / unit) ** 2, axis=1))
            error = np.maximum(np.maximum(self.factor * np.sqrt(square), undecided), self.least)
        if self.away > 0.0 and model.near is not None:
            error = np.where(model.near.contains(X), error, np.maximum(error, self.away))
        return np.where(np.isfinite(error), error, np.inf)

    def operations(self, model: AnyModel, x: Vector) -> Vector:
        """`at` of `model`, as operations on x; ValueError where the model or another has none."""
        how, models = model.beyond, (model, *self.others)
        if how is None:
            values = [one.operations(x) for one in models]
        else:
            values = [how.operations(one, x) for one in models] + [model.operations(x)] * how.bends
        error = spread(values, self.unit, self.factor, self.least, self.is_relative)
        return at_least_away(error, x, self.away, model.near) if self.away > 0.0 and model.near is not None else error
