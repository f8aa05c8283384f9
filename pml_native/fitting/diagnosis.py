"""What limits the error of a model that was fitted, and what would help: more rows (how many?), time, or nothing.

The RMSE on held-out rows is split (report.ErrorTerms) into rounding, what is left at the rows trained on, and what
comes on top between them; the largest decides. How fast more rows would help is measured: the model's family is fitted
again to half of the rows, and the fall of the error with the last doubling is taken to go on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples, Subset
from ..models import Model, Reduced, Transformed
from ..models.transformed import TRANSFORMS
from ..report import Errors, ErrorTerms, Join, two_digits
from ..search.polynomial import PolynomialSearch
from ..search.search import EPS, MOST_TRAIN, Found, Rows, run_alone
from ..slices import Slice, slices_of
from .expected import Expected
from .limits import Limits

# The RMS of what rounding y to float64 leaves, in units of y: uniform over half a unit in the last place on each side,
# the mean over a binade.
ROUNDING_OF_Y = EPS / math.sqrt(24.0)
# Errors up to this many times the rounding of the model's evaluation are put down to it.
FLOOR_MARGIN = 10.0
# Over the box, the error to expect is read off a few models, and rounding is larger in corners.
FLOOR_MARGIN_OVER_BOX = 30.0
# Held-out rows that the cost of evaluation is measured at, and that the report shows residuals of.
EVALUATED_ROWS, RESIDUAL_ROWS = 1000, 200
# Of rows of thousands of columns the report has no more than so many numbers, and so many rows at least.
MOST_NUMBERS, LEAST_ROWS = 100_000, 10
# Fewer are taken of a model of many parameters: so many numbers in double-double take a quarter of a second.
MOST_EXTENDED, FEWEST_EVALUATED = 3e5, 30
# Errors fall by less than this for twice the rows where rows are not what is missing.
LEAST_FALL = 1.5
# Searches take some rows a parameter, so that of fewer than this many the rows bound the parameters.
ROWS_A_PARAMETER = 10
# More rows than this many times those there are, no law found on two sizes can promise.
MOST_TIMES = 1e4
# A fit whose error fell by so much in the last part of its time was still learning.
LAST_PART, STILL_FALLING = 0.5, 2.0


def floor_of(model: Model, X: Array, sample_weight: Array | None = None) -> float:
    """The relative RMSE that rounding brings: of y itself, and of the model's own evaluation at some rows X (n, d)."""
    n = int(np.clip(MOST_EXTENDED / max(1, model.n_params), FEWEST_EVALUATED, EVALUATED_ROWS))
    with np.errstate(all="ignore"):
        high, _ = model.evaluate_extended(X[:n])
        rmse = Errors.of(model.evaluate(X[:n]), high, None if sample_weight is None else sample_weight[:n]).rmse
    return math.hypot(ROUNDING_OF_Y, rmse) if math.isfinite(rmse) else ROUNDING_OF_Y


class Limit(Enum):
    """What ended a fit."""

    INTERRUPTED = "interrupted from the keyboard; this is the best model so far"
    TOLERANCE = "the tolerance was reached"
    FLOOR = "the float64 floor was reached"
    ROUNDING = "the rounding of the data was reached"
    TIME = "the time limit was used up"
    WORK = "the work was used up"
    NOTHING_LEFT = "no search promised a better model"
    GOING_ON = "a checkpoint: the fit was going on, and this was the best model so far"


@dataclass(frozen=True)
class Outcome:
    """A fit that has ended: the model taken, the rows it was chosen by, what ended it, and what is known of its error.

    `progress` has the share of the work done and the error, each time a better model was found. `floor` is that of
    float64, `limits` what the data bring.
    """

    found: Found
    train: Subset
    held_out: Samples
    limit: Limit
    floor: float
    known: Expected
    tolerance: float | None
    progress: Sequence[tuple[float, float]]
    limits: Limits = field(default_factory=Limits)

    @property
    def whole_floor(self) -> float:
        """The error that rounding makes: in float64, and of the data to the digits that they have."""
        return math.hypot(self.floor, self.limits.rounding)

    @property
    def terms(self) -> ErrorTerms:
        """What the RMSE on the held-out rows is made of."""
        return ErrorTerms.of(self.whole_floor, self.found.train_rmse, self.found.errors.rmse)

    @property
    def is_at_floor(self) -> bool:
        """Whether the error is rounding: at the rows, and as far as is known over the box."""
        at_rows = self.found.error <= FLOOR_MARGIN * self.floor
        return at_rows and self.known.error <= FLOOR_MARGIN_OVER_BOX * self.floor


