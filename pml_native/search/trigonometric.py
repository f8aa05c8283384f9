"""Finds polynomials whose variables are cosines and sines of angles, too: sums of T_a(z) cos(k u) and T_a(z) sin(k u).

u are the angles that columns seem to be, k whole numbers, so that k u are sums and differences of angles: the position
of a robot's hand is a sum of cos(u_1 + ... + u_i), the height of the sun and the distance on a globe are arcs of such.
cos(k u), sin(k u) for all k up to a sign are independent, where products of cosines and sines are not: cos^2 + sin^2
is 1. Sets of them are large, what is needed is little, and pursuit finds it (pursuit.py has the sources): each column
is a wave times a product of Chebyshev polynomials, so that what goes best with the residual is found by one product of
matrices.

1. Which columns are angles, in radians or in degrees: those each of which, as one, makes few terms better; or those
   that are wide, or all that could be, and nothing but angles; or the wide ones, which may have powers, too. The range
   of any other column may be a turn of its own, as the days of a year are. Held-out rows decide.
2. For each link of y all terms up to a total degree, and few terms, chosen by fewer rows. Cosines and sines of y are
   tried in degrees, too, and in the unit in which the largest y is the end of the arc.
3. The links that come next to y get more terms, until these gain nothing; what carries nothing is left out. Units that
   only ranges tell of, of y and of columns, are moved by Gauss and Newton.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, Samples
from ..models import Model
from ..models.chebyshev import ChebyshevTerms, Indices
from ..models.transformed import TRANSFORMS, Transformed
from .angle_columns import UNITS, Reading, of_widths, readings
from .coordinates import Link, in_coordinates, in_words, link_of, links
from .equations import Equations, input_frames
from .least_squares import leading_least_squares, least_squares, tiled_least_squares
from .polynomial_growth import rms
from .pursuit import LEAST_NORM, LEAST_PART, NORM_ROWS
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, FLOOR, ROUNDED, Found, Rows, extrapolated
from .trigonometric_terms import Dictionary, trigonometric_polynomial

# Terms that tell which columns are angles, and the part to which one must bring their error.
FEW_TERMS, SWAPPED = 150, 0.95
# Terms of sets that are taken as a whole; more of them must bring the error to this part.
MOST_SCANNED, BETTER = 400, 0.9
# Of so many inputs at most, boxes of degrees grow, if a larger one brings the error to this part; gains are compared by
# how the logarithm of the error falls with that of the number of terms, plus this.
FEW_INPUTS, USEFUL, FREE = 6, 0.7, 0.2
# Rows of the first look at a link, of later choices of terms, and terms of the first look.
LOOK_ROWS, MATCHED_ROWS, LOOK_TERMS = 2000, 4000, 200
# Multiply-adds that a cosine takes.
WORK_A_WAVE = 150.0
# Links that go on: at most so many, and those whose error is no more than so many times the least.
MOST_LINKS, NEAR_BEST = 2, 3.0
# Terms at most, and those added at once: at least so many, or this part of those there are. By 4 at once, each addition
# gains less than a tenth where a dozen terms are of one size, and the search of an arm of four joints ended at 0.4.
MOST_TERMS, LEAST_ADDED, GROWTH = 600, 16, 0.4
# So many additions that gain less than a tenth together end it. Of 60 terms of like size, as the squared distance of a
# robot's hand has, four bring the error to 0.94 only, the next to 0.92, and the last ones to rounding.
PATIENCE = 2
# Rows that a fit takes: so many a term, and at least.
ROWS_PER_TERM, FEWEST_ROWS = 4, 600
# Parts of the residual below which terms are left out at last.
CUTOFFS = (0.0, 0.03, 0.3, 3.0)
# Units of y in which the largest y is the end of the arc, times the first number, are moved by so many steps of Gauss
# and Newton, none of them by more than a part of it. Degrees are tried where the arc is no more than so many times as
# long.
NEAR_END, UNIT_STEPS, FEW_UNIT_STEPS, MOST_STEP, MOST_UNIT = 1.01, 8, 2, 0.05, 6.0
# Multiply-adds of the last fit to all rows.
MOST_REFIT_WORK = 2e10


@dataclass(frozen=True)
class Pursuit:
    """Terms of a dictionary that are chosen one after the other, with their coefficients (p, m).

    `most` terms and `most_rows` rows bound it; `errors` on the rows held out and `sizes` are those of its fits.
    """

    link: Link
    terms: Indices
    coefficients: Array
    best: tuple[float, Indices]
    errors: tuple[float, ...] = ()
    sizes: tuple[int, ...] = ()
    ended: bool = False

    @property
    def error(self) -> float:
        return self.best[0]


class TrigonometricSearch:
    """One search in `rows`, for columns that may be angles; without any, all are taken for wide ones."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        train, held_out = rows.train, rows.held_out
        frame = input_frames(replace(rows, degrees=None))(("identity",) * rows.n_inputs)
        self.frame = replace(frame, along=None if frame.along is None else frame.along.first())
        self.readings = readings(np.concatenate([train.X, held_out.X]))
        self.both = np.concatenate([train.y, held_out.y])
        self.arcs = self._arcs()
        self.links = [*links(train.y, held_out.y, None), *self.arcs]
        self.max_terms = max(1, min(MOST_TERMS, rows.n_equations // 2))
        self._kept: tuple[Dictionary | None, Array] = None, np.zeros((0, 0))
        self.best: Found | None = None
        self.prospect = 0.0

    def steps(self) -> Steps:
        """The whole search."""
        mixed = yield from self._mixed()
        for reading in dict.fromkeys([*mixed, *self.readings]) or [of_widths(self.rows.train.X)]:
            angles, others, free = reading.units, reading.powers, reading.free
            highest = [top if j in others else 0 for j, top in enumerate(self.frame.highest)]
            dictionary = Dictionary.of(angles, highest, free)
            if len(angles) + len(others) <= FEW_INPUTS:
                yield from self._boxes(reading)
            if not self.is_settled:
                for pursuit in _near((yield from self._looked(dictionary))):
                    yield from self._gone_on(dictionary, pursuit)
            if self.is_settled:
                return

    @property
    def is_settled(self) -> bool:
        return self.best is not None and self.best.is_exact

    # --- columns

    def _mixed(self) -> Part[list[Reading]]:
        """Those columns as angles each of which, alone, makes few terms better as one."""
        d = self.rows.n_inputs
        units = {j: unit for one in self.readings for j, unit in one.units.items() if j not in one.free}
        plain, *errors = yield [self._few_terms_step(one) for one in ({}, *({j: unit} for j, unit in units.items()))]
        angles = {j: units[j] for j, error in sorted(zip(units, errors, strict=True)) if error < SWAPPED * plain}
        return [Reading.of(angles, [j for j in range(d) if j not in angles])] if angles else []

    def _few_terms_step(self, angles: dict[int, float]) -> Step:
        n = self._scan_rows(FEW_TERMS)
        return Step(2.0 * n * FEW_TERMS**2 + 10.0 * CALL * len(self.links), partial(self._few_terms, angles))

    def _few_terms(self, angles: dict[int, float], worker: Worker) -> float:
        """The error of few terms of the lowest degrees, for the link that does best."""
        highest = [0 if j in angles else top for j, top in enumerate(self.frame.highest)]
        dictionary = Dictionary.of(dict(sorted(angles.items())), highest)
        terms, degrees = dictionary.lowest(min(FEW_TERMS, self._most_scanned))
        return min(one.error for one in self._scan(dictionary, terms, degrees, worker))

    # --- terms

    def _looked(self, dictionary: Dictionary) -> Part[list[Pursuit]]:
        """For each link the best of all terms up to a degree, and of few terms that are chosen."""
        found = yield from self._scanned(dictionary)
        few = min(LOOK_TERMS, self.max_terms)
        pursuits = [self._begun(link) for link in self.links]
        while min(one.error for one in [*found, *pursuits]) > ROUNDED:
            active = [i for i, one in enumerate(pursuits) if not one.ended and len(one.terms) <= few]
            if not active:
                break
            steps = [self._step(dictionary, pursuits[i], LOOK_ROWS) for i in active]
            for i, one in zip(active, (yield steps), strict=True):
                pursuits[i] = one
        return [min(both, key=lambda one: one.error) for both in zip(found, pursuits, strict=True)]

    def _scanned(self, dictionary: Dictionary) -> Part[list[Pursuit]]:
        """For each link all terms up to the total degree that does best, and units in which arcs do better."""
        terms, degrees = dictionary.lowest(self._most_scanned)
        p, n = len(terms), self._scan_rows(len(terms))
        work = 2.0 * n * float(p) ** 2 + 50.0 * CALL * len(self.links) * (1 + int(degrees[-1]))
        [found] = yield [Step(work, partial(self._scan, dictionary, terms, degrees))]
        arcs = [i for i, one in enumerate(found) if any(one.link is arc for arc in self.arcs)]
        if min(one.error for one in found) > ROUNDED:
            for i, one in zip(arcs, (yield [self._unit_step(dictionary, found[i]) for i in arcs]), strict=True):
                found[i] = one
                self.links[i] = one.link
        return list(found)

    @property
    def _most_scanned(self) -> int:
        return min(MOST_SCANNED, self.rows.n_equations // ROWS_PER_TERM)

    def _scan_rows(self, p: int) -> int:
        return min(self.rows.n, max(FEWEST_ROWS, ROWS_PER_TERM * p))

    def _scan(self, dictionary: Dictionary, terms: Indices, degrees: Indices, worker: Worker) -> list[Pursuit]:
        """For each link the best of the first terms (p, 2) up to a degree, `degrees` (p,) being theirs, ascending."""
        n, m, rows = self._scan_rows(len(terms)), self.rows.n_outputs, self.rows
        held_out = dictionary.design(rows.held_out.X, self.frame.held_out_Z, terms)
        found = [self._begun(link) for link in self.links]
        for alike in [[i] for i in range(len(found))] if rows.train.is_relative else [range(len(found))]:
            weight = found[alike[0]].link.root_weight(rows.train, found[alike[0]].link.t)
            equations = self._equations([found[i].link for i in alike], n, weight)
            weight = np.ones((len(equations), 1)) if equations.root_weight is None else equations.root_weight
            A = self._design(dictionary, terms, equations)
            solve = leading_least_squares(A * weight, equations.targets * weight, degrees)
            for p in np.searchsorted(degrees, np.unique(degrees), side="right").tolist():
                t = held_out[:, :p] @ solve(p)
                for place, i in enumerate(alike):
                    own = found[i].link.values(t[:, place * m : (place + 1) * m], clipped=True)
                    error = rows.held_out_rmse(own)
                    if error < BETTER * found[i].error:
                        found[i] = replace(found[i], best=(error, terms[:p]))
        return found

    def _gone_on(self, dictionary: Dictionary, pursuit: Pursuit) -> Steps:
        """More terms from more rows, until they gain nothing; then what is left is offered."""
        terms = pursuit.best[1]
        pursuit = replace(pursuit, best=(math.inf, terms), terms=terms, errors=(), sizes=(), ended=False)
        while not pursuit.ended:
            [pursuit] = yield [self._step(dictionary, pursuit, MATCHED_ROWS)]
            self.prospect = extrapolated(pursuit.sizes, pursuit.errors, self.max_terms, self.rows.n_inputs)
        yield from self._offered(dictionary, pursuit)

    def _offered(self, dictionary: Dictionary, pursuit: Pursuit) -> Steps:
        steps = [self._finish_step(dictionary, pursuit, cutoff) for cutoff in CUTOFFS]
        for found in (yield steps):
            if found is not None and (self.best is None or found.score < self.best.score):
                self.best = found
                yield found

    def _boxes(self, reading: Reading) -> Steps:
        """Boxes of degrees, for the links that do best with the smallest one."""
        top = (1,) * len(reading.angles) + tuple(min(1, self.frame.highest[j]) for j in reading.powers)
        if _n_box(top, len(reading.angles)) > self.max_terms:
            return
        for first in _near((yield [self._box_step(reading, link, top) for link in self.links])):
            yield from self._grown(reading, first, top)
            if self.is_settled:
                return

    def _grown(self, reading: Reading, now: Box, top: tuple[int, ...]) -> Steps:
        """Boxes that grow where it gains most by the number of terms, until nothing gains; the last one is offered."""
        while now.error > ROUNDED:
            larger = dict.fromkeys(
                (*top[:i], more, *top[i + 1 :])
                for i in range(len(top))
                for more in (top[i] + 1, top[i] + max(2, top[i] // 3))
                if i < len(reading.angles) or more <= self.frame.highest[reading.powers[i - len(reading.angles)]]
            )
            sets = [one for one in larger if _n_box(one, len(reading.angles)) <= self.max_terms]
            reading = reading.with_units(now.dictionary.units)
            trials = yield [self._box_step(reading, now.link, one) for one in sets]
            least, before = math.inf, now
            for one, trial in zip(sets, trials, strict=True):
                fall = math.log(max(trial.error, FLOOR) / min(before.error, 1.0 / FLOOR))
                gain = fall / math.log(len(trial.terms) / len(before.terms) + FREE)
                if trial.error < USEFUL * before.error and gain < least:
                    least, now, top = gain, trial, one
            if now is before:
                break
        if math.isfinite(now.error):
            yield from self._offered(now.dictionary, replace(self._begun(now.link), best=(now.error, now.terms)))

    def _box_step(self, reading: Reading, link: Link, top: tuple[int, ...]) -> Step:
        p = _n_box(top, len(reading.angles))
        work = 2.0 * self._scan_rows(p) * float(p) ** 2 * (1 + FEW_UNIT_STEPS * (bool(reading.free) + bool(self.arcs)))
        work += 50.0 * CALL
        return Step(work, partial(self._box, reading, link, top))

    def _box(self, reading: Reading, link: Link, top: tuple[int, ...], worker: Worker) -> Box:
        """All terms of a box, in better units if some are free."""
        dictionary = Dictionary.of_box(reading.units, reading.powers, top, self.rows.n_inputs)
        dictionary, terms = replace(dictionary, free=reading.free), dictionary.all_terms
        error = self._error(dictionary, link, terms, self._fit(dictionary, link, terms, 0)[0])
        if dictionary.free:
            error, dictionary = self._in_better_column_units(dictionary, link, terms, error)
        if any(link.name == arc.name and link.scales[0] != 1.0 for arc in self.arcs):
            better = self._in_better_unit(dictionary, replace(self._begun(link), best=(error, terms)))
            link, error = better.link, better.error
        return Box(link, error, dictionary, terms)

    def _begun(self, link: Link) -> Pursuit:
        terms = np.zeros((1, 2), dtype=np.intp)
        return Pursuit(link, terms, np.zeros((1, self.rows.n_outputs)), (math.inf, terms))

    def _step(self, dictionary: Dictionary, pursuit: Pursuit, rows: int) -> Step:
        p, n = len(pursuit.terms), min(self.rows.n, rows)
        fit = min(self.rows.n, max(FEWEST_ROWS, ROWS_PER_TERM * p)) * float(p) ** 2
        match = float(n) * dictionary.n_terms * self.rows.n_outputs + WORK_A_WAVE * n * len(dictionary.turns)
        return Step(fit + match + 50.0 * CALL, partial(self._advanced, dictionary, pursuit, n))

    def _advanced(self, dictionary: Dictionary, pursuit: Pursuit, n: int, worker: Worker) -> Pursuit:
        """The pursuit fitted, with the terms that are to be fitted next, chosen by `n` rows."""
        coefficients, residual, weight = self._fit(dictionary, pursuit.link, pursuit.terms, n)
        error = self._error(dictionary, pursuit.link, pursuit.terms, coefficients)
        p, errors = len(pursuit.terms), (*pursuit.errors, error)
        done = replace(
            pursuit,
            coefficients=coefficients,
            best=min(pursuit.best, (error, pursuit.terms), key=lambda one: one[0]),
            errors=errors,
            sizes=(*pursuit.sizes, p),
        )
        if error <= ROUNDED or not error < 0.9 * min(errors[:-PATIENCE], default=math.inf):
            return replace(done, ended=True)
        count = max(LEAST_ADDED, math.ceil(GROWTH * p))
        added = self._chosen(dictionary, pursuit.terms, residual[:n], None if weight is None else weight[:n], count)
        ended = len(added) == 0 or p + len(added) > self.max_terms
        return replace(done, terms=np.concatenate([pursuit.terms, added]), ended=ended)

    def _chosen(
        self, dictionary: Dictionary, taken: Indices, residual: Array, weight: Array | None, count: int
    ) -> Indices:
        """The `count` terms that go best with the `residual`, with their partners; none of those `taken`."""
        n, Z = len(residual), self.frame.Z
        waves, powers = self._waves(dictionary, n), ChebyshevTerms(dictionary.powers).design(Z[:n])
        some = min(n, NORM_ROWS)
        squares = (waves[:some] ** 2).T @ powers[:some] ** 2 * (n / some)
        if weight is not None:
            waves = waves * weight
        found = np.zeros(squares.shape)
        for column in (residual / rms(residual)).T:
            np.maximum(found, np.abs(waves.T @ (powers * column[:, None])), out=found)
        matches = found / np.maximum(np.sqrt(squares), LEAST_NORM)
        matches[taken[:, 0], taken[:, 1]] = 0.0
        flat = matches.reshape(-1)
        order = np.argsort(-flat, kind="stable")[:count]
        least = max(LEAST_PART * flat[order[0]], math.sqrt(2.0 * math.log(1.0 + len(flat))))
        known, added = set(map(tuple, taken.tolist())), dict[tuple[int, int], None]()
        for place in order[flat[order] >= least].tolist():
            terms = dictionary.with_partners(divmod(place, matches.shape[1]))
            added |= dict.fromkeys(term for term in terms if term not in known)
            if len(added) >= count:
                break
        return np.array(list(added), dtype=np.intp).reshape(-1, 2)

    def _waves(self, dictionary: Dictionary, n: int) -> Array:
        """Those of the first `n` rows, of which the last ones asked for are kept: they take as long as the choice."""
        known, waves = self._kept
        if known is not dictionary or len(waves) != n:
            waves = dictionary.waves(self.rows.train.X[:n])
            self._kept = dictionary, waves
        return waves

    def _fit(
        self, dictionary: Dictionary, link: Link, terms: Indices, n: int, *, steep: bool = False
    ) -> tuple[Array, Array, Array | None]:
        """The coefficients of the terms, what is left over at least `n` rows, and what these weigh, which it has in."""
        n = min(self.rows.n, max(n, FEWEST_ROWS, ROWS_PER_TERM * len(terms)))
        equations = self._equations([link], n, link.root_weight(self.rows.train, link.t, steep=steep))
        A, t, weight = self._design(dictionary, terms, equations), equations.targets, equations.root_weight
        if weight is not None:
            weight = weight / rms(weight)
            A, t = A * weight, t * weight
        coefficients = least_squares(A, t, dictionary.degrees(terms))
        return coefficients, t - A @ coefficients, weight

    def _equations(self, some: Sequence[Link], n: int, root_weight: Array | None) -> Equations:
        return Equations.of(self.frame, some, self.rows.train.y, n, root_weight)

    def _design(self, dictionary: Dictionary, terms: Indices, equations: Equations, X: Array | None = None) -> Array:
        """The terms at the first rows to train on, or at `X` (n, d), and their derivatives where these are known."""
        X = self.rows.train.X[: equations.n_values] if X is None else X
        values = dictionary.design(X, equations.Z, terms)
        along = equations.along
        if along is None:
            return values
        slopes = dictionary.derivatives(along.known.X, along.Z, terms, along) * equations.factors
        return np.asfortranarray(np.concatenate([values, slopes]))

    def _error(self, dictionary: Dictionary, link: Link, terms: Indices, coefficients: Array) -> float:
        """That of y on the rows held out."""
        A = dictionary.design(self.rows.held_out.X, self.frame.held_out_Z, terms)
        return self.rows.held_out_rmse(link.values(A @ coefficients, clipped=True))

    # --- units of columns, and of y

    def _in_better_column_units(
        self, dictionary: Dictionary, link: Link, terms: Indices, error: float
    ) -> tuple[float, Dictionary]:
        """The dictionary with those free units in which the terms leave least, by steps of Gauss and Newton; its error
        on the rows held out, if that is below `error`."""
        n = self._scan_rows(len(terms))
        X, Z, t = self.rows.train.X[:n], self.frame.Z[:n], link.t[:n]
        best, now = (error, dictionary), dictionary
        places = [dictionary.columns.index(j) for j in dictionary.free]
        for _ in range(FEW_UNIT_STEPS):
            A, degrees = now.design(X, Z, terms), now.degrees(terms)
            c = least_squares(A, t, degrees)
            D = now.by_units(X, Z, terms, c[:, 0])
            step = least_squares(
                np.column_stack([A, D]), t - A @ c, np.concatenate([degrees, np.zeros(len(places), dtype=np.intp)])
            )[len(terms) :, 0]
            units = now.units.copy()
            units[places] *= 1.0 + np.clip(step, -MOST_STEP, MOST_STEP)
            now = replace(now, units=units)
            error = self._error(now, link, terms, self._fit(now, link, terms, n)[0])
            if error < best[0]:
                best = error, now
        return best

    def _unit_step(self, dictionary: Dictionary, pursuit: Pursuit) -> Step:
        p = len(pursuit.best[1])
        work = UNIT_STEPS * (max(FEWEST_ROWS, ROWS_PER_TERM * p) * float(p) ** 2 + 50.0 * CALL)
        return Step(work, partial(self._in_better_unit, dictionary, pursuit))

    def _in_better_unit(self, dictionary: Dictionary, pursuit: Pursuit, worker: Worker | None = None) -> Pursuit:
        """The pursuit with the unit of y in which its terms leave least, by steps of Gauss and Newton.

        With t = T(y / s) and the projection P beside the terms, the step of log s is -(P t)'(P dt) / |P dt|^2, dt being
        the derivative of t by log s.
        """
        name, terms = pursuit.link.name, pursuit.best[1]
        n = min(self.rows.n, max(FEWEST_ROWS, ROWS_PER_TERM * len(terms)))
        A, y = dictionary.design(self.rows.train.X[:n], self.frame.Z[:n], terms), self.rows.train.y[:n]
        least, s = self._least_unit(name), float(pursuit.link.scales[0])
        for _ in range(FEW_UNIT_STEPS if worker is None else UNIT_STEPS):
            t = TRANSFORMS[name].forward(y / s)
            by_s = -TRANSFORMS[name].forward_derivative(y / s) * (y / s)
            both = np.concatenate([t, by_s], axis=1)
            left = both - A @ least_squares(A, both, dictionary.degrees(terms))
            with np.errstate(all="ignore"):
                step = -float((left[:, 0] @ left[:, 1]) / (left[:, 1] @ left[:, 1]))
            if not math.isfinite(step):
                return pursuit
            s = max(least, s * (1.0 + max(-MOST_STEP, min(MOST_STEP, step))))
        link = link_of(name, self.both, self.rows.n, np.array([s]))
        coefficients, _, _ = self._fit(dictionary, link, terms, n)
        error = self._error(dictionary, link, terms, coefficients)
        return replace(pursuit, link=link, best=(error, terms)) if error < pursuit.error else pursuit

    def _least_unit(self, name: str) -> float:
        """That in which the largest y is the end of the arc."""
        return float(np.max(np.abs(self.both))) * (1.0 + 1e-12) / (math.pi if name == "cosine" else 0.5 * math.pi)

    def _arcs(self) -> list[Link]:
        """Cosine and sine of y in degrees, and in a unit in which the largest y is nearly the end of the arc."""
        if self.rows.n_outputs > 1:
            return []
        found = []
        for name in ("cosine", "sine"):
            if name == "cosine" and not (self.both >= 0.0).all():
                continue
            least = self._least_unit(name)
            for unit in dict.fromkeys((1.0 / UNITS[1], NEAR_END * least)):
                if least <= unit <= MOST_UNIT * least:
                    found.append(link_of(name, self.both, self.rows.n, np.array([unit])))
        return found

    # --- models

    def _finish_step(self, dictionary: Dictionary, pursuit: Pursuit, cutoff: float) -> Step:
        p = len(pursuit.best[1])
        work = 2.0 * self.rows.n * p * (p + 20.0) + 50.0 * CALL
        return Step(work, partial(self._finished, dictionary, pursuit, cutoff))

    def _finished(self, dictionary: Dictionary, pursuit: Pursuit, cutoff: float, worker: Worker) -> Found | None:
        """The best terms without those whose coefficients are below this part of what is left over, from all rows."""
        link, terms = pursuit.link, pursuit.best[1]
        if cutoff > 0.0:
            coefficients, residual, _ = self._fit(dictionary, link, terms, self.rows.n)
            keep = np.any(np.abs(coefficients) > cutoff * rms(residual), axis=1)
            if not keep.any() or keep.all():
                return None
            terms = terms[keep]
        coefficients = self._fit(dictionary, link, terms, self.rows.n, steep=True)[0]
        model = self._model(dictionary, link, terms, coefficients)
        phases = f"of cosines and sines {in_words(self.frame, link)}".rstrip()
        return self.rows.found(
            model,
            "waves",
            f"{len(terms)} terms {phases}",
            coordinates=f"of angles {in_words(self.frame, link)}".rstrip(),
            refit=partial(self._refit, dictionary, link, terms),
            uses_derivatives=True,
        )

    def _model(self, dictionary: Dictionary, link: Link, terms: Indices, coefficients: Array) -> Model:
        return in_coordinates(
            trigonometric_polynomial(dictionary, terms, coefficients, self.frame.normalization, link, self.rows),
            self.frame,
            link,
        )

    def _refit(self, dictionary: Dictionary, link: Link, terms: Indices, samples: Samples) -> Model:
        """The same terms with coefficients from all `samples`, or as many as MOST_REFIT_WORK allows."""
        p, m = len(terms), self.rows.n_outputs
        n = min(len(samples.X), max(FEWEST_ROWS, ROWS_PER_TERM * p, int(MOST_REFIT_WORK / p**2)))
        chosen, size = np.linspace(0, len(samples.X) - 1, n).astype(np.intp), max(p, 2**21 // p)

        def tiles() -> Iterator[tuple[Array, Array]]:
            for start in range(0, n, size):
                some = samples.take(chosen[start : start + size], apart=start == 0)
                Z, along = self.frame.of(some)
                t = Transformed.transform_outputs(some.y, (link.name,) * m, link.scales)
                t = np.ldexp(t, -link.inner_exponents)
                along = None if along is None else along.first()
                slopes = None if along is None else link.slopes(along, some.y)
                weight = link.root_weight(some, t, steep=True)
                equations = Equations(Z, t, along, self.frame.balance, slopes, weight)
                A, t = self._design(dictionary, terms, equations, some.X), equations.targets
                weight = equations.root_weight
                yield (A, t) if weight is None else (A * weight, t * weight)

        coefficients = tiled_least_squares(tiles, dictionary.degrees(terms))
        return self._model(dictionary, link, terms, coefficients)


class Box(NamedTuple):
    """All terms of a dictionary for a link of y, with their error on the rows held out."""

    link: Link
    error: float
    dictionary: Dictionary
    terms: Indices


def _near(found: Sequence[Any]) -> list[Any]:
    """The best of what was found for all links, and those whose errors are not far above."""
    ranked = sorted(found, key=lambda one: one.error)
    return [one for one in ranked if one.error <= NEAR_BEST * ranked[0].error][:MOST_LINKS]


def _n_box(top: Sequence[int], q: int) -> int:
    """Terms with |k_j| up to the first q numbers, and powers up to the others."""
    return math.prod(2 * t + 1 for t in top[:q]) * math.prod(t + 1 for t in top[q:])
