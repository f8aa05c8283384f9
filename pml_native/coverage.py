"""Where there are rows in their box: holes, gaps, clusters, curves and surfaces, columns that follow from others.

Nothing is assumed of how the values of a column are spread. The measure of all is the same table with the values of
each column shuffled among the rows: where columns are independent, uniform or not, a point of shuffled values has a
row as near as the rows have one another, and where they are not, most such points are far from every row.
All that costs more than a pass over the rows is done on a sample of them, which is the same for equal tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from .arrays import Array, repeated_rows
from .facts import EqualRows, Facts
from .singular_values import lstsq

# Beyond so many columns, distances hardly differ, and a share of the box says nothing.
MOST_INPUTS = 6
# Rows that are looked at, and kept with a model to say what is near them, 16 kB of four columns; of more columns than
# MOST_INPUTS, where each of them is compared with all. A millisecond for each thousand of neighbours sought.
MOST_ROWS, FEWER_ROWS = 1000, 300
N_PROBES = 600
# A point is near the rows if one of them is at most so far, in units of what 99 % of rows have to their nearest.
USUAL, MARGIN = 0.99, 1.1
# The share of points far from every row that n rows of independent columns may have is CHANCE + CHANCE_OF_ONE / n. By
# chance 0.5 % have more, uniform, normal, lognormal, log-uniform or arcsine, of 16 to 2,000 rows, 2 to 5 columns. With
# factors of 1 to 1.2 above and a chance of 0.02 to 0.03, alarms, false and due, are the same within some percent.
CHANCE, CHANCE_OF_ONE = 0.025, 3.0
# Thin corners, as those of normal columns, vary by chance: shuffled rows must leave less than half as much of the box.
THINNER = 2.0
# The share of the box from which it is said to be empty though columns are independent: heavy tails in many dimensions.
MOSTLY = 2.0 / 3.0
# Rows this much nearer to another than every twentieth row, taken at random, is to the next of these are near copies of
# it. Along a curve, where this is the likeliest, 2 % of all rows are so near by chance; copies are from SOME of the
# rows on, and FEWEST at least.
COPY, TWENTIETH, SOME, FEWEST = 1e-3, 20, 0.1, 6
# Rows that are put in groups of near copies, where there are some: a tenth of a second.
MOST_GROUPED = 20_000
# A column is tied to others where a linear function of these leaves at most this part of its variance. Columns of
# standardised coefficients below SLIGHT take no part.
TIED, SLIGHT = 0.05, 0.03
# Rows lie on a surface of second degree if their RMS distance from it is so much of the box, and that of shuffled rows
# from any such surface is NEARER times as large. It takes so many rows a coefficient, and takes no more than so many.
ON_SURFACE, NEARER, ROWS_A_COEFFICIENT, MOST_ROWS_A_COEFFICIENT = 0.01, 10.0, 2, 16
# Columns tied to a smaller part of their ranges than this lie on a surface, and not in a band about it.
NARROW = 0.01
# The longest of n random spacings is longer than log n + SURE of their means in one of exp(SURE) = 400 tables.
SURE = 6.0
# A jittered table has gaps in each column, as wide as its rows are apart: others are so many times as wide.
WIDER = 1.2
# The mean spacing beside a gap is that of this share of the rows, and of so many at least, which are on both sides.
BESIDE, LEAST_BESIDE = 0.05, 5
# Of one column, so much of it without rows is a gap also where hardly any rows are beyond, as before a single one that
# is far from all others. Normal and log-uniform columns have such in 0 to 8 % of tables, lognormal ones in 20 to 33.
LONE = 0.25
# A group of rows is a cluster if it has this share of the rows and two at least; clusters have MOST_OF_THEM together.
LEAST_SHARE, MOST_OF_THEM = 0.03, 0.8
# Clusters are so many times farther apart than three of four rows are from the next: along a curve spacings are
# exponential, with a longest of log n means, and three of four below 1.4; in more dimensions they are more even.
APART_ON_CURVE, APART = 9.0, 4.0
# Rows between which the shortest tree is sought, in a time that goes with their square.
MOST_LINKED = 250
# Rows whose dimension is below the first are on a curve, whose dimension is below this part of d on a surface. Of so
# few rows, the dimension is known to 20 %.
CURVE, SURFACE, LEAST_ROWS = 1.4, 0.8, 24
# A smaller share of the box is not given as a number, and of more gaps than MOST_GAPS none is.
LEAST_SAID, MOST_GAPS = 0.01, 3
# Coordinates beyond the box by this part of its width are rounding.
ROUNDING = 1e-9
# Columns of so few values, each of so many rows in the mean, are asked at these values only.
LEAST_ROWS_A_VALUE = 5


@dataclass(frozen=True, eq=False)
class Near:
    """What points have rows near them: those of the box (`low` (d,), `high` (d,)) within `reach` of one of the `rows`.

    rows : (k, d), some of the rows in units of the box; none where all of the box is near.
    values : of some columns of X, by number, the values that they take: a point is asked at the nearest of these.
    """

    low: Array
    high: Array
    rows: NDArray[np.float32]
    reach: float
    values: dict[int, Array] = field(default_factory=dict)

    @classmethod
    def all_of(cls, low: Array, high: Array) -> Near:
        """All of a box."""
        return cls(low, high, np.empty((0, len(low)), dtype=np.float32), math.inf)

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.rows)

    def contains(self, X: Array) -> NDArray[np.bool_]:
        """Which of the points X (n, d) are in the box and have a row near; (n,). A point with NaN has none."""
        units = units_of(X, self.low, self.high)
        end = np.where(self.high > self.low, 1.0, 0.0)
        is_near: NDArray[np.bool_] = np.all((units >= -ROUNDING) & (units <= end + ROUNDING), axis=1)
        if len(self.rows) and is_near.any():
            asked = np.ascontiguousarray(X[is_near])
            for column, values in self.values.items():
                asked[:, column] = _nearest(values, asked[:, column])
            asked = units_of(asked, self.low, self.high)
            distance, _ = self._tree.query(asked, distance_upper_bound=self.reach)
            is_near[is_near] = np.isfinite(distance)
        return is_near

    def places(self) -> Array:
        """Where rows are, as far as it is kept: (k, d)."""
        exponent = exponent_of(self.low, self.high)
        low, high = np.ldexp(self.low, exponent), np.ldexp(self.high, exponent)
        units = np.clip(self.rows.astype(np.float64), 0.0, 1.0)
        return np.clip(np.ldexp((1.0 - units) * low + units * high, -exponent), self.low, self.high)

    def in_box(self, low: Array, high: Array) -> Near:
        """The same rows in a box that contains theirs."""
        if not len(self.rows):
            return Near.all_of(low, high)
        return Near(low, high, units_of(self.places(), low, high).astype(np.float32), self.reach, self.values)

    def with_rows(self, X: Array) -> Near:
        """The same with rows `X` (n, d) besides, some of all kept."""
        low, high = np.minimum(self.low, X.min(axis=0)), np.maximum(self.high, X.max(axis=0))
        if not len(self.rows):
            return Near.all_of(low, high)
        every = np.concatenate([self.places(), X])
        most = MOST_ROWS if len(low) <= MOST_INPUTS else FEWER_ROWS
        kept = every[np.unique(np.linspace(0, len(every) - 1, min(most, len(every))).astype(np.intp))]
        values = {j: np.union1d(own, X[:, j]) for j, own in self.values.items()}
        for j, own in values.items():
            kept[:, j] = _nearest(own, kept[:, j])
        rows = units_of(kept, low, high)
        nearest = KDTree(rows).query(rows, k=2)[0][:, 1]
        reach = max(MARGIN * float(np.quantile(nearest, USUAL)), self.reach if len(kept) < len(every) else 0.0)
        return Near(low, high, rows.astype(np.float32), reach + float(np.finfo(np.float32).eps), values)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON values and arrays, for `from_state`."""
        plain = {"low": self.low.tolist(), "high": self.high.tolist()}
        if not len(self.rows):
            return plain, {}
        arrays: dict[str, NDArray[Any]] = {"rows": self.rows}
        arrays.update({f"values/{column}": values for column, values in self.values.items()})
        return {**plain, "reach": self.reach}, arrays

    @classmethod
    def from_state(cls, plain: dict[str, Any], arrays: dict[str, NDArray[Any]], n_inputs: int) -> Near:
        """What gave this state, of so many inputs; any of the errors of mistaken entries where none did."""
        low, high = np.array(plain["low"], dtype=np.float64), np.array(plain["high"], dtype=np.float64)
        rows = np.asarray(arrays["rows"], dtype=np.float32) if "reach" in plain else np.empty((0, n_inputs), np.float32)
        if {low.shape, high.shape, rows.shape[1:]} != {(n_inputs,)}:
            raise ValueError(f"near: expected {n_inputs} inputs, got {low.shape}, {high.shape} and {rows.shape}")
        if not len(rows):
            return cls.all_of(low, high)
        values = {
            int(name.removeprefix("values/")): np.asarray(arrays[name], dtype=np.float64)
            for name in arrays
            if name.startswith("values/")
        }
        if not all(column in range(n_inputs) and v.ndim == 1 and v.size for column, v in values.items()):
            raise ValueError(f"near: expected values of columns below {n_inputs}, got {sorted(values)}")
        return cls(low, high, rows, float(plain["reach"]), values)


