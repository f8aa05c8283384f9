"""What is known of y, by the numbers of its columns and outputs: checked against itself, and against the rows.

Symmetries, limits and bases change columns and values (`changes`), so that any model of what is left keeps them: of a
mirrored column x the square is taken. Where columns may be exchanged, polynomials and quotients are sums over images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Distinct, Samples, contiguous, named_rows, rms_of_columns
from ..coverage import Near
from ..derivatives import Derivatives
from ..exchanges import Exchanges
from ..known import Base, Bounds, Column, Known, Limit, Monotone, Parity, Periodic, Permutations, Value
from ..models import Function, Model
from .changes import AtPoints, Beside, Change, Images, OtherColumns, chained

# Differences of a function's values are taken over this part of the range of a column.
STEP = 0.001
# Rows that are images of each other may differ by this part of the RMS of y: more is no noise, but a contradiction.
MOST_OFF = 0.01
# Rows at which a model is looked at far out.
MOST_LOOKED_AT = 100
# What counts as equal where rows are compared: columns have been squared, or reflected, with rounding.
ALIKE = 1e-12


@dataclass(frozen=True, eq=False)
class Point:
    """y (m,) and its derivatives (m, d) at x (d,), NaN where they are not known."""

    x: Array
    y: Array
    slope: Array


@dataclass(eq=False)
class Knowledge:
    """All that is known, of d columns and m outputs by their numbers, and the sentences on it."""

    d: int
    m: int
    names: Sequence[str]
    about: Array
    even: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    powers: Array
    steps: Array
    exchanges: Exchanges | None = None
    base: Base | None = None
    beside: Beside | None = None
    points: list[Point] = field(default_factory=list)
    low: Array = field(default_factory=lambda: np.empty(0))
    high: Array = field(default_factory=lambda: np.empty(0))
    monotone: list[tuple[int, int, bool]] = field(default_factory=list)  # column, output, whether it rises
    periods: dict[Column, Any] = field(default_factory=dict)
    by_construction: list[str] = field(default_factory=list)

    @property
    def changes_columns(self) -> bool:
        return bool(self.even.any() or self.odd.any() or self.powers.any() or self.exchanges is not None)

    @property
    def changes_anything(self) -> bool:
        """Whether what is to be fitted is anything but y itself."""
        return self.changes_columns or self.beside is not None or bool(self.points)

    @property
    def is_bounded(self) -> bool:
        return bool(np.isfinite(self.low).any() or np.isfinite(self.high).any())

    def box(self, low: Array, high: Array) -> tuple[Array, Array]:
        """The box (d,) from `low` to `high` with all that symmetries make of it."""
        mirrored = self.even | self.odd
        far, near = 2.0 * self.about - low, 2.0 * self.about - high
        low, high = np.where(mirrored, np.minimum(low, near), low), np.where(mirrored, np.maximum(high, far), high)
        if self.exchanges is not None:
            low = self.exchanges.all_of(low[None]).min(axis=0)
            high = self.exchanges.all_of(high[None]).max(axis=0)
        return low, high

    def near(self, near: Near) -> Near:
        """What points have rows near them, images of rows among these."""
        if not self.has_images:
            return near
        if not len(near.rows):
            return Near.all_of(*self.box(near.low, near.high))
        return near.with_rows(self.images(near.places()))

    def images(self, X: Array) -> Array:
        """All points at which y is known by a symmetry and by rows `X` (n, d), those first."""
        for j in np.flatnonzero(self.even | self.odd):
            other = X.copy()
            other[:, j] = 2.0 * self.about[j] - X[:, j]
            X = np.concatenate([X, other])
        return X if self.exchanges is None else self.exchanges.all_of(X)

    def _other_columns(self, samples: Samples, moves: bool) -> OtherColumns:
        made = OtherColumns(
            self.about, self.even, self.odd, self.powers, self.steps, self.powers, np.empty((0, self.d)), moves
        )
        if not self.powers.any():
            return made
        U = made.apply(samples.X)
        some = U[np.linspace(0, len(U) - 1, min(len(U), MOST_LOOKED_AT)).astype(np.intp)]
        return replace(made, last=np.where(self.powers != 0.0, U.min(axis=0), -np.inf), some=some)

    @property
    def has_images(self) -> bool:
        """Whether there are points at which y is known by its value at others."""
        return bool(self.even.any() or self.odd.any() or self.exchanges is not None)

    def changes(self, samples: Samples, *, moves: bool) -> list[Change]:
        """What takes samples, like these, to what is to be fitted; with `moves` to first images."""
        found: list[Change] = []
        if self.beside is not None:
            found.append(self.beside)
        if self.even.any() or self.odd.any() or self.powers.any():
            found.append(self._other_columns(samples, moves))
        if self.exchanges is not None:
            found.append(Images(self.exchanges, moves))
        if self.points:
            points = chained(found, self._points(samples, with_images=not moves))
            low, high = self.ends(samples, moves)
            low, high = np.minimum(low, points.X.min(axis=0)), np.maximum(high, points.X.max(axis=0))
            found.append(AtPoints(points, low, high))
        return found

    def ends(self, samples: Samples, moves: bool) -> Array:
        """The least and the greatest value that each column has, after all changes, in the box of the rows: (2, d)."""
        low, high = self.box(samples.X.min(axis=0), samples.X.max(axis=0))
        return self._other_columns(samples, moves).ends(low, high)

    def _points(self, samples: Samples, *, with_images: bool) -> Samples:
        """The points that are known, as samples."""
        every = self.points
        if with_images and self.exchanges is not None:
            images = [
                Point(one.x[image], one.y, one.slope[:, image]) for one in every for image in self.exchanges.images
            ]
            every = list({one.x.tobytes(): one for one in images}.values())
        X, y, slopes = (np.stack([getattr(one, name) for one in every]) for name in ("x", "y", "slope"))
        rows = np.arange(len(X))
        return Samples(
            contiguous(X),
            contiguous(y),
            None,
            samples.y_is_vector,
            None,
            None,
            derivatives=Derivatives.known(X, slopes, None, rows, rows),
        )


def resolved(known: Sequence[Known], samples: Samples) -> Knowledge:
    """All that is `known`, by the numbers of columns; ValueError for what contradicts itself or the rows."""
    (d, m), names = (samples.X.shape[1], samples.y.shape[1]), samples.input_names
    called = names or tuple(f"x{j}" for j in range(d))
    even, odd = np.zeros((2, d), dtype=bool)
    found = Knowledge(d, m, called, np.zeros(d), even, odd, np.zeros(d), np.ones(d))
    found.low, found.high = np.full(m, -np.inf), np.full(m, np.inf)
    swaps: list[list[int]] = []
    if isinstance(known, Known) or not isinstance(known, Sequence):
        raise ValueError(f"known: expected a list of what pml_native.known makes, got {known!r}")
    for one in known:
        if not isinstance(one, Known):
            raise ValueError(f"known: expected what pml_native.known makes, got {one!r}")
        if isinstance(one, Parity):
            _add_parity(found, one, samples)
        elif isinstance(one, Permutations):
            for swap in one.swaps:
                image = list(range(d))
                for a, b in swap:
                    image[_column(a, samples)] = _column(b, samples)
                if sorted(image) != list(range(d)):
                    raise ValueError(f"known: expected a permutation of columns, got {swap}")
                swaps.append(image)
            found.by_construction.append(f"y is {one.described}: kept by construction, to the last bit")
        elif isinstance(one, Limit):
            _add_limit(found, one, samples)
        elif isinstance(one, Value):
            found.points.append(_point(one, samples))
        elif isinstance(one, Bounds):
            for k in _outputs(one.output, samples):
                found.low[k], found.high[k] = max(found.low[k], one.low), min(found.high[k], one.high)
        elif isinstance(one, Monotone):
            j = _column(one.column, samples)
            found.monotone += [(j, k, one.increasing) for k in _outputs(one.output, samples)]
        elif isinstance(one, Periodic):
            found.periods[_number(one.column, samples)] = one.period
            found.by_construction.append(f"y repeats itself in {one.column} after {one.period}: kept by construction")
        elif found.beside is not None:
            raise ValueError("known: expected one base at most, got two")
        else:
            found.beside = _beside(one, samples)
            how = "plus" if one.how == "add" else "times"
            found.by_construction.append(f"y is a base {how} a correction: kept by construction")
    if swaps:
        found.exchanges = Exchanges.generated(swaps, d)
    _require_consistent(found)
    _require_rows_agree(found, samples)
    return found


# --- columns and outputs


def _column(column: Column, samples: Samples) -> int:
    d, j = samples.X.shape[1], _number(column, samples)
    if isinstance(j, bool) or not isinstance(j, (int, np.integer)) or not 0 <= j < d:
        raise ValueError(f"known: expected columns of X, by name or number below {d}, got {column!r}")
    if samples.encodings is not None and samples.encodings.inputs[int(j)] is not None:
        kind = samples.encodings.inputs[int(j)].kind  # type: ignore[union-attr]
        raise ValueError(f"known: expected a column of numbers, got {column!r}, which holds {kind}; give numbers")
    return int(j)


def _number(column: Column, samples: Samples) -> Column:
    """The number of a column that is given by name, or as "x0" where columns have none; else what was given."""
    names = samples.input_names or tuple(f"x{j}" for j in range(samples.X.shape[1]))
    return names.index(str(column)) if column in names else column


def _outputs(output: Column | None, samples: Samples) -> list[int]:
    names, m = list(samples.output_names or ()), samples.y.shape[1]
    if samples.encodings is not None and samples.encodings.complex_y is not None:
        raise ValueError("known: expected real y for bounds, values and what is monotone, got complex y")
    if output is None:
        return list(range(m))
    k = names.index(str(output)) if output in names else output
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 0 <= k < m:
        raise ValueError(f"known: expected an output, by name or number below {m}, got {output!r}")
    return [int(k)]


def _by_column(values: Any, samples: Samples, what: str) -> Array:
    """Numbers for columns, as a mapping or in their order: (d,), NaN where none is given."""
    d, found = samples.X.shape[1], np.full(samples.X.shape[1], np.nan)
    if isinstance(values, Mapping):
        for column, one in values.items():
            found[_column(column, samples)] = float(one)
        return found
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (d,):
        raise ValueError(f"known: expected {what} for {d} columns, got {values!r}")
    for j in range(d if samples.encodings is not None else 0):
        _column(j, samples)
    return array


# --- each kind


def _add_parity(found: Knowledge, one: Parity, samples: Samples) -> None:
    j = _column(one.column, samples)
    if found.even[j] or found.odd[j] or found.powers[j]:
        raise ValueError(f"known: expected one symmetry or limit for {one.column!r}, got two")
    if not math.isfinite(one.about):
        raise ValueError(f"known: expected a finite number that y is symmetric about, got {one.about!r}")
    found.about[j] = one.about
    (found.even if one.sign > 0 else found.odd)[j] = True
    kind = "symmetric" if one.sign > 0 else "antisymmetric"
    found.by_construction.append(f"y is {kind} in {one.column} about {one.about:g}: kept by construction")


def _add_limit(found: Knowledge, one: Limit, samples: Samples) -> None:
    j = _column(one.column, samples)
    if found.even[j] or found.odd[j] or found.powers[j]:
        raise ValueError(f"known: expected one symmetry or limit for {one.column!r}, got two")
    if not (math.isfinite(one.power) and one.power != 0.0):
        raise ValueError(f"known: expected a power other than 0 for a limit, got {one.power!r}")
    if not samples.X[:, j].min() > 0.0:
        rows = _given(samples, np.flatnonzero(samples.X[:, j] <= 0.0))
        raise ValueError(f"known: expected {one.column!r} > 0, as a limit needs it, got others in rows {rows}")
    if not (math.isfinite(one.step) and one.step > 0.0):
        raise ValueError(f"known: expected a step above 0 between powers of a limit, got {one.step!r}")
    found.powers[j], found.steps[j] = one.power, one.step


def _point(one: Value, samples: Samples) -> Point:
    m, d = samples.y.shape[1], samples.X.shape[1]
    _outputs(None, samples)
    x = _by_column(one.at, samples, "the place of a value")
    if not np.isfinite(x).all():
        raise ValueError(f"known: expected a finite place of a value in all {d} columns, got {one.at!r}")
    y = np.full(m, np.nan) if one.y is None else np.ravel(np.asarray(one.y, dtype=np.float64))
    if y.shape != (m,) or np.isinf(y).any():
        raise ValueError(f"known: expected a value of {m} outputs, got {one.y!r}")
    slope = np.full((m, d), np.nan)
    if one.slope is not None:
        if m > 1:
            raise ValueError(f"known: expected one output for the slope at a point, got {m}")
        slope[0] = _by_column(one.slope, samples, "derivatives")
    if np.isinf(slope).any():
        raise ValueError(f"known: expected finite derivatives, got {one.slope!r}")
    return Point(x, y, slope)


def _beside(one: Base, samples: Samples) -> Beside:
    d, m = samples.X.shape[1], samples.y.shape[1]
    if samples.encodings is not None:
        raise ValueError("known: expected columns of numbers and real y beside a base, got others; give numbers")
    if isinstance(one.function, Model):
        model: Model = one.function
        if (model.signature.n_inputs, model.signature.n_outputs) != (d, m):
            got = f"{model.signature.n_inputs} and {model.signature.n_outputs}"
            raise ValueError(f"known: expected a base of {d} inputs and {m} outputs, got one of {got}")
        if model.signature.input_names not in (None, samples.input_names):
            raise ValueError(
                f"known: expected a base of the columns {samples.input_names}, got {model.signature.input_names}"
            )
    else:
        model = Function(one.function, STEP * np.ptp(samples.X, axis=0), m, one.gradient)
    values = model.evaluate(samples.X)
    if not np.isfinite(values).all():
        rows = _given(samples, np.flatnonzero(~np.isfinite(values).all(axis=1)))
        raise ValueError(f"known: expected a base that is finite at all rows, got others in rows {rows}")
    if one.how == "add" and samples.is_relative and m > 1:
        raise ValueError(
            'known: expected one output for a base that is added and error="relative"; fit them one by one'
        )
    if one.how == "multiply":
        bad = np.flatnonzero(((values == 0.0) & (samples.y != 0.0)).any(axis=1))
        if len(bad):
            raise ValueError(
                f"known: y = base * correction is 0 where the base is, got another y in rows {_given(samples, bad)}"
            )
    return Beside(model, one.how)


# --- what contradicts what


def _require_consistent(found: Knowledge) -> None:
    exchanges = found.exchanges
    if exchanges is not None:
        for orbit in exchanges.orbits:
            alike = {(found.about[j], found.even[j], found.odd[j], found.powers[j], found.steps[j]) for j in orbit}
            if len(alike) > 1:
                names = ", ".join(found.names[j] for j in orbit)
                raise ValueError(f"known: expected the same of all columns that may be exchanged, {names}, got others")
    if not np.all(found.low < found.high):
        raise ValueError("known: expected bounds with low < high, got others together")
    for point in found.points:
        if np.any(point.y < found.low) or np.any(point.y > found.high):
            raise ValueError(f"known: expected values within the bounds, got {point.y.tolist()}")
        at_centre = found.odd & (point.x == found.about)
        if at_centre.any():
            name = found.names[int(np.flatnonzero(at_centre)[0])]
            raise ValueError(f"known: y is 0 where {name} is, by antisymmetry: expected no value there, got one")
        is_multiplied = found.beside is not None and found.beside.how == "multiply"
        has_factor = found.odd.any() or found.powers.any() or is_multiplied
        if has_factor and np.isfinite(point.slope).any() and not np.isfinite(point.y).all():
            raise ValueError("known: expected y at points of known slope, where there is a factor in front")
    for j, k, rises in found.monotone:
        if (j, k, not rises) in found.monotone:
            raise ValueError(f"known: expected y to rise or to fall with {found.names[j]}, got both")
        if found.even[j]:
            raise ValueError(f"known: y is symmetric in {found.names[j]}, so that it can't rise or fall all the way")
    if found.odd.any() and found.is_bounded and not np.all((found.low <= 0.0) & (found.high >= 0.0)):
        raise ValueError("known: y is 0 somewhere, by antisymmetry: expected bounds with 0 within, got others")


def _require_rows_agree(found: Knowledge, samples: Samples) -> None:
    """ValueError where rows contradict what is known, with their numbers."""
    X, y, size = samples.X, samples.y, rms_of_columns(samples.y)
    if not (found.changes_anything or found.is_bounded or found.monotone):
        return
    beyond = np.flatnonzero(((y < found.low) | (y > found.high)).any(axis=1))
    if len(beyond):
        raise ValueError(f"known: expected y within its bounds, got others in rows {_given(samples, beyond)}")
    Z, signs = X - found.about, np.ones(len(X))
    for j in np.flatnonzero(found.odd).tolist():
        signs *= np.where(Z[:, j] < 0.0, -1.0, 1.0)
        zero = np.flatnonzero((Z[:, j] == 0.0) & (np.abs(y) > MOST_OFF * size).any(axis=1))
        if len(zero):
            raise ValueError(
                f"known: y is 0 at {found.names[j]} = {found.about[j]:g}, by antisymmetry: got another y in rows "
                f"{_given(samples, zero)}"
            )
    if found.has_images:
        Z = np.where(found.even | found.odd, np.abs(Z), Z)
        Z = Z if found.exchanges is None else found.exchanges.first(contiguous(Z))
        width = np.ptp(Z, axis=0)
        rounded = contiguous(np.round(Z / np.where(width > 0.0, width, 1.0) / ALIKE))
        bad = Distinct.of(rounded, contiguous(signs[:, None] * y), MOST_OFF * size).contradicting
        if len(bad):  # rows that are equal as they are have noise
            bad = np.setdiff1d(bad, Distinct.of(contiguous(X), contiguous(y), MOST_OFF * size).contradicting)
        if len(bad):
            raise ValueError(
                f"known: rows that are images of each other by the symmetries have other y, by more than "
                f"{MOST_OFF:.0%} of its RMS: rows {_given(samples, bad)}"
            )
    for point in found.points:
        same = np.flatnonzero((point.x == X).all(axis=1))
        bad = same[(np.abs(y[same] - point.y) > MOST_OFF * size).any(axis=1)]
        if len(bad):
            raise ValueError(f"known: a value at {point.x.tolist()} contradicts y in rows {_given(samples, bad)}")
    for j, k, rises in found.monotone:
        others = [i for i in range(found.d) if i != j]
        order = np.lexsort([X[:, j], *X[:, others].T])
        same = (np.diff(X[order][:, others], axis=0) == 0.0).all(axis=1) & (np.diff(X[order, j]) > 0.0)
        change = np.diff(y[order, k]) * (1.0 if rises else -1.0)
        bad = order[1:][same & (change < -MOST_OFF * size[k])]
        if len(bad):
            way = "falls" if rises else "rises"
            raise ValueError(
                f"known: y {way} with {found.names[j]} before rows {_given(samples, np.sort(bad))}, all else equal"
            )


def _given(samples: Samples, rows: NDArray[np.intp]) -> str:
    """Rows by the numbers that a user knows them by."""
    return named_rows(rows if samples.numbers is None else samples.numbers[rows])