def advice(outcome: Outcome, rng: np.random.Generator, effort: float, seconds: float) -> list[str]:
    """Sentences on what would lower the error most; `effort`, and `seconds`, may be spent on finding out."""
    if outcome.is_at_floor:
        return ["nothing: what is left is rounding, of y and of the model's evaluation in float64"]
    if outcome.found.error <= FLOOR_MARGIN * outcome.floor:
        return [_of_box(outcome)]
    of_data = outcome.limits.advice(outcome.found.error, outcome.train.samples.input_names)
    if of_data:
        is_wild = outcome.known.error > FLOOR_MARGIN_OVER_BOX * outcome.found.error
        return [*of_data, _of_box(outcome)] if outcome.limit is Limit.ROUNDING and is_wild else of_data
    if outcome.limit is Limit.TOLERANCE:
        return ["a smaller tolerance: the fit ended when the one given was reached"]
    found = [_of_work(outcome)] if outcome.limit in (Limit.TIME, Limit.WORK) else []
    if outcome.limit is Limit.INTERRUPTED:
        found = ["time: the fit was interrupted"]
    made_of = outcome.terms
    if made_of.largest == "between rows":
        return [_of_rows(outcome, made_of.at_rows, _fall_with_rows(outcome, rng, effort, seconds)), *found]
    found += _of_few_rows(outcome)
    return found or [_of_what_is_not_known(outcome, rng, effort, seconds)]


def advice_on(joins: Sequence[Join]) -> list[str]:
    """Where rows would tell where y jumps, the largest jump first; nothing where it doesn't."""
    jumps = [join for join in joins if join.order == 0]
    if not jumps:
        return []
    most = max(jumps, key=lambda join: join.jump**2 * (join.high - join.low))
    others = f", and so in {len(jumps) - 1} other gaps" if len(jumps) > 1 else ""
    return [
        f"rows between {most.name} = {most.low:.8g} and {most.high:.8g}, where y jumps{others}: each one in the middle "
        f"halves what is not known of the place, and with it the mean square error over the box"
    ]


def _of_box(outcome: Outcome) -> str:
    """Where the error is rounding at the rows, but not known to be so over the box."""
    if not outcome.known.is_known:
        return "rows elsewhere: at those there are the error is rounding, but nothing tells of it away from them"
    return (
        f"rows where the box has few: at those there are the error is rounding, over the box {outcome.known.error:.0e} "
        f"is to be expected"
    )


def _of_work(outcome: Outcome) -> str:
    """How the error fell in the last part of the work."""
    what = "time" if outcome.limit is Limit.TIME else "work (effort)"
    now = outcome.found.error
    last = outcome.progress[-1][0] if outcome.progress else 0.0
    earlier = [error for share, error in outcome.progress if share <= (1.0 - LAST_PART) * last]
    if not earlier or not earlier[-1] > STILL_FALLING * now:
        return f"more {what} hardly: the error did not fall much in the second half of the fit"
    return f"more {what}: in the second half of the fit the error still fell {earlier[-1] / now:.2g}-fold"


def _of_rows(outcome: Outcome, at_rows: float, fall: float | None) -> str:
    """How many rows would do, if the error goes on to `fall` with each doubling, but not below that `at_rows`."""
    if fall is None:
        return "more rows; pml_native.scaling.forecast measures how many"
    if fall < LEAST_FALL:
        return f"rows elsewhere: twice as many of the same kind make the error only {fall:.1f} times smaller"
    n, error = outcome.train.n + outcome.held_out.n, outcome.found.error
    # No rows bring the error below what is left at the rows themselves.
    wanted = max(0.1 * error if outcome.tolerance is None else outcome.tolerance, at_rows)
    times = 2.0 ** (math.log(error / wanted) / math.log(fall)) if wanted < error else 1.0
    many = f"about {two_digits(n * times):,}" if times <= MOST_TIMES else f"more than {two_digits(n * MOST_TIMES):,}"
    return (
        f"more rows: with the last doubling of their number the error fell {fall:.2g}-fold; if that goes on, "
        f"{wanted:.1e} takes {many} rows (there are {n:,})"
    )


def _of_few_rows(outcome: Outcome) -> list[str]:
    """That the rows bound the number of parameters, where they do."""
    n, n_params = outcome.train.n * outcome.held_out.y.shape[1], outcome.found.model.n_params
    if ROWS_A_PARAMETER * n_params < n:
        return []
    return [
        f"more rows: the {outcome.train.n:,} to train on determine few parameters more than the {n_params:,} of "
        f"this model, and a model of more could follow y further"
    ]


def _of_what_is_not_known(outcome: Outcome, rng: np.random.Generator, effort: float, seconds: float) -> str:
    """What may help where the error is that at the rows, and no search promised a better model."""
    other = "another start (random_state) or another family (method)"
    fall = _fall_with_rows(outcome, rng, effort, seconds)
    if fall is None:
        return f"{other}; whether more rows would is not known"
    if fall < LEAST_FALL:
        return f"{other}: the last doubling of the rows made the error only {fall:.1f} times smaller"
    return _of_rows(outcome, 0.0, fall)


