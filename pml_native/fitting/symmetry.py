"""Finds symmetries of a function from the gradient of a model of it, and the variables that they leave.

With t_i = t(x_i) for one of log, identity, square, reciprocal, the function is unchanged along a direction a if
    sum_i a_i dy/dt_i = 0,
and in logarithms it is multiplied by a power if the sum is b y. Tests, the surest first:

1. One column: x_i dy/dx_i = b y; then y is x_i^b times a function of the others.
2. Two columns: dy/dt_i = c dy/dt_j; then y depends on c t_i + t_j only. Pairs that share a column join. If t is not
   the same for both, as in v^2 + 2 h, x - 1/y or log x + r, the t themselves are the variables, of which y is a
   function of a sum.
3. All columns in logarithms: the null space of (x_1 dy/dx_1, ..., x_d dy/dx_d, y) over the points holds all changes of
   units; products without units are the variables (Buckingham's theorem, from data). A column that is 0 somewhere, or
   nearly so, may only be in the numerator of one of them.
4. Mirrored points, by values of the model: one column with the other sign, which leaves |x_j|, or two columns in each
   other's place, which leave their sum and their product.

Coefficients are rational: within the errors of the gradient they are rounded to small fractions, so that the variables
are exact. Nothing here is sure, the model being one of data: who uses a symmetry fits what it leaves, and looks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..models import Model
from ..models.reduced import KINDS, Variables, variables_of
from ..singular_values import lstsq, pinv, svd

# Columns whose smallest modulus is below this part of the largest are no factors: a product would lose digits there.
LEAST_PART = 1e-3
# How the relative error of a model may be amplified in its gradient, and the largest error that tells anything.
AMPLIFIED, COARSEST = 100.0, 0.1
FINEST = 1e-7
DENOMINATORS = (1, 2, 3)
# A column does not matter where it changes y by no more than MATTERS, as far as a model tells; nor by more than half of
# the model's error, or NOISE. Without the last, Black and Scholes' price was taken for one without a rate, which leaves
# 5e-2, as polynomials of 7e-3 show that this matters 9e-3.
MATTERS, NOISE = 0.01, 1e-3
# Kinds of t that may be different for two columns of a sum; and the relative deviation from a sum that there may be.
# The power of x that each is says what its unit does to coefficients.
MIXED, MOST_RELATIVE = {"sum": 1, "squares": 2, "reciprocals": -1, "logarithms": 0}, 0.01
# Kinds that are the same for all columns of a group; sums of logarithms are products.
GROUPED = ("product", "sum", "squares", "reciprocals")
# The part of the points, those of the least deviations, that tell which pair of columns leads: a model of Black and
# Scholes' price has most of its error at the kink of short times. Its deviation is then up to CLEAR, and of all others,
# or in other t, LEAD times as large: by polynomials that are good to 7e-3, 3e-2 beside 0.11 in other t of the same
# two columns and 0.4 of others.
MOST_LIKELY, CLEAR, LEAD = 0.9, 0.1, 3.0
# How much less likely changes of units may be once they are rounded.
SCALING_SURE = 3.0
LARGEST_EXPONENT = 6.0
# Products that powers in front are changed by.
MOST_PRODUCTS = 3
# What a mirrored point may change y by, over what other values of the columns do; and the part of the rows whose
# mirrored points are in the box, at least.
MIRRORED, WITHIN = 0.1, 0.5


@dataclass(frozen=True)
class Evidence:
    """What symmetries are read off: points `X` (n, d) and at them y (n, m) and dy/dx (n, m, d), good to about `error`.

    `error` is relative to the size of y, and of x dy/dx. `mirrored` has what a change of the points changes y by,
    relative to its size, and over what other values of these columns do: by (j,) for x_j with the other sign, by (i, j)
    for x_i and x_j in each other's place. `X` is in units of 2^`exponent`, y in units of 2^`y_exponent`. Rows, of which
    the points are some in the middle, go down to 0 in the columns `to_zero`.
    """

    X: Array
    y: Array
    gradient: Array
    error: float
    mirrored: Mapping[tuple[int, ...], tuple[float, float]] = field(default_factory=dict)
    exponent: int = 0
    y_exponent: int = 0
    to_zero: tuple[int, ...] = ()

    @property
    def tolerance(self) -> float:
        """Deviations up to this count as none, relative to y."""
        return float(np.clip(AMPLIFIED * self.error, FINEST, COARSEST))

    def slopes(self, kind: str) -> Array:
        """dy/dt_i over the size of y, and t_i over its spread: (n m, d). NaN columns have no such t."""
        size = float(np.sqrt(np.mean(self.y**2)))
        with np.errstate(all="ignore"):
            derivative = KINDS[kind].derivative(self.X)
            slopes: Array = np.where(self._has(kind), self.gradient / derivative[:, None, :], np.nan) / size
        return slopes.reshape(-1, self.X.shape[1])

    def spreads(self, kind: str) -> Array:
        """Standard deviations of the t_i, (d,)."""
        with np.errstate(all="ignore"):
            spread: Array = np.std(KINDS[kind].t(np.abs(self.X) if kind == "product" else self.X), axis=0)
        return spread

    @property
    def divides(self) -> NDArray[np.bool_]:
        """Which columns, (d,), are positive and far from 0, so that all may be divided by them."""
        smallest, largest = np.min(np.abs(self.X), axis=0), np.max(np.abs(self.X), axis=0)
        divides: NDArray[np.bool_] = (smallest > LEAST_PART * largest) & (np.min(self.X, axis=0) > 0)
        return divides

    def _has(self, kind: str) -> NDArray[np.bool_]:
        d = self.X.shape[1]
        if kind == "sum":
            return np.ones(d, dtype=bool)
        if kind == "squares":
            return np.asarray(np.min(np.abs(self.X), axis=0) > 0)
        return self.divides if kind in ("product", "reciprocals", "logarithms") else np.zeros(d, dtype=bool)


def evidence_in(evidence: Evidence, variables: Variables) -> Evidence | None:
    """The same in the `variables`, of y over the power in front of these; None where that is not finite.

    What the gradient by x has beside them, where y is not quite a function of them, is left out.
    """
    X, y = np.ldexp(evidence.X, evidence.exponent), np.ldexp(evidence.y, evidence.y_exponent)
    U, power = variables.apply(X)
    by_x, power_by_x = variables.jacobian(X)
    v: Array = y / power[:, None]
    gradient = np.ldexp(evidence.gradient, evidence.y_exponent - evidence.exponent)
    slopes = (gradient - v[:, :, None] * power_by_x[:, None, :]) / power[:, None, None]
    size_x, size_u = (np.sqrt(np.mean(values**2, axis=0)) for values in (X, U))
    scaled = by_x * size_x / np.where(size_u > 0.0, size_u, 1.0)[:, None]
    by_u = np.einsum("nmd,ndr->nmr", slopes * size_x, pinv(scaled)) / np.where(size_u > 0.0, size_u, 1.0)
    exponent, y_exponent = (int(np.frexp(np.max(np.abs(values)))[1]) for values in (U, v))
    by_u = np.ldexp(by_u, exponent - y_exponent)
    if not (np.isfinite(U).all() and np.isfinite(v).all() and np.isfinite(by_u).all()):
        return None
    return Evidence(np.ldexp(U, -exponent), np.ldexp(v, -y_exponent), by_u, evidence.error, {}, exponent, y_exponent)


def find_variables(
    evidence: Evidence, strictness: float = 1.0, order: NDArray[np.intp] | None = None
) -> Variables | None:
    """The variables that all symmetries found leave; None where there are none.

    `strictness` above 1 takes only what is as many times surer. Products without units can be chosen in many ways;
    those of the columns that come first in `order` (d,) are simplest.
    """
    d = evidence.X.shape[1]
    tolerance = evidence.tolerance / strictness
    factor = _factors(evidence, tolerance)
    groups = _groups(evidence, tolerance, ~np.isnan(factor))
    taken = {i for _, members in groups for i in members}
    if np.isnan(factor).all() and not groups:
        units = _units(evidence, tolerance, np.arange(d) if order is None else order)
        return units or _transformed(evidence, tolerance)
    kinds, rows = [], []
    for kind, members in groups:
        row = np.zeros(d)
        for i, coefficient in members.items():
            row[i] = coefficient
        kinds.append(kind)
        rows.append(row)
    for i in range(d):
        if np.isnan(factor[i]) and i not in taken:
            kinds.append("sum")
            rows.append(np.eye(d)[i])
    if not rows:  # nothing but a power: some column stays, and the model is a constant
        kinds, rows = ["sum"], [np.eye(d)[0]]
    return variables_of(kinds, np.array(rows), np.nan_to_num(factor))


def in_front(variables: Variables) -> list[Variables]:
    """The same variables with other powers in front: times or over each product, and products of such.

    They are all the same symmetry; what is left over differs.
    """
    products = np.flatnonzero([kind == "product" for kind in variables.kinds])[:MOST_PRODUCTS]
    found = []
    for change in itertools.product((0, 1, -1), repeat=len(products)):
        factor = variables.factor + np.array(change, dtype=np.float64) @ variables.coefficients[products]
        if any(change) and np.max(np.abs(factor)) <= LARGEST_EXPONENT:
            found.append(variables_of(variables.kinds, variables.coefficients, factor))
    return found


def _factors(evidence: Evidence, tolerance: float) -> Array:
    """The exponents b_i of columns that are factors, NaN for the others; 0 for columns that don't matter."""
    slopes = evidence.slopes("product")
    y = evidence.y.reshape(-1) / np.sqrt(np.mean(evidence.y**2))
    exponents = np.full(slopes.shape[1], np.nan)
    for i, h in enumerate(slopes.T):
        if np.isnan(h).any():
            continue
        b = float(h @ y / (y @ y))
        exact = nearest_fraction(b, tolerance)
        if exact is not None and rms(h - exact * y) <= tolerance:
            exponents[i] = exact
    plain, spreads = evidence.slopes("sum"), evidence.spreads("sum")
    for i in map(int, np.flatnonzero(np.isnan(exponents))):
        if rms(plain[:, i]) * spreads[i] <= min(tolerance, MATTERS, max(0.5 * evidence.error, NOISE)):
            exponents[i] = 0.0
    return exponents


