"""What is fitted where something is known of y: other columns, other values, from which the model of y is made again.

    y(x) = base(x) + x_odd prod_j x_j^power_j f(u(x)),    u_j = (x_j - c_j)^2 or |x_j - c_j|, x_j^-step_j, x_j,

or with a product for the sum. Each change takes samples to those of what is left to be fitted, with weights by which
errors there count as errors of y, and a model of these back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples, contiguous, rms_of_columns
from ..derivatives import Derivatives
from ..exchanges import Exchanges
from ..models import Composed, Continued, Exchanged, Model, Normalization, Polynomial, Reduced, Signature
from ..models.arithmetic import together
from ..models.chebyshev import ChebyshevTerms, index_set
from ..models.reduced import Variables
from ..search.search import EPS
from ..singular_values import pinv, singular_values

# What a known point weighs beside a row.
WEIGHT_OF_POINTS = 10.0
# Beyond the rows f of x^-step may change so many times as much as its slope there says it does, or by rounding,
# at these parts of the way: a sum of higher and higher powers changes by less.
FARTHEST, ROUNDED, PARTS = 1.0, 1e-12, (0.75, 0.5, 0.25, 0.0)
# Differences for that slope are over this part of the way: rounding then makes 1e-11 of it, and the third derivative of
# a series of degree 40 less than that.
STEP = 1e-5
# The degree of the polynomial that brings a model to known values, at most, and the least singular value, over the
# largest, by which it is told what these are.
MOST_DEGREE, LEAST_SINGULAR = 8, 1e-7
# It is found in so many rounds, each of what the one before leaves over, and nothing is done for less than that.
ROUNDS, MET = 3, 4.0 * EPS


class Change(Protocol):
    """One of them."""

    def changed(self, samples: Samples) -> Samples:
        """The samples of what is to be fitted; rows at which nothing of it is known are left out."""

    def whole(self, model: Model) -> Model:
        """A model of these as one of the samples before."""


@dataclass(frozen=True)
class Beside:
    """y = `base`(x) + f(x), or `base`(x) f(x) if `how` is "multiply"."""

    base: Model
    how: str

    def changed(self, samples: Samples) -> Samples:
        values, known = self.base.evaluate(samples.X), samples.derivatives
        if self.how == "add":
            if known is not None:
                known = replace(known, values=known.values - known.of(self.base))
            return replace(samples, y=samples.y - values, derivatives=known, is_relative=False)
        some = np.flatnonzero((values != 0.0).all(axis=1))
        samples, values = samples.take(some), values[some]
        known = samples.derivatives
        if known is not None:
            known = known.some(~known.is_apart & (known.order == 1))
        if known is not None:
            own = known.of(self.base)
            known = replace(known, values=_over(known.values, samples.y[known.rows], values[known.rows], own))
        return _over_factor(samples, samples.X, values, known)

    def whole(self, model: Model) -> Model:
        whole: Model = together(model, self.base, "+" if self.how == "add" else "*")
        return whole


@dataclass(frozen=True, eq=False)
class OtherColumns:
    """y = prod_j (x_j - c_j)^odd_j prod_j x_j^power_j f(u), u_j = (x_j - c_j)^2 of columns that are `even` or `odd`, or
    |x_j - c_j| with `moduli`, x_j^-step_j where there is a power other than 0, else x_j.

    Of moduli f may have a kink where they are 0, as large as its error. Between the least u_j of rows, `last` (d,) for
    columns with a power and -inf for others, and 0, no row tells of f, which is looked at for `some` u (k, d) of rows.
    A series of high degree is wild there: what changes by more than the slope at the last row says goes on linearly.
    """

    about: Array
    even: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    powers: Array
    steps: Array
    last: Array
    some: Array
    moduli: bool = False

    @cached_property
    def variables(self) -> Variables:
        folded = np.where(self.even | self.odd, "moduli" if self.moduli else "squares", "sum")
        kinds = np.where(self.powers != 0.0, "product", folded)
        exponents = np.where(self.powers != 0.0, -self.steps, 1.0)
        return Variables(tuple(map(str, kinds)), np.diag(exponents), self.powers)

    def apply(self, X: Array) -> Array:
        """u at `X` (n, d)."""
        with np.errstate(all="ignore"):
            return self.variables.apply(contiguous(X - self.about))[0]

    def changed(self, samples: Samples) -> Samples:
        Z = contiguous(samples.X - self.about)
        factor = self._factor(Z)
        some = np.flatnonzero((factor != 0.0) & np.isfinite(factor))
        samples, Z, factor = samples.take(some), Z[some], factor[some]
        known = samples.derivatives
        if known is not None and (self.odd.any() or self.powers.any()):
            known = known.some(~known.is_apart)
        if known is not None:
            here = contiguous(known.X - self.about)
            U, _ = self.variables.apply(here)
            by_x, _ = self.variables.jacobian(here)
            values = known.values
            if self.odd.any() or self.powers.any():
                slope = np.einsum("kd,kd->k", self._slopes(here), known.directions)[:, None]
                values = _over(values, samples.y[known.rows], self._factor(here)[:, None], slope)
            known = known.in_variables(U, by_x, values)
        return _over_factor(samples, self.variables.apply(Z)[0], factor[:, None], known)

    def _factor(self, Z: Array) -> Array:
        """What is in front of f, (n,)."""
        with np.errstate(all="ignore"):
            return np.asarray(self.variables.apply(Z)[1] * np.prod(Z[:, self.odd], axis=1))

    def _slopes(self, Z: Array) -> Array:
        """Derivatives (n, d) of that, where it is not 0."""
        with np.errstate(all="ignore"):
            return np.asarray(self._factor(Z)[:, None] * (self.powers + self.odd) / np.where(Z == 0.0, 1.0, Z))

    def _is_tame(self, model: Model, j: int) -> bool:
        """Whether f changes by no more than its slope says from where rows end to where x_j is infinite."""
        there = self.some.copy()
        there[:, j] = self.last[j]
        with np.errstate(all="ignore"):
            value = model.evaluate(there)
            most = FARTHEST * np.abs(model.evaluate_gradient(there)[:, :, j]) * self.last[j]
            for part in PARTS:
                there[:, j] = part * self.last[j]
                change = np.abs(model.evaluate(contiguous(there)) - value)
                if not np.all(change <= most + ROUNDED * np.abs(value)):
                    return False
        return True

    def _tamed(self, model: Model) -> Model:
        """f, which goes on linearly beyond the rows in columns where it is wild there."""
        wild = [j for j in np.flatnonzero(self.powers).tolist() if not self._is_tame(model, j)]
        if not wild:
            return model
        low = np.where(np.isin(np.arange(len(self.last)), wild), self.last, -np.inf)
        return Continued(model, low, np.where(np.isfinite(low), STEP * np.abs(self.last), 1.0))

    def whole(self, model: Model) -> Model:
        whole: Model = Reduced(self._tamed(model) if self.powers.any() else model, self.variables)
        d, m = len(self.about), model.signature.n_outputs
        inputs = Normalization(np.zeros(d, dtype=np.intc), self.about, np.ones(d))
        if self.about.any():
            whole = Composed(whole, Polynomial(np.eye(d, dtype=np.intp), np.eye(d), inputs=inputs, n_threads=1))
        if self.odd.any():
            product = Polynomial(self.odd[None].astype(np.intp), np.ones((1, m)), inputs=inputs, n_threads=1)
            whole = together(whole, product, "*")
        return whole

    def ends(self, low: Array, high: Array) -> Array:
        """The least and the greatest u (2, d) of a box, of columns with a limit up to infinity."""
        points = np.stack([low, high, np.where((low < self.about) & (self.about < high), self.about, low)])
        U = self.apply(points)
        least = np.where(self.powers != 0.0, 0.0, U.min(axis=0))
        return np.stack([least, U.max(axis=0)])


@dataclass(frozen=True)
class Images:
    """y is the same at all images of a point, where columns may be exchanged; `moves` makes first images of rows."""

    exchanges: Exchanges
    moves: bool

    def changed(self, samples: Samples) -> Samples:
        known = samples.derivatives
        if not self.moves:
            return samples
        if known is not None:
            images = self.exchanges.images[self.exchanges.places(known.X)]
            X, along = (np.take_along_axis(one, images, axis=1) for one in (known.X, known.directions))
            known = replace(known, X=contiguous(X), directions=contiguous(along))
        return replace(samples, X=self.exchanges.first(samples.X), derivatives=known)

    def whole(self, model: Model) -> Model:
        return Exchanged(model, self.exchanges)


@dataclass(frozen=True, eq=False)
class AtPoints:
    """f has the values, and derivatives, of some `points`: these are rows, and what a model misses there is added to it
    as a polynomial in the box from `low` (d,) to `high`."""

    points: Samples
    low: Array
    high: Array

    def changed(self, samples: Samples) -> Samples:
        has_y = np.isfinite(self.points.y).all(axis=1)
        n, k = samples.n, int(has_y.sum())
        own = self.points.derivatives
        known = samples.derivatives
        if own is not None:
            place = np.where(has_y, n + np.cumsum(has_y) - 1, -1)
            own = replace(own, rows=place[own.rows], numbers=own.numbers + samples.n_given)
            known = own if known is None else _joined(known, own)
        weight = self._weight(samples, k)
        if not k:
            return replace(samples, derivatives=known)
        return replace(
            samples,
            X=np.concatenate([samples.X, self.points.X[has_y]]),
            y=np.concatenate([samples.y, self.points.y[has_y]]),
            sample_weight=weight,
            numbers=None,
            derivatives=known,
        )

    def _weight(self, samples: Samples, k: int) -> Array:
        own = np.ones(samples.n) if samples.sample_weight is None else samples.sample_weight
        more = np.full((k, *own.shape[1:]), WEIGHT_OF_POINTS)
        if samples.is_relative:
            has_y = np.isfinite(self.points.y).all(axis=1)
            y, size = self.points.y[has_y], np.mean(own.reshape(samples.n, -1) * samples.y**2)
            with np.errstate(all="ignore"):
                inverse = np.where(y != 0.0, size / y**2, 1.0)
            more = more * (inverse if own.ndim == 2 else inverse[:, 0])
        weight = np.concatenate([own, more])
        return np.asarray(weight / np.mean(weight, axis=0))

    def whole(self, model: Model) -> Model:
        """The model with what it misses at the points."""
        coefficients = np.zeros((len(self._terms), model.signature.n_outputs))
        wanted, unit = self._wanted, self._unit
        for _ in range(ROUNDS):
            moved = model if not coefficients.any() else self._moved(model, coefficients)
            missed = np.where(np.isfinite(wanted), wanted - self._of(moved), 0.0)
            if np.all(np.abs(missed) <= MET * np.maximum(np.abs(np.nan_to_num(wanted)), unit)):
                return moved
            for j, column in enumerate(missed.T):
                known = np.isfinite(wanted[:, j])
                coefficients[:, j] += self._solve(known) @ column[known]
        return self._moved(model, coefficients)

    def _moved(self, model: Model, coefficients: Array) -> Model:
        polynomial = Polynomial(self._terms, coefficients, inputs=self._inputs, n_threads=1)
        whole: Model = together(model, polynomial, "+")
        return whole

    def _of(self, model: Model) -> Array:
        """What a model has where something is known: values, then derivatives."""
        values, own = model.evaluate(contiguous(self.points.X)), self.points.derivatives
        return values if own is None else np.concatenate([values, own.of(model)])

    @cached_property
    def _wanted(self) -> Array:
        own = self.points.derivatives
        return self.points.y if own is None else np.concatenate([self.points.y, own.values])

    @cached_property
    def _unit(self) -> Array:
        """What counts as nothing is measured by, of each: the size of y, and of y over the box."""
        y = np.where(np.isfinite(self.points.y), self.points.y, 0.0)
        size, own = rms_of_columns(y), self.points.derivatives
        unit = np.broadcast_to(size, self.points.y.shape)
        if own is None:
            return unit
        width = np.abs(own.directions) @ (self.high - self.low)
        return np.concatenate([unit, size / np.where(width > 0.0, width, 1.0)[:, None]])

    @cached_property
    def _inputs(self) -> Normalization:
        return Normalization.of_box(np.stack([self.low, self.high]))

    @cached_property
    def _terms(self) -> NDArray[np.intp]:
        """Of the least degree by which all that is known can be met."""
        d = len(self.low)
        varies = self.high > self.low
        for degree in range(MOST_DEGREE + 1):
            found = index_set("total", degree, np.where(varies, degree, 0).tolist(), 20_000)
            if found is None:
                break
            indices = found[0]
            if len(indices) < len(self._wanted):
                continue
            singular = singular_values(self._scaled(indices))
            if singular[-1] > LEAST_SINGULAR * singular[0]:
                return indices
        raise ValueError(
            f"known: expected values at points that a polynomial of {d} columns of degree {MOST_DEGREE} tells apart, "
            f"got {len(self._wanted)} numbers at points too near to each other"
        )

    def _design(self, indices: NDArray[np.intp]) -> Array:
        """What the terms have where something is known, (k, p)."""
        terms, own = ChebyshevTerms(indices), self.points.derivatives
        design = terms.design(self._inputs.apply(contiguous(self.points.X)))
        if own is None:
            return design
        slopes = own.directions / np.ldexp(self._inputs.divisor, self._inputs.exponent)
        along = terms.derivatives(self._inputs.apply(own.X), slopes, own.order, np.zeros_like(slopes))
        return np.concatenate([design, along])

    def _scaled(self, indices: NDArray[np.intp]) -> Array:
        """Of rows of length 1, and terms that count the less the higher their degree."""
        design = self._design(indices) * 0.5 ** indices.sum(axis=1)
        size = np.linalg.norm(design, axis=1, keepdims=True)
        return np.asarray(design / np.where(size > 0.0, size, 1.0))

    def _solve(self, known: NDArray[np.bool_]) -> Array:
        """Takes what is missed where something is `known` (k,) to the smallest coefficients that make up for it."""
        weights = 0.5 ** self._terms.sum(axis=1)
        return np.asarray(weights[:, None] * pinv(self._design(self._terms)[known] * weights, rcond=1e-13))


def _over(slopes: Array, y: Array, factor: Array, by_factor: Array) -> Array:
    """Derivatives of y / p from those of y and of p."""
    with np.errstate(all="ignore"):
        return np.asarray((slopes - y / factor * by_factor) / factor)


def _over_factor(samples: Samples, X: Array, factor: Array, derivatives: Derivatives | None) -> Samples:
    """The samples of y over `factor` (n, 1) or (n, m), whose errors weigh as those of y."""
    y, weight = contiguous(samples.y / factor), samples.sample_weight
    is_one = bool(np.all(np.abs(factor) == 1.0))
    if not samples.is_relative and not is_one:
        scale = np.max(np.abs(factor), axis=0)
        square = np.mean((factor / scale) ** 2, axis=1)
        weight = square if weight is None else weight * (square if weight.ndim == 1 else square[:, None])
        weight = weight / np.mean(weight, axis=0)
    return replace(samples, X=contiguous(X), y=y, sample_weight=weight, derivatives=derivatives)


def _joined(a: Derivatives, b: Derivatives) -> Derivatives:
    return Derivatives(
        *(np.concatenate([getattr(one, name) for one in (a, b)]) for name in Derivatives.__dataclass_fields__)
    )


def chained(changes: Sequence[Change], samples: Samples) -> Samples:
    """The samples after all changes."""
    for change in changes:
        samples = change.changed(samples)
    return samples


def whole_of_changes(changes: Sequence[Change], model: Model, signature: Signature) -> Model:
    """The model of what all changes leave as one of the inputs, with this signature."""
    for change in reversed(changes):
        model = change.whole(model)
    made = model.copied()
    made.signature = signature
    return made
