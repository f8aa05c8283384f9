"""How a model goes on beyond its rows where nobody says it: by itself as far as its rows tell, and linearly from there.

A law that rows determine is the same law beyond them; a series of degree 40 that meets them as exactly is not. Models
made without some of the rows, which tell the error in the box, tell them apart: at points ever farther out they are
asked how well they agree with the model, and how far it is from its own linear continuation. Where they no longer agree
any better, the linear one takes over; where they do up to a box three times as wide, the model is taken for a law.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Array
from ..coverage import Near
from ..models import OUTSIDE, Beyond, ErrorEstimate, Model, Outside, SimplexInterpolator
from ..options import one_of

# How far out models are compared, in widths of the box to either side, and at how many points.
DISTANCES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
N_POINTS = 200
# The model goes on to where, at this share of the points, it is more certain than its linear continuation is near it,
# there or at the median of them, or so many times as uncertain as on the faces of the box, or to ROUNDING: where both
# are rounding, more can't be said. At 80 places beyond the rows of 20 laws and series, 3 to 100 % of the width, the
# error is more than 3 times that of the better of both ways at 7 to 10 for shares of 0.75 to 0.97 and 3 times, at 5 to
# 9 for 10 times, and at 21 for once: models that are rounding are then given up next to the box.
SHARE, AS_WELL, ROUNDING = 0.9, 3.0, 1e-12
# The linear continuation counts as no farther off than this, in units of the RMS of y: models that differ by more than
# y tell nothing. Of a series of degree 66 those without some rows agreed to some digits where it was 1e40.
MOST_BENT = 1.0
# Without others it goes on to where n evenly scattered rows end, so many n-ths, and no farther than a part of the box.
LEFT_OUT, MOST_LEFT_OUT = 5.0, 0.02
# Points without a value tell nothing; of fewer than this share with one, nothing is told.
LEAST_WITH_VALUE = 0.1
# Where values end between here and there, as those of a logarithm do at 0, no point beyond tells anything: models are
# compared at this part of the way to the end, which is found to 2^-HALVINGS of the distance.
BEFORE_THE_END, HALVINGS = 0.5, 30


def require_outside(outside: str | None) -> None:
    """ValueError for what is no way to go on outside."""
    one_of(outside, "outside", OUTSIDE, or_none=True)


def continue_beyond(
    model: Model, near: Near, outside: Outside | None, n: float = np.inf, endless: Sequence[int] = ()
) -> None:
    """Tells `model` what to do outside of the box of its n rows, all of the box if they are infinitely many; with
    columns that are `endless` upwards, as the model is known there."""
    if isinstance(model, SimplexInterpolator):  # which knows the hull, and goes on linearly from there
        model.outside = "linear" if outside in (None, "extrapolate") else outside
        return
    rng = np.random.default_rng(0)  # of probes that nothing else depends on
    repeating = list(model.repeating())
    width = _width(near)
    farthest = np.zeros((2, len(width)))
    if outside in (None, "linear"):
        if model.estimate is None:
            farthest[:] = min(LEFT_OUT / n, MOST_LEFT_OUT)
        else:
            farthest = _known_to(model, model.estimate, near, repeating, rng)
    low, high = near.low - farthest[0] * width, near.high + farthest[1] * width
    low[repeating], high[repeating] = -np.inf, np.inf
    high[list(endless)] = np.inf
    kind: Outside = outside or ("extrapolate" if np.all(farthest == DISTANCES[-1]) else "linear")
    model.beyond = Beyond(kind, low, high, is_default=outside is None)


class Agreement:
    """How well models made without some of the rows agree with `model` beyond the box `near`: true, false, or None
    where too few points have a value."""

    def __init__(self, model: Model, estimate: ErrorEstimate, near: Near) -> None:
        self._model, self._estimate, self._spread = model, estimate, replace(estimate, away=0.0)
        self._edge = Beyond("linear", near.low, near.high)
        self._at_faces: float | None = None

    def at(self, X: Array) -> bool | None:
        """At points X (n, d), of which the first that are asked for are those on the faces of the box."""
        with np.errstate(all="ignore"):
            values = self._model.evaluate(X)
            has_value = np.isfinite(values).all(axis=1)
            # Where none of them has a value, they agree that there is none.
            others = [np.isfinite(other.evaluate(X)).all(axis=1) for other in self._estimate.others]
            if np.mean(has_value) < LEAST_WITH_VALUE or any(np.any(one & ~has_value) for one in others):
                return None
            X, values = X[has_value], values[has_value]
            uncertain = self._spread.at(self._model, X)
            unit = np.abs(values) if self._estimate.is_relative else self._estimate.unit
            bend = np.sqrt(np.mean(((self._edge.values(self._model, X) - values) / unit) ** 2, axis=1))
            bend = np.minimum(bend, MOST_BENT)
        if self._at_faces is None:
            self._at_faces = float(np.quantile(uncertain, SHARE, method="higher"))
        enough = max(float(np.median(bend)), AS_WELL * self._at_faces, ROUNDING)
        return bool(np.mean(uncertain <= np.maximum(bend, enough)) >= SHARE)


def _known_to(
    model: Model, estimate: ErrorEstimate, near: Near, repeating: list[int], rng: np.random.Generator
) -> Array:
    """The distances (2, d), in widths of the box below and above it, to which models without some of the rows agree
    with `model`."""
    moves = np.flatnonzero(near.high > near.low)
    moves = moves[~np.isin(moves, repeating)]
    known = 0.0
    if len(moves):
        agreement = Agreement(model, estimate, near)
        for distance in (0.0, *DISTANCES):
            if not agreement.at(_on_faces(near, distance, moves, rng)):
                break
            known = distance
    farthest, agree = np.full((2, len(near.low)), known), True
    for column, side in itertools.product(moves.tolist() if known else (), (0, 1)):
        end = _end_of_values(model, near, column, side, known, rng)
        if end < known:
            distance = BEFORE_THE_END * end
            agrees_there = agreement.at(_on_face(near, column, side, distance, rng))
            farthest[side, column] = distance if agrees_there else 0.0
            agree = agree and bool(agrees_there)
    is_law = agree and known == DISTANCES[-1]  # which has no values beyond, and is right in that
    return np.full_like(farthest, known) if is_law else farthest


def _end_of_values(
    model: Model, near: Near, column: int, side: int, distance: float, rng: np.random.Generator
) -> float:
    """The distance from a face, or `distance` if that is less, to where the model has fewer values than on it."""

    def share(at: float) -> float:
        with np.errstate(all="ignore"):
            values = model.evaluate(_on_face(near, column, side, at, np.random.default_rng(seed)))
        return float(np.mean(np.isfinite(values).all(axis=1)))

    seed = int(rng.integers(2**32))
    least = SHARE * share(0.0)
    if share(distance) >= least:
        return distance
    low, high = 0.0, distance
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if share(middle) >= least else (low, middle)
    return low


def _width(near: Near) -> Array:
    """That of the box, 0 where float64 does not have it."""
    with np.errstate(over="ignore"):
        width = near.high - near.low
    return np.where(np.isfinite(width), width, 0.0)


def _on_faces(near: Near, distance: float, moves: np.ndarray, rng: np.random.Generator) -> Array:
    """Points (n, d) on the faces of the box that is wider by `distance` widths on either side, along these columns."""
    width = np.where(np.isin(np.arange(len(near.low)), moves), distance * _width(near), 0.0)
    low, high = near.low - width, near.high + width
    X = rng.uniform(low, high, (N_POINTS, len(low)))
    column, rows = rng.choice(moves, N_POINTS), np.arange(N_POINTS)
    X[rows, column] = np.where(rng.random(N_POINTS) < 0.5, low[column], high[column])
    return X


def _on_face(near: Near, column: int, side: int, distance: float, rng: np.random.Generator) -> Array:
    """Points (n, d) of the box, moved to so many widths below (side 0) or above (1) it along one column."""
    X = rng.uniform(near.low, near.high, (N_POINTS, len(near.low)))
    X[:, column] = (near.low, near.high)[side][column] + (-1.0, 1.0)[side] * distance * _width(near)[column]
    return X
