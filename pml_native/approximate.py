"""approximate(f, bounds): the model of a function that can be called, which chooses the points to call it at."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .approximation.search import Rounds
from .approximation.target import Target, as_box
from .coverage import Near
from .fit import FitWarning
from .fitting import diagnosis
from .fitting.account import least_rows, versions
from .fitting.continuation import continue_beyond, require_outside
from .fitting.expected import RANGE
from .models import Model, Outside, Signature
from .optimize.interrupt import InterruptGuard
from .options import flag_or_none, generator, names_of, number, whole_number
from .progress import ProgressDisplay
from .report import ErrorTerms, FitReport
from .threads import resolve_threads

# Rows at which what evaluation costs is measured, and parameters up to which it is.
ROWS_EXTENDED, MOST_PARAMS_EXTENDED = 64, 20_000


def approximate(
    f: Callable[..., Any],
    bounds: Sequence[tuple[float, float]] | tuple[float, float] | ArrayLike,
    *,
    tolerance: float = 1e-12,
    max_evaluations: int = 100_000,
    time_limit: float = 60.0,
    vectorized: bool | None = None,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
    progress: bool | None = None,
    outside: Outside | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
) -> Model:
    """The model of `f` on a box, made of as few calls as it takes to meet `tolerance`.

    f : takes points (k, d) and returns (k,) or (k, m), or takes one point (d,) and returns a number or (m,); with one
        input it may also take (k,) or a number, as math.sin does. The model gives what f gives for many points. It may
        change its argument. Points at which it raises, or returns NaN, infinite or complex numbers, are left out, and
        the report says where they lie.
    bounds : (d, 2), the lowest and the highest value of each input; one pair (low, high) for one input.
    tolerance : the relative RMSE, over the RMS of f, at points that the model was not made of. `report` also says the
        largest error there.
    max_evaluations : points at which f may be called, those of checks included.
    time_limit : seconds, for calls and fits. No batch is begun that would take longer; the first few points are asked
        in any case. The same f gives the same points and model wherever this ends nothing.
    vectorized : whether f takes many points at once; None finds out, by comparing with calls for single points.
    random_state : seed, or generator, of the random points and of random starts.
    n_threads : of kernels, and steps of the searches of `fit` at once; all cores for None. f is called in this thread.
    progress : whether to show a line on standard error; None shows it on a terminal.
    outside : what the model answers outside of `bounds`: "extrapolate", "linear", "nearest", "nan" or "error", as for
        `fit`. Without it, it goes on linearly, and the first point there gives an `ExtrapolationWarning`.
    input_names, output_names : names of inputs and outputs.

    With one input: Chebyshev polynomials on intervals that are halved where f needs it. A jump is found to the last
    bit, and intervals end there. A pole, where f grows like 1/r^0.4 or faster, is found as exactly, and some 1e-7 of
    the box around it is left to it: nothing is promised there, and elsewhere errors are relative to |f| where that is
    larger than usual, as its RMS is infinite. `report.warnings` has the places. With two to six: Chebyshev
    polynomials on a sparse grid that grows along the axes, and combinations of them, where f needs it. Besides, and
    with more inputs alone, what `fit` makes of random points: it knows f that is simple in other variables. Each round
    doubles the points; what passes a check of new random points decides.

    Errors with one input are means over the box, with points in every interval; with more, over random points, of which
    a quarter lies where models are large, and of the others a third is uniform, a third denser at the edges and a third
    on the way to a corner. They are those of the model at all points asked after it was made, and, of a model that
    jumps, those to expect in the gap between points that leaves the place of the jump open. Where the tolerance isn't
    met with several inputs, a tenth of the evaluations, 3,000 at most, is left for a last check: jumps and poles are
    looked for where errors are largest, one place of each is named, and the RMSE at uniform new points is the one
    reported, if it is larger.

    Returns a model: `model(X)`, `model.gradient(X)`, `model.report` (with `evaluations`), `model.save(path)`. Ctrl-C
    ends the search and returns the best model so far. Raises ValueError for bad options and for f that has no value
    anywhere, with what it said.
    """
    low, high, flat = as_box(bounds)
    d = len(low)
    tolerance, rng = number(tolerance, "tolerance", above=0.0), generator(random_state)
    time_limit = number(time_limit, "time_limit", least=0.0, unit="seconds")
    vectorized = flag_or_none(vectorized, "vectorized")
    require_outside(outside)
    if not callable(f):
        raise ValueError(f"f: expected a function, got {type(f).__name__}")
    most = whole_number(max_evaluations, "max_evaluations", 3 * least_rows(d))
    names = _names(input_names, "input_names", d)
    resolve_threads(n_threads)
    start = time.perf_counter()
    with InterruptGuard() as guard, ProgressDisplay(progress, time_limit) as display:
        target = Target(f, low, high, flat, vectorized, most, time_limit, guard)
        rounds = Rounds(target, tolerance, rng, display, n_threads)
        found, ended = rounds.run()
    model = found.model
    m = model.signature.n_outputs
    model.signature = Signature(d, m, target.y_is_vector, names, _names(output_names, "output_names", m))
    seed = int(random_state) if isinstance(random_state, (int, np.integer)) else None
    notes = rounds.notes(found)
    for note in notes:
        if note == target.failures() or "has a pole" in note:
            warnings.warn(note, FitWarning, stacklevel=2)
    train_rmse = rounds.train_rmse(model)
    # In double-double a model of so many parameters takes a minute; its errors are far above rounding anyway.
    few = model.n_params <= MOST_PARAMS_EXTENDED
    floor = diagnosis.floor_of(model, found.X[:ROWS_EXTENDED]) if few else diagnosis.ROUNDING_OF_Y
    model.near = Near.all_of(low, high)
    continue_beyond(model, model.near, outside)
    relative_median, relative_p95, relative_max = found.errors.relative or (None, None, None)
    box = tuple(zip(low.tolist(), high.tolist(), strict=True))
    called = names or tuple(f"x{j}" for j in range(d))
    through, slices = diagnosis.slices_through(model, box, called, found.X, found.y)
    model.report = FitReport(
        method="approximate",
        family=model.family,
        description=found.description,
        error=found.errors.rmse,
        error_range=(found.errors.rmse / RANGE, found.errors.rmse * RANGE),
        without_value=rounds.without_value(found),
        is_guess=False,
        train_rmse=train_rmse,
        validation_rmse=found.errors.rmse,
        validation_p95=found.errors.p95,
        validation_max=found.errors.max,
        box_rmse=None,  # the check has corners, too
        status=ended,
        effort=None,
        seconds=time.perf_counter() - start,
        n_params=model.n_params,
        n_train=len(target.X) - found.n_checked,
        n_validation=found.n_checked,
        n_inputs=d,
        n_outputs=m,
        candidates=tuple(rounds.candidates),
        warnings=tuple(notes),
        seed=seed,
        versions=versions(),
        floor=floor,
        terms=ErrorTerms.of(floor, train_rmse, found.errors.rmse),
        path=tuple(rounds.path),
        advice=(rounds.advice(floor),),
        box=box,
        input_names=called,
        history=tuple(rounds.history),
        residuals=tuple(diagnosis.residuals_of(model, found.X, found.y)),
        expected_at=(),
        evaluations=target.n_evaluations,
        relative_median=relative_median,
        relative_p95=relative_p95,
        relative_max=relative_max,
        slices_through=through,
        slices=slices,
    )
    return model


def _names(names: Sequence[str] | None, what: str, count: int) -> tuple[str, ...] | None:
    found = names_of(names, what)
    if found is not None and len(found) != count:
        raise ValueError(f"{what}: expected {count} names, got {len(found)}")
    return found
