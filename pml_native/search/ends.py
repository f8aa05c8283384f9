"""Finds powers of the distance from an end of a table of one column: y = A(x) + (x - e)^b B(x).

A and B are polynomials of one degree, and are eliminated (variable projection; Golub and Pereyra 1973, with Kaufman's
derivative of 1975), so that steps of Gauss and Newton, damped after Levenberg, move b and log(x_1 - e) alone. Residuals
do not tell which rows and which degree know b best: polynomials of high degree come to rounding with b wrong by 1e-5.
What does is the deviation of b: the residual, rounding of y at least, over its projected derivative. It is least for
few rows next to the end and few terms. As residuals are errors of polynomials more than noise, it is too small, up to
40 times; numbers that are simple are taken for b and e within so many deviations, and kept if the residual stays.

b is only known up to whole numbers, as B may be 0 at the end: the largest is taken that leaves the same. Where that is
whole, the logarithm of x - e stands for the power, if it serves, and else there is no such end. With b and e given, A
and B are found for all rows, by least squares of growing degree.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..arrays import Array, Samples
from ..models import Ends, Normalization, Polynomial, Signature
from ..models.chebyshev import chebyshev_table
from ..singular_values import lstsq, pinv, svd
from .least_squares import least_squares
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, EPS, Found, Rows

# Rows next to the end, as parts of all, and degrees, by which b and e are found; so many rows for each term of both.
PARTS, DEGREES, FEWEST_ROWS, MOST_ROWS, ROWS_A_TERM = (4, 2, 1), (3, 5, 7, 9), 24, 1000, 1.5
# A table is looked at first with this degree, from these exponents. An end shows where its power leaves so much less
# than a polynomial of as many terms and two more, which leaves more than so many roundings of y.
FIRST_DEGREE, STARTS, SHOWS, ROUNDINGS = 5, (0.5, 1.5, -0.5), 0.01, 30.0
# Rows of the windows by which a cusp is looked for, and the part of the worst residual that others may have which are
# more than a window away. A cusp is in one of so many gaps to either side of the middle of that window: where rows are
# uneven, the window that is met worst has it near its end.
WINDOW, LOCAL, GAPS = 10, 0.03, 5
# Residuals of the best degree are at most so many roundings.
COMES_TO = 1e3
# Steps of the first look, and starts that go on from there.
FIRST_STEPS, MOST_LEADING = 10, 2
# Exponents that are looked for.
LEAST_EXPONENT, MOST_EXPONENT = -2.0, 6.0
# Steps, how often each is tried with more damping, and the longest, of b and of log(x_1 - e).
MOST_STEPS, TRIALS, LONGEST = 25, 6, 0.5
# Singular values below this part of the largest are left out.
CUTOFF = 3e-15
# Numbers within so many deviations are not told from the one found; a residual may grow by so much for a simple one.
DEVIATIONS, NO_WORSE = 50.0, 3.0
# Fractions of so many denominators are simple that one of them is within the deviations by chance this often.
BY_CHANCE = 0.1
# Fits of the least deviations in which simple numbers are looked for.
MOST_LOOKED_INTO = 4
# Fractions of so small denominators are tried for exponents that are off by this.
FEW, OFF_FOR_FEW = 4, 5e-3
# What steps move.
MOVING = ("exponent", "place")
# Terms of A, and of B, at most; how fast their number grows; and how often that may bring nothing.
MOST_TERMS, GROWTH, MOST_IN_VAIN = 60, 1.35, 3


@dataclass(frozen=True)
class End:
    """y has the power `exponent` of the distance from `place`, 0 for its logarithm; `is_upper` where x < place.

    `shown_by` so many rows next to it and a degree, if the numbers are not simple ones, which are the law.
    """

    place: float
    exponent: float
    is_upper: bool
    shown_by: tuple[int, int] | None = None


class EndsSearch:
    """Offers polynomials of x and of powers of the distances from its ends, where these show in the rows.

    Raises ValueError for several inputs or outputs.
    """

    def __init__(self, rows: Rows, *, only_if_shown: bool = False) -> None:
        if rows.n_inputs != 1:
            raise ValueError(f"X: method 'ends' takes one column, got {rows.n_inputs}")
        rows.require_one_output()
        self.rows, self.only_if_shown, self.prospect = rows, only_if_shown, 0.0

    def steps(self) -> Steps:
        rows = [self.rows.train, self.rows.held_out]
        X, y = np.concatenate([one.X for one in rows]), np.concatenate([one.y for one in rows])
        sides = [Side.of(X[:, 0], y[:, 0], is_upper, self.rows.corners) for is_upper in (False, True)]
        shown = yield [Step(100.0 * CALL, partial(first_look, side)) for side in sides]
        ends = []
        for side, start in zip(sides, shown, strict=True):
            if start is not None:
                ends.append((yield from _looked_into(side, start)))
        known = [end for end in ends if end is not None]
        if not known:
            if self.only_if_shown:
                return
            asked = X if self.rows.corners is None else np.concatenate([X, self.rows.corners])
            known = [End(float(np.min(asked)), STARTS[0], False)]
        yield from self._grown(known)

    def _grown(self, ends: Sequence[End]) -> Steps:
        """Offers models of more and more terms, as long as rows held out gain."""
        best: Found | None = None
        k = len(ends)  # of each, the place and the exponent are parameters, too
        most = max(1, min(MOST_TERMS, int((self.rows.n / ROWS_A_TERM - 2 * k) / (1 + k))))
        size, in_vain = 1.0, 0
        while in_vain < MOST_IN_VAIN:
            n_terms = min(most, int(size))
            p = n_terms * (1 + k)
            [found] = yield [Step(20.0 * CALL + 2.0 * self.rows.n * p**2, partial(self._model, ends, n_terms))]
            if best is None or found.score < best.score:
                best, in_vain = found, 0
                yield found
            else:
                in_vain += 1
            if n_terms == most:
                return
            size = max(size + 1.0, GROWTH * size)

    def _model(self, ends: Sequence[End], n_terms: int, worker: Worker) -> Found:
        refit = partial(_fitted, ends, n_terms)
        model = refit(self.rows.train)
        names = self.rows.train.input_names or ("x0",)
        words = model.described(names[0])
        return self.rows.found(
            model,
            Ends.family,
            f"{n_terms} terms, and {n_terms} times {words}",
            refit=refit,
            nearby=partial(_nearby, ends, n_terms, self.rows.corners),
        )


def _nearby(ends: Sequence[End], n_terms: int, corners: Array | None, samples: Samples) -> Ends:
    """The like of these rows, which know the numbers of ends that are not simple only as well as they do."""
    again = [_again(end, Side.of(samples.X[:, 0], samples.y[:, 0], end.is_upper, corners)) for end in ends]
    return _fitted(again, n_terms, samples)


def _again(end: End, side: Side) -> End:
    if end.shown_by is None:
        return end
    n, degree = end.shown_by
    place: float | None = math.ldexp(-end.place if end.is_upper else end.place, -side.exponent)
    if place is not None and not place < side.x[0]:
        place = None  # the first row
    if place is None and end.exponent <= 0.0:
        return end
    fit = side.first(n).fit(degree, end.exponent, place)
    return end if fit is None else side.end(fit)


def _fitted(ends: Sequence[End], n_terms: int, samples: Samples) -> Ends:
    """The model of least squares with so many terms of each power."""
    X, bounds = samples.X, (float(np.min(samples.X)), float(np.max(samples.X)))
    unit = math.ldexp(1.0, int(np.clip(np.frexp(max(bounds[1] - bounds[0], 1e-300))[1], -1000, 1000)))
    box = Normalization.of_box(X)
    k = len(ends)
    inputs = Normalization(
        np.append(box.exponent, np.zeros(k, dtype=np.intc)).astype(np.intc),
        np.append(box.shift, np.zeros(k)),
        np.append(box.scale, np.ones(k)),
    )
    degrees = np.arange(n_terms)
    indices = np.zeros((n_terms * (1 + k), 1 + k), dtype=np.intp)
    indices[:, 0] = np.tile(degrees, 1 + k)
    for i in range(k):
        indices[(1 + i) * n_terms : (2 + i) * n_terms, 1 + i] = 1
    # The powers are those of the model that is made of the coefficients.
    places, exponents = [end.place for end in ends], [end.exponent for end in ends]
    units = [-unit if end.is_upper else unit for end in ends]
    empty = Polynomial(indices, np.zeros(len(indices)), inputs=inputs, n_threads=1)
    U = Ends(empty, places, exponents, units).variables(X)
    T = chebyshev_table(box.apply(X)[:, 0], n_terms - 1).T
    design = np.concatenate([T, *(T * U[:, i + 1 : i + 2] for i in range(k))], axis=1)
    exponent = int(np.frexp(np.max(np.abs(samples.y)))[1])
    root = 1.0 if samples.sample_weight is None else np.sqrt(samples.sample_weight)[:, None]
    known = np.isfinite(design).all(axis=1)
    target = np.ldexp(samples.y, -exponent)
    c = least_squares((root * design)[known], (root * target)[known], np.tile(degrees, 1 + k).astype(np.intp))
    polynomial = Polynomial(indices, c, inputs=inputs, output_exponents=[exponent], n_threads=1)
    model = Ends(polynomial, places, exponents, units, bounds=bounds, signature=Signature.of(samples))
    model.n_threads = 1
    return model


# --- where ends are, and their exponents


@dataclass(frozen=True)
class EndFit:
    """The exponent, and the place of an end, None where it is the first row; deviations of both, and what is left."""

    exponent: float
    place: float | None
    deviation: float
    place_deviation: float
    rms: float


@dataclass(frozen=True, eq=False)
class Side:
    """Rows x, y (n,) that ascend from an end, in units of 2^`exponent`; x is mirrored where the end `is_upper`.

    `asked` is the end of where a model may be asked, if that is beyond the rows.
    """

    x: Array
    y: Array
    is_upper: bool
    exponent: int
    asked: float | None = None

    @classmethod
    def of(cls, x: Array, y: Array, is_upper: bool, corners: Array | None = None) -> Side:
        x, first = np.unique(-x if is_upper else x, return_index=True)
        y = y[first]
        sizes = [int(np.frexp(np.max(np.abs(values)))[1]) for values in (x, y)]
        x, asked = np.ldexp(x, -sizes[0]), None
        if corners is not None:
            end = math.ldexp(float(-np.max(corners) if is_upper else np.min(corners)), -sizes[0])
            asked = end if end < x[0] else None
        return cls(x, np.ldexp(y, -sizes[1]), is_upper, sizes[0], asked)

    def first(self, n: int) -> Side:
        return replace(self, x=self.x[:n], y=self.y[:n])

    @property
    def rounding(self) -> float:
        """What rounding of y and of x leaves."""
        slope = float(np.ptp(self.y) / np.ptp(self.x))
        return EPS * (float(np.max(np.abs(self.y))) + slope * float(np.max(np.abs(self.x))))

    def end(self, fit: EndFit) -> End:
        place = math.ldexp(float(self.x[0]) if fit.place is None else fit.place, self.exponent)
        return End(-place if self.is_upper else place, fit.exponent, self.is_upper)

    def fit(
        self,
        degree: int,
        exponent: float,
        place: float | None,
        moving: tuple[str, ...] = MOVING,
        *,
        most_steps: int = MOST_STEPS,
    ) -> EndFit | None:
        """From this exponent and place, None for one that is the first row; what is not `moving` stays as it is."""
        x, names = self.x, [name for name in moving if name == "exponent" or place is not None]
        columns = [MOVING.index(name) for name in names]
        values = np.array([exponent, 0.0 if place is None else math.log(x[0] - place)])

        def at(values: Array) -> float | None:
            return None if place is None else float(x[0]) - math.exp(values[1])

        residual, J = self._projected(degree, exponent, place)
        damping = 1e-3
        for _ in range(most_steps if names else 0):
            size = np.linalg.norm(J[:, columns], axis=0)
            if not (np.isfinite(size).all() and size.all() and np.isfinite(residual).all()):
                return None
            for _ in range(TRIALS):
                A = np.concatenate([J[:, columns] / size, damping * np.eye(len(columns))])
                step = -lstsq(A, np.append(residual, np.zeros(len(columns))), rcond=None)[0] / size
                moved = values.copy()
                moved[columns] += np.clip(step, -LONGEST, LONGEST)
                further = at(moved)
                if LEAST_EXPONENT < moved[0] < MOST_EXPONENT and (
                    moved[0] > 0.0 if further is None else further < x[0]
                ):
                    again, slopes = self._projected(degree, float(moved[0]), further)
                    if np.linalg.norm(again) < np.linalg.norm(residual):
                        break
                damping = max(damping, 1e-8) * 10.0
            else:
                break
            values, residual, J, damping = moved, again, slopes, 0.1 * damping
            if np.max(np.abs(step)) < 1e-13:
                break
        rms = float(np.sqrt(residual @ residual / max(1, len(x) - 2 * degree - 4)))
        if not (np.isfinite(J).all() and math.isfinite(rms)):
            return None
        deviations = np.zeros(2)
        covariance = pinv(J[:, columns].T @ J[:, columns], rcond=1e-30)
        deviations[columns] = np.sqrt(np.diag(covariance)) * max(rms, self.rounding)
        of_place = 0.0 if place is None else float(deviations[1]) * math.exp(values[1])
        return EndFit(float(values[0]), at(values), float(deviations[0]), of_place, rms)

    def _projected(self, degree: int, exponent: float, place: float | None) -> tuple[Array, Array]:
        """The residual of the best A and B, and its derivatives by the exponent and, of a place, log(x_1 - place)."""
        x = self.x
        t = x - (x[0] if place is None else place)
        unit = t[-1]
        with np.errstate(all="ignore"):
            log = np.where(t > 0.0, np.log(np.where(t > 0.0, t, 1.0) / unit), 0.0)
            power = np.where(t > 0.0, np.exp(exponent * log), 0.0 if exponent > 0.0 else np.inf)
            if exponent == 0.0:
                power = np.where(t > 0.0, log, -np.inf)
        V = chebyshev_table(2.0 * (x - x[0]) / (x[-1] - x[0]) - 1.0, degree).T
        P = power[:, None] * V
        W = np.concatenate([V, P], axis=1)
        if not np.isfinite(W).all():
            return np.full(len(x), np.nan), np.full((len(x), 2), np.nan)
        norm = np.linalg.norm(W, axis=0)
        U, values, Vt = svd(W / norm, full_matrices=False)
        kept = values > CUTOFF * values[0]
        U = U[:, kept]
        c = (Vt[kept].T @ ((U.T @ self.y) / values[kept])) / norm
        B = P @ c[degree + 1 :]
        slopes = [B * log]
        if place is not None:
            by_t = exponent * B / t if exponent else V @ c[degree + 1 :] / t
            slopes.append(by_t * (x[0] - place))
        both = np.column_stack([self.y, *(-slope for slope in slopes)])
        for _ in range(2):
            both = both - U @ (U.T @ both)
        return both[:, 0], both[:, 1:]

    def polynomial(self, degree: int) -> float:
        """The RMS residual of the best polynomial."""
        Q, _ = np.linalg.qr(chebyshev_table(2.0 * (self.x - self.x[0]) / np.ptp(self.x) - 1.0, degree).T)
        left = self.y
        for _ in range(2):
            left = left - Q @ (Q.T @ left)
        return float(np.sqrt(left @ left / max(1, len(self.x) - degree - 1)))


def cusp_of(x: Array, y: Array) -> Part[tuple[float, float] | None]:
    """A place inside of the rows x, y (n,), in any order, that is an end on both sides, and how well it is known."""
    n = len(x)
    [sides] = yield [Step(n * CALL / 20.0 + 900.0 * CALL, lambda worker: sides_of_cusp(x, y))]
    if not sides:
        return None
    ends = []
    for side, fit in sides:
        ends.append((yield from _looked_into(side, fit)))
    places = [end.place for end in ends if end is not None]
    if len(places) < len(sides):
        return None
    deviations = [math.ldexp(fit.place_deviation, side.exponent) for side, fit in sides]
    return places[int(np.argmin(deviations))], max(min(deviations), abs(places[0] - places[1]) / DEVIATIONS)


def sides_of_cusp(x: Array, y: Array) -> list[tuple[Side, EndFit]]:
    """The rows on both sides of the gap that holds such a place, and the end that each shows; none where none does.

    It is looked for in the gaps where windows of few rows are met worst by a polynomial, and far worse than elsewhere.
    """
    x, first = np.unique(x, return_index=True)
    y = y[first]
    if len(x) < 2 * FEWEST_ROWS:
        return []
    rows = np.arange(len(x) - WINDOW + 1)[:, None] + np.arange(WINDOW)
    z = 2.0 * (x[rows] - x[rows[:, :1]]) / (x[rows[:, -1:]] - x[rows[:, :1]]) - 1.0
    V = np.stack([chebyshev_table(column, WINDOW // 2) for column in z.T]).transpose(2, 0, 1)
    Q, _ = np.linalg.qr(V)
    left = y[rows][:, :, None] - Q @ (Q.transpose(0, 2, 1) @ y[rows][:, :, None])
    size = np.sqrt(np.sum(left**2, axis=(1, 2)))
    middle = int(np.argmax(size)) + WINDOW // 2
    away = np.abs(np.arange(len(size)) + WINDOW // 2 - middle) > 3 * WINDOW // 2
    if not away.any() or np.max(size[away]) > LOCAL * np.max(size):
        return []
    best: list[tuple[Side, EndFit]] = []
    for g in range(max(FEWEST_ROWS, middle - GAPS), min(len(x) - FEWEST_ROWS, middle + GAPS) + 1):
        found = []
        for is_upper, some in ((True, slice(None, g)), (False, slice(g, None))):
            side = Side.of(x[some], y[some], is_upper)
            fit = first_look(side, None, only_beyond=True)
            end = None if fit is None or fit.place is None else side.end(fit)
            if fit is None or end is None or not x[g - 1] < end.place < x[g]:
                break
            found.append((side, fit))
        else:
            if not best or sum(fit.rms for _, fit in found) < sum(fit.rms for _, fit in best):
                best = found
    return best


def first_look(side: Side, worker: Worker | None, *, only_beyond: bool = False) -> EndFit | None:
    """The end as few rows next to it show it; None where a polynomial meets them about as well.

    It may be at the first row, or `only_beyond`.
    """
    n = len(side.x)
    near = side.first(min(MOST_ROWS, max(FEWEST_ROWS, n // PARTS[0])))
    if n < FEWEST_ROWS:
        return None
    alone = near.polynomial(2 * FIRST_DEGREE + 3)
    if not alone > ROUNDINGS * near.rounding:
        return None
    place = float(near.x[0]) - 0.1 * float(near.x[min(10, len(near.x) - 1)] - near.x[0])
    starts = [(exponent, at) for exponent in STARTS for at in (None, place) if at is not None or exponent > 0.0]
    begun = [
        near.fit(FIRST_DEGREE, *start, most_steps=FIRST_STEPS)
        for start in starts
        if start[1] is not None or not only_beyond
    ]
    leading = sorted((fit for fit in begun if fit is not None and fit.rms < alone), key=lambda fit: fit.rms)
    fits = [near.fit(FIRST_DEGREE, fit.exponent, fit.place) for fit in leading[:MOST_LEADING]]
    known = [fit for fit in fits if fit is not None]
    best = min(known, key=lambda fit: fit.rms, default=None)
    return None if best is None or best.rms > SHOWS * alone else best


def _looked_into(side: Side, start: EndFit) -> Part[End | None]:
    """The end with all digits that the rows tell of it; None where it comes to nothing."""
    n, best, found = len(side.x), start, []
    for part in PARTS:
        near = side.first(min(MOST_ROWS, max(FEWEST_ROWS, n // part)))
        degrees = [degree for degree in DEGREES if ROWS_A_TERM * (2 * degree + 4) <= len(near.x)]
        fits = yield [
            Step(MOST_STEPS * _work(near, degree), partial(_refined, near, degree, best)) for degree in degrees
        ]
        found += [(near, degree, fit) for degree, one in zip(degrees, fits, strict=True) for fit in one]
        best = min((fit for _, _, fit in found), key=lambda fit: fit.deviation, default=best)
    # What does not come to rounding with any degree is no such end.
    found = [one for one in found if one[2].rms <= COMES_TO * one[0].rounding]
    if not found:
        return None
    # Where the best known leaves an error of its own, simple numbers show in others.
    found = sorted(found, key=lambda one: one[2].deviation)[:MOST_LOOKED_INTO]
    work = 3.0 * MOST_STEPS
    ends = yield [Step(work * _work(near, degree), partial(_simple, near, degree, fit)) for near, degree, fit in found]
    simple = [end for end, is_simple in ends if is_simple]
    end: End | None = simple[0] if simple else ends[0][0]
    if simple or end is None:
        return end
    near, degree, _ = found[0]
    return replace(end, shown_by=(len(near.x), degree))


def _work(near: Side, degree: int) -> float:
    """Multiply-adds of a step of Gauss and Newton."""
    return 4.0 * len(near.x) * (2.0 * degree + 2.0) ** 2 + 10.0 * CALL


def _refined(near: Side, degree: int, start: EndFit, worker: Worker) -> list[EndFit]:
    """From the end known, with its place free, and with the first row for it."""
    places = [None] if start.place is None else [start.place, None]
    fits = [near.fit(degree, start.exponent, place) for place in places if place is not None or start.exponent > 0.0]
    return [fit for fit in fits if fit is not None]


def _simple(near: Side, degree: int, fit: EndFit, worker: Worker) -> tuple[End | None, bool]:
    """The end with simple numbers where the rows allow them, and whether they allow one for the exponent.

    None for an exponent that is a whole number above 0.
    """
    most = NO_WORSE * max(fit.rms, near.rounding)

    def served(exponent: float, place: float | None, *moving: str) -> EndFit | None:
        again = near.fit(degree, exponent, place, moving)
        return again if again is not None and again.rms <= most else None

    fit, is_simple = _with_simple_exponent(fit, served)
    if fit.place is not None:
        for simple in _simple_places(near, fit.place, DEVIATIONS * fit.place_deviation):
            at, moving = (None if simple == near.x[0] else simple), () if is_simple else ("exponent",)
            again = served(fit.exponent, at, *moving)
            if again is not None:
                fit = again
                break
    if not is_simple:
        fit, is_simple = _with_simple_exponent(fit, served)
    while fit.exponent + 1.0 < MOST_EXPONENT and fit.exponent != round(fit.exponent):
        higher = served(fit.exponent + 1.0, fit.place)
        if higher is None:
            break
        fit = higher
    if fit.exponent == round(fit.exponent) and fit.exponent > 0.0:
        return None, is_simple
    if near.asked is not None and (near.x[0] if fit.place is None else fit.place) > near.asked:
        # It would have no value where it may be asked, so that the end is there.
        held = near.fit(degree, fit.exponent, near.asked, ("exponent",))
        if held is None or held.rms > SHOWS * near.polynomial(2 * degree + 3):
            return None, False
        return near.end(held), False
    return near.end(fit), is_simple


def _with_simple_exponent(fit: EndFit, served: Callable[..., EndFit | None]) -> tuple[EndFit, bool]:
    """The fit with a simple number for its exponent, if one serves, and whether it has one."""
    for simple in simple_numbers(fit.exponent, fit.deviation):
        # Of a logarithm times a whole power, a power near that is found.
        for exponent in (0.0, simple) if simple == round(simple) else (simple,):
            again = served(exponent, fit.place, "place")
            if again is not None:
                return again, True
    return fit, False


def _simple_places(near: Side, place: float, width: float) -> Iterator[float]:
    """The end of where a model may be asked, and numbers of few decimals near a place, none above the first row."""
    if near.asked is not None and abs(near.asked - place) <= max(width, 4.0 * float(np.spacing(abs(place)))):
        yield near.asked
    sign = -1.0 if near.is_upper else 1.0
    value, first = math.ldexp(place, near.exponent), math.ldexp(float(near.x[0]), near.exponent)
    tolerance = max(math.ldexp(width, near.exponent), 4.0 * float(np.spacing(abs(value))))
    for digits in range(18):
        step = 10.0 ** (math.floor(math.log10(max(abs(first), tolerance, 1e-300))) + 1 - digits)
        simple = round(value / step) * step if step > 1e-290 else value
        if abs(simple - value) <= tolerance and tolerance < BY_CHANCE * step:
            simple = sign * float(f"{sign * simple:.15g}")
            if simple <= first:
                yield math.ldexp(simple, -near.exponent)
            return


def simple_numbers(value: float, deviation: float) -> Iterator[float]:
    """Fractions near a value, of the least denominators first, that would not be there by chance.

    Those of the least are tried even where they are farther off than the deviation says.
    """
    for error, highest in ((OFF_FOR_FEW, FEW), (DEVIATIONS * deviation, 1000)):
        most = min(highest, int(math.sqrt(BY_CHANCE / max(error, EPS))))
        fractions = (round(value * q) / q for q in range(1, most + 1))
        yield from itertools.islice((one for one in fractions if abs(one - value) <= error), 1)