def _groups(evidence: Evidence, tolerance: float, gone: NDArray[np.bool_]) -> list[tuple[str, dict[int, float]]]:
    """Columns that occur in one combination only: its kind, and the coefficient of each."""
    groups: list[tuple[str, dict[int, float]]] = []
    for pair in sorted(one for kind in GROUPED for one in _pairs(evidence, tolerance, gone, kind, kind)):
        kind, i, j, ratio = pair.kind, pair.i, pair.j, pair.ratio
        with_i = next((g for g in groups if i in g[1]), None)
        with_j = next((g for g in groups if j in g[1]), None)
        if with_i is None and with_j is None:
            groups.append((kind, {j: 1.0, i: ratio}))
        elif with_i is None and with_j is not None and with_j[0] == kind:
            with_j[1][i] = ratio * with_j[1][j]
        elif with_j is None and with_i is not None and with_i[0] == kind:
            with_i[1][j] = with_i[1][i] / ratio
    return groups


def _transformed(evidence: Evidence, tolerance: float) -> Variables | None:
    """Other t of the likeliest two columns that occur in one sum of different t, if there are such, each by itself.

    A power of a column may be in front, if it occurs in logarithms: prices over the strike are functions of
    log(S/K) + r T as well as those over the spot, times S/K.
    """
    d = evidence.X.shape[1]
    pairs = [
        pair
        for kind, other in itertools.permutations(MIXED, 2)
        for pair in _pairs(evidence, tolerance, np.zeros(d, dtype=bool), kind, other)
        if pair.relative <= MOST_RELATIVE
    ]
    scaled = [] if pairs else sorted(_scaled_pairs(evidence, tolerance))
    if not pairs and not scaled:
        return None
    power, best = scaled[0][1:] if scaled else (0.0, min(pairs))
    kinds, factor = ["sum"] * d, np.zeros(d)
    kinds[best.i], kinds[best.j] = best.kind, best.other
    factor[best.i] = power
    return variables_of(kinds, np.eye(d), factor)


