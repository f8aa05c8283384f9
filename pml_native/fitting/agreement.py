"""Which of the best models to trust where no row is: in the corners of the box, or between the lines of a table.

Held-out rows lie where rows are. A polynomial of high degree may be right at all of them and wild in a corner of the
box that none is near. Models made differently (another family, other coordinates) are wrong there in different ways, so
where two of them agree both are right. With D_ij the RMS of f_i - f_j over the box, the error of model i over the box
is about min_j D_ij, at most. The model taken is that of the least product of this and its error at the rows.

Few of points that are uniform in a box are near its corners, so most are drawn with each coordinate near an end, of
the density b(u) = Beta(u; a, a), and each counts as much as it is rarer among uniform ones: with a part s of uniform
points, weights are 1 / (s + (1 - s) prod_i b(u_i)).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, Samples, rms_of_columns
from ..models import Model
from ..search.search import EPS, Found

# The best models of different makers that are compared.
MOST_RIVALS = 6
N_UNIFORM, N_NEAR_ENDS, A = 2000, 4000, 0.2
# Of one input, so many are in the first gap and in the last, at least: what is steep at its end has its error there.
AT_AN_END = 30
# Parameters times points for which values take some tenths of a second; fewer points are taken then, but so many.
MOST_NUMBERS, FEWEST_POINTS = 1e7, 300
# Estimates within this factor of each other say nothing about which model is better.
ALIKE = 3.0
# Models nearer to each other than this part of their errors are the same one, fitted twice.
SAME = 0.1
# Over the box, models are this many times further apart than their errors at the rows are large: one of them is wild.
UNLIKE = 30.0
# Witnesses have errors at the rows up to this many times those of the model.
MOST_UNEQUAL = 1e6
# An error of 0 counts as this.
TINY = 1e-18
# Two values further apart than this many times the RMS of y are so far: worse than wild there is not.
FURTHEST = 1e3


@dataclass(frozen=True)
class Estimate:
    """About the relative RMSE over the box, or less, of a model: how far it is from the nearest `witness`.

    `own` is what the model is judged by at the rows, `at_rows` the larger of that and the same of the witness. Infinite
    for a model that none was made beside.
    """

    over_box: float
    at_rows: float
    own: float

    @property
    def says_something(self) -> bool:
        """Whether there is a witness, and one that is not too crude to tell of the model."""
        return np.isfinite(self.over_box) and self.at_rows <= MOST_UNEQUAL * max(self.own, EPS)

    @property
    def is_suspicious(self) -> bool:
        """Whether one of the two is far worse over the box than at the rows."""
        return self.says_something and self.over_box > UNLIKE * self.at_rows


class Box:
    """Points of the box of the rows `samples`, where the values of models are compared: what each has there is kept.

    points : (k, d).
    weights : (k,), of means over the box.
    unit : (m,), the RMS of each output of the rows, 1 for one that is 0.
    range : the largest range of an output, in these units; 1 where errors are relative to each value.
    spread : the largest standard deviation of one, in these units; 1 in the same way.
    """

    def __init__(self, samples: Samples, rng: np.random.Generator, most_params: int) -> None:
        """For models of up to so many parameters, which decide how many points."""
        self.samples, X, y = samples, samples.X, samples.y
        share = min(1.0, max(FEWEST_POINTS, MOST_NUMBERS / max(1, most_params)) / (N_UNIFORM + N_NEAR_ENDS))
        self.points, self.weights = _in_gaps(X[:, 0], rng, share) if X.shape[1] == 1 else _in_box(X, rng, share)
        self.unit = rms_of_columns(y)
        self.range, self.spread = (1.0, 1.0) if samples.is_relative else _range_and_spread(samples, self.unit)
        self._values: dict[int, tuple[Model, Array]] = {}

    def difference(self, values: Array, own: Array) -> Array:
        """Of values from a model's `own`, both in units of y, or relative to its own where errors are: (k, m).

        Infinite where one of them is.
        """
        difference = np.where(values == own, 0.0, values - own)
        if self.samples.is_relative:
            difference = np.where(np.isinf(own) | (difference == 0.0), difference, difference / np.abs(own))
        return difference

    def values(self, model: Model) -> Array:
        """At the points, in units of each output: (k, m)."""
        if id(model) not in self._values:
            with np.errstate(all="ignore"):
                self._values[id(model)] = model, model.evaluate(self.points) / self.unit
        return self._values[id(model)][1]


def _range_and_spread(samples: Samples, unit: Array) -> tuple[float, float]:
    """The largest range, and the largest standard deviation, of an output in these units, (m,)."""
    with np.errstate(over="ignore"):
        ends = [(block.y.min(axis=0) / unit, block.y.max(axis=0) / unit) for block in samples.blocks()]
        low, high = np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)
        mean = sum(np.sum(block.y / unit, axis=0) for block in samples.blocks()) / samples.n
        squares = sum(np.sum((block.y / unit - mean) ** 2, axis=0) for block in samples.blocks()) / samples.n
        return float(np.max(high - low)), float(np.max(np.sqrt(squares)))


def estimates(rivals: Sequence[Found], box: Box) -> list[Estimate]:
    """Of each model, over the box, relative to the RMS of y, output by output."""
    if len(rivals) == 1:
        return [Estimate(np.inf, rivals[0].error, rivals[0].error)]
    values = [box.values(one.model) for one in rivals]
    known = ~np.isnan(values[0]).any(axis=1)  # where the best model has a value, if only an infinite one
    values, weights = [one[known] for one in values], box.weights[known]
    distance = np.zeros((len(values), len(values)))
    with np.errstate(all="ignore"):
        for i, j in itertools.combinations(range(len(values)), 2):
            distance[i, j] = distance[j, i] = _rms(box.difference(values[j], values[i]), weights)
            if box.samples.is_relative:
                distance[j, i] = _rms(box.difference(values[i], values[j]), weights)
    found = []
    for i, one in enumerate(rivals):
        least = Estimate(np.inf, one.error, one.error)
        for j, other in enumerate(rivals):
            at_rows = max(one.error, other.error)
            apart = float(distance[i, j])
            if other.maker != one.maker and SAME * at_rows < apart < least.over_box:
                least = Estimate(max(one.error, apart), at_rows, one.error)
        found.append(least)
    return found


def _in_gaps(x: Array, rng: np.random.Generator, share: float) -> tuple[Array, Array]:
    """Points between the rows of one input, and their weights: in each gap as many as in others, if there are so many.

    So wide gaps count by their width, and what a model does in a narrow one is seen as well; more are in those at the
    ends.
    """
    ends = np.unique(x)
    if len(ends) == 1:
        return ends[:, None], np.ones(1)
    n = int(share * (N_UNIFORM + N_NEAR_ENDS))
    times = np.full(len(ends) - 1, max(1, n // (len(ends) - 1)))
    times[[0, -1]] = np.maximum(times[[0, -1]], AT_AN_END)
    begin, width = np.repeat(ends[:-1], times), np.repeat(np.diff(ends) / times, times)
    within = np.arange(len(begin)) - np.repeat(np.cumsum(times) - times, times) + rng.uniform(size=len(begin))
    chosen = np.sort(rng.permutation(len(begin))[:n])
    return (begin + within * width)[chosen, None], width[chosen] / np.mean(width)


def _in_box(X: Array, rng: np.random.Generator, share: float) -> tuple[Array, Array]:
    """Points in the box of X (n, d), many near its corners, and their weights; `share` of the usual number."""
    low, width = X.min(axis=0), np.ptp(X, axis=0)
    u, weights = _points(X.shape[1], rng, share)
    return low + width * u, weights


def _points(d: int, rng: np.random.Generator, share: float) -> tuple[Array, Array]:
    """Points in the unit box, (n, d), many near its corners, and their weights (n,) in means over the box.

    `share` of the usual number.
    """
    n_uniform, n_near_ends = int(share * N_UNIFORM), int(share * N_NEAR_ENDS)
    near_ends = np.clip(rng.beta(A, A, (n_near_ends, d)), np.finfo(float).tiny, 1.0 - 2.0**-53)
    u = np.concatenate([rng.uniform(size=(n_uniform, d)), near_ends])
    part = n_uniform / len(u)
    one = math.gamma(2.0 * A) / math.gamma(A) ** 2
    density = np.prod(one * (u * (1.0 - u)) ** (A - 1.0), axis=1)
    return u, 1.0 / (part + (1.0 - part) * density)


def _rms(difference: Array, weights: Array) -> float:
    bounded = np.clip(difference, -FURTHEST, FURTHEST)
    return float(np.sqrt(np.mean(weights[:, None] * bounded**2))) if difference.size else np.inf


def most_trusted(rivals: Sequence[Found], found: Sequence[Estimate]) -> int:
    """The index of the model to take, from the estimates of `rivals`, the best at the rows first.

    That of the least product of its errors at the rows and over the box: what is exact almost everywhere is not given
    up for less than as many digits in the corners, about which two others that agree may be wrong together.
    """
    products = [max(one.error, TINY) * estimate.over_box for one, estimate in zip(rivals, found, strict=True)]
    return next(i for i, product in enumerate(products) if product <= ALIKE * min(products))


def chosen_by_agreement(
    best: Found, found: Sequence[Found], box: Box, *, is_settled: bool
) -> tuple[Found, Estimate, str]:
    """The model that others agree with over the box, what is known of its error there, and a sentence if it is not the
    best at the rows.

    `is_settled` keeps the best: rows that the user chose to validate by, or a tolerance reached, have the last word.
    """
    others = sorted((one for one in found if one.maker != best.maker), key=lambda one: one.error)
    rivals = [best, *others[: MOST_RIVALS - 1]]
    known = estimates(rivals, box)
    taken = 0 if is_settled else most_trusted(rivals, known)
    said = (
        ""
        if taken == 0
        else (
            f"the best at the rows ({best.error:.1e}) differs by {known[0].over_box:.1e} from all others over the box; "
            f"another, of {rivals[taken].error:.1e} at the rows, by {known[taken].over_box:.1e} only, and is taken"
        )
    )
    return rivals[taken], known[taken], said