def _fall_with_rows(outcome: Outcome, rng: np.random.Generator, effort: float, seconds: float) -> float | None:
    """The error of a model like the best, from half of the rows, over that of the best; None for families not tried.

    A polynomial is searched for again in the coordinates of the best one.
    """
    best = outcome.found.measured or outcome.found.model
    changes: list[Reduced] = []
    while isinstance(best, Reduced):
        changes.append(best)
        best = best.model
    inputs: Sequence[str] | None = None
    outputs = "identity"
    if isinstance(best, Transformed):
        inputs, outputs = best.input_transforms, best.output_transforms[0]
        if not TRANSFORMS[outputs].scalable and np.any(best.output_scales != 1.0):
            return None  # of a unit of y that polynomials are not looked for in
        best = best.model
    if best.family != "polynomial" or not (seconds > 0.0 and effort > 0.0):
        return None
    n = outcome.train.n
    # Of a large table searches look at no more than so many rows, whichever half they are of.
    train = outcome.train.take(rng.permutation(n)[: min(n // 2, MOST_TRAIN)])
    held_out = outcome.held_out
    for change in changes:
        train, held_out = _in_variables(train, change), _in_variables(held_out, change)
    rows = Rows.of(train, held_out, rng)
    search = PolynomialSearch(rows, inputs=inputs or ("identity",) * rows.n_inputs, outputs=outputs)
    again = run_alone(search, effort=effort, time_limit=seconds, n_threads=1)
    fall = again.errors.rmse / outcome.found.errors.rmse
    return fall if math.isfinite(fall) else None


def _in_variables(samples: Samples, model: Reduced) -> Samples:
    variables = model.variables
    X, power = variables.apply(samples.X)
    y = samples.y / power[:, None]
    changed = samples.in_coordinates(X, y, power)
    return replace(changed, input_names=None, is_relative=samples.is_relative)


def residuals_of(model: Model, X: Array, y: Array, *, is_relative: bool = False) -> list[tuple[float, ...]]:
    """Inputs, y and error at some of the rows `X` (n, d), `y` (n, m), relative to each y if asked: see FitReport."""
    some = _some(X)
    unit = _unit_of(y)
    with np.errstate(all="ignore"):
        error = (model.evaluate(X[some])[:, 0] - y[some, 0]) / (np.abs(y[some, 0]) if is_relative else unit)
    return _shortened(X[some], y[some, 0] / unit, error)


def slices_through(
    model: Model, box: Sequence[tuple[float, float]], names: Sequence[str], X: Array, y: Array
) -> tuple[tuple[float, ...], tuple[Slice, ...]]:
    """The row that slices go through, and slices of a model: rows of `residuals_of` the same X, y lie beside them."""
    return slices_of(model.evaluate, model.evaluate_gradient, box, names, X, _unit_of(y))


def _unit_of(y: Array) -> float:
    """The RMS of the first output of `y` (n, m); 1 if that is 0 everywhere."""
    largest = float(np.max(np.abs(y[:, 0])))
    return largest * float(np.sqrt(np.mean((y[:, 0] / largest) ** 2))) if largest > 0 else 1.0


def expected_at(model: Model, points: Array) -> list[tuple[float, ...]]:
    """Some of the `points` (n, d), the error to expect there, and whether rows are near: see FitReport."""
    if model.estimate is None or model.near is None:
        return []
    some = points[_some(points)]
    return _shortened(some, model.estimate.at(model, some), model.near.contains(some))


def _some(X: Array) -> NDArray[np.intp]:
    """Which of the rows `X` (n, d) a report has."""
    n = min(RESIDUAL_ROWS, len(X), max(LEAST_ROWS, MOST_NUMBERS // X.shape[1]))
    return np.linspace(0, len(X) - 1, n).astype(np.intp)


def _shortened(X: Array, *others: NDArray[Any]) -> list[tuple[float, ...]]:
    """Rows of points `X` (n, d) and of `others` (n,) to 4 digits; inputs that differ in later ones to 4 of those."""
    with np.errstate(all="ignore"):
        more = np.log10(np.max(np.abs(X), axis=0)) - np.log10(np.max(X, axis=0) - np.min(X, axis=0))
    of_inputs = np.where(np.isfinite(more), np.clip(4 + np.ceil(more), 4, 17), 4)
    digits = [*of_inputs.astype(int).tolist(), *(4 for _ in others)]
    columns = np.column_stack([X, *others])
    return [tuple(float(f"{value:.{k}g}") for value, k in zip(row, digits, strict=True)) for row in columns]