def _scaled_pairs(evidence: Evidence, tolerance: float) -> Iterator[tuple[float, float, Pair]]:
    """Pairs of a logarithm and another t, dy/dlog x_i = c dy/dt_j + b y, with b: y is x_i^b and a function of t_j +
    log(x_i) / c."""
    slopes, spreads = evidence.slopes("logarithms"), evidence.spreads("logarithms")
    y = evidence.y.reshape(-1) / np.sqrt(np.mean(evidence.y**2))
    for other in MIXED:
        others = evidence.slopes(other)
        for i, j in itertools.permutations(range(len(spreads)), 2):
            table = np.column_stack([others[:, j], y])
            if other == "logarithms" or not (np.isfinite(slopes[:, i]).all() and np.isfinite(table).all()):
                continue
            ratio, b = (float(v) for v in lstsq(table, slopes[:, i], rcond=None)[0])
            deviation = rms(slopes[:, i] - table @ (ratio, b)) * spreads[i]
            size = abs(ratio) * rms(others[:, j]) * spreads[i]
            if not deviation <= min(tolerance, MOST_RELATIVE * size) or size == 0.0:
                continue
            within = 3.0 * max(deviation / size, 1e-6)
            power, exact = (
                nearest_fraction(b, within),
                nearest_fraction(ratio * 2.0 ** (evidence.exponent * MIXED[other]), within),
            )
            if power and exact:
                yield deviation / size, power, Pair(deviation / size, "logarithms", i, j, exact, other)


