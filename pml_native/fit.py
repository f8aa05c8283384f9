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

from ._version import __version__
from .arrays import PrecisionWarning, as_samples
from .facts import Facts
from .fitting import diagnosis, guide
from .fitting.agreement import Estimate
from .fitting.session import Session
from .hold_out import LEAST_ROWS_A_LINE, split
from .models import Model, NetworkModel, Normalization, Signature
from .networks import MLP
from .optimize.interrupt import InterruptGuard
from .progress import ProgressDisplay
from .report import Candidate, Errors, FitReport, counted
from .search.spline import is_grid
from .threads import resolve_threads

MIN_ROWS = 10
# A model of a column that takes fewer values than this is hardly tested between them.
FEW_LINES = 10
# Of the time, to find out what would help most.
DIAGNOSIS_SHARE = 0.03


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
    method : "polynomial", "separable", "network", "random_features", "rational", "rbf", "simplex", "spline" (for rows
        that form a full grid), or "auto": polynomials, splines on grids, sums of products of functions of one input
        each, quotients of polynomials, all again in the variables that symmetries of the first models leave (products
        without units, differences, sums of squares), and networks where these don't reach the float64 floor.
        A spline is chosen by what one through every second grid line misses at the other rows, which is what its
        report says; it then takes all rows, as do polynomials, quotients, products and simplices.
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
    facts = Facts.of(samples)
    trainers = guide.choose(method, samples, facts)
    seed = int(random_state) if isinstance(random_state, (int, np.integer)) else None
    rng = np.random.default_rng(random_state)
    notes = _notes(facts, samples.input_names)
    for note in notes:
        warnings.warn(note, FitWarning, stacklevel=2)
    train, held_out = split(samples, validation, rng, facts)

    start = time.perf_counter()
    with InterruptGuard() as guard, ProgressDisplay(progress, time_limit) as display:
        given = isinstance(validation, tuple)
        for_fits = (1.0 - DIAGNOSIS_SHARE) * time_limit
        session = Session(train, held_out, for_fits, tolerance, n_threads, guard, display, checkpoint, given)
        session.tell(_of_data(facts, len(train.X), len(held_out.X), given))
        if facts.outputs.constant.all():
            _offer_constant(session)
            over_box, ended = Estimate(math.inf, 0.0, 0.0), "y is constant, and so is the model"
        else:
            for train_family in trainers:
                if not (session.finished and session.candidates):
                    train_family(session, rng)
            over_box = session.choose_by_agreement(rng)
            if over_box.is_suspicious:
                notes.append(
                    f"where no rows are, the model and the next one made otherwise differ by {over_box.over_box:.0e}, "
                    f"far more than their errors at the rows ({over_box.at_rows:.0e}): corners of the box may be wrong"
                )
            ended = _why_ended(session, time_limit)
        left = min(DIAGNOSIS_SHARE * time_limit, time_limit - session.elapsed)
        assert session.best is not None
        advice = diagnosis.advice(session, rng, left)
        session.best.report = _report(
            session, method, seed, ended, over_box, notes, advice, time.perf_counter() - start
        )
    return session.best


def least_rows(n_inputs: int) -> int:
    """Rows that `fit` needs for this many columns of X."""
    return max(MIN_ROWS, 2 * (n_inputs + 1))


def _check_options(tolerance: float | None, time_limit: float) -> None:
    if tolerance is not None and not tolerance > 0:
        raise ValueError(f"tolerance: expected a number > 0 or None, got {tolerance!r}")
    if not (time_limit >= 0 and math.isfinite(time_limit)):
        raise ValueError(f"time_limit: expected a number of seconds >= 0, got {time_limit!r}")


