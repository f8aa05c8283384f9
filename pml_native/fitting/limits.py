"""What in the data limits a model: digits of y, rounding of X, noise, misprints, poles, and where y breaks.

Each is a guess that the error of the model must bear out. Numbers of few digits may be exact, and X may have been
rounded before y was made of it: then a model comes below the error that rounding would make, and nothing is said of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples, rms_of_columns
from ..coverage import listed
from ..digits import Digits, digits_of, rounding_of
from ..models import Model, Regions
from ..report import Errors
from ..search.search import WORK_A_SECOND, Found
from .breaks import Break, break_of
from .clock import Clock
from .misprints import Misprints, misprints_of
from .noise import is_noise
from .pole_planes import PolePlane, plane_of
from .poles import Pole, poles_of
from .probe import MOST_TERMS, ROWS_A_TERM, Probe

# An error below this part of what rounding makes is that of exact numbers; rows are few, so that it is not 1.
BEARS_OUT = 0.7
# An error of at most so many times what rounding makes is due to it.
AT_ROUNDING = 1.5
# Rows that are looked at, and outputs: rows of which the factorization takes some 30 ms.
MOST_ROWS, MOST_OUTPUTS = 2000, 4
# Outputs whose digits are looked at.
MOST_DIGITS_SEEN = 16
# Factorizations that the time of looking at rows is that of, and the share of the time limit that it may be late by.
PASSES, LATER = 10.0, 0.05
# Rows with the largest residuals that are looked at beside those at random, out of so many numbers of evaluations.
LARGEST, MOST_EVALUATED = 200, 2e8
# Rows at which a model's gradient is asked for.
GRADIENT_ROWS = 300
# A model of fewer rows a parameter may follow a misprint.
ROWS_A_PARAMETER, FEWEST_TRAINED = 4, 20
# Models of other families that residuals are compared with.
MOST_RIVALS = 3
# Polynomials on the two sides of a break are more exact than the model by so much, or it is of no use.
USE_OF_BREAK = 10.0
# Errors of polynomials below this part of the largest y are rounding; and of a model, which may be a root, this one.
ROUNDING, ROUNDING_OF_ROOTS = 1e-14, 1e-9


@dataclass(frozen=True)
class Limits:
    """Relative RMSEs that properties of the data bring, 0.0 where there is none, and rows and places that are special.

    digits : what rounding y to `y_digits` made; 0.0 where the error shows that y is exact.
    inputs : what rounding X made, through the model's gradient: to `x_digits`, or to float64 if that is empty.
    noise : the size of what is left at the rows, where it is noise.
    """

    digits: float = 0.0
    inputs: float = 0.0
    noise: float = 0.0
    y_digits: Digits | None = None
    x_digits: tuple[str, ...] = ()
    misprints: Misprints | None = None
    split: Break | None = None
    poles: tuple[Pole, ...] = ()
    plane: PolePlane | None = None

    @property
    def rounding(self) -> float:
        """The RMSE that rounding of y and of X brings."""
        return math.hypot(self.digits, self.inputs)

    def is_rounding(self, error: float) -> bool:
        """Whether an error is due to rounding of y and X."""
        return error <= AT_ROUNDING * self.rounding

    @property
    def status(self) -> str:
        """What is said where rounding is reached."""
        if self.digits >= self.inputs:
            return f"the digits of y were reached: rounding to {self.y_digits} alone costs {self.digits:.1e}"
        return f"the digits of X were reached: rounding to {self._x_words} alone costs {self.inputs:.1e}"

    @property
    def _x_words(self) -> str:
        return " and ".join(self.x_digits) or "float64 (its numbers are large, and differ little)"

    def poles_in_words(self, input_names: Sequence[str] | None) -> str:
        """How many poles there are, and where."""
        name = input_names[0] if input_names else "x0"
        places = listed([f"{pole.place:.6g}" for pole in self.poles])
        if len(self.poles) == 1:
            return f"a pole, or a peak narrower than the gap between rows, at {name} = {places}"
        return f"{len(self.poles)} poles, or peaks narrower than the gaps between rows, at {name} = {places}"

    def advice(self, error: float, input_names: Sequence[str] | None) -> list[str]:
        """Sentences on what in the data would have to change for an error to fall; none where nothing is known of."""
        if self.poles:
            fit = "1 / y, which goes through 0 there" if all(pole.changes_sign for pole in self.poles) else "1 / y"
            return [f"fit {fit}, or pieces between: y has {self.poles_in_words(input_names)}"]
        if self.plane is not None:
            name, place = f"x{self.plane.column}", f"{self.plane.place:.6g}"
            name = name if input_names is None else input_names[self.plane.column]
            return [
                f"fit y {self.plane.factor.format(name, place)}: y has a pole at {name} = {place}, and polynomials of "
                f"this come to {self.plane.level:.0e}"
            ]
        if self.misprints is not None:
            return [f'correct, or leave out by outliers="drop", {self.misprints}']
        if self.is_rounding(error):
            if self.digits >= self.inputs:
                return [f"more digits of y: it is rounded to {self.y_digits}, which alone makes {self.digits:.1e}"]
            return [
                f"more digits of X: it is rounded to {self._x_words}, which alone makes {self.inputs:.1e}; "
                f"of large numbers that differ little, take off a constant before they are rounded"
            ]
        if self.noise:
            return [
                f"less noise in y: what is left at the rows, {self.noise:.1e}, has no pattern, and neither more terms "
                f"nor other families lower it; it is followed no further, and more rows only average it"
            ]
        if self.split is not None:
            names = input_names or [f"x{j}" for j in range(max(self.split.columns) + 1)]
            what = "y jumps there" if self.split.is_jump else "y has a kink, or is steep, there"
            return [
                f"split at {self.split.described(names)}: {what}, and polynomials of the rows on each side come to "
                f"{self.split.level:.0e}"
            ]
        return []


@dataclass(frozen=True)
class Rounding:
    """The relative RMSE that rounding of y to its digits makes, and the digits of its roughest output."""

    rmse: float
    digits: Digits | None

    @property
    def known(self) -> float:
        """The same, 0.0 for whole numbers: these are exact as often as they are rounded."""
        is_whole = self.digits is not None and self.digits.kind == "decimals" and self.digits.count <= 0
        return 0.0 if is_whole else self.rmse


def rounding_of_outputs(y: Array) -> Rounding:
    """What rounding made of y (n, m), if it seems to be rounded; of many outputs some are looked at."""
    some = np.linspace(0, y.shape[1] - 1, min(y.shape[1], MOST_DIGITS_SEEN)).astype(np.intp).tolist()
    found = [(rounding_of(y[:, k], digits := digits_of(y[:, k])), digits) for k in some]
    roughest = max(found, key=lambda one: one[0])
    return Rounding(math.sqrt(sum(rmse**2 for rmse, _ in found) / len(found)), roughest[1])


def has_time(n: int, clock: Clock, time_limit: float) -> bool:
    """Whether n rows can be looked at before the time limit, which `clock` has, or soon after it."""
    work = PASSES * min(n, MOST_ROWS) * min(MOST_TERMS, n / ROWS_A_TERM) ** 2
    return clock.leaves(work / WORK_A_SECOND - LATER * time_limit, "a look at what limits the error")


def rounding_of_inputs(model: Model, X: Array, size: Array, spacing: Array) -> float:
    """The relative RMSE of y, of RMS `size` (m,), that rounding `X` (n, d) to numbers `spacing` (n, d) apart makes."""
    some = np.linspace(0, len(X) - 1, min(len(X), GRADIENT_ROWS)).astype(np.intp)
    with np.errstate(all="ignore"):
        change = model.evaluate_gradient(X[some]) / size[:, None] * spacing[some, None, :]
        rmse = math.sqrt(float(np.mean(np.sum(change**2, axis=2))) / 12.0)
    return rmse if math.isfinite(rmse) else 0.0


def limits_of(found: Found, others: Iterable[Found], samples: Samples, held_out: Samples, digits: Rounding) -> Limits:
    """The limits of the data that a model which is not exact has met; `others` are what else was found.

    `held_out` are rows of `samples`, or others. `digits` is what `rounding_of_outputs` says of y. All of this is over
    the RMS of y, also where the errors of the model are relative to each y.
    """
    model, error = found.measured or found.model, found.errors.rmse
    if samples.is_relative:
        at = found.measured_at or held_out
        with np.errstate(all="ignore"):
            error = Errors.of(model.evaluate(at.X), at.y).rmse
    size = rms_of_columns(samples.y)
    rows, at_random = _rows(model, samples, size)
    X, y = samples.X[rows], samples.y[rows] / size
    residual = _residual(model, X, y, size)
    if not np.isfinite(residual).all():
        return Limits()
    inputs = rounding_of_inputs(model, X, size, np.spacing(np.abs(X)))
    inputs = inputs if error >= BEARS_OUT * inputs else 0.0
    is_rounded = error >= BEARS_OUT * digits.rmse > 0.0
    limits = Limits(digits.rmse, inputs, y_digits=digits.digits) if is_rounded else Limits(inputs=inputs)
    if limits.is_rounding(error):
        return limits
    outputs = range(min(y.shape[1], MOST_OUTPUTS))
    if X.shape[1] == 1 and y.shape[1] == 1 and (poles := poles_of(X[:, 0], y[:, 0])):
        return replace(limits, poles=poles)
    probe = Probe.of(X)
    misprints = _misprints(probe, y, outputs) or _left_out_by(found, X, residual, held_out, outputs)
    if misprints is not None:
        return replace(limits, misprints=misprints.among(rows))
    planes = [known for k in outputs if X.shape[1] > 1 and (known := plane_of(probe, X, y[:, k])) is not None]
    plane = min(planes, key=lambda known: known.level, default=None)
    if plane is not None and USE_OF_BREAK * plane.level <= error:
        return replace(limits, plane=plane)
    # Of regions the model knows the boundary already.
    to_split = [] if isinstance(model, Regions) else outputs
    breaks = [one for k in to_split if (one := break_of(probe, X, y[:, k])) is not None]
    split = min(breaks, key=lambda one: one.level, default=None)
    if split is not None and USE_OF_BREAK * split.level <= error:
        return replace(limits, split=split)
    X, y, residual = X[:at_random], y[:at_random], residual[:at_random]
    if at_random < len(rows):
        probe = Probe.of(X)
    rivals = sorted((one for one in others if one.family != found.family), key=lambda one: one.error)[:MOST_RIVALS]
    left = [_residual(one.measured or one.model, X, y, size) for one in rivals]
    if found.family != "polynomial":
        left.append(np.stack([probe.residual(column, probe.best(column)[0]) for column in y.T[: len(outputs)]], axis=1))
    if not all(is_noise(probe, y[:, k], residual[:, k], model.n_params, [one[:, k] for one in left]) for k in outputs):
        return limits
    spacing, named = _spacing(X)
    rounded = rounding_of_inputs(model, X, size, spacing)
    if named and BEARS_OUT * rounded <= error <= AT_ROUNDING * rounded:
        return replace(limits, inputs=rounded, x_digits=named)
    return replace(limits, noise=float(np.sqrt(np.mean(residual**2))))


def _rows(model: Model, samples: Samples, size: Array) -> tuple[NDArray[np.intp], int]:
    """Rows to look at: so many at random, and after them those of the largest residuals."""
    if samples.n <= MOST_ROWS:
        return np.arange(samples.n), samples.n
    order = np.random.default_rng(0).permutation(samples.n)
    rest = order[MOST_ROWS : max(2 * MOST_ROWS, int(MOST_EVALUATED / max(1, model.n_params)))]
    blocks = samples.take(rest).blocks()
    left = np.concatenate([np.max(np.abs(_residual(model, one.X, one.y / size, size)), axis=1) for one in blocks])
    far = rest[np.argsort(-left, kind="stable")[:LARGEST]]
    return np.concatenate([order[:MOST_ROWS], far]), MOST_ROWS


def _residual(model: Model, X: Array, y: Array, size: Array) -> Array:
    with np.errstate(all="ignore"):
        left: Array = y - model.evaluate(X) / size
    return left


def _misprints(probe: Probe, y: Array, outputs: Iterable[int], least: float = 0.0) -> Misprints | None:
    found = (misprints_of(probe, y[:, k], max(least, ROUNDING * float(np.max(np.abs(y[:, k]))))) for k in outputs)
    return next((one for one in found if one is not None), None)


def _left_out_by(
    found: Found, X: Array, residual: Array, held_out: Samples, outputs: Iterable[int]
) -> Misprints | None:
    """Misprints among the residuals of a model of few parameters, at rows that it was trained on.

    At others its errors have no common size. Polynomials have to be as exact as a misprint is small; a model need be.
    """
    apart = {row.tobytes() for row in held_out.X}
    trained = np.flatnonzero([row.tobytes() not in apart for row in X])
    if len(trained) < max(FEWEST_TRAINED, ROWS_A_PARAMETER * found.model.n_params):
        return None
    misprints = _misprints(Probe.of(X[trained], 1), residual[trained], outputs, ROUNDING_OF_ROOTS)
    return None if misprints is None else misprints.among(trained)


def _spacing(X: Array) -> tuple[Array, tuple[str, ...]]:
    """The distance of neighbours among numbers of the digits that each column of X (n, d) has, and these in words."""
    digits = [digits_of(column) for column in X.T]
    spacing = [
        np.spacing(np.abs(column)) if one is None else one.spacing(column)
        for column, one in zip(X.T, digits, strict=True)
    ]
    return np.stack(spacing, axis=1), tuple(dict.fromkeys(str(one) for one in digits if one is not None))