def find_leading_pair(evidence: Evidence) -> Variables | None:
    """What the likeliest sum of two columns leaves, if it is likelier by far than all others; None where none is.

    A model that is too coarse for any tolerance may tell so much. With dy/dt_i = c dy/dt_j + b y, b for logarithms, y
    is a function of t_j + c t_i, times x_i^b. Different t are the variables, as `find_variables` has them.
    """
    sums = sorted(_sums(evidence), key=lambda one: one.relative)
    if not sums or not sums[0].relative <= CLEAR:
        return None
    best = sums[0]
    names = {(best.kind, best.i), (best.other, best.j)}
    others = [one.relative for one in sums if {(one.kind, one.i), (one.other, one.j)} != names]
    within = 3.0 * max(best.relative, 1e-6)
    ratio, power = nearest_fraction(best.ratio, within), nearest_fraction(best.power, within)
    if not ratio or power is None or min(others, default=np.inf) < LEAD * best.relative:
        return None
    d = evidence.X.shape[1]
    kinds, rows, factor = ["sum"] * d, np.eye(d), np.zeros(d)
    factor[best.i] = power
    kinds[best.i], kinds[best.j] = best.kind, best.other
    if best.kind == best.other:
        kinds[best.i] = "product" if best.kind == "logarithms" else best.kind
        rows[best.i, best.i], rows[best.i, best.j] = ratio, 1.0
        kinds, rows = np.delete(kinds, best.j).tolist(), np.delete(rows, best.j, axis=0)
    return variables_of(kinds, rows, factor)


def _sums(evidence: Evidence) -> Iterator[Pair]:
    """All pairs of columns, in all t, as sums, with their deviations at the likely points."""
    d = evidence.X.shape[1]
    y = evidence.y.reshape(-1) / np.sqrt(np.mean(evidence.y**2))
    slopes = {kind: evidence.slopes(kind) for kind in MIXED}
    for kind, other in itertools.combinations_with_replacement(reversed(MIXED), 2):
        for i, j in itertools.permutations(range(d), 2):
            a, b = slopes[kind][:, i], slopes[other][:, j]
            if (kind == other and i < j) or not (np.isfinite(a).all() and np.isfinite(b).all()):
                continue
            table = np.column_stack([b, y if kind == "logarithms" else np.zeros_like(y)])
            left = np.abs(a - table @ lstsq(table, a, rcond=None)[0])
            likely = left <= np.quantile(left, MOST_LIKELY)
            ratio, power = (float(v) for v in lstsq(table[likely], a[likely], rcond=None)[0])
            size = abs(ratio) * rms(b[likely])
            if size > 0.0:
                relative = rms(a[likely] - table[likely] @ (ratio, power)) / size
                ratio *= 2.0 ** (evidence.exponent * (MIXED[other] - MIXED[kind]))
                yield Pair(relative, kind, i, j, ratio, other, power)


class Pair(NamedTuple):
    """Columns i and j that occur in the sum of t_j(x_j) and `ratio` t_i(x_i) only, of these kinds, up to `relative`.

    x_i^`power` is in front.
    """

    relative: float
    kind: str
    i: int
    j: int
    ratio: float
    other: str
    power: float = 0.0


