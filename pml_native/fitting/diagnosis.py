"""What limits the error of a model that was fitted, and what would help: more rows (how many?), time, or nothing.

The RMSE on held-out rows is split (report.ErrorTerms) into rounding, what is left at the rows trained on, and what
comes on top between them; the largest decides. How fast more rows would help is measured: the model's family is fitted
again to half of the rows, and the fall of the error with the last doubling is taken to go on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Array, Samples
from ..models import Model, Reduced, Transformed
from ..report import Errors, ErrorTerms
from ..search.polynomial import PolynomialSearch
from .session import Measured, Session

EPS = float(np.finfo(np.float64).eps)
# The RMS of what rounding y to float64 leaves, in units of y: uniform over half a unit in the last place on each side,
# the mean over a binade.
ROUNDING_OF_Y = EPS / math.sqrt(24.0)
# Errors up to this many times the rounding of the model's evaluation are put down to it.
FLOOR_MARGIN = 10.0
# Held-out rows that the cost of evaluation is measured at, and that the report shows residuals of.
EVALUATED_ROWS, RESIDUAL_ROWS = 1000, 200
# Errors fall by less than this for twice the rows where rows are not what is missing.
LEAST_FALL = 1.5
# More rows than this many times those there are, no law found on two sizes can promise.
MOST_TIMES = 1e4
# A fit whose error fell by so much in the last part of its time was still learning.
LAST_PART, STILL_FALLING = 0.5, 2.0


def floor(session: Session) -> float:
    """The relative RMSE that rounding brings: of y itself, and of the model's own evaluation at the held-out rows."""
    assert session.best is not None
    return floor_of(session.best, session.validation.X)


def floor_of(model: Model, X: Array) -> float:
    """`floor` of a model, at some of the rows `X` (n, d)."""
    rows = X[:EVALUATED_ROWS]
    high, _ = model.evaluate_extended(rows)
    rmse = Errors.of(model.evaluate(rows), high).rmse
    return math.hypot(ROUNDING_OF_Y, rmse) if math.isfinite(rmse) else ROUNDING_OF_Y


def terms(session: Session) -> ErrorTerms:
    """What the RMSE on the held-out rows is made of.

    Of the candidate, whose errors both are of the same parameters: the model may have been fitted to all rows since.
    """
    return ErrorTerms.of(floor(session), session.chosen.train_rmse, session.best_errors.rmse)


def advice(session: Session, rng: np.random.Generator, seconds: float) -> list[str]:
    """Sentences on what would lower the error most; `seconds` may be spent on finding out."""
    if session.error <= FLOOR_MARGIN * floor(session):
        return ["nothing: what is left is rounding, of y and of the model's evaluation in float64"]
    if session.reached_tolerance:
        return ["a smaller tolerance: the fit ended when the one given was reached"]
    found = [_of_time(session)] if session.remaining <= 0.0 else []
    if session.guard.requested:
        found = ["time: the fit was interrupted"]
    made_of = terms(session)
    if made_of.largest == "between rows":
        return [_of_rows(session, made_of.at_rows, rng, seconds), *found]
    if not found:
        found = ["another start (random_state) or another family (method): neither rows nor time limit this one"]
    return found


def _of_time(session: Session) -> str:
    """How the error fell in the last part of the time."""
    now = session.error
    earlier = [rmse for seconds, rmse, _ in session.history if seconds <= (1.0 - LAST_PART) * session.elapsed]
    if not earlier or not earlier[-1] > STILL_FALLING * now:
        return "more time hardly: the error did not fall much in the second half of the fit"
    return f"more time: in the second half of the fit the error still fell {earlier[-1] / now:.2g}-fold"


def _of_rows(session: Session, at_rows: float, rng: np.random.Generator, seconds: float) -> str:
    fall = _fall_with_rows(session, rng, seconds)
    if fall is None:
        return "more rows; pml_native.scaling.forecast measures how many"
    if fall < LEAST_FALL:
        return f"rows elsewhere: twice as many of the same kind make the error only {fall:.1f} times smaller"
    n, error = len(session.train.X) + len(session.validation.X), session.error
    # No rows bring the error below what is left at the rows themselves.
    wanted = max(0.1 * error if session.tolerance is None else session.tolerance, at_rows)
    times = 2.0 ** (math.log(error / wanted) / math.log(fall)) if wanted < error else 1.0
    many = f"about {_two_digits(n * times):,}" if times <= MOST_TIMES else f"more than {_two_digits(n * MOST_TIMES):,}"
    return (
        f"more rows: with the last doubling of their number the error fell {fall:.2g}-fold; if that goes on, "
        f"{wanted:.1e} takes {many} rows (there are {n:,})"
    )


def _fall_with_rows(session: Session, rng: np.random.Generator, seconds: float) -> float | None:
    """The error of a model like the best, from half of the rows, over that of the best; None for families not tried.

    A polynomial is searched for again in the coordinates of the best one.
    """
    best = session.best
    train, held_out = session.train, session.validation
    while isinstance(best, Reduced):
        train, held_out = _in_variables(train, best), _in_variables(held_out, best)
        best = best.model
    inputs: Sequence[str] | None = None
    outputs = "identity"
    if isinstance(best, Transformed):
        inputs, outputs = best.input_transforms, best.output_transforms[0]
        best = best.model
    if best is None or best.family != "polynomial" or seconds <= 0.0:
        return None
    half = rng.permutation(len(train.X))[: len(train.X) // 2]
    search = PolynomialSearch(
        train.take(half),
        held_out,
        rng=rng,
        seconds=seconds,
        inputs=inputs or ("identity",) * train.X.shape[1],
        outputs=outputs,
        should_stop=lambda: session.guard.requested,
    )
    search.run()
    if search.best is None or session.guard.requested:
        return None
    fall = search.best.errors.rmse / session.best_errors.rmse
    return fall if math.isfinite(fall) else None


def _in_variables(samples: Samples, model: Reduced) -> Samples:
    variables = model.variables
    X, power = variables.apply(samples.X)
    y = samples.y / power[:, None]
    return replace(samples, X=X, y=y, input_names=None)


def _two_digits(number: float) -> int:
    return int(float(f"{number:.2g}"))


def residuals(session: Session) -> list[tuple[float, ...]]:
    """Inputs, y and error at some of the rows held out: of the model that was measured there; see FitReport."""
    assert session.measured is not None
    return residuals_of(session.measured)


def residuals_of(measured: Measured) -> list[tuple[float, ...]]:
    """`residuals` of any model that was measured."""
    some = np.linspace(0, len(measured.X) - 1, min(RESIDUAL_ROWS, len(measured.X))).astype(int)
    X, y = measured.X[some], measured.y[some, 0]
    largest = float(np.max(np.abs(measured.y[:, 0])))
    unit = largest * float(np.sqrt(np.mean((measured.y[:, 0] / largest) ** 2))) if largest > 0 else 1.0
    with np.errstate(all="ignore"):
        columns = np.column_stack([X, y / unit, (measured.model.evaluate(X)[:, 0] - y) / unit])
    return [tuple(float(f"{value:.4g}") for value in row) for row in columns]