@dataclass(frozen=True)
class Tie:
    """Columns that obey an equation of some `degree` (1 or 2), to a part `to` of their ranges (RMS)."""

    columns: tuple[int, ...]
    degree: int
    to: float


@dataclass(frozen=True)
class Gap:
    """Values `low` to `high` of a column, which no row has between them."""

    column: int
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Coverage:
    """Where rows are.

    away : about the share of the box that is farther from every row than rows are from each other; 0.0 where more
        columns vary than such distances tell anything of.
    is_hollow : whether rows leave more of the box empty than independent columns would.
    dimension : about how many coordinates tell the rows apart, if fewer than there are columns; else None.
    n_varying : the number of columns that vary.
    ties : columns that follow from others.
    gaps : ranges of a column that have no row, though rows are on both sides.
    n_clusters : in how many groups the rows are; 0 where these are not apart.
    copies : rows that are nearly equal, in groups, equal ones among them; none where that may be chance.
    near : what points have rows near them.
    """

    away: float
    is_hollow: bool
    dimension: float | None
    n_varying: int
    ties: tuple[Tie, ...]
    gaps: tuple[Gap, ...]
    n_clusters: int
    copies: EqualRows
    near: Near

    @property
    def fills_box(self) -> bool:
        """Whether rows are wherever in their box a model may be asked, as far as is seen."""
        return not (self.is_hollow or self.ties)

    @property
    def is_thin(self) -> bool:
        """Whether rows lie on a curve or a surface: about what is beside it, they say nothing.

        A band is wide enough to tell.
        """
        is_tied = any(tie.to < NARROW for tie in self.ties)
        return is_tied or (self.is_hollow and self.dimension is not None)

    @classmethod
    def of(cls, X: Array, facts: Facts) -> Coverage:
        """Of the rows X (n, d), n > 0, whose facts these are."""
        low, high = facts.inputs.low, facts.inputs.high
        n, n_varying, rng = facts.n, int(np.sum(~facts.inputs.constant)), np.random.default_rng(0)
        nothing = cls(0.0, False, None, n_varying, (), (), 0, _more_than_one(np.arange(0)), Near.all_of(low, high))
        if facts.grid is not None and n_varying > 1:
            return nothing
        most = MOST_ROWS if n_varying <= MOST_INPUTS else FEWER_ROWS
        chosen = np.sort(rng.choice(n, most, replace=False)) if n > most else np.arange(n)
        taken = units_of(X[chosen], low, high)
        limit = _nearness_of_copies(taken, rng)
        taken = taken[np.sort(_first_of_each(_groups(taken, limit)))]
        # A column that varies in few rows may not vary in the sample, or between near copies alone.
        varying = np.flatnonzero(taken.std(axis=0) > 0.0)
        rows, d = taken[:, varying], len(varying)
        if not d:
            return nothing
        values = {
            int(j): known
            for j in varying
            if (known := facts.values[j]) is not None and len(known) <= min(most, n // LEAST_ROWS_A_VALUE)
        }
        n_values = np.array([len(values.get(int(j), ())) for j in varying])

        tree = KDTree(rows)
        nearest = tree.query(rows, k=[2, 3])[0]
        nearest[np.isinf(nearest)] = 1.0  # of fewer rows than that
        reach = MARGIN * float(np.quantile(nearest[:, 0], USUAL, method="higher"))
        shuffled = _shuffled(rows, N_PROBES, rng)
        probes = np.where(n_values > 0, shuffled, rng.random(shuffled.shape))
        away = _share_beyond(tree, probes, reach) if d <= MOST_INPUTS else 0.0
        gaps = _gaps(rows, np.flatnonzero(n_values == 0), WIDER * float(np.median(nearest[:, 0])))
        dimension, is_thin = _thinness(rows, nearest, rng)
        is_hollow = bool(gaps) or is_thin or (d > 1 and _is_hollow(tree, reach, shuffled, probes, away))
        to_group = limit > 0.0 and n <= MOST_GROUPED
        near = Near(low, high, taken.astype(np.float32), reach + float(np.finfo(np.float32).eps), values)
        return cls(
            away=away,
            is_hollow=is_hollow,
            dimension=dimension,
            n_varying=n_varying,
            ties=tuple(
                replace(tie, columns=tuple(varying[list(tie.columns)].tolist()))
                for tie in _linear_ties(rows) or _quadratic_ties(rows, n_values == 2, rng)
            ),
            gaps=tuple(
                Gap(int(j := varying[column]), *(float((1.0 - u) * low[j] + u * high[j]) for u in ends))
                for column, *ends in gaps
            ),
            n_clusters=_n_clusters(rows, APART_ON_CURVE if (dimension or d) < CURVE else APART) if is_hollow else 0,
            copies=_more_than_one(_groups(units_of(X, low, high), limit)) if to_group else nothing.copies,
            near=near,
        )

    def sentences(self, input_names: Sequence[str] | None) -> list[str]:
        """What a user should know of it; columns without names are x0, x1 and so on."""
        names = input_names or [f"x{j}" for j in range(len(self.near.low))]
        said = []
        if self.ties:
            to = max(tie.to for tie in self.ties)
            if len(self.ties) == 1:
                columns = listed([names[j] for j in self.ties[0].columns])
                kind = "a linear equation" if self.ties[0].degree == 1 else "an equation of second degree"
                told = f"{columns} of X obey {kind}"
            else:
                told = f"{listed([names[tie.columns[-1]] for tie in self.ties])} of X follow linearly from the others"
            said.append(f"columns {told} to {to:.0e} of their ranges: what y does where they don't, no row tells")
        if self.is_hollow:
            where = f"{self.away:.0%} of the box of X is" if self.away >= LEAST_SAID else "parts of the box of X are"
            said.append(
                f"{where} farther from all rows than rows are from each other{self._shape(names)}: how large errors "
                f"are there, no row tells"
            )
        if len(self.copies.rows):
            n_copies = len(self.copies.rows) - len(self.copies.sizes)
            said.append(f"{n_copies} rows are nearly equal to others: they add weight, but hardly anything new")
        return said

    def _shape(self, names: Sequence[str]) -> str:
        """How rows lie that leave parts of the box empty, to be added to a sentence; nothing if there is no word."""
        if self.dimension is not None:
            if self.dimension < CURVE:
                return f", on {self.n_clusters} curves" if self.n_clusters else ", on a curve"
            return f", on a surface of some {round(self.dimension)} dimensions in {self.n_varying}"
        if 0 < len(self.gaps) <= MOST_GAPS and self.n_clusters <= len(self.gaps) + 1:
            ranges = listed([f"{gap.low:.3g} < {names[gap.column]} < {gap.high:.3g}" for gap in self.gaps], "or")
            return f", none of which has {ranges}"
        return f", in {self.n_clusters} groups" if self.n_clusters else ""


def listed(words: Sequence[str], joint: str = "and") -> str:
    """Words as a list in a sentence."""
    return f" {joint} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def exponent_of(low: Array, high: Array) -> NDArray[np.intc]:
    """Of the powers of two that bring each column of a box near 1."""
    exponent: NDArray[np.intc] = -np.frexp(np.maximum(np.abs(low), np.abs(high)))[1]
    return exponent


def units_of(X: Array, low: Array, high: Array) -> Array:
    """X (n, d) in units of its box, 0 to 1 in each column that varies, without overflow."""
    exponent = exponent_of(low, high)
    low, high = np.ldexp(low, exponent), np.ldexp(high, exponent)
    width = high - low
    with np.errstate(over="ignore"):  # far outside
        units: Array = (np.ldexp(X, exponent) - low) / np.where(width > 0.0, width, 1.0)
    return units


def _nearest(values: Array, x: Array) -> Array:
    """Of ascending values, the nearest to each x (n,)."""
    nearest: Array = values[np.searchsorted(0.5 * values[1:] + 0.5 * values[:-1], x)]
    return nearest


def _nearness_of_copies(rows: Array, rng: np.random.Generator) -> float:
    """How near unequal rows are that are nearly equal; 0.0 where those that are so near may be so by chance."""
    rows = rows[_first_of_each(_groups(rows, 0.0))]
    if len(rows) <= 2 * FEWEST:
        return 0.0
    some = rows[rng.permutation(len(rows))[: max(FEWEST, len(rows) // TWENTIETH)]]
    limit = COPY * float(np.median(KDTree(some).query(some, k=2)[0][:, 1]))
    n_near = np.sum(np.isfinite(KDTree(rows).query(rows, k=2, distance_upper_bound=limit)[0][:, 1]))
    return limit if n_near > max(SOME * len(rows), FEWEST // 2) else 0.0


def _groups(rows: Array, limit: float) -> NDArray[np.intp]:
    """Of each row (n,) the number of the group that it is in with those equal to it, or nearer than `limit`."""
    order, number = repeated_rows(rows)
    group = np.empty(len(rows), dtype=np.intp)
    group[order] = number
    if limit > 0.0:
        # Each takes the least number of those near it, again and again until none changes.
        one, other = KDTree(rows[_first_of_each(group)]).query_pairs(limit, output_type="ndarray").T
        least, before = np.arange(number[-1] + 1), np.arange(0)
        while not np.array_equal(least, before):
            before = least.copy()
            np.minimum.at(least, one, before[other])
            np.minimum.at(least, other, before[one])
        group = least[group]
    return group


def _first_of_each(group: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first row of each group, in the order of their numbers."""
    return np.unique(group, return_index=True)[1]


def _more_than_one(group: NDArray[np.intp]) -> EqualRows:
    """The groups that have more than one row."""
    in_order = np.argsort(group, kind="stable")
    again = in_order[np.bincount(group)[group[in_order]] > 1]
    return EqualRows(again, np.unique(group[again], return_inverse=True)[1])


def _shuffled(rows: Array, n: int, rng: np.random.Generator) -> Array:
    """n points (n, d), each coordinate that of any of the rows."""
    return np.take_along_axis(rows, rng.integers(0, len(rows), (n, rows.shape[1])), axis=0)


def _share_beyond(tree: KDTree, points: Array, reach: float) -> float:
    """The share of points that are farther than that from every point of the tree."""
    return float(np.mean(np.isinf(tree.query(points, distance_upper_bound=reach)[0])))


def _is_hollow(tree: KDTree, reach: float, shuffled: Array, probes: Array, away: float) -> bool:
    """Whether rows leave empty what shuffled ones would not, or most of the box; `away` is the share of `probes`."""
    rows = np.asarray(tree.data)
    chance = CHANCE + CHANCE_OF_ONE / len(rows)
    if away > MOSTLY or _share_beyond(tree, shuffled, reach) > chance:
        return True
    return away > chance and away > chance + THINNER * _share_beyond(KDTree(shuffled[: len(rows)]), probes, reach)


def _dimension(nearest: Array) -> float | None:
    """From distances (n, 2) of rows to the two nearest others, whose ratio's logarithm is 1 / dimension on average.

    Facco et al., Estimating the intrinsic dimension of datasets by a minimal neighborhood information (2017).
    """
    nearest = nearest[nearest[:, 0] > 0.0]  # squares of the smallest distances are 0
    if len(nearest) < LEAST_ROWS:
        return None
    logarithms = np.log(nearest[:, 1] / nearest[:, 0])
    total = float(np.sum(logarithms))
    return (len(nearest) - 1) / total if total > 0.0 else None


def _thinness(rows: Array, nearest: Array, rng: np.random.Generator) -> tuple[float | None, bool]:
    """The dimension of rows, if far below that of shuffled ones, and whether that is so by 4 standard deviations."""
    dimension = _dimension(nearest)
    if dimension is None or dimension >= SURFACE * rows.shape[1]:
        return None, False
    shuffled = np.unique(_shuffled(rows, len(rows), rng), axis=0)
    by_chance = _dimension(KDTree(shuffled).query(shuffled, k=[2, 3])[0])
    if by_chance is None or dimension >= SURFACE * by_chance:
        return None, False
    return dimension, dimension < (1.0 - 4.0 * math.sqrt(2.0 / len(rows))) * by_chance


def _gaps(rows: Array, columns: NDArray[np.intp], least: float) -> list[tuple[int, float, float]]:
    """Of these columns, each range without rows longer than `least`: the column, and where it begins and ends."""
    n, d = rows.shape
    beside = max(LEAST_BESIDE, int(BESIDE * n))
    if n < 3 * beside:
        return []
    found = []
    for column in columns.tolist():
        ascending = np.sort(rows[:, column])
        spacing = np.diff(ascending)[beside : n - 1 - beside]
        mean = (ascending[beside:] - ascending[:-beside]) / beside
        # Beside spacing i, between rows beside + i and beside + i + 1: the mean of those before and of those after.
        usual = np.maximum(mean[: len(spacing)], mean[beside + 1 :][: len(spacing)])
        is_gap = spacing > np.maximum((math.log(n * d) + SURE) * np.maximum(usual, 1.0 / n), least)
        begins = np.flatnonzero(is_gap) + beside
        if d == 1:
            begins = np.union1d(begins, _lone_gaps(ascending))
        for i in begins:
            found.append((column, float(ascending[i]), float(ascending[i + 1])))
    return found


def _lone_gaps(ascending: Array) -> NDArray[np.intp]:
    """Where gaps begin that have too few rows on one side to tell how far these are apart: the other side does."""
    n, k = len(ascending), LEAST_BESIDE
    spacing = np.diff(ascending)
    mean = (ascending[k:] - ascending[:-k]) / k
    after = np.append(mean[1:], np.zeros(k))
    before = np.append(np.zeros(k), mean[:-1])
    usual = np.maximum(np.maximum(before, after), 1.0 / n)
    return np.flatnonzero(spacing > np.maximum((math.log(n) + SURE) * usual, LONE))


def _linear_ties(rows: Array) -> list[Tie]:
    """The columns that are nearly linear functions of others: each is left out when it is found, and others sought."""
    n, d = rows.shape
    left = list(range(d))
    found: list[Tie] = []
    Z = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    correlation = Z.T @ Z / n
    while len(left) > 1 and n > 3 * len(left) + 4:
        # What the others leave of a column's variance is one over the diagonal of the inverse, with so many unknowns.
        ridge = d * float(np.finfo(np.float64).eps)
        squares, vectors = np.linalg.eigh(correlation[np.ix_(left, left)])
        unexplained = n / (n - len(left)) / np.sum(vectors**2 / np.maximum(squares, ridge), axis=1)
        # Of columns that follow from each other alike, the last is named.
        last = int(np.flatnonzero(unexplained <= 2.0 * unexplained.min() + 10.0 * ridge)[-1])
        if unexplained[last] > TIED:
            break
        column = left.pop(last)
        coefficients = lstsq(Z[:, left], Z[:, column], rcond=None)[0]
        rest = float(np.sqrt(np.mean((Z[:, column] - Z[:, left] @ coefficients) ** 2))) * float(rows[:, column].std())
        others = [j for j, c in zip(left, coefficients, strict=True) if abs(c) > SLIGHT]
        found.append(Tie((*others, column), 1, max(rest, float(np.finfo(np.float64).eps))))
    return found


def _quadratic_ties(rows: Array, is_two_valued: NDArray[np.bool_], rng: np.random.Generator) -> list[Tie]:
    """The equation of second degree that rows obey, if they do."""
    d = rows.shape[1]
    if d == 1 or d > MOST_INPUTS:
        return []
    # The square of a column of two values is a linear function of it.
    pairs = np.array([(i, j) for i in range(d) for j in range(i, d) if i < j or not is_two_valued[i]])
    n_terms = d + len(pairs)
    if len(rows) < ROWS_A_COEFFICIENT * (1 + n_terms):
        return []
    # More rows tell nothing that these don't, and would make BLAS wait for its threads.
    some = rows[:: max(1, len(rows) // (MOST_ROWS_A_COEFFICIENT * n_terms))]
    to, columns = _quadric(some, pairs)
    if to > ON_SURFACE or _quadric(_shuffled(some, len(some), rng), pairs)[0] < NEARER * to:
        return []
    return [Tie(tuple(columns), 2, to)]


def _quadric(rows: Array, pairs: NDArray[np.intp]) -> tuple[float, list[int]]:
    """The RMS distance of rows from the nearest surface q(x) = 0 of second degree, and the columns that q depends on.

    To first order that is the least RMS of q over that of its gradient. pairs : (k, 2), of the columns whose products
    q has. The distance is known to half of the digits, 1e-8.
    Taubin, Estimation of planar curves, surfaces, and nonplanar space curves defined by implicit equations (1991).
    """
    n, d = rows.shape
    V = 2.0 * rows - 1.0
    one, other = V[:, pairs[:, 0]], V[:, pairs[:, 1]]
    terms = np.concatenate([V, one * other], axis=1)
    terms -= terms.mean(axis=0)
    n_terms = terms.shape[1]
    squared_gradient = np.zeros((n_terms, n_terms))
    derivative = np.zeros((n, n_terms))
    for column in range(d):
        derivative[:, :d] = np.arange(d) == column
        derivative[:, d:] = (pairs[:, 0] == column) * other + (pairs[:, 1] == column) * one
        squared_gradient += derivative.T @ derivative
    ridge = n_terms * float(np.finfo(np.float64).eps) * float(np.trace(squared_gradient))
    inverse = np.linalg.inv(np.linalg.cholesky(squared_gradient + ridge * np.eye(n_terms)))
    squares, q = np.linalg.eigh(inverse @ (terms.T @ terms) @ inverse.T)
    weight = np.abs(inverse.T @ q[:, 0]) * terms.std(axis=0)
    involved = set(np.flatnonzero(weight[:d] > SLIGHT * weight.max()).tolist())
    involved.update(pairs[weight[d:] > SLIGHT * weight.max()].ravel().tolist())
    # The box has a width of 2 here; each term makes some rows fit by chance.
    distance = 0.5 * math.sqrt(max(float(squares[0]), 0.0) * n / (n - n_terms))
    return max(distance, math.sqrt(np.finfo(np.float64).eps)), sorted(involved)


def _n_clusters(rows: Array, apart: float) -> int:
    """In how many groups the rows are; 0 where they are not in groups. See APART."""
    n = min(len(rows), MOST_LINKED)
    rows = rows[np.linspace(0, len(rows) - 1, n).astype(np.intp)]
    # The shortest tree that joins all rows, by Prim: its edges in the order in which rows join.
    length, order, joined = np.empty(n - 1), [0], np.zeros(n, dtype=bool)
    distance, nearest = np.full(n, math.inf), np.zeros(n, dtype=np.intp)
    parent = np.empty(n - 1, dtype=np.intp)
    for edge in range(n - 1):
        newest = order[-1]
        joined[newest] = True
        square = np.sum((rows - rows[newest]) ** 2, axis=1)
        is_nearer = (square < distance) & ~joined
        distance[is_nearer], nearest[is_nearer] = square[is_nearer], newest
        distance[newest] = math.inf
        order.append(int(np.argmin(distance)))
        length[edge], parent[edge] = math.sqrt(distance[order[-1]]), nearest[order[-1]]
    is_long = length > apart * np.quantile(length, 0.75)
    group = np.zeros(n, dtype=np.intp)
    for row, ancestor, is_new, number in zip(order[1:], parent, is_long, np.cumsum(is_long), strict=True):
        group[row] = number if is_new else group[ancestor]
    sizes = np.bincount(group)
    large = sizes[sizes >= max(2.0, LEAST_SHARE * n)]
    return len(large) if len(large) > 1 and large.sum() >= MOST_OF_THEM * n else 0
