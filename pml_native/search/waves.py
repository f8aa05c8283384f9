"""Finds sums of waves whose phase is learned, with amplitudes and frequencies that depend on all inputs.

    y = sum_m A_m(z) cos(m phi(z)) + B_m(z) sin(m phi(z)),   phi(z) = sum_jk p_jk (T_j(z_t) - T_j(o)) T_k(others),
A, B Chebyshev series too, t the input that the waves run along, o its origin: a phase that depends on the others alone
would be one of A and B. The amplitudes enter linearly and are eliminated (Golub and Pereyra 1973; Kaufman 1975): steps
of Gauss and Newton move p alone.

1. Where to start: in slices of rows that are near to each other in all inputs but t, the frequencies at which a plane
   and one wave leave least, and the phase of few terms whose derivatives are nearest to them.
2. More harmonics, and longer series of A, B and phi, one or all at a time, from where the phase is; held-out rows
   choose.
3. Symmetries: harmonics that carry nothing are left out, and where an input begins near 0 it is tried whether A and B
   are odd or even in it and phi is even, as they are in the amplitude of a swing. The series then are those of twice
   the box, with every second term.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, Samples
from ..models import Model, Normalization, Polynomial, Waves
from ..singular_values import lstsq, svd
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, FLOOR, Found, Rows, searched
from .waves_descent import (
    CLASSES,
    LATER_DAMPING,
    STEPS,
    Descent,
    Shape,
    Table,
    as_polynomial,
    phase_design,
    phase_slopes,
)

# Rows that a fit takes for each parameter, and at least and at most; rows for each parameter that it must have.
ROWS_TAKEN, FEWEST_ROWS, MOST_ROWS, ROWS_PER_PARAMETER = 6, 600, 8000, 2
MOST_TERMS = 1400
# Slices, rows of each, at most and at least, rows that a period takes in them, and the most periods.
SLICES, SLICE_ROWS, FEWEST_SLICE_ROWS, ROWS_PER_PERIOD, MOST_PERIODS = 16, 60, 20, 3, 20
# Parts of the range of t that a slice may have: the whole, where the frequency hardly depends on t, or less.
WINDOWS = (1.0, 1.0 / 3.0, 1.0 / 9.0)
# Frequencies are tried in steps of so many periods in a slice, from one half on; less looks like a bend. Periods that
# are tried across, in up to so many other inputs.
PERIOD_STEP, FEWEST_PERIODS = 0.25, 0.5
SIDEWAYS, MOST_SIDEWAYS = (-1.0, -0.5, 0.0, 0.5, 1.0), 2
# A slice shows waves if a plane and one wave leave less than this of what a plane and a bend leave, in the square; a
# start is made where so many slices do, and one of the first few.
SHOWN, LEAST_SHOWN, FIRST_SLICES = 0.4, 1 / 3, 4
FLAT = 1e-2  # of the deviation of y: where a bend leaves less than this, nothing is seen of waves
BETTER = 0.7  # a start from slices leaves this part, in the square, of what the one from half a period does
WORK_A_WAVE = 80.0  # multiply-adds that a wave takes at a row
ROBUST_ROUNDS = 10  # of least squares that leave out slices of other frequencies
# How far from the box, in units of its half, the phase may be 0 where an input is.
FARTHEST_ORIGIN = 4.0
REFIT_STEPS, MORE_STEPS, LESS_STEPS = 3, 6, 2
# Growth goes on as long as the held-out error falls to this part; a move that brings less rests until no other one does
# more. Of up to so many terms, growth goes on even if it barely falls. What is left out may cost this factor.
USEFUL, BARELY, FEW_TERMS, CLOSE = 0.8, 0.97, 100, 1.1
# Below this error it is tried what may be left out; and again when the error has fallen to this part.
SETTLED, AGAIN = 0.1, 1e-3
# Growth is judged by how the logarithm of the error falls with that of the number of terms, plus this.
FREE = 0.2
# An input may be mirrored at 0 where its least value is below this part of its greatest.
NEAR_ZERO = 0.1


def fit_waves(
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    error: Literal["absolute", "relative"] = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Model:
    """The sum of waves of a learned phase with the smallest error on held-out rows.

    X : (n, d).
    y : (n,).
    sample_weight : (n,), weights of the squared errors.
    error : "absolute", or "relative" for errors that count relative to each y, of one output that is 0 nowhere.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    Raises ValueError for data or options that can't be fitted.
    """
    return searched(
        WavesSearch,
        X,
        y,
        sample_weight=sample_weight,
        error=error,
        validation=validation,
        effort=effort,
        time_limit=time_limit,
        random_state=random_state,
        n_threads=n_threads,
    )


class Slices(NamedTuple):
    """Of `n` slices those that show waves: centers, frequencies, and the steps in which these are known: (k, d)."""

    centers: Array
    frequencies: Array
    steps: Array
    n: int

    def joined(self, more: Slices) -> Slices:
        """These and more of them."""
        centers, frequencies, steps = (np.concatenate(both) for both in zip(self[:3], more[:3], strict=True))
        return Slices(centers, frequencies, steps, self.n + more.n)


class WavesSearch:
    """One search in `rows` of one output that varies; with `only_if_shown` it ends where slices show no waves."""

    def __init__(self, rows: Rows, *, only_if_shown: bool = False) -> None:
        rows.require_one_output()
        self.rows, self.only_if_shown = rows, only_if_shown
        both = np.concatenate([rows.train.X, rows.held_out.X])
        self.bounds = np.stack([both.min(axis=0), both.max(axis=0)])
        self.plain = Normalization.of_box(both)
        self.mirrored = Normalization.of_box(np.concatenate([both, -both]))
        low, high = self.bounds
        self.may_mirror = tuple((low >= 0) & (low <= NEAR_ZERO * high) & (high > 0))
        self.exponent = int(np.frexp(np.max(np.abs(rows.train.y)))[1])
        self.table = self._table(rows.train)
        # A column of k different values knows degrees up to k - 1.
        self.highest = tuple(min(len(np.unique(column)) - 1, MOST_TERMS) for column in self.table.plain.T)
        self.best: Found | None = None
        self.prospect = 0.0
        self.needed: dict[str, float] = {}  # the error at which it was tried in vain to leave something out

    def steps(self) -> Steps:
        """The whole search."""
        starts = yield from self._starts()
        if self.only_if_shown and len(starts) == 1:
            return
        descents = yield from _ended(starts)
        now = min(descents, key=lambda one: one.loss / len(one.table.y))
        if self.only_if_shown and now.loss > BETTER * descents[-1].loss:
            return
        error = yield from self._offered(now)
        # Moves that have brought too little: when they were last tried, and from where the waves are, with the best.
        resting: set[str] = set()
        failed: set[str] = set()
        spare: list[tuple[Descent, float]] = []
        while not (self.best is not None and self.best.is_exact):
            now, error = yield from self._reduced(now, error)
            moves = {name: shape for name, shape in self._moves(now.shape).items() if name not in failed}
            names = [name for name in moves if name not in resting] or list(moves)
            if names:
                tried = yield from self._tried(now, [moves[name] for name in names], MORE_STEPS)
                useless = {name for name, (_, own) in zip(names, tried, strict=True) if own > USEFUL * error}
                resting = (resting - set(names)) | useless
                if len(useless) == len(names):
                    failed |= useless
                    spare += [pair for pair in tried if pair[1] < BARELY * error and pair[0].n_terms <= FEW_TERMS]
                    continue
            elif spare:
                tried = spare
            else:
                break
            before = math.log(now.n_terms), math.log(max(error, FLOOR))
            now, error = min(tried, key=lambda pair: _slope(before, *pair))
            failed, spare = set(), []
            yield from self._offered(now)
        if self.best is not None and self.best.is_exact:
            yield from self._reduced(now, error)

    def _tried(self, now: Descent, shapes: list[Shape], n_steps: int) -> Part[list[tuple[Descent, float]]]:
        """Descents of these shapes from the phase there is, and their errors on the rows held out."""
        begun = yield [Step(self.rows.n * 1e3 + CALL, partial(self._begun, now, shape, n_steps)) for shape in shapes]
        tried = yield from _ended(begun)
        errors = yield [Step(self._held_out_work(one), partial(self._error, one)) for one in tried]
        return list(zip(tried, errors, strict=True))

    def _reduced(self, now: Descent, error: float) -> Part[tuple[Descent, float]]:
        """Without the harmonics, and the degrees, that bring nothing."""
        if error > SETTLED:
            return now, error
        most, before, names = CLOSE * error, now, list(now.shape.reductions())
        while names:
            name = names.pop(0)
            shape = now.shape.reductions().get(name)
            if shape is None or not error < AGAIN * self.needed.get(name, math.inf):
                continue
            [(one, own)] = yield from self._tried(now, [shape], LESS_STEPS)
            if own > most:
                self.needed[name] = error
                continue
            now, error = one, own
            if " of " not in name:  # with it gone, others may be of no use
                self.needed.clear()
                names = list(now.shape.reductions())
        if now is not before:
            yield from self._offered(now)
        return now, error

    # --- where to start

    def _starts(self) -> Part[list[Descent]]:
        """Descents from what the slices along each input say, if they show waves, and from half a period."""
        d, found = self.rows.n_inputs, []
        waves = float(MOST_PERIODS / PERIOD_STEP * len(SIDEWAYS) ** min(d - 1, MOST_SIDEWAYS))
        work = SLICE_ROWS * waves * WORK_A_WAVE + self.rows.n * (d + 4.0) + 5.0 * CALL
        looks = [(time, window) for time in range(d) if self.highest[time] >= 3 for window in WINDOWS]
        few, rest = slice(0, FIRST_SLICES), slice(FIRST_SLICES, SLICES)
        first = yield [Step(FIRST_SLICES * work, partial(self._slices, *look, few)) for look in looks]
        shown = [(look, slices) for look, slices in zip(looks, first, strict=True) if len(slices.centers)]
        others = yield [Step((SLICES - FIRST_SLICES) * work, partial(self._slices, *look, rest)) for look, _ in shown]
        for ((time, window), some), more in zip(shown, others, strict=True):
            if len(some.centers) + len(more.centers) >= LEAST_SHOWN * (some.n + more.n):
                slices = some.joined(more)
                zero = float(self.plain.apply(np.zeros((1, d)))[0, time])
                origins = (zero, 0.0) if abs(zero) <= FARTHEST_ORIGIN else (0.0,)
                found += [self._start(time, origin, 1 if window == 1.0 else 2, slices) for origin in origins]
        half = Slices(np.zeros((1, d)), np.zeros((1, d)), np.ones((1, d)), 1)
        time = int(np.argmax(self.highest))
        half.frequencies[0, time] = 0.5 * np.pi
        found.append(self._start(time, 0.0, 1, half))
        return found

    def _start(self, time: int, origin: float, degree: int, slices: Slices) -> Descent:
        """A descent from the phase whose derivatives are nearest to the frequencies of the slices.

        Where the origin is only the middle of the box, phases that depend on the others alone are in the amplitudes:
        only the derivative along the waves counts.
        """
        d = self.rows.n_inputs
        phase = tuple(min(degree if j == time else 2, top) for j, top in enumerate(self.highest))
        linear = tuple(min(1, top) for top in self.highest)
        shape = Shape(time, origin, 1, CLASSES, linear, phase, (None,) * d)
        along = range(d) if origin else [time]
        slopes = phase_slopes(shape, slices.centers)
        D = np.concatenate([slopes[:, :, j] / slices.steps[:, [j]] for j in along])
        wanted = np.concatenate([slices.frequencies[:, j] / slices.steps[:, j] for j in along])
        p: Array = np.zeros(D.shape[1])
        for _ in range(ROBUST_ROUNDS):
            root = 1.0 / np.sqrt(np.abs(wanted - D @ p) + 1.0)
            p = np.asarray(lstsq(D * root[:, None], wanted * root, rcond=1e-8)[0], dtype=np.float64)
        return Descent(shape, self.table.first(self._rows(shape)), p)

    def _slices(self, time: int, window: float, some: slice, worker: Worker) -> Slices:
        """What some slices of so much of the range of an input show."""
        z, y, root = self.table.plain, self.table.y, self.table.root_weight
        d = z.shape[1]
        others = [j for j in range(d) if j != time]
        sideways = others if len(others) <= MOST_SIDEWAYS else []
        shown, n_slices = [np.empty((0, 3, d))], 0
        flat = FLAT * float(np.std(y * root))
        for center in z[:: max(1, len(z) // SLICES)][:SLICES][some]:
            center = np.where(np.arange(d) == time, np.clip(center, window - 1.0, 1.0 - window), center)
            inside = np.flatnonzero(np.abs(z[:, time] - center[time]) <= window)
            distance = np.sum((z[inside][:, others] - center[others]) ** 2, axis=1)
            nearest = inside[np.sort(np.argsort(distance, kind="stable")[:SLICE_ROWS])]
            n_values = len(np.unique(z[nearest, time]))
            periods = np.arange(FEWEST_PERIODS, min(MOST_PERIODS, n_values / ROWS_PER_PERIOD), PERIOD_STEP)
            if len(nearest) < FEWEST_SLICE_ROWS or not len(periods):
                continue
            n_slices += 1
            away = z[nearest] - center
            size = np.maximum(np.max(np.abs(away), axis=0), 1e-9)
            size[time] = window
            axes = [periods if j == time else np.array(SIDEWAYS) if j in sideways else np.zeros(1) for j in range(d)]
            left = _left_by_waves(away / size, y[nearest] * root[nearest], root[nearest], axes, time, flat)
            best = int(np.argmin(left))
            if left[best] < SHOWN:
                places = np.unravel_index(best, [len(axis) for axis in axes])
                frequencies = np.pi / size * [axis[place] for axis, place in zip(axes, places, strict=True)]
                steps = np.where(np.isin(np.arange(d), [time, *sideways]), PERIOD_STEP, np.inf) * np.pi / size
                shown.append(np.stack([center, frequencies, steps])[None])
        centers, frequencies, steps = np.concatenate(shown).transpose(1, 0, 2)
        return Slices(centers, frequencies, steps, n_slices)

    # --- more terms

    def _moves(self, shape: Shape) -> dict[str, Shape]:
        """The moves for which there are rows."""
        moves = shape.moves(self.highest, self.may_mirror)
        return {
            name: moved
            for name, moved in moves.items()
            if (size := len(moved.amplitude_terms())) <= MOST_TERMS
            and ROWS_PER_PARAMETER * (size + len(moved.phase_terms())) <= len(self.table.y)
        }

    def _begun(self, now: Descent, shape: Shape, n_steps: int, worker: Worker) -> Descent:
        """A descent of this shape, of so many steps, from the phase there is."""
        table = self.table.first(self._rows(shape))
        phase = phase_design(now.shape, table.z(now.shape)) @ now.p
        p = lstsq(phase_design(shape, table.z(shape)), phase, rcond=1e-14)[0]
        return Descent(shape, table, np.asarray(p, dtype=np.float64), damping=LATER_DAMPING, n_steps=STEPS - n_steps)

    # --- models

    def _held_out_work(self, one: Descent) -> float:
        return self.rows.n_held_out * (one.n_terms + 50.0) + 20.0 * CALL

    def _error(self, one: Descent, worker: Worker) -> float:
        return self.rows.held_out_rmse(self._model(one).evaluate(self.rows.held_out.X))

    def _offered(self, now: Descent) -> Part[float]:
        """Offers the model; its error on the rows held out."""
        [found] = yield [Step(self.rows.n * float(now.n_terms) + 20.0 * CALL, partial(self._found, now))]
        if self.best is None or found.score < self.best.score:
            self.best = found
            yield found
        return float(found.errors.rmse)

    def _found(self, now: Descent, worker: Worker) -> Found:
        shape = now.shape
        names = self.rows.train.input_names or tuple(f"x{j}" for j in range(self.rows.n_inputs))
        waves = "1 harmonic" if shape.harmonics == 1 else f"{shape.harmonics} harmonics"
        return self.rows.found(
            self._model(now),
            "waves",
            f"{waves} along {names[shape.time]}, {now.n_terms} terms",
            status="best sum of waves",
            refit=partial(self._refit, now),
            nearby_work=REFIT_STEPS * min(self.rows.n, MOST_ROWS) * float(now.n_terms) ** 2,
            refit_rows=MOST_ROWS,
        )

    def _refit(self, now: Descent, samples: Samples) -> Model:
        """The same, gone on from there with all `samples`, or as many as are of use."""
        chosen = np.linspace(0, len(samples.X) - 1, min(len(samples.X), MOST_ROWS)).astype(np.intp)
        table = self._table(samples.take(chosen))
        descent = Descent(now.shape, table, now.p, damping=LATER_DAMPING, n_steps=STEPS - REFIT_STEPS)
        while not descent.ended:
            descent = descent.gone_on(None)
        return self._model(descent)

    def _model(self, one: Descent) -> Waves:
        """`inputs` of the polynomials are of the box, mirrored for those inputs that are."""
        d, shape = self.rows.n_inputs, one.shape
        is_mirrored = np.array([parity is not None for parity in shape.parities])
        inputs = Normalization(
            *(
                np.where(is_mirrored, getattr(self.mirrored, name), getattr(self.plain, name))
                for name in ("exponent", "shift", "scale")
            )
        )
        assert one.c is not None
        circle = Normalization.identity(2)
        around = Normalization(
            *(np.concatenate([getattr(circle, name), getattr(inputs, name)]) for name in ("exponent", "shift", "scale"))
        )
        exponents = np.array([self.exponent], dtype=np.intc)
        amplitudes = Polynomial(shape.amplitude_terms(), one.c, inputs=around, output_exponents=exponents, n_threads=1)
        phase = Polynomial(*as_polynomial(shape, one.p), inputs=inputs, n_threads=1)
        model = Waves(amplitudes, phase, range(d), bounds=self.bounds, signature=self.rows.signature)
        model.use_threads(1)
        return model

    def _table(self, samples: Samples) -> Table:
        X, y = samples.X[:MOST_ROWS], np.ldexp(samples.y[:MOST_ROWS, 0], -self.exponent)
        weight = None if samples.sample_weight is None else samples.sample_weight[:MOST_ROWS]
        root = np.ones(len(y)) if weight is None else np.sqrt(weight)
        return Table(self.plain.apply(X), self.mirrored.apply(X), y, root)

    def _rows(self, shape: Shape) -> int:
        n_params = len(shape.amplitude_terms()) + len(shape.phase_terms())
        return min(len(self.table.y), max(FEWEST_ROWS, ROWS_TAKEN * n_params))


def _ended(descents: list[Descent]) -> Part[list[Descent]]:
    """The descents at their ends, side by side."""
    descents = list(descents)
    while going := [i for i, one in enumerate(descents) if not one.ended]:
        for i, one in zip(going, (yield [descents[i].step() for i in going]), strict=True):
            descents[i] = one
    return descents


def _slope(before: tuple[float, float], one: Descent, error: float) -> float:
    """How fast the logarithm of the error falls with that of the number of terms."""
    return (math.log(max(error, FLOOR)) - before[1]) / (max(0.0, math.log(one.n_terms) - before[0]) + FREE)


def _left_by_waves(away: Array, y: Array, root: Array, axes: Sequence[Array], time: int, flat: float) -> Array:
    """What a plane and a wave leave of y, over what a plane and a bend leave, for each of a grid of waves (k,).

    Both in the square; `away` (n, d) is how far rows are from the center of the slice, in units of its half, and `axes`
    are the periods that are tried along each input. Infinite where the bend leaves no more than `flat`.
    """
    n_waves = math.prod(map(len, axes))
    plane = np.column_stack([np.ones(len(y)), away]) * root[:, None]
    squares = [away[:, i] * away[:, j] for i in range(away.shape[1]) for j in range(i + 1)]
    bend = np.column_stack([plane, np.stack([*squares, away[:, time] ** 3], axis=1) * root[:, None]])
    least = float(np.sum((y - bend @ lstsq(bend, y, rcond=1e-8)[0]) ** 2))
    left = np.full(n_waves, np.inf)
    if not least > len(y) * flat**2:
        return left
    U, S, _ = svd(plane, full_matrices=False)
    U = U[:, 1e-8 * S[0] < S]
    y = y - U @ (U.T @ y)
    turns = np.ones((1, len(y)), dtype=complex)
    for own, x in zip(axes, away.T, strict=True):
        turns = (turns[:, None, :] * np.exp(1j * np.pi * np.multiply.outer(own, x))).reshape(-1, len(y))
    cosines, sines = turns.real * root, turns.imag * root
    # What the plane leaves of them: products of what is left are products less those of what it takes.
    of_cosines, of_sines = cosines @ U, sines @ U
    a, b, c = (
        np.einsum("ij,ij->i", one, other) - np.einsum("ij,ij->i", taken_of_one, taken_of_other)
        for one, other, taken_of_one, taken_of_other in (
            (cosines, cosines, of_cosines, of_cosines),
            (cosines, sines, of_cosines, of_sines),
            (sines, sines, of_sines, of_sines),
        )
    )
    right = np.stack([cosines @ y, sines @ y], axis=1)  # y has no part in the plane
    determinant = a * c - b**2
    known = determinant > 1e-10 * a * c
    taken = c * right[:, 0] ** 2 - 2.0 * b * right[:, 0] * right[:, 1] + a * right[:, 1] ** 2
    left[known] = np.maximum(y @ y - taken[known] / determinant[known], 0.0) / least
    return left
