"""fit(X, y): tries, chooses, reports."""

from __future__ import annotations

import math
import os
import platform
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from . import guide
from ._version import __version__
from .arrays import PrecisionWarning, Samples, as_samples, contradicting_noise
from .hold_out import split
from .models import MLP, Model, NetworkModel, Normalization, Signature
from .optimize.interrupt import InterruptGuard
from .progress import ProgressDisplay
from .report import Candidate, Errors, FitReport
from .session import Session
from .threads import resolve_threads

MIN_ROWS = 10
# Errors up to this many times the rounding of the model's evaluation are put down to it.
FLOOR_MARGIN = 10.0


class FitWarning(UserWarning):
    """The data have a property that limits what any model can do."""


def fit(
    X: ArrayLike,
    y: ArrayLike,
    *,
    method: str = "auto",
    tolerance: float | None = None,
    time_limit: float = 60.0,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
    progress: bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
) -> Model:
    """The most exact model of y = f(X) that the data, float64 and the time allow.

    X : (n, d), or (n,) for one input; arrays, lists or data frames, without noise.
    y : (n,) or (n, m).
    method : "polynomial", "network", "random_features", "rbf", "simplex", "spline" (for rows that form a full grid), or
        "auto": polynomials, splines on grids, both again in the variables that symmetries of the first models leave
        (products without units, differences, sums of squares), and networks where these don't reach the float64 floor.
        A spline is chosen by what one through every second grid line misses at the other rows, which is what its
        report says; it then takes all rows, as do polynomials and simplices.
    tolerance : relative RMSE on held-out rows at which to stop early.
    time_limit : seconds.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead. Of columns whose
        values repeat, as in a table, whole lines are held out: what counts is the error between them.
    sample_weight : (n,), weights of the squared errors in training.
    random_state : seed, or generator, of the random starts and of the choice of held-out rows.
    n_threads : threads of the kernels; None for all cores.
    progress : whether to show a line on standard error; None shows it on a terminal.
    checkpoint : a file that gets the best model so far every few seconds.
    input_names, output_names : names of the columns of X and y; a data frame brings its own.

    A model of inputs or outputs that are all positive may be one of their logarithms; it then gives NaN for x <= 0.

    Returns a model: `model(X)`, `model.gradient(X)`, `model.report`, `model.save(path)`. Ctrl-C ends the fit early and
    returns the best model so far. Raises ValueError for data that can't be fitted, saying what was wanted and got.
    """
    samples = as_samples(X, y, sample_weight, input_names=input_names, output_names=output_names)
    _check_options(tolerance, time_limit)
    resolve_threads(n_threads)
    trainers = guide.choose(method, samples)
    seed = int(random_state) if isinstance(random_state, (int, np.integer)) else None
    rng = np.random.default_rng(random_state)
    notes = _notes(samples)
    for note in notes:
        warnings.warn(note, FitWarning, stacklevel=2)
    train, held_out = split(samples, validation, rng)

    start = time.perf_counter()
    with InterruptGuard() as guard, ProgressDisplay(progress, time_limit) as display:
        given = isinstance(validation, tuple)
        session = Session(train, held_out, time_limit, tolerance, n_threads, guard, display, checkpoint, given)
        if Normalization.of(samples.y).constant.all():
            _offer_constant(session)
            ended = "y is constant, and so is the model"
        else:
            for train_family in trainers:
                if not (session.finished and session.candidates):
                    train_family(session, rng)
            ended = _why_ended(session)
    model = session.best
    assert model is not None
    model.report = _report(session, model, method, ended, time.perf_counter() - start, notes, seed)
    return model


def least_rows(n_inputs: int) -> int:
    """Rows that `fit` needs for this many columns of X."""
    return max(MIN_ROWS, 2 * (n_inputs + 1))


def _check_options(tolerance: float | None, time_limit: float) -> None:
    if tolerance is not None and not tolerance > 0:
        raise ValueError(f"tolerance: expected a number > 0 or None, got {tolerance!r}")
    if not (time_limit >= 0 and math.isfinite(time_limit)):
        raise ValueError(f"time_limit: expected a number of seconds >= 0, got {time_limit!r}")


