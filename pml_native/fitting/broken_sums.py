"""How `fit` uses sums of functions of single columns, each of which may change its law along its column.

    L(y) = f_1(x_1) + ... + f_d(x_d),     L(y) = y or log y,

with polynomials f_j on intervals between breaks: colours that are decoded channel by channel, tariffs of several goods,
factors of a product that are tabulated in pieces. A cut of the box along all breaks would leave regions of hardly any
rows. Here a break costs one piece of one function.

Polynomials of the columns, fitted to y together, leave a residual in which each break shows as a jump or a kink along
its column: the one that explains the most of it is taken for one, until none explains much. That says about where they
are. Functions fitted to the rows that are near to none of them, with a law on each side of what is left out, are exact
if no break was missed. Then y less all functions but one is a table of one column, near its breaks as well, without any
noise but rounding; and cuts.py, which never took a steep place for a change of law, says what is a break and where.
Where there is none, no model is offered.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import lapack
from ..arrays import Array, Samples, contiguous
from ..models import Composed, Model, Normalization, Outputs, Piecewise, Polynomial
from ..models.chebyshev import chebyshev_table
from ..models.transformed import TRANSFORMS, Transformed
from ..search.scheduler import Part, Step, Steps, Worker
from ..search.search import CALL, Found, Rows
from .cuts import Cut, cuts_of, work_of

SEARCH = "broken sums"
LINKS = ("identity", "log")
# Rows that are looked at, degrees that are tried, and how many rows there are for each term at least.
MOST_ROWS, DEGREES, ROWS_A_TERM = 4000, (8, 18, 26, 38, 54), 3.0
# Sums are looked for of so many columns at most. Of what a smooth sum leaves of y, products of two columns, of these
# degrees, explain no more than so many times what they do by chance, if y is a sum; nor does the sum miss y by more
# than so many times the best model. Other values have not been tried.
MOST_COLUMNS, IN_PRODUCTS, BY_CHANCE, FAR_BEHIND = 6, 3, 3.0, 1e3
# A polynomial of a piece of n rows is of degree STABLE sqrt(n) at most: of 160 rows, one of degree 38 was off by 5e-7
# next to the first of them, with 1e-16 at all.
STABLE = 1.5
# Functions are exact where they miss rows by less than this: of rounding some 1e-15 is left.
EXACT = 1e-12
# Places that are looked at in each column, and that part of a jump or a kink that polynomials leave if it is seen,
# squared; and by how much a break lowers the miss, at least.
N_PLACES, SEEN, BETTER = 99, 1e-10, 1.05
# Breaks at most, for each column; this share of the rows is taken for near to one, on each side; and pieces have so
# many rows at least.
MOST_BREAKS, NEAR, FEWEST_ROWS = 2, 0.025, 12


class Stretch(NamedTuple):
    """A polynomial of this `degree` of a `column` between `low` and `high`, without its constant or with it."""

    column: int
    low: float
    high: float
    degree: int
    first: int

    def coordinates(self, x: Array) -> Array:
        return (x - (0.5 * self.low + 0.5 * self.high)) / (0.5 * self.high - 0.5 * self.low)


@dataclass(frozen=True)
class Sum:
    """The sum of the `parts`, of each column in order, and without a value between them. Of columns but the first one
    part has no constant, which would be that of others."""

    parts: tuple[Stretch, ...]

    @classmethod
    def between(cls, X: Array, ends: Sequence[Sequence[tuple[float, float]]], degree: int) -> Sum:
        """Parts of each column of X (n, d) between these numbers, of this degree or as high a one as rows allow."""
        parts = []
        for j, intervals in enumerate(ends):
            first = int(j > 0)
            for low, high in intervals:
                n = np.count_nonzero((X[:, j] >= low) & (X[:, j] <= high))
                most = min(degree, int(n / ROWS_A_TERM) - 1, int(STABLE * math.sqrt(n)))
                parts.append(Stretch(j, low, high, max(0, most), first))
                first = 0
        return cls(tuple(parts))

    @classmethod
    def broken(cls, X: Array, breaks: Sequence[Sequence[float]], degree: int) -> Sum:
        """The same, from end to end of each column that varies, between breaks."""
        ends = [
            list(itertools.pairwise([float(x.min()), *sorted(places), float(x.max())])) if np.ptp(x) > 0.0 else []
            for x, places in zip(X.T, breaks, strict=True)
        ]
        return cls.between(X, ends, degree)

    @property
    def n_terms(self) -> int:
        return sum(part.degree + 1 - part.first for part in self.parts)

    def work(self, n: int) -> float:
        return CALL + 8.0 * n * float(self.n_terms) ** 2

    def design(self, X: Array) -> Array:
        """The terms (n, p) at X (n, d); rows beyond all parts of a column are in the nearest."""
        A = np.zeros((len(X), self.n_terms), order="F")
        for begin, part, here in self._shares(X):
            table = chebyshev_table(part.coordinates(X[here, part.column]), part.degree)[part.first :]
            A[here, begin : begin + len(table)] = table.T
        return A

    def _shares(self, X: Array) -> list[tuple[int, Stretch, NDArray[np.intp]]]:
        """Of each part its first term, and the rows of X that are in it."""
        found, begin = [], 0
        for j, some in itertools.groupby(self.parts, key=lambda part: part.column):
            parts = list(some)
            number = np.searchsorted([part.low for part in parts[1:]], X[:, j], side="right")
            for k, part in enumerate(parts):
                found.append((begin, part, np.flatnonzero(number == k)))
                begin += part.degree + 1 - part.first
        return found

    def solved(self, X: Array, y: Array) -> Array:
        """Coefficients (p,), those of terms that rows do not tell apart the shortest."""
        A = self.design(X)
        c = lapack.shortest_solution(A, y, 1e-14)
        c += lapack.shortest_solution(A, y - A @ c, 1e-14)
        return c

    def without(self, j: int) -> Sum:
        """The functions of all columns but j."""
        return Sum(tuple(part for part in self.parts if part.column != j))

    def coefficients_without(self, c: Array, j: int) -> Array:
        columns = np.repeat([part.column for part in self.parts], [part.degree + 1 - part.first for part in self.parts])
        return c[np.flatnonzero(columns != j)]

    def model(self, c: Array, cuts: Sequence[Sequence[Cut]], low: Array, high: Array) -> Model:
        """With these coefficients and cuts, where the parts of each column meet, of columns from low to high (d,)."""
        d, begin, functions = len(low), 0, []
        for j, some in itertools.groupby(self.parts, key=lambda part: part.column):
            pieces: list[Model] = []
            ends: list[float] = []
            for part in some:
                degrees = np.arange(part.first, part.degree + 1)
                if not len(degrees):
                    degrees, coefficients = np.zeros(1, dtype=np.intp), np.zeros((1, 1))
                else:
                    coefficients = c[begin : begin + len(degrees), None]
                    begin += len(degrees)
                box = np.stack([low, high])
                box[:, j] = part.low, part.high
                indices = degrees[:, None] * (np.arange(d) == j)
                pieces.append(Polynomial(indices, coefficients, inputs=Normalization.of_box(box), n_threads=1))
                ends.append(part.low)
            ends.append(part.high)
            gaps = [(cut.low, cut.high) if cut.order == 0 else (cut.place, cut.place) for cut in cuts[j]]
            orders = [cut.order for cut in cuts[j]]
            functions.append(pieces[0] if not gaps else Piecewise(ends, pieces, column=j, gaps=gaps, orders=orders))
        rule = Polynomial(np.eye(len(functions), dtype=np.intp), np.ones((len(functions), 1)), n_threads=1)
        return Composed(rule, Outputs(functions, range(len(functions))))


@dataclass(frozen=True)
class Behind:
    """Rows whose y is taken behind a `link`: X (n, d), y (n,)."""

    link: str
    X: Array
    y: Array

    def missed(self, one: Sum) -> float:
        """What the sum, fitted to the rows, misses them by, relative to the deviation of y."""
        left = self.y - one.design(self.X) @ one.solved(self.X, self.y)
        return float(np.sqrt(np.mean(left**2)) / np.std(self.y))

    def take(self, rows: NDArray[np.intp]) -> Behind:
        return replace(self, X=self.X[rows], y=self.y[rows])


class BrokenSumsSearch:
    """The search for a sum of functions of single columns that break, where the best model stands at `error`."""

    def __init__(self, rows: Rows, error: float) -> None:
        self.rows, self.error, self.prospect = rows, error, 0.0

    def steps(self) -> Steps:
        train = self.rows.train
        X, y = train.X[:MOST_ROWS], train.y[:MOST_ROWS, 0]
        n, d = X.shape
        finer = _smooth(X, DEGREES[1])
        if not 2 <= d <= MOST_COLUMNS or finer.n_terms * ROWS_A_TERM > n:
            return
        work = _smooth(X, DEGREES[0]).work(n) + 8.0 * n * (IN_PRODUCTS * d) ** 4 / 4.0
        looks = yield [Step(work, partial(_behind, link, X, y)) for link in LINKS]
        seen = [one for one in looks if one is not None]
        missed, behind = min(seen, key=lambda one: one[0], default=(np.inf, None))
        if behind is None or not missed < FAR_BEHIND * self.error:
            return
        missed = yield from _missed(finer, behind)
        breaks: list[list[float]] = [[] for _ in range(d)]
        while missed > EXACT and sum(map(len, breaks)) < MOST_BREAKS * d:
            work = 2.0 * finer.work(n) + 8.0 * (N_PLACES + n * NEAR) * n * finer.n_terms
            [(others, less)] = yield [Step(work, partial(_with_a_break, breaks, behind))]
            if not less < missed / BETTER:
                break
            breaks, missed = others, less
            finer = Sum.broken(X, breaks, DEGREES[1])
        cuts = (yield from _seen(behind, breaks)) if any(breaks) else []
        if not any(cuts):
            return
        places = [[cut.place for cut in own] for own in cuts]
        best, least = None, np.inf
        for degree in DEGREES:
            one = Sum.broken(X, places, degree)
            if one.n_terms * ROWS_A_TERM > n:
                break
            missed = yield from _missed(one, behind)
            if not missed < least / BETTER:
                break
            best, least = one, missed
        if best is None:
            return
        [found] = yield [Step(best.work(self.rows.n) + CALL, partial(self._found, best, cuts, behind.link))]
        yield found

    def _found(self, one: Sum, cuts: Sequence[Sequence[Cut]], link: str, worker: Worker) -> Found:
        train, signature = self.rows.train, self.rows.signature
        low, high = train.X.min(axis=0), train.X.max(axis=0)

        def made(samples: Samples) -> Model:
            X = contiguous(samples.X)
            model = one.model(one.solved(X, TRANSFORMS[link].forward(samples.y)[:, 0]), cuts, low, high)
            return model if link == "identity" else Transformed(model, ["identity"] * len(low), [link], signature)

        names = train.input_names or tuple(f"x{j}" for j in range(len(low)))
        where = ", ".join(f"{name} = {cut.place:.6g}" for name, own in zip(names, cuts, strict=True) for cut in own)
        kind = "product" if link == "log" else "sum"
        return self.rows.found(
            made(train),
            "composed",
            f"{kind} of functions of single columns, broken at {where}",
            status="all breaks are seen in their columns",
            refit=made,
        )


def _seen(behind: Behind, breaks: Sequence[Sequence[float]]) -> Part[list[list[Cut]]]:
    """The cuts of each column near `breaks`; none where functions are not exact away from these."""
    ends, sure = _away(behind.X, breaks)
    away = behind.take(np.flatnonzero(sure.all(axis=1)))
    for degree in DEGREES:
        one = Sum.between(away.X, ends, degree)
        if one.n_terms * ROWS_A_TERM > len(away.y):
            return []
        missed = yield from _missed(one, away)
        if missed < EXACT:
            break
    else:
        return []
    columns = [j for j, places in enumerate(breaks) if places]
    work = one.work(len(away.y)) + work_of(len(behind.y))
    found = yield [Step(work, partial(_cuts_along, one, behind, away, sure, j)) for j in columns]
    known = dict(zip(columns, found, strict=True))
    return [known.get(j, []) for j in range(len(breaks))]


def _missed(one: Sum, behind: Behind) -> Part[float]:
    [missed] = yield [Step(one.work(len(behind.y)), lambda worker: behind.missed(one))]
    return float(missed)


def _behind(link: str, X: Array, y: Array, worker: Worker) -> tuple[float, Behind] | None:
    """What a smooth sum misses the rows by behind a link, and these; None out of the domain of the link, and where
    products of two columns explain some of what is left, which they do of no sum."""
    with np.errstate(all="ignore"):
        values = TRANSFORMS[link].forward(y[:, None])[:, 0]
    if not np.isfinite(values).all() or not np.ptp(values) > 0.0:
        return None
    behind, smooth = Behind(link, X, values), _smooth(X, DEGREES[0])
    A = smooth.design(X)
    Q = np.linalg.qr(A)[0]
    left = values - Q @ (Q.T @ values)
    low, high = X.min(axis=0), X.max(axis=0)
    tables = [
        chebyshev_table((x - (0.5 * a + 0.5 * b)) / (0.5 * b - 0.5 * a), IN_PRODUCTS)[1:]
        for x, a, b in zip(X.T, low, high, strict=True)
        if a < b
    ]
    products = [np.einsum("in,jn->ijn", *two).reshape(-1, len(X)) for two in itertools.combinations(tables, 2)]
    P = np.concatenate(products).T if products else np.empty((len(X), 0))
    share = np.sum((np.linalg.qr(P - Q @ (Q.T @ P))[0].T @ left) ** 2) / np.sum(left**2)
    # By chance so many terms explain their share of as many rows as hold the residual: few, next to a break.
    holding = np.sum(left**2) ** 2 / np.sum(left**4)
    return (behind.missed(smooth), behind) if share < BY_CHANCE * P.shape[1] / holding else None


def _smooth(X: Array, degree: int) -> Sum:
    return Sum.broken(X, [[]] * X.shape[1], degree)


def _with_a_break(
    breaks: Sequence[Sequence[float]], behind: Behind, worker: Worker
) -> tuple[Sequence[Sequence[float]], float]:
    """One more break, where it lowers the residual most, and what the sum then misses rows by."""
    X = behind.X
    Q = np.linalg.qr(Sum.broken(X, breaks, DEGREES[1]).design(X))[0]
    left = behind.y - Q @ (Q.T @ behind.y)

    def shares(j: int, places: Array, power: int) -> Array:
        """Of the residual, explained by jumps or kinks of column j at each of the places."""
        terms = np.where(X[:, j, None] > places, (X[:, j, None] - places) ** power, 0.0)
        size = np.sum(terms**2, axis=0)
        terms -= Q @ (Q.T @ terms)
        own = np.sum(terms**2, axis=0)
        return np.where(own > SEEN * size, (left @ terms) ** 2 / np.maximum(own, np.finfo(float).tiny), 0.0)

    looks: list[tuple[float, int, int, float, float]] = []
    for j in range(X.shape[1]):
        places = np.unique(np.quantile(X[:, j], np.linspace(0.0, 1.0, N_PLACES + 2)))
        for power in (0, 1) if len(places) > 2 else ():
            share = shares(j, places[1:-1], power)
            k = int(np.argmax(share))
            looks.append((float(share[k]), j, power, float(places[k]), float(places[k + 2])))
    if not looks:
        return breaks, np.inf
    _, j, power, low, high = max(looks)
    x = np.unique(X[(low <= X[:, j]) & (high >= X[:, j]), j])
    gaps = 0.5 * x[:-1] + 0.5 * x[1:]
    if not len(gaps):  # of few rows none may be between two of the places
        return breaks, np.inf
    place = float(gaps[np.argmax(shares(j, gaps, power))])
    others = [np.mean(X[:, j] < one) for one in (-np.inf, *breaks[j], np.inf)]
    if min(abs(np.mean(X[:, j] < place) - share) for share in others) < FEWEST_ROWS / len(X):
        return breaks, np.inf
    more = [sorted([*own, place]) if k == j else own for k, own in enumerate(breaks)]
    return more, behind.missed(Sum.broken(X, more, DEGREES[1]))


def _away(X: Array, breaks: Sequence[Sequence[float]]) -> tuple[list[list[tuple[float, float]]], NDArray[np.bool_]]:
    """The intervals of each column that are near to no break, and which rows are in them, (n, d)."""
    n, ends, sure = len(X), [], np.ones(X.shape, dtype=bool)
    for j, places in enumerate(breaks):
        x = np.sort(X[:, j])
        near, reach = np.zeros(n, dtype=bool), round(NEAR * n)
        for place in places:
            row = int(np.searchsorted(x, place))
            near[max(0, row - reach) : row + reach] = True
        # Too few rows for a law of their own are left out, too.
        runs = [(k, list(some)) for k, some in itertools.groupby(range(n), key=lambda i: bool(near[i]))]
        kept = [rows for is_near, rows in runs if not is_near and len(rows) >= FEWEST_ROWS]
        own = [(float(x[rows[0]]), float(x[rows[-1]])) for rows in kept]
        ends.append([(low, high) for low, high in own if low < high])
        sure[:, j] = np.any([(low <= X[:, j]) & (high >= X[:, j]) for low, high in own], axis=0) if own else False
        if not np.ptp(x) > 0.0:
            sure[:, j] = True
    return ends, sure


def _cuts_along(one: Sum, behind: Behind, away: Behind, sure: NDArray[np.bool_], j: int, worker: Worker) -> list[Cut]:
    """The breaks along column j of what is left of y without the functions of the others, where these are known."""
    c = one.solved(away.X, away.y)
    noise = float(np.sqrt(np.mean((away.y - one.design(away.X) @ c) ** 2)))
    rows = np.delete(sure, j, axis=1).all(axis=1)
    others = one.without(j)
    own = behind.y[rows] - others.design(behind.X[rows]) @ one.coefficients_without(c, j)
    return cuts_of(behind.X[rows, j], own, noise=noise)