def _notes(facts: Facts, input_names: Sequence[str] | None) -> list[str]:
    """What about these data limits a model, in sentences; ValueError for data that no model can be made of."""
    n, d = facts.n, facts.d
    if n < least_rows(d):
        raise ValueError(f"X: expected at least {least_rows(d)} rows for {d} columns, got {n}")
    constant = facts.inputs.constant
    if constant.all() and not facts.outputs.constant.all():
        raise ValueError(f"X: expected inputs that vary, got {n} equal rows with different y")
    names = input_names or tuple(str(j) for j in range(d))
    notes = [
        f"column {name} of X is constant: the model ignores it"
        for name, same in zip(names, constant, strict=True)
        if same
    ]
    if facts.n_contradicting:
        notes.append(
            f"{facts.n_contradicting} rows repeat inputs with different outputs: y has noise of at least "
            f"{facts.noise:.1e} of its RMS, and no model can be more exact than that"
        )
    if facts.n_repeated:
        notes.append(f"{facts.n_repeated} rows repeat others, outputs and all: they add weight, but nothing new")
    counts = [(name, len(values)) for name, values in zip(names, facts.values, strict=True) if values is not None]
    few = [(name, k) for name, k in counts if 1 < k < FEW_LINES and k <= n // LEAST_ROWS_A_LINE]
    if few:
        taken = ", ".join(f"{name} ({k})" for name, k in few)
        notes.append(
            f"columns of X take few values, {taken}: between these, errors may be far larger than those measured"
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


def _of_data(facts: Facts, n_train: int, n_held_out: int, given: bool) -> str:
    """What the data are like, as far as it decides what is tried."""
    kind = "a full grid" if is_grid(facts) else "scattered"
    signs = [name for name, ranges in (("X", facts.inputs), ("y", facts.outputs)) if ranges.keeps_sign.any()]
    columns = f"columns of {' and of '.join(signs)} keep their sign" if signs else "no column keeps its sign"
    chosen_by = "the rows given" if given else f"{n_held_out / (n_train + n_held_out):.0%} of the rows"
    sizes = ", ".join([counted(facts.n, "row"), counted(facts.d, "input"), counted(facts.m, "output")])
    return f"{sizes}, {kind}; {columns}; {chosen_by} choose"


def _why_ended(session: Session, time_limit: float) -> str:
    """What limits the error: the user, the tolerance, rounding, time or the rows."""
    best = session.chosen
    rounding = diagnosis.floor(session)
    if session.guard.requested:
        ended = "interrupted from the keyboard; this is the best model so far"
    elif session.reached_tolerance:
        return f"the tolerance was reached: {session.error:.1e} <= {session.tolerance:.1e}"
    elif session.error <= diagnosis.FLOOR_MARGIN * max(rounding, diagnosis.EPS):
        return f"the float64 floor was reached: rounding alone costs {rounding:.0e}"
    elif session.remaining <= 0.0:
        ended = f"the time limit of {time_limit:g} s was used up"
    else:
        ended = "no start made any more progress"
    if best.validation_rmse > 3 * best.train_rmse:
        ratio = best.validation_rmse / best.train_rmse if best.train_rmse else math.inf
        ended += f"; the error between the points is {ratio:.0f} times that at them: more rows would help"
    return ended


def _report(
    session: Session,
    method: str,
    seed: int | None,
    ended: str,
    over_box: Estimate,
    notes: list[str],
    advice: list[str],
    seconds: float,
) -> FitReport:
    model, chosen = session.best, session.chosen
    assert model is not None
    train = Errors.of(model.evaluate(session.train.X), session.train.y, session.train.sample_weight)
    X = np.concatenate([session.train.X, session.validation.X])
    low, high = X.min(axis=0), X.max(axis=0)
    d = session.train.X.shape[1]
    return FitReport(
        method=method,
        family=chosen.family,
        description=chosen.description,
        train_rmse=train.rmse,
        validation_rmse=session.best_errors.rmse,
        validation_p95=session.best_errors.p95,
        validation_max=session.best_errors.max,
        box_rmse=over_box.over_box if over_box.says_something else None,
        status=ended,
        seconds=seconds,
        n_params=model.n_params,
        n_train=session.n_rows[0],
        n_validation=session.n_rows[1],
        n_inputs=d,
        n_outputs=session.train.y.shape[1],
        candidates=tuple(session.candidates),
        warnings=tuple(notes),
        seed=seed,
        versions=versions(),
        floor=diagnosis.floor(session),
        terms=diagnosis.terms(session),
        path=tuple(session.path),
        advice=tuple(advice),
        box=tuple(zip(low.tolist(), high.tolist(), strict=True)),
        input_names=session.train.input_names or tuple(f"x{j}" for j in range(d)),
        history=tuple(session.history),
        residuals=tuple(diagnosis.residuals(session)),
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