def _notes(samples: Samples) -> list[str]:
    """What about these data limits a model, in sentences; ValueError for data that no model can be made of."""
    n, d = samples.X.shape
    if n < least_rows(d):
        raise ValueError(f"X: expected at least {least_rows(d)} rows for {d} columns, got {n}")
    notes = []
    constant = np.all(samples.X[0] == samples.X, axis=0)
    y_is_constant = bool(np.all(samples.y == samples.y[0]))
    if constant.all() and not y_is_constant:
        raise ValueError(f"X: expected inputs that vary, got {n} equal rows with different y")
    names = samples.input_names or tuple(str(j) for j in range(d))
    for name in (name for name, same in zip(names, constant, strict=True) if same):
        notes.append(f"column {name} of X is constant: the model ignores it")
    n_rows, noise = contradicting_noise(samples)
    if n_rows:
        notes.append(
            f"{n_rows} rows repeat inputs with different outputs: y has noise of at least {noise:.1e} of its RMS, "
            f"and no model can be more exact than that"
        )
    return notes


def _offer_constant(session: Session) -> None:
    """A network without hidden layers and with all weights 0 gives the constant exactly."""
    train = session.train
    d, m = train.X.shape[1], train.y.shape[1]
    mlp = MLP((d, m))
    model = NetworkModel(
        mlp,
        np.zeros(mlp.n_params),
        inputs=Normalization.of(train.X),
        outputs=Normalization.of(train.y),
        signature=Signature.of(train),
        n_threads=session.n_threads,
    )
    errors = session.validation_errors(model)
    session.offer(lambda: model, errors)
    session.candidates.append(
        Candidate("network", "constant", mlp.n_params, 0.0, errors.rmse, errors.p95, errors.max, 0.0, "exact")
    )


def _why_ended(session: Session) -> str:
    """What limits the error: the user, the tolerance, rounding, time or the rows."""
    best = _chosen(session)
    cost = _evaluation_cost(session)
    if session.guard.requested:
        ended = "interrupted from the keyboard; this is the best model so far"
    elif session.reached_tolerance:
        return f"the tolerance was reached: {session.best_errors.rmse:.1e} <= {session.tolerance:.1e}"
    elif session.best_errors.rmse <= FLOOR_MARGIN * max(cost, float(np.finfo(float).eps)):
        return f"the float64 floor was reached: evaluating this model in float64 alone costs {cost:.0e}"
    elif session.remaining <= 0.0:
        ended = f"the time limit of {session.time_limit:g} s was used up"
    else:
        ended = "no start made any more progress"
    if best.validation_rmse > 3 * best.train_rmse:
        ratio = best.validation_rmse / best.train_rmse if best.train_rmse else math.inf
        ended += f"; the error between the points is {ratio:.0f} times that at them: more rows would help"
    return ended


def _chosen(session: Session) -> Candidate:
    """What the best model was among the candidates: not always the least error, as near rounding simpler ones win."""
    same = [one for one in session.candidates if one.validation_rmse == session.best_errors.rmse]
    return min(same or session.candidates, key=lambda candidate: candidate.validation_rmse)


def _evaluation_cost(session: Session) -> float:
    """The relative RMSE that rounding in the model's own evaluation brings, at some of the held-out rows."""
    assert session.best is not None
    rows = session.validation.X[:1000]
    high, _ = session.best.evaluate_extended(rows)
    rmse = Errors.of(session.best.evaluate(rows), high).rmse
    return rmse if math.isfinite(rmse) else 0.0


def _report(
    session: Session, model: Model, method: str, ended: str, seconds: float, notes: list[str], seed: int | None
) -> FitReport:
    train = Errors.of(model.evaluate(session.train.X), session.train.y, session.train.sample_weight)
    chosen = _chosen(session)
    return FitReport(
        method=method,
        family=chosen.family,
        description=chosen.description,
        train_rmse=train.rmse,
        validation_rmse=session.best_errors.rmse,
        validation_p95=session.best_errors.p95,
        validation_max=session.best_errors.max,
        status=ended,
        seconds=seconds,
        n_params=model.n_params,
        n_train=session.n_rows[0],
        n_validation=session.n_rows[1],
        n_inputs=session.train.X.shape[1],
        n_outputs=session.train.y.shape[1],
        candidates=tuple(session.candidates),
        warnings=tuple(notes),
        seed=seed,
        versions=versions(),
    )


def versions() -> dict[str, Any]:
    """Versions of what a result depends on."""
    return {
        "pml_native": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


__all__ = ["FitWarning", "PrecisionWarning", "fit"]