def _pairs(evidence: Evidence, tolerance: float, gone: NDArray[np.bool_], kind: str, other: str) -> Iterator[Pair]:
    """Pairs for a column i of one kind and a column j < i of another, if they are not `gone`."""
    slopes, spreads = evidence.slopes(kind), evidence.spreads(kind)
    sizes = np.array([rms(h) for h in slopes.T]) * spreads
    others, other_sizes = slopes, sizes
    if other != kind:
        others = evidence.slopes(other)
        other_sizes = np.array([rms(h) for h in others.T]) * evidence.spreads(other)
    d = slopes.shape[1]
    for i in range(d):
        if gone[i] or not (np.isfinite(sizes[i]) and sizes[i] > 0):
            continue
        for j in range(i):
            if gone[j] or not (np.isfinite(other_sizes[j]) and other_sizes[j] > 0):
                continue
            a, b = slopes[:, i], others[:, j]
            ratio = float(a @ b / (b @ b))
            # An error of the gradient is one of y over the spread of t.
            deviation = rms(a - ratio * b) * spreads[i]
            relative = deviation / sizes[i]
            if other != kind:
                ratio *= 2.0 ** (evidence.exponent * (MIXED[other] - MIXED[kind]))
            exact = nearest_fraction(ratio, 3.0 * max(relative, 1e-6))
            if exact and relative <= 0.1 and deviation <= tolerance:
                yield Pair(relative, kind, i, j, exact, other)


def mirrored_changes(model: Model, X: Array, low: Array, high: Array) -> dict[tuple[int, ...], tuple[float, float]]:
    """`Evidence.mirrored` of values of the model, at rows `X` whose mirrored points are in the box."""
    d, n = X.shape[1], len(X)
    mirrors: list[tuple[int, ...]] = [(j,) for j in range(d) if low[j] < 0.0 < high[j]]
    mirrors += itertools.combinations(range(d), 2)
    found: dict[tuple[int, ...], tuple[float, float]] = {}
    with np.errstate(all="ignore"):
        y = model.evaluate(X)
        size = np.sqrt(np.mean(y**2, axis=0))

        def change(there: Array, inside: NDArray[np.bool_]) -> float:
            return rms((model.evaluate(there[inside]) - y[inside]) / size)

        for columns in mirrors:
            there = X.copy()
            there[:, columns] = X[:, columns[::-1]] if len(columns) > 1 else -X[:, columns]
            inside = np.all((low <= there) & (there <= high), axis=1)
            if np.count_nonzero(inside) < WITHIN * n:
                continue
            others = [np.where(np.arange(d) == j, np.roll(X, 1, axis=0), X) for j in columns]
            least = min(change(other, inside) for other in others)
            changed = change(there, inside)
            if np.isfinite(changed) and 0.0 < least < np.inf:
                found[columns] = changed, changed / least
    return found


def find_mirrored(evidence: Evidence, strictness: float = 1.0) -> Variables | None:
    """What is the same at mirrored points: moduli of columns, sums and products of pairs; None where nothing is."""
    d, limit = evidence.X.shape[1], evidence.tolerance / strictness
    found = [key for key, (change, part) in evidence.mirrored.items() if change <= limit and part <= MIRRORED]
    kinds: list[str] = []
    rows, taken = [], set[int]()
    for columns in sorted(found, key=len):
        if not taken & set(columns):
            taken |= set(columns)
            kinds += ["moduli"] if len(columns) == 1 else ["sum", "product"]
            rows += [np.isin(range(d), columns).astype(np.float64)] * len(columns)
    if not taken:
        return None
    others = [i for i in range(d) if i not in taken]
    return variables_of([*kinds, *["sum"] * len(others)], np.array([*rows, *np.eye(d)[others]]), np.zeros(d))


def find_scalings(evidence: Evidence, n: int, order: NDArray[np.intp]) -> Variables | None:
    """The products that the `n` likeliest changes of units leave, however sure they are; None where they are none.

    Where a column counts for little, its gradient is known to few digits, and no tolerance tells what is exact from
    what is nearly so. Rounded to fractions they must be as likely as before, within SCALING_SURE times.
    """
    return _units(evidence, COARSEST, order, n)


