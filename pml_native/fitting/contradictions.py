"""Whether derivatives that are given can be those of y: the sign, the units and the order of their columns.

Between two rows, Delta y is the mean of the slope along the way times the way. Where the slope g along it rises or
falls all the way, the mean of its values at both ends, which is given, is off by no more than half of what it changes:

    |Delta y - (g_0 + g_1) / 2| <= |g_1 - g_0| / 2,      g = grad y . Delta x.

Near rows of a smooth y are off by far less, and rows too far apart for a slope that goes up and down by about as much.
So no model is needed to say that derivatives are not those of y: most neighbours are off by several times as much.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.spatial import KDTree

from ..arrays import Array, Samples
from ..models import Normalization
from ..search.polynomial import PolynomialSearch
from ..search.search import EPS, Found, off_derivatives, run_alone
from ..singular_values import lstsq
from .race import Race

# Rows that are looked at, and the nearest rows that each is compared with.
MOST_ROWS, N_NEAREST = 1000, 4
# Fewer pairs say nothing.
FEWEST_PAIRS = 12
# The median of what pairs are off by, over half of what the slope changes, from which derivatives are not those of y:
# sin(k x) of any k, and points as scarce as they may be, come to 1 at most; and up to which others are.
WRONG, RIGHT = 3.0, 1.0
# How much nearer to y other signs, or swapped columns, must bring them, and factors that are fitted.
SURE, SURER = 5.0, 8.0
# Below this, what is divided by is 0.
TINY = float(np.finfo(float).tiny)
# A factor that a column is off by counts from here on, if it is that many times its standard error.
LEAST_OFF = 0.05
# Factors are found in so many rounds, by what pairs are off by in the last one.
ROUNDS = 5
# An error of y and of its derivatives up to which there is no doubt that they are of one function.
UNDOUBTED = 1e-6
# A model of y alone that is so many times more exact for y than all that meet derivatives as well, and so many times
# worse for these, says that they are of another function.
FAR, FARTHER = 10.0, 100.0


@dataclass(frozen=True)
class Pairs:
    """Neighbouring rows: the `way` from one to the other (k, d), how y changes (k,), the mean of the derivatives at
    both ends and half of how these change, (k, d) both. `rounding` (k,) is that of y."""

    way: Array
    change: Array
    means: Array
    halves: Array
    rounding: Array

    @classmethod
    def of(cls, X: Array, y: Array, G: Array) -> Pairs:
        """Of `X` (n, d), `y` (n,), whose derivatives are said to be `G` (n, d)."""
        Z = Normalization.of(X).apply(X)
        nearest = KDTree(Z).query(Z, k=min(N_NEAREST + 1, len(X)))[1][:, 1:]
        both = np.stack([np.repeat(np.arange(len(X)), nearest.shape[1]), nearest.ravel()])
        a, b = np.unique(np.sort(both, axis=0), axis=1)
        means, way = 0.5 * (G[a] + G[b]), X[b] - X[a]
        rounding = EPS * (np.abs(y[a]) + np.abs(y[b]) + np.sum(np.abs(means * way), axis=1))
        return cls(way, y[b] - y[a], means, 0.5 * (G[b] - G[a]), rounding)

    @cached_property
    def sums(self) -> tuple[Array, Array]:
        """The mean slope times the way, and half of how that changes, of derivatives as they are given: (k,) both."""
        return np.sum(self.means * self.way, axis=1), np.sum(self.halves * self.way, axis=1)

    def off(self, mean: Array, half: Array) -> float:
        """The median of what pairs with such slopes are off by, over half of what the slope changes."""
        # Where all of it is 0, nothing is off.
        return float(np.median(np.abs(self.change - mean) / (np.abs(half) + 4.0 * self.rounding + TINY)))

    @cached_property
    def as_given(self) -> float:
        return self.off(*self.sums)

    def with_factors(self, factors: Array) -> float:
        """What they are off by with derivatives multiplied by `factors` (d,)."""
        return self.off((self.means * self.way) @ factors, (self.halves * self.way) @ factors)

    def swapped(self, i: int, j: int) -> float:
        """What they are off by with the derivatives by two columns swapped."""
        way = self.way[:, j] - self.way[:, i]
        mean, half = (
            total + (own[:, i] - own[:, j]) * way
            for total, own in zip(self.sums, (self.means, self.halves), strict=True)
        )
        return self.off(mean, half)

    def factors(self) -> tuple[Array, Array]:
        """What derivatives by the columns have to be multiplied by to be those of y, and the standard errors of that:
        (d,) both."""
        columns, bends = self.means * self.way, self.halves * self.way
        d = columns.shape[1]
        factors: Array = np.ones(d)
        deviations: Array = np.full(d, np.inf)
        for _ in range(ROUNDS):
            off = np.abs(bends @ factors) + self.rounding
            weight = 1.0 / np.maximum(off, 1e-3 * np.median(off) + TINY)
            A, b = columns * weight[:, None], self.change * weight
            solution, _, rank, _ = lstsq(A, b, rcond=None)
            factors = np.asarray(solution, dtype=np.float64)
            if rank < d:
                return factors, np.full(d, np.inf)
            left = b - A @ factors
            variance = float(np.sum(left**2)) / max(1, len(b) - d)
            deviations = np.asarray(np.sqrt(np.maximum(0.0, variance * np.diag(np.linalg.inv(A.T @ A)))))
        return factors, deviations


def require_derivatives_of_y(samples: Samples) -> list[str]:
    """Sentences on derivatives that contradict y; ValueError where it is plain how: a sign, a unit, swapped columns."""
    known = samples.derivatives
    if known is None:
        return []
    n, (d, m) = len(samples.X), (samples.X.shape[1], samples.y.shape[1])
    names = samples.input_names or tuple(str(j) for j in range(d))
    said = []
    for column in range(m):
        G = np.full((n, d), np.nan)
        first = (known.order == 1) & ~known.is_apart
        axis = np.argmax(np.abs(known.directions[first]), axis=1)
        G[known.rows[first], axis] = known.values[first, column]
        varies = np.ptp(samples.X, axis=0) > 0.0
        there = np.flatnonzero(np.isfinite(G[:, varies]).all(axis=1))
        if len(there) <= FEWEST_PAIRS or not varies.any():
            continue
        there = there[np.linspace(0, len(there) - 1, min(len(there), MOST_ROWS)).astype(np.intp)]
        pairs = Pairs.of(samples.X[np.ix_(there, varies)], samples.y[there, column], G[np.ix_(there, varies)])
        of = "" if m == 1 else f" of {samples.output_names[column] if samples.output_names else f'y{column}'}"
        if not pairs.change.any() and pairs.sums[0].any():
            said.append(f"gradients{of} contradict y: y is the same in neighbouring rows, and they are not 0")
            continue
        called = [name for name, is_there in zip(names, varies, strict=True) if is_there]
        if said_to_be := _as_columns_tell(pairs, called):
            raise ValueError(
                f"gradients{of}: expected derivatives of y, as neighbouring rows tell them, got {said_to_be}"
            )
        if pairs.as_given > WRONG:
            said.append(
                f"gradients{of} contradict y: what y changes by between neighbouring rows is off what they say by "
                f"{pairs.as_given:.0f} times what they change by: they are of another function, or of other rows"
            )
    return said


def _as_columns_tell(pairs: Pairs, names: Sequence[str]) -> str:
    """In words, which columns of derivatives are of y with another sign, unit, or place; nothing where none is, for
    sure."""
    d = len(names)
    tried: list[tuple[float, str]] = []
    for i, j in itertools.combinations(range(d), 2):
        words = f"those by {names[j]!r} for {names[i]!r} and the other way round"
        tried.append((pairs.swapped(i, j), words))
    for columns in dict.fromkeys([tuple(range(d)), *((j,) for j in range(d))]):
        signs = np.where(np.isin(np.arange(d), columns), -1.0, 1.0)
        which = "minus them" if len(columns) == d else f"minus those by {names[columns[0]]!r}"
        tried.append((pairs.with_factors(signs), f"{which} (forces are minus the gradient of an energy)"))
    off, words = min(tried)
    if off < RIGHT and SURE * off < pairs.as_given:
        return words
    if pairs.as_given <= RIGHT:  # as far off are slopes that rise all the way, and on a grid all of them alike
        return ""
    factors, deviations = pairs.factors()
    off = pairs.with_factors(factors)
    wrong = np.abs(factors - 1.0) > np.maximum(LEAST_OFF, SURE * deviations)
    if off < RIGHT and SURER * off < pairs.as_given and wrong.any():
        return ", ".join(f"{1.0 / factors[j]:.3g} times those by {names[j]!r}" for j in np.flatnonzero(wrong).tolist())
    return ""


def doubts(race: Race, effort: float, seconds: float) -> list[str]:
    """Sentences on derivatives that models which are made of y alone, at the rows to train on, are far off.

    What meets y and derivatives would be no worse at the rows held out, if both were of one function. So much `effort`,
    and no more than so many seconds, are spent on polynomials of y alone.
    """
    known, rows = race.rows.train.derivatives, race.rows
    if known is None or race.best is None or race.error < UNDOUBTED or not seconds > 0.0:
        return []
    alone = replace(rows, train=rows.train.changed(), held_out=rows.held_out.changed())
    found = [one for one in race.found.values() if not one.uses_derivatives]
    limit = seconds if math.isfinite(seconds) else None
    found.append(run_alone(PolynomialSearch(alone), effort=effort, time_limit=limit, n_threads=1))
    best = min(found, key=_error_of_y)
    others = [_error_of_y(one) for one in race.found.values() if one.uses_derivatives]
    error, off = _error_of_y(best), off_derivatives(rows.train, best.model)
    if not (others and FAR * error < min(others) and FARTHER * error < off < math.inf):
        return []
    names = rows.train.input_names or tuple(f"x{j}" for j in range(rows.n_inputs))
    with np.errstate(all="ignore"):
        there = known.of(best.model)
    axis, said = np.argmax(np.abs(known.directions), axis=1), []
    for order, (j, name) in itertools.product((1, 2), enumerate(names)):
        own = (axis == j) & (known.order == order)
        given, wanted = known.values[own], there[own]
        is_known = np.isfinite(given) & np.isfinite(wanted)
        given, wanted = given[is_known], wanted[is_known]
        square = float(np.sum(wanted**2))
        if square > 0.0:
            factor = float(np.sum(given * wanted)) / square
            left = math.sqrt(float(np.sum((given - factor * wanted) ** 2)) / square)
            twice = "" if order == 1 else "twice "
            said.append(f"{twice}by {name} {factor:.4g} times those of y, but for {left:.0e}")
    return [
        f"derivatives contradict y: a model of y alone comes to {error:.0e} at the rows, one of both to "
        f"{min(others):.0e}; they are {'; '.join(said)}"
    ]


def _error_of_y(found: Found) -> float:
    return max(found.errors.rmse, found.train_rmse)
