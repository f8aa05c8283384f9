"""What a fit says: of the rows before it begins, of what ended it, and its report."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from .._version import __version__
from ..arrays import Samples, Subset, named_rows, rms_of_columns
from ..encodings import Flags
from ..facts import Facts
from ..hold_out import LEAST_ROWS, LEAST_ROWS_A_LINE
from ..models import Model
from ..report import FitReport, OutputErrors, Part, counted
from ..search.search import EPS, Found
from ..search.spline import is_grid
from . import diagnosis
from .agreement import Estimate
from .diagnosis import Limit, Outcome
from .expected import RANGE, Expected
from .limits import Limits
from .outputs import was_cut_short
from .race import Race

MIN_ROWS = 10
# A model of a column that takes fewer values than this is hardly tested between them.
FEW_LINES = 10
# Values of outputs that errors of each are taken of.
MOST_VALUES = 1e7
# Outputs up to which a report has the parts that they are made of: of a spectrum of 500 nobody would look at them.
MOST_DRAWN = 8


def least_rows(n_inputs: int) -> int:
    """Rows that `fit` needs for this many columns of X."""
    return max(MIN_ROWS, 2 * (n_inputs + 1))


def left_out(samples: Samples, sample_weight: ArrayLike | None, outliers: NDArray[np.intp]) -> Iterator[str]:
    """Sentences on which of the rows that were given the samples are without, and why."""
    if samples.numbers is None:
        return
    n = samples.n_given
    has_weight = np.ones(n, dtype=bool) if sample_weight is None else np.ravel(np.asarray(sample_weight)) != 0.0
    if n_weightless := int(np.sum(~has_weight)):
        yield f"{counted(n_weightless, 'row')} of weight 0 left out"
    has_weight[samples.numbers] = has_weight[outliers] = False
    if samples.derivatives is not None:
        has_weight[samples.derivatives.numbers] = False
    missing = np.flatnonzero(has_weight)
    if len(missing):
        yield f"{counted(len(missing), 'row')} with missing values left out, as asked: {named_rows(missing)}"
    if len(outliers):
        named = ", ".join(map(str, outliers.tolist()))
        yield f"{counted(len(outliers), 'row')} left out, as asked, with y far from what others say: {named}"


def notes_on(facts: Facts, samples: Samples, of_regions: int | None) -> list[str]:
    """What about these data limits a model, in sentences; ValueError for data that no model can be made of.

    `of_regions` is a column that says the region: between its values nothing is asked.
    """
    n, d = facts.n, facts.d
    known = samples.derivatives
    if n < least_rows(d) and (known is None or n < LEAST_ROWS or n + len(known) < least_rows(d)):
        which = "rows" if samples.sample_weight is None else "rows of weight above 0"
        raise ValueError(f"X: expected at least {least_rows(d)} {which} for {d} columns, got {n}")
    constant = facts.inputs.constant
    if constant.all() and not facts.outputs.constant.all():
        raise ValueError(f"X: expected inputs that vary, got {n} equal rows with different y")
    names = samples.input_names or tuple(str(j) for j in range(d))
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
    encodings = () if samples.encodings is None else samples.encodings.inputs
    flags = [name for name, one in zip(names, encodings, strict=False) if isinstance(one, Flags)]
    counts = [(name, len(values)) for name, values in zip(names, facts.values, strict=True) if values is not None]
    few = [
        (name, k)
        for name, k in counts
        if 1 < k < FEW_LINES and k <= n // LEAST_ROWS_A_LINE and (of_regions is None or name != names[of_regions])
        if name not in flags
    ]
    if few:
        taken = ", ".join(f"{name} ({k})" for name, k in few)
        notes.append(
            f"columns of X take few values, {taken}: between these, errors may be far larger than those measured"
        )
    return notes


def described(facts: Facts, n_train: int, n_held_out: int, given: bool, n_derivatives: int) -> str:
    """What the data are like, as far as it decides what is tried."""
    kind = "a full grid" if is_grid(facts) else "scattered"
    signs = [name for name, ranges in (("X", facts.inputs), ("y", facts.outputs)) if ranges.keeps_sign.any()]
    columns = f"columns of {' and of '.join(signs)} keep their sign" if signs else "no column keeps its sign"
    chosen_by = "the rows given" if given else f"{n_held_out / (n_train + n_held_out):.0%} of the rows"
    sizes = ", ".join([counted(facts.n, "row"), counted(facts.d, "input"), counted(facts.m, "output")])
    sizes += f", {counted(n_derivatives, 'derivative')}" if n_derivatives else ""
    return f"{sizes}, {kind}; {columns}; {chosen_by} choose"


def limit_of(
    found: Found,
    is_exact: bool,
    of_data: Limits,
    tolerance: float | None,
    interrupted: bool,
    late: bool,
    race: Race,
) -> Limit:
    """What ended the fit."""
    if interrupted:
        return Limit.INTERRUPTED
    if tolerance is not None and found.error <= tolerance:
        return Limit.TOLERANCE
    if is_exact:
        return Limit.FLOOR
    if of_data.is_rounding(found.error):
        return Limit.ROUNDING
    if late:
        return Limit.TIME
    return Limit.WORK if was_cut_short(race) else Limit.NOTHING_LEFT


def _in_words(outcome: Outcome, race: Race, time_limit: float | None) -> str:
    """What ended the fit: the user, the tolerance, rounding, time, work or the rows."""
    found, limit = outcome.found, outcome.limit
    if limit is Limit.TOLERANCE:
        return f"the tolerance was reached: {found.error:.1e} <= {outcome.tolerance:.1e}"
    if limit is Limit.FLOOR:
        where = "" if outcome.is_at_floor else " at the rows"
        return f"the float64 floor was reached{where}: rounding alone costs {outcome.floor:.0e}"
    if limit is Limit.ROUNDING:
        return outcome.limits.status
    ended: str = limit.value
    if limit is Limit.TIME:
        ended = (
            f"the time limit of {time_limit:g} s was used up, so that this result may not repeat; "
            f"effort={race.effort:.2g} without a limit gives about this one, and repeats"
        )
    if found.errors.rmse > 3 * found.train_rmse and not outcome.limits.advice(found.error, None):
        ratio = found.errors.rmse / found.train_rmse if found.train_rmse else math.inf
        ended += f"; the error between the points is {ratio:.0f} times that at them: more rows would help"
    return ended


def report_of(
    outcome: Outcome,
    race: Race,
    method: str,
    seed: int | None,
    facts: Facts,
    over_box: Estimate,
    notes: list[str],
    advice: list[str],
    time_limit: float | None,
    start: float,
) -> FitReport:
    found, known = outcome.found, outcome.known
    model, measured_at = found.measured or found.model, found.measured_at or outcome.held_out
    residuals = diagnosis.residuals_of(model, measured_at.X, measured_at.y, is_relative=measured_at.is_relative)
    samples = outcome.train.samples
    n_train, n_held_out = outcome.train.n, outcome.held_out.n
    if found.measured_at is not None:
        n_train, n_held_out = n_train + n_held_out - len(measured_at.X), len(measured_at.X)
    names = samples.input_names or tuple(f"x{j}" for j in range(facts.d))
    box = tuple(zip(facts.inputs.low.tolist(), facts.inputs.high.tolist(), strict=True))
    through, slices = diagnosis.slices_through(model, box, names, measured_at.X, measured_at.y)
    relative = found.errors.relative if facts.outputs.keeps_sign.all() or samples.is_relative else None
    of_derivatives = _errors_of_derivatives(model, measured_at, outcome.train)
    relative_median, relative_p95, relative_max = relative or (None, None, None)
    return FitReport(
        method=method,
        family=found.family,
        description=found.described,
        error=known.error if known.is_known else found.error,
        error_range=_range_of(outcome),
        without_value=known.without_value,
        is_guess=known.is_guess,
        train_rmse=found.train_rmse,
        validation_rmse=found.errors.rmse,
        validation_p95=found.errors.p95,
        validation_max=found.errors.max,
        box_rmse=over_box.over_box if over_box.says_something else None,
        status="y is constant, and so is the model"
        if facts.outputs.constant.all()
        else _in_words(outcome, race, time_limit),
        effort=race.effort,
        n_params=found.model.n_params,
        n_train=n_train,
        n_validation=n_held_out,
        n_inputs=facts.d,
        n_outputs=facts.m,
        candidates=tuple(one.candidate() for one in race.found.values()),
        warnings=tuple(notes),
        seed=seed,
        versions=versions(),
        floor=outcome.whole_floor,
        terms=outcome.terms,
        path=tuple(race.path),
        advice=tuple(advice),
        box=box,
        input_names=names,
        history=tuple(race.history),
        residuals=tuple(residuals),
        expected_at=(),
        output_errors=_of_outputs(model, measured_at),
        seconds=time.perf_counter() - start,
        error_kind="relative" if samples.is_relative else "absolute",
        relative_median=relative_median,
        relative_p95=relative_p95,
        relative_max=relative_max,
        slices_through=through,
        slices=slices,
        gradient_rmse=None if of_derivatives is None else of_derivatives[0],
        gradient_max=None if of_derivatives is None else of_derivatives[1],
    )


def _errors_of_derivatives(model: Model, *samples: Samples | Subset) -> tuple[float, float] | None:
    """The RMSE of the model's derivatives and the largest error, in the first of these samples where some are known.

    Derivatives count by what they change y by over the range of their column, those of each output relative to the RMS
    of all.
    """
    some = next((one for one in samples if one.derivatives is not None), None)
    if some is None or some.derivatives is None:
        return None
    known, blocks = some.derivatives, [block.X for one in samples for block in one.blocks()]
    low, high = np.min([X.min(axis=0) for X in blocks], axis=0), np.max([X.max(axis=0) for X in blocks], axis=0)
    width = (np.abs(known.directions) @ (high - low)) ** known.order
    with np.errstate(all="ignore"):
        size, off = (width[:, None] * np.abs(one) for one in (known.values, known.of(model) - known.values))
    parts = []
    for order in np.unique(known.order):
        own = known.order == order
        is_known = np.isfinite(known.values[own])
        rms = rms_of_columns(np.where(is_known, size[own], 0.0)) * np.sqrt(len(is_known) / is_known.sum(axis=0))
        parts.append((off[own] / rms)[is_known])
    relative = np.concatenate(parts)
    return float(np.sqrt(np.mean(relative**2))), float(np.max(relative))


def _range_of(outcome: Outcome) -> tuple[float, float]:
    """From what rows held out say to what the error over the box may be; without an end where nothing tells of that.

    Models that tell of it are of fewer rows, so that they say too much more often than too little, and rows held out
    are the least that it comes to: of 177 problems the error was below a third of what they say in 7 %, and above 3
    times the one to expect in 2 %.
    """
    at_rows, known = outcome.found.error, outcome.known
    if not known.is_known or outcome.limits.poles:
        return min(at_rows, known.error), math.inf
    return min(at_rows, known.error) / RANGE, known.error * RANGE


def so_far(
    found: Found,
    race: Race,
    method: str,
    seed: int | None,
    facts: Facts,
    notes: list[str],
    train: Subset,
    held_out: Samples,
    start: float,
) -> FitReport:
    """The report of a model that is written while the fit goes on: its errors at the rows are all that is known."""
    nothing = Expected(math.inf, 0.0, None)
    outcome = Outcome(found, train, held_out, Limit.GOING_ON, EPS, nothing, None, race.progress)
    unknown = Estimate(math.inf, math.inf, found.error)
    return report_of(outcome, race, method, seed, facts, unknown, notes, [], None, start)


def of_parts(model: Model) -> dict[str, Any]:
    """What a report says of the parts of the model; nothing of one that depends on no input, or has many outputs."""
    if model.signature.n_outputs > MOST_DRAWN:
        return {}
    try:
        graph = model.graph()
    except ValueError:
        return {}
    names = [*graph.variables, *(f"[{k}]" for k in range(len(graph.nodes)))]
    parts = zip(names[graph.n_inputs :], graph.nodes, graph.formulas, strict=True)
    return {
        "parts": tuple(Part(name, tuple(names[i] for i in node), formula) for name, node, formula in parts),
        "largest_arity": graph.largest_arity,
    }


def _of_outputs(model: Model, rows: Samples) -> tuple[OutputErrors, ...]:
    """The errors of each output at these rows, or as many as can be looked at; none for one output."""
    if rows.y.shape[1] == 1:
        return ()
    some = rows.first(max(1000, int(MOST_VALUES / rows.y.shape[1])))
    with np.errstate(all="ignore"):
        values = model.evaluate(some.X)
        return OutputErrors.of_each(values, some.y, some.output_names, some.sample_weight, some.is_relative)


def versions() -> dict[str, Any]:
    """Versions of what a result depends on."""
    return {
        "pml_native": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }
