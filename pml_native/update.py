"""A model that meets new rows without a new search: `model.update`.

The least squares of a model of n rows, at their minimum, know the old rows by the Gram matrix of its parameters alone:
with r the errors at new rows and J, B the derivatives by the parameters at old and new ones, the step s minimises

    |J s|^2 + |B s - r|^2,

as the gradient J'(y - f) is 0 there. J'J is n times a mean over the places of rows, which any sample of them gives, and
J s is how far the model moves from its own values. So these stand for y at old rows, and no y need be kept. (Golub and
Van Loan, Matrix Computations, 6.5, have the update for the very rows.) At old rows the mean square of errors grows by
that of J s, where values depend linearly on parameters: the two are orthogonal.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Array, Samples, as_samples, rms_of_columns
from .fit import FitWarning, formulas_listed
from .fitting.account import of_parts
from .fitting.diagnosis import FLOOR_MARGIN, expected_at
from .fitting.expected import N_GROUPS, RANGE
from .fitting.outputs import shares
from .models import Beyond, ErrorEstimate, Model
from .models.adjusting import degrees_of, is_linear, jacobian_of, known_as, parameters_of, with_parameters
from .report import Errors, ErrorTerms, FitReport, Formulas, Update, counted
from .search.cells import ROWS_A_TERM
from .search.least_squares import tiled_least_squares
from .search.radial import is_off
from .search.search import EPS, ROUNDED, WHOLE_WORK

# Places of old rows, or points of the box where none are kept: at least so many, and so many for each parameter.
LEAST_POINTS, POINTS_A_PARAMETER = 1000, 3
# Of a cell that many at least.
LEAST_POINTS_OF_A_CELL = 30
# Of old rows that are given, so many take part; of points between the rows so many do in any case.
MOST_POINTS, LEAST_DRAWN = 4000, 300
# Work of an update, as a share of that of the fit, and what is always there, a tenth of a second. A step of Gauss and
# Newton takes some times the seconds of its products: derivatives come on top, and sums are taken again.
SHARE, LEAST_WORK = 0.05, 1e9
# Numbers of a matrix of derivatives that are kept, 64 MB; of more, rows come in tiles that are computed again.
MOST_KEPT, TILE_ROWS = 1 << 23, 512
# Steps of Gauss and Newton where values are not linear in parameters, which end when the sum of squares no longer falls
# by a tenth; a step that does not make it fall is halved so often.
STEPS, FALL, HALVINGS = 6, 0.9, 4
# Steps of the models without some of the new rows, which tell of errors: these are near where they were.
STEPS_OF_OTHERS = 2
# Such models have directions that change no value, as a factor goes from one function to the next. Each parameter pays
# for moving with this part of what its derivatives are; directions that count for more are found in a few steps.
DAMPING = 1e-6
# Rows since the fit, as a share of those it had, from which a new one may take more terms.
MANY = 0.5


@dataclass(frozen=True)
class Rows:
    """Rows that parameters are moved by: `X` (n, d), values `y` (n, m), and what errors are multiplied by, (n, m)."""

    X: Array
    y: Array
    weight: Array

    def take(self, rows: Any) -> Rows:
        return Rows(self.X[rows], self.y[rows], self.weight[rows])

    def and_(self, other: Rows) -> Rows:
        both = zip((self.X, self.y, self.weight), (other.X, other.y, other.weight), strict=True)
        return Rows(*(np.concatenate(pair) for pair in both))


def updated(
    model: Model, X_new: ArrayLike, y_new: ArrayLike, X: ArrayLike | None = None, y: ArrayLike | None = None
) -> Model:
    """`model` after it has met new rows: see `Model.update`."""
    start = time.perf_counter()
    if (X is None) != (y is None):
        raise ValueError("X, y: expected both of the rows before, or neither, got one of them")
    new = _samples(model, X_new, y_new)
    old = None if X is None or y is None else _samples(model, X, y)
    report = model.report
    unit = _unit(model, new if old is None else old)
    before = _errors(model, new, unit)
    if report is not None and before.rmse <= max(ROUNDED, FLOOR_MARGIN * max(report.floor, EPS)) and old is None:
        made, others, moved, after = known_as(model.copied(), model), None, 0.0, before
        moved_at_rows = 0.0
    else:
        memory, n_places = _memory(model, old, unit)
        budget = max(LEAST_WORK, SHARE * WHOLE_WORK * _effort(report))
        fresh = Rows(new.X, new.y, _weights(new, unit))
        made, spent = _moved(model, memory, fresh, budget, STEPS)
        way = (made.evaluate(memory.X) - memory.y) / _units_at(memory.y, new, unit)
        moved, moved_at_rows = _rms(way), _rms(way[: n_places or len(way)])
        others, after = _others(model, memory, fresh, new, unit, budget - spent, before)
    box = _box_with(model, new)
    known_as(made, model)
    if model.near is not None:
        made.near = model.near.with_rows(new.X)
    if model.beyond is not None:
        how = model.beyond
        low, high = box(how.low, how.high)
        made.beyond = Beyond(how.kind, low, high, is_default=how.is_default)
    made.estimate = model.estimate if others is None else others
    if report is None:
        if after.rmse > RANGE * max(before.rmse, ROUNDED):
            warnings.warn(f"update: errors of {after.rmse:.1e} at rows not seen", FitWarning, stacklevel=3)
        return made
    at_old = _errors(made, old, unit).rmse if old is not None else _at_old(report, moved_at_rows, is_linear(model))
    said = report.error_range[1] if report.is_checked else RANGE * report.error
    suffices = after.rmse <= max(said, ROUNDED) and at_old <= max(said, RANGE * report.train_rmse, ROUNDED)
    n_beyond = 0
    if (known := model.box() if model.near is None else (model.near.low, model.near.high)) is not None:
        n_beyond = int(np.sum(((known[0] > new.X) | (known[1] < new.X)).any(axis=1)))
    at_rows = _errors(made, new, unit).rmse
    told = Update(len(new.X), n_beyond, before.rmse, after.rmse, at_rows, at_old, old is not None, suffices)
    made.report = _report(made, report, told, after, moved, start)
    if made.estimate is not None:
        least = max(made.estimate.least, made.report.error if not suffices else 0.0)
        made.estimate = replace(made.estimate, least=least)
    if not suffices:
        warnings.warn(f"update: {made.report.advice[0]}", FitWarning, stacklevel=3)
    return made


def _effort(report: FitReport | None) -> float:
    """That of a fit, of several outputs in all."""
    if report is None or report.effort is None:
        return 0.0
    return report.effort * (shares(report.n_outputs) if report.method == "auto" else 1.0)


def _samples(model: Model, X: ArrayLike, y: ArrayLike) -> Samples:
    """Rows as the model takes them, with errors of the kind that its report has."""
    kind = "absolute" if model.report is None else model.report.error_kind
    samples = as_samples(model.as_inputs(X), y, error=kind, encode=True)
    if samples.y.shape[1] != model.signature.n_outputs:
        raise ValueError(f"y: expected {model.signature.n_outputs} outputs of the model, got {samples.y.shape[1]}")
    return samples


def _unit(model: Model, samples: Samples) -> Array:
    """What errors are divided by, (m,): the RMS of each output."""
    if model.estimate is not None and not samples.is_relative:
        return model.estimate.unit
    return rms_of_columns(samples.y)


def _units_at(y: Array, samples: Samples, unit: Array) -> Array:
    """What errors at values `y` (n, m) are divided by, (n, m): these values themselves where errors are relative."""
    with np.errstate(all="ignore"):
        units: Array = np.where(y != 0.0, np.abs(y), unit) if samples.is_relative else np.broadcast_to(unit, y.shape)
    return units


def _weights(samples: Samples, unit: Array) -> Array:
    return 1.0 / _units_at(samples.y, samples, unit)


def _rms(errors: Array) -> float:
    with np.errstate(all="ignore"):
        square = float(np.mean(errors**2)) if errors.size else 0.0
    return math.sqrt(square) if math.isfinite(square) else math.inf


def _errors(model: Model, samples: Samples, unit: Array) -> Errors:
    with np.errstate(all="ignore"):
        return _errors_of(model.evaluate(samples.X), samples, unit)


def _errors_of(values: Array, samples: Samples, unit: Array) -> Errors:
    """Errors of `values` (n, m), over `unit` and not over the RMS of a few rows."""
    error = np.abs(values - samples.y) / _units_at(samples.y, samples, unit)
    if not np.isfinite(error).all():
        return Errors(math.inf, math.inf, math.inf)
    return Errors(_rms(error), float(np.percentile(error, 95)), float(np.max(error)))


def _memory(model: Model, old: Samples | None, unit: Array) -> tuple[Rows, int]:
    """What the model knows of its rows, by its own values: where they are, if they are given, or were as far as it is
    kept, and at points drawn near them. Of given rows, too, its own values count: see the head of this file.

    The second result is how many of these are places of rows, the first ones.
    """
    wanted = max(LEAST_POINTS, POINTS_A_PARAMETER * len(parameters_of(model)))
    rng = np.random.default_rng(0)
    if old is not None:
        places, n_old, low, high = old.X, len(old.X), old.X.min(axis=0), old.X.max(axis=0)
        if len(places) > (most := max(MOST_POINTS, wanted)):
            places = places[rng.permutation(n_old)[:most]]
    else:
        low, high = model.known_box()
        places = np.empty((0, len(low))) if model.near is None else model.near.places()
        n_old = 0 if model.report is None else model.report.n_train + model.report.n_validation
    n_places = len(places)
    drawn = rng.uniform(low, high, (max(LEAST_DRAWN, wanted - n_places), len(low)))
    if model.near is not None:
        for j, values in model.near.values.items():
            drawn[:, j] = rng.choice(values, len(drawn))
        drawn = drawn[model.near.contains(drawn)]
    places = np.concatenate([places, drawn])
    with np.errstate(all="ignore"):
        y = model.evaluate(np.ascontiguousarray(places))
    known = np.atleast_1d(np.isfinite(y).all(axis=1))
    n_places = int(np.sum(known[:n_places]))
    places, y = np.ascontiguousarray(places[known]), y[known]
    is_relative = model.report is not None and model.report.error_kind == "relative"
    with np.errstate(all="ignore"):
        units = np.where(y != 0.0, np.abs(y), unit) if is_relative else np.broadcast_to(unit, y.shape)
    return Rows(places, y, math.sqrt((n_old or len(places)) / max(1, len(places))) / units), n_places


def _moved(model: Model, memory: Rows, fresh: Rows, budget: float, most_steps: int) -> tuple[Model, float]:
    """The model that meets the rows of both, and the work: an interpolant, or one whose parameters have moved."""
    try:
        through = model.with_rows(fresh.X, fresh.y)
    except ValueError:  # a point of two values, a singular system
        return known_as(model.copied(), model), 0.0
    if through is not None:
        with np.errstate(all="ignore"):
            missed, before = (_rms((one.evaluate(fresh.X) - fresh.y) * fresh.weight) for one in (through, model))
        return known_as(model.copied() if is_off(missed, before) else through, model), 0.0
    if touched := model.cells_at(fresh.X):
        return _cells_moved(model, touched, memory, fresh, budget)
    n_params, m = len(parameters_of(model)), fresh.y.shape[1]
    work = float(len(memory.X) + len(fresh.X)) * m * n_params**2
    if not n_params or work > budget:
        return known_as(model.copied(), model), 0.0
    steps = 1 if is_linear(model) else max(1, min(most_steps, int(budget / work)))
    return adjusted(model, memory.and_(fresh), steps), work * steps


def _cells_moved(
    model: Model, touched: Sequence[tuple[int, NDArray[np.intp], Array]], memory: Rows, fresh: Rows, budget: float
) -> tuple[Model, float]:
    """The model with those of its cells moved that new rows are in, each by itself, and the work.

    A cell knows its old rows by its own values at points of its box, which weigh as much as the points of `memory` in
    it, or as many rows as it must have had. It takes its part of what the whole model misses new rows by: where cells
    go over into each other each is off by more than the whole.
    """
    rng, laws, spent, m = np.random.default_rng(0), {}, 0.0, fresh.y.shape[1]
    with np.errstate(all="ignore"):
        left = fresh.y - model.evaluate(fresh.X)
    for number, rows, share in touched:
        law, own = model.cell(number), fresh.take(rows)
        n_params = len(law.own_parameters())
        n = max(LEAST_POINTS_OF_A_CELL, POINTS_A_PARAMETER * n_params // m)
        spent += float(n + len(rows)) * m * n_params**2
        if spent > budget:
            return known_as(model.copied(), model), 0.0
        low, high = law.box()
        X = np.ascontiguousarray(rng.uniform(low, high, (n, len(low))))
        unit = np.median(own.weight, axis=0)
        inside = np.all((low <= memory.X) & (high >= memory.X), axis=1)
        n_old = max(ROWS_A_TERM * n_params / m, float(np.sum((memory.weight[inside] / unit) ** 2)) / m)
        before = Rows(X, law.evaluate(X), np.broadcast_to(math.sqrt(n_old / n) * unit, (n, m)))
        own = Rows(own.X, law.evaluate(own.X) + left[rows], own.weight * share[:, None])
        laws[number] = adjusted(law, before.and_(own), 1)
    return known_as(model.with_cells(laws), model), spent


def adjusted(model: Model, rows: Rows, n_steps: int) -> Model:
    """`model` with its parameters where the weighed sum of squares of errors at `rows` is least, or less than before.

    One step of Gauss and Newton is all of it where values depend linearly on parameters. Rows without a value stay out.
    """
    with np.errstate(all="ignore"):
        residual = (rows.y - model.evaluate(rows.X)) * rows.weight
    known = np.isfinite(residual).all(axis=1)
    rows, residual = rows.take(known), residual[known]
    best, linear, made = float(np.sum(residual**2)), is_linear(model), model.copied()
    for _ in range(n_steps):
        last, parameters = best, parameters_of(made)
        step = _step(made, rows, residual, 0.0 if linear else DAMPING)
        for halving in range(HALVINGS):
            trial = with_parameters(made, parameters + 0.5**halving * step)
            with np.errstate(all="ignore"):
                left = (rows.y - trial.evaluate(rows.X)) * rows.weight
                square = float(np.sum(left**2))
            if square < best:
                made, best, residual = trial, square, left
                break
        if not best < FALL * last:
            break
    return known_as(made, model)


def _step(model: Model, rows: Rows, residual: Array, damping: float) -> Array:
    """The change of all parameters (p,) that goes best with the `residual` (n, m), to first order."""
    n_params, (n, m) = len(parameters_of(model)), residual.shape

    def derivatives() -> Iterator[tuple[Array, Array]]:
        for i in range(0, n, TILE_ROWS):
            some = slice(i, i + TILE_ROWS)
            J = jacobian_of(model, rows.X[some]) * rows.weight[some, :, None]
            J = np.where(np.isfinite(J), J, 0.0).reshape(-1, n_params)
            yield J, residual[some].reshape(-1, 1)

    kept = list(derivatives()) if n * m * n_params <= MOST_KEPT else None
    ridge: list[tuple[Array, Array]] = []
    if damping:
        squares = sum(np.sum(J**2, axis=0) for J, _ in (kept or derivatives()))
        ridge = [(np.diag(damping * np.sqrt(squares) + np.finfo(float).tiny), np.zeros((n_params, 1)))]

    def tiles() -> Iterator[tuple[Array, Array]]:
        yield from kept or derivatives()
        yield from ridge

    step: Array = tiled_least_squares(tiles, degrees_of(model))[:, 0]
    return step


def _others(
    model: Model, memory: Rows, fresh: Rows, new: Samples, unit: Array, budget: float, before: Errors
) -> tuple[ErrorEstimate | None, Errors]:
    """What tells of errors now: the models that told of them before, each moved by new rows but a share of these, and
    errors at each share of the model that is moved without it. The first remember rows by their own values: they
    differ as they did where new rows tell nothing.

    Where no work is left, new rows tell by the model that had not seen them.
    """
    n, estimate = len(fresh.X), model.estimate
    groups = min(N_GROUPS, n)
    if groups < 2:
        return None, before
    place = np.random.default_rng(0).permutation(n) % groups
    values, made = np.full(fresh.y.shape, np.nan), []
    for k in range(groups):
        one, spent = _moved(model, memory, fresh.take(place != k), budget, STEPS_OF_OTHERS)
        budget -= spent
        with np.errstate(all="ignore"):
            values[place == k] = one.evaluate(fresh.X[place == k])
    for k, start in enumerate(() if estimate is None else estimate.others):
        assert isinstance(start, Model)
        with np.errstate(all="ignore"):
            mine = start.evaluate(memory.X)
        has = np.atleast_1d(np.isfinite(mine).all(axis=1))
        own = replace(memory.take(has), y=mine[has])
        one, spent = _moved(start, own, fresh.take(place != k % groups), budget, STEPS_OF_OTHERS)
        budget -= spent
        made.append(one)
    after = _errors_of(values, new, unit)
    return None if estimate is None else replace(estimate, others=tuple(made)), after


def _box_with(model: Model, new: Samples) -> Any:
    """What makes of the ends of a box those of it and of new rows."""
    low, high = new.X.min(axis=0), new.X.max(axis=0)
    return lambda a, b: (np.minimum(a, low), np.maximum(b, high))


def _at_old(report: FitReport, moved: float, is_exact: bool) -> float:
    """The RMSE at all rows before, held out or not, after values there have moved so far: at most the sum of the two,
    and of least squares the root of their squares."""
    n, k = report.n_train, report.n_validation
    before = math.sqrt((n * report.train_rmse**2 + k * report.validation_rmse**2) / (n + k))
    return math.hypot(before, moved) if is_exact else before + moved


def _report(model: Model, report: FitReport, told: Update, after: Errors, moved: float, start: float) -> FitReport:
    """That of the updated model."""
    n_old = report.n_train + report.n_validation
    train = math.sqrt((n_old * told.at_old_rows**2 + told.n_rows * told.at_rows**2) / (n_old + told.n_rows))
    error = max(report.error, after.rmse, math.hypot(report.error, moved))
    if told.suffices and max(after.rmse, moved) <= report.error:
        error = report.error
    low, high = report.error_range
    error_range = (min(low, error / RANGE), max(high, RANGE * error))
    advice = report.advice
    since = sum(one.n_rows for one in report.updates) + told.n_rows
    if not told.suffices:
        worst = max(after.rmse, told.at_old_rows)
        advice = (
            f"errors are {worst:.1e} now, where {report.error:.1e} was to be expected: the form of the model no longer "
            f"suffices, fit all rows anew",
            *advice,
        )
    elif since >= MANY * n_old and error > ROUNDED:
        advice = (
            f"{counted(since, 'row')} have come to the {n_old:,} of the fit: a new fit to all may take more terms",
            *advice,
        )
    box = tuple(
        (min(low, float(column.min())), max(high, float(column.max())))
        for (low, high), column in zip(report.box, _columns(model, report), strict=True)
    )
    is_relative = report.error_kind == "relative"
    made = replace(
        report,
        error=error,
        error_range=error_range,
        train_rmse=train,
        validation_rmse=after.rmse,
        validation_p95=after.p95,
        validation_max=after.max,
        terms=ErrorTerms.of(report.terms.rounding, train, after.rmse),
        n_train=n_old,
        n_validation=told.n_rows,
        output_errors=(),
        relative_median=report.relative_median if is_relative else None,
        relative_p95=after.p95 if is_relative else None,
        relative_max=after.max if is_relative else None,
        box=box,
        advice=advice,
        path=(*report.path, f"updated: {told}"),
        formulas=Formulas(partial(formulas_listed, model)),
        updates=(*report.updates, told),
        seconds=time.perf_counter() - start,
    )
    model.report = made  # which what follows asks the model for
    points = np.array([row[: report.n_inputs] for row in report.expected_at]).reshape(-1, report.n_inputs)
    return replace(
        made,
        expected_at=tuple(expected_at(model, points)) if len(points) else (),
        **of_parts(model),
        seconds=time.perf_counter() - start,
    )


def _columns(model: Model, report: FitReport) -> list[Array]:
    """Of each column its ends, with new rows."""
    if model.near is None:
        return [np.array(ends) for ends in report.box]
    return list(np.stack([model.near.low, model.near.high], axis=1))