def _units(evidence: Evidence, tolerance: float, order: NDArray[np.intp], n: int | None = None) -> Variables | None:
    """Products that no change of units changes, where y is multiplied by a power in some; of the `n` likeliest, if
    given."""
    divides, size = evidence.divides, float(np.sqrt(np.mean(evidence.y**2)))
    divides[list(evidence.to_zero)] = False
    # Those that all may be divided by come first, and are the pivots of directions, not those of products.
    here = np.array([*(i for i in order if divides[i]), *(i for i in order if not divides[i])], dtype=np.intp)
    n_divisors = int(np.count_nonzero(divides))
    if len(here) < 2 or n_divisors == 0:
        return None
    y = evidence.y.reshape(-1) / size
    slopes = (evidence.gradient * evidence.X[:, None, :]).reshape(-1, len(here)) / size
    table = np.column_stack([slopes[:, here], -y]) / np.sqrt(len(y))
    if not np.isfinite(table).all():
        return None
    _, singular, rows = svd(table, full_matrices=False)
    if n is not None:
        if n > len(singular) or not singular[-n] <= tolerance:
            return None
        tolerance = min(tolerance, SCALING_SURE * float(singular[-n]))
        rows = rows[-n:]
    else:
        rows = rows[singular <= tolerance]
    # Rounded where the largest coefficients are 1, errors are least; the order of `here` is one of exact fractions.
    largest_first = np.argsort(-np.sum(rows[:, :-1] ** 2, axis=0), kind="stable")
    exact = _echelon(rows[:, [*largest_first, len(here)]])
    directions = None if exact is None else _echelon(exact[:, [*np.argsort(largest_first), len(here)]])
    if directions is None or len(directions) == 0 or len(directions) >= len(here):
        return None
    if rms(table @ directions.T) * np.sqrt(len(y)) > tolerance * np.abs(directions).max():
        return None
    a, b = directions[:, :-1], directions[:, -1]
    if len(svd(a)[1]) < len(a) or not a.any(axis=1).all():
        return None
    pivots = [int(np.flatnonzero(row)[0]) for row in a]  # of the echelon form: each is 0 in the other rows
    invariants = _echelon(np.roll(svd(a)[2][len(a) :], -n_divisors, axis=1))
    if invariants is None or max(pivots) >= n_divisors:
        return None
    invariants = np.roll(invariants, n_divisors, axis=1)
    if np.max(np.abs(a @ invariants.T), initial=0.0) > 1e-12:
        return None
    if not np.isin(invariants[:, n_divisors:], (0.0, 1.0)).all():
        return None
    d = evidence.X.shape[1]
    factor, coefficients = np.zeros(d), np.zeros((len(invariants), d))
    factor[here[pivots]] = b
    coefficients[:, here] = invariants
    # What may have any sign and stands alone is no product, whose powers may stand in front.
    stays = (np.count_nonzero(coefficients, axis=1) == 1) & ~coefficients[:, divides].any(axis=1)
    kinds = ["sum" if is_alone else "product" for is_alone in stays]
    return variables_of(kinds, coefficients, factor)


def _echelon(rows: Array) -> Array | None:
    """A basis of the space of `rows` (k, d) in reduced echelon form, of small fractions; None where there is none."""
    rows = rows.copy()
    done = 0
    for column in range(rows.shape[1]):
        if done == len(rows):
            break
        best = done + int(np.argmax(np.abs(rows[done:, column])))
        if abs(rows[best, column]) < 0.05:
            continue
        rows[[done, best]] = rows[[best, done]]
        rows[done] /= rows[done, column]
        others = np.arange(len(rows)) != done
        rows[others] -= rows[others, column][:, None] * rows[done]
        done += 1
    exact = [[nearest_fraction(float(v), 0.05) for v in row] for row in rows[:done]]
    if done < len(rows) or any(v is None for row in exact for v in row):
        return None
    return np.array(exact, dtype=np.float64).reshape(done, rows.shape[1])


def nearest_fraction(value: float, within: float) -> float | None:
    """The fraction of small denominator next to `value`, None if none is near."""
    if not abs(value) <= LARGEST_EXPONENT + 0.1:
        return None
    for denominator in DENOMINATORS:
        nearest = round(value * denominator) / denominator
        if abs(nearest - value) <= min(max(within, 1e-9), 0.2 / denominator):
            return nearest
    return None


def rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
