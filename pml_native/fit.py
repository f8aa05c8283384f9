"""fit(X, y): tries, chooses, reports."""

from __future__ import annotations

import datetime
import math
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import OUTLIERS, PrecisionWarning, Samples, as_samples
from .chunks import chunks_of, is_in_chunks
from .coverage import Coverage
from .encodings import Durations
from .facts import Facts
from .files import require_writable
from .fitting import contradictions, diagnosis, guide, kept_knowledge, limits, outputs, periodic, pieces
from .fitting import known as known_races
from .fitting import regions as region_races
from .fitting.account import described, least_rows, left_out, limit_of, notes_on, of_parts, report_of, so_far
from .fitting.agreement import Box, chosen_by_agreement, estimates
from .fitting.all_rows import sampled, with_all_rows
from .fitting.choice import Choice
from .fitting.clock import Clock
from .fitting.continuation import continue_beyond, require_outside
from .fitting.diagnosis import Outcome
from .fitting.expected import Witnesses, work_of_witnesses
from .fitting.given_regions import column_of_regions, given_regions
from .fitting.knowledge import resolved
from .fitting.limits import Limits
from .fitting.outliers import without_outliers
from .fitting.race import Race, Row
from .fitting.watch import Watch
from .known import Known
from .models import ExtrapolationWarning, Model, NetworkModel, Normalization, Outside, Signature
from .networks import MLP
from .optimize.interrupt import InterruptGuard
from .options import columns_of, effort_of, generator, is_number, number, one_of, seconds_of
from .progress import ProgressDisplay
from .report import Formula, Formulas
from .search import SEARCHES
from .search.scheduler import Crew, held_blas
from .search.search import EPS, WHOLE_WORK, Found, Rows
from .search.spline import is_grid
from .threads import resolve_threads

# Of the work, and of the time, to find out what would help most.
DIAGNOSIS_SHARE = 0.03


class FitWarning(UserWarning):
    """The data have a property that limits what any model can do."""


def fit(
    X: Any,
    y: ArrayLike | None = None,
    *,
    method: str = "auto",
    tolerance: float | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    validation: float | tuple[ArrayLike, ...] | None = None,
    sample_weight: ArrayLike | None = None,
    error: Literal["absolute", "relative"] = "absolute",
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
    progress: bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    periods: Mapping[int | str, Any] | None = None,
    regions: Callable[[NDArray[np.float64]], ArrayLike] | int | str | ArrayLike | None = None,
    breaks: Mapping[int | str, Sequence[Any]] | None = None,
    missing: Literal["raise", "drop"] = "raise",
    outliers: Literal["keep", "drop"] = "keep",
    outside: Outside | None = None,
    gradients: ArrayLike | None = None,
    second_derivatives: ArrayLike | None = None,
    known: Sequence[Known] = (),
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
) -> Model:
    """The most exact model of y = f(X) that the data, float64 and the time allow.

    X : (n, d), or (n,) for one input; arrays, lists, data frames or other tables with names, without noise. Dates and
        times are taken as seconds from the first, durations as seconds, truth values as 1 and 0; a column of categories
        or text of up to 50 values, of 12 rows each or more, has a model for each. The report says so, and the model
        takes such columns again. Of a table in chunks, which need not fit into memory: the path of a file or of a
        folder of files, a frame of Dask, or a function that begins to read each time it is called; see below.
    y : (n,) or (n, m), real or complex, in which case its parts are fitted as two outputs, and the model's values are
        complex. An array of xarray, `a`, is fitted at its coordinates by `fit(a.coords, a)`.
    method : "polynomial", "separable", "network", "random_features", "rational", "algebraic", "rbf", "simplex",
        "trigonometric", "modular", "nested", "waves", "ends" (powers of the distance from the ends of one column),
        "exponentials" (quotients of few exponentials, or waves, of one column), "spline" (for rows that form a full
        grid), or "auto": polynomials, splines on grids, tables of one column in pieces where the law changes or as a
        quotient of exponentials, sums of products of functions of one input each, quotients of polynomials, roots of
        relations between x and y, all again in the variables that symmetries of the first models leave (products
        without units, differences, sums of squares) or that are learned, and of y without terms that stand by
        themselves, polynomials of cosines and sines where columns may be angles, a column as a function of y, solved
        for it, where that is simpler, waves of a learned phase where rows show some, and networks where these stay far
        from the float64 floor.
        A spline is chosen by what one through every second grid line misses at the other rows, which is what its
        report says; it then takes all rows, as do polynomials, quotients, products and simplices.
    tolerance : relative RMSE on held-out rows at which to stop early.
    effort : the budget of work, counted in multiply-adds: 1 for most of a minute of one core. The same rows, seed and
        effort give the same model, bit for bit, on any number of threads and however busy the machine is. A fit ends
        before where its error is rounding, or no search has any hope left. Of up to 8 outputs each has the effort, and
        so the model, of a fit of it alone, or a better one; more share that of 8. Methods other than "auto" fit all
        outputs at once, with the work of one.
    time_limit : seconds, at which the fit is ended even so; None for no limit. What it ends may not repeat, and the
        report says so.
    validation : the fraction of rows held out to choose by (0.15), or (X, y), or (X, y, gradients), to use instead. Of
        columns whose values repeat, as in a table, whole lines are held out: what counts is the error between them.
    sample_weight : (n,), weights of the squared errors, in training and in the errors reported; 1 / sigma^2 for y of
        standard deviations sigma. Rows of weight 0 count nowhere, and may hold NaN.
    error : "absolute": all errors of y count alike, or "relative": each relative to its y, in training, in choice and
        in the report, for y that spans many decades and is 0 nowhere. Both are reported. Methods "rbf", "simplex" and
        "spline" go through all rows whatever they weigh; it is the choice among them that changes. Of several outputs
        each is then fitted by itself.
    random_state : seed, or generator, of the random starts and of the choice of held-out rows.
    n_threads : steps of searches, or threads of a kernel, at once; None for all cores.
    progress : whether to show a line on standard error; None shows it on a terminal.
    checkpoint : a file that gets the best model so far every few seconds.
    periods : columns, by name or number, that repeat themselves, and after how much, {"angle": 360.0}, or for
        times a duration: y is then a function of their cosines and sines, the same beyond the period as within. Without
        it, columns whose range is a turn, in radians or degrees, are also tried like this.
    regions : where the law of y changes, if you know it. A function of X (n, d) that gives the number of the region of
        each point, integers (n,): the model asks it, too, and can't be saved. A column, by name or number, whose few
        values say the region; laws are functions of the other columns, and the model needs this one as well. Or labels
        (n,) of the rows, between which a boundary is found. Without it, regions are looked for in two to six columns.
    missing : "raise": a value of X or y that is missing (NaN, NaT, None, masked) is an error; or "drop": its row is
        left out, and the report says so. Infinity is an error in any case.
    outliers : "keep": rows whose y is far from what all others say are named by `report.advice`; or "drop": they are
        left out, which takes up to 8 looks before the fit, each with 1/32 of the work and the time. `report.outliers`
        has their numbers, in either case. Of several outputs the first four are looked at.
    breaks : columns, by name or number, and the values where the law of y changes, {"T": [1000.0]}, of times times:
        the table is cut there, and each piece has a search of its own. A row at such a value belongs to the piece
        above. Without it, breaks of y along a single column are found where the rows show them.
    outside : what the model answers beyond the box of the rows. "extrapolate": what it is there by itself; "linear":
        value and slope at the nearest point of the box, or a little farther out, as far as the rows tell; "nearest":
        the value at the nearest point; "nan"; or "error", ValueError. Without it, a model goes on by itself as far as
        models made without some of the rows agree with it better than its linear continuation does, and linearly from
        there; what does so up to a box three times as wide, as laws of few terms do, extrapolates. The first point that
        is farther out gives an `ExtrapolationWarning`. `model.outside` says it, and can be set. Columns that repeat
        themselves have no outside.
    gradients : (n, d), or (n, m, d) for y (n, m): derivatives of y by the columns of X, by dates and durations per
        second, NaN where unknown. Rows where some are known need no y, which is NaN there. They count as d more rows
        each: methods "polynomial", "rational", "trigonometric", "algebraic", "separable", "rbf" and, of one output,
        "network" meet them as well as y, and "spline" where they are known at all nodes; all others are made of y alone
        and compared by both. `report.candidates` says which is which, and
        `report.gradient_rmse` how exact the model's derivatives are. ValueError for derivatives that are those of y
        with another sign, in other units, or of other columns, as neighbouring rows tell.
    second_derivatives : (n,), or (n, m): second derivatives of y, of one input, in the same way.
    known : what is known of y beforehand, a list of what `pml_native.known` makes: symmetries, columns that may be
        exchanged, values at points, limits, bounds, a base that y is a correction to. It is kept by construction, or
        checked over the box, as `report.known` says. ValueError where rows contradict it, with their numbers.
    input_names, output_names : names of the columns of X and y; a data frame brings its own.

    A table in chunks is read twice. `y` has the names of the columns that are y, all others are X; or is None for a
    function that gives an iterator of pairs (X, y). Models are found in 100,000 of its rows, drawn by their numbers
    and the seed, whatever the chunks are; errors are then measured at all rows (`report.all_rows`). The time limit is
    that of the search alone. Columns are of numbers, and weights, derivatives and labels of rows can't be given.

    A model of inputs or outputs that are all positive may be one of their logarithms; it then gives NaN for x <= 0.

    Returns a model: `model(X)`, `model.gradient(X)`, `model.report`, `model.save(path)`. Ctrl-C ends the fit early and
    returns the best model so far. Raises ValueError for data that can't be fitted, saying what was wanted and got.
    """
    sample = None
    if is_in_chunks(X):
        _require_no_rows(sample_weight, gradients, second_derivatives, regions)
        options = {"missing": missing, "input_names": input_names, "output_names": output_names}
        chunks = chunks_of(X, y, options)
        drawn = random_state if isinstance(random_state, (int, np.integer)) else generator(random_state).integers(2**62)
        sample = sampled(chunks, int(drawn))
        X, y, input_names, output_names = sample.table()
    elif hasattr(X, "__next__"):
        raise ValueError(
            f"X: expected a function that begins to read each time it is called, got a {type(X).__name__}, which can "
            f"be read once"
        )
    elif y is None:
        raise ValueError("y: expected the values at the rows of X, got None")
    start = time.perf_counter()
    samples = as_samples(
        X,
        y,
        sample_weight,
        input_names=input_names,
        output_names=output_names,
        error=error,
        missing=missing,
        encode=True,
        gradients=gradients,
        second_derivatives=second_derivatives,
    )
    if sample is not None:  # whose rows a user knows by their numbers among all
        samples = replace(samples, numbers=sample.samples.numbers)
    one_of(method, "method", ("auto", *SEARCHES))
    one_of(outliers, "outliers", OUTLIERS)
    effort, limit, rng = effort_of(effort), seconds_of(time_limit), generator(random_state)
    close = number(tolerance, "tolerance", above=0.0, or_none=True)  # NaN, which no error is below, for None
    periods, breaks = columns_of(periods, "periods"), columns_of(breaks, "breaks")
    require_outside(outside)
    if checkpoint is not None:
        require_writable(checkpoint, "checkpoint")
    threads = resolve_threads(n_threads)
    clock = Clock(start + limit)
    far = np.empty(0, dtype=np.intp)
    if outliers == "drop":
        with InterruptGuard() as guard, held_blas():
            samples, far = without_outliers(samples, effort, threads, limit, clock, lambda: guard.requested)
    facts = Facts.of(samples)
    regions = column_of_regions(samples.X, samples.encodings, samples.input_names, regions)
    known_regions = None if regions is None else given_regions(regions, samples)
    knowledge = resolved(known, samples)
    known_races.require_possible(knowledge, method, regions is not None, bool(breaks))
    turns = _by_number({**periods, **knowledge.periods}, samples)
    has_outputs = facts.m > 1 and (method == "auto" or samples.is_relative)
    shares = outputs.shares(facts.m) if has_outputs else 1.0
    rows_of = guide.table(method, is_grid(facts) and not breaks and not knowledge.changes_columns)
    table = _wrapped(rows_of, has_outputs, turns)
    if knowledge.changes_anything:
        known_races.require_periods_apart(knowledge, turns)
        is_symmetric = knowledge.exchanges is not None
        of_images = table if method == "auto" or (is_symmetric and method not in guide.SYMMETRIC) else ()
        if is_symmetric:
            table = _wrapped(guide.symmetric(rows_of), has_outputs, turns)
        table = known_races.table_of(table, of_images, knowledge)
    if known_regions is not None:
        table = region_races.table_of(table, known_regions)
    if breaks:
        if method == "spline":
            raise ValueError('breaks: expected a method other than "spline", which takes full grids only')
        table = pieces.table_of(table, _breaks_by_number(breaks, samples))
    seed = int(random_state) if isinstance(random_state, (int, np.integer)) else None
    notes = notes_on(facts, samples, None if known_regions is None else known_regions.column)
    notes += contradictions.require_derivatives_of_y(samples)
    coverage = Coverage.of(samples.X, facts)
    if known_regions is None or known_regions.column is None:  # rows lie in layers of a column that says the region
        notes += coverage.sentences(samples.input_names)
    for note in notes:
        warnings.warn(note, FitWarning, stacklevel=2)
    train, held_out = known_races.split_by_images(knowledge, samples, validation, rng, facts, coverage)
    given = isinstance(validation, tuple)
    with InterruptGuard() as guard, ProgressDisplay(progress, time_limit) as display, held_blas():
        watch = Watch(display, checkpoint)
        watch.encodings = samples.encodings
        rows = Rows.of(train, held_out, rng, table=samples, grid=facts.grid, is_apart=given)
        digits = limits.rounding_of_outputs(samples.y)
        race = Race(
            rows,
            table,
            rng,
            shares * effort * WHOLE_WORK,
            tolerance or 0.0,
            digits.known,
            shares,
            watch=watch,
            start=start,
        )
        watch.report_of = lambda best: so_far(best, race, method, seed, facts, notes, train, held_out, start)
        n_derivatives = 0 if samples.derivatives is None else len(samples.derivatives)
        race.tell(described(facts, train.n, held_out.n, given, n_derivatives))
        for sentence in samples.encodings.sentences(samples.input_names) if samples.encodings else ():
            race.tell(sentence)
        for sentence in left_out(samples, sample_weight, far) if sample is None else [sample.sentence]:
            race.tell(sentence)
        if facts.outputs.constant.all():
            race.consider(_constant(rows))
            interrupted, late = False, False
        else:
            crew = Crew(
                threads,
                start + (1.0 - DIAGNOSIS_SHARE) * limit,
                interrupted=lambda: guard.requested,
                needed=lambda: race.best is None,
            )
            race.is_over = crew.is_over
            crew.run(race)
            interrupted, late = guard.requested, crew.late
        assert race.best is not None
        reached = race.error <= close
        box = Box(samples, rng, max(one.model.n_params for one in race.found.values()))
        work = 0.0 if interrupted else work_of_witnesses(race.spent)
        witnesses = Witnesses(box, facts, coverage, rng, len(held_out.X), work, clock)
        is_final = given or interrupted
        choice = Choice(race, samples, train, held_out, witnesses, is_final, is_settled=is_final or reached)
        settled = None if choice.is_settled else outputs.settled(race, choice)
        found, over_box, said = chosen_by_agreement(
            settled or race.best, list(race.found.values()), box, is_settled=given or reached or settled is not None
        )
        if said:
            race.tell(said)
        taken = replace(choice, is_settled=choice.is_settled or settled is not None).of(found)
        if taken.known.without_value:
            notes.append(f"the model has no value (NaN) in {taken.known.without_value:.1%} of the box of the rows")
        if taken.found.maker != found.maker:
            rivals = [one for one in race.found.values() if one.maker != taken.found.maker]
            over_box = estimates([taken.found, *rivals], box)[0]
        notes += region_races.sentences(taken.whole.model, box)
        if over_box.is_suspicious:
            notes.append(
                f"where no rows are, the model and the next one made otherwise differ by {over_box.over_box:.0e}, "
                f"far more than their errors at the rows ({over_box.at_rows:.0e}): corners of the box may be wrong"
            )
        found = taken.found
        floor = diagnosis.floor_of(found.measured or found.model, held_out.X, held_out.sample_weight)
        is_exact = found.error <= diagnosis.FLOOR_MARGIN * max(floor, EPS)
        if is_exact or interrupted or not limits.has_time(len(samples.X), clock, limit):
            of_data = Limits()
        else:
            of_data = limits.limits_of(found, race.found.values(), samples, held_out, digits)
            if of_data.misprints is not None:
                if samples.numbers is not None:  # a user knows rows by their numbers among all
                    of_data = replace(of_data, misprints=of_data.misprints.among(samples.numbers))
                assert of_data.misprints is not None
                far = np.union1d(far, of_data.misprints.rows)
            if of_data.poles:
                notes.append(f"y has {of_data.poles_in_words(samples.input_names)}: errors have no bound there")
        ended = limit_of(found, is_exact, of_data, tolerance, interrupted, late, race)
        outcome = Outcome(found, train, held_out, ended, floor, taken.known, tolerance, race.progress, of_data)
        left = min(DIAGNOSIS_SHARE * limit, start + limit - time.perf_counter())
        doubts = []
        if not interrupted:
            doubts = contradictions.doubts(race, DIAGNOSIS_SHARE * effort, left)
            doubts += kept_knowledge.doubts(rows, found, knowledge, samples, DIAGNOSIS_SHARE * effort, left)
        others = () if taken.known.estimate is None else taken.known.estimate.others
        kept = kept_knowledge.kept(taken.whole.model, knowledge, samples, box.points, others)
        for doubt in [*doubts, *kept.warnings]:
            warnings.warn(doubt, FitWarning, stacklevel=2)
            notes.append(doubt)
        joins, errors_of_pieces = pieces.joins_of(taken.whole.model, samples)
        advice = diagnosis.advice_on(joins)
        if not (advice and is_exact):
            advice += diagnosis.advice(outcome, rng, DIAGNOSIS_SHARE * effort, left)
        notes += clock.sentences()
        watch.write(replace(taken.whole, model=kept.model))
    model = kept.model
    model.estimate = taken.known.estimate
    model.use_threads(n_threads)
    near = coverage.near if sample is None else coverage.near.in_box(sample.low, sample.high)
    model.near = knowledge.near(near)
    model.encodings = samples.encodings
    continue_beyond(model, model.near, outside, len(samples.X), kept.endless)
    report = report_of(outcome, race, method, seed, facts, over_box, notes, advice, time_limit, start)
    model.report = report  # which what follows asks the model for
    model.report = replace(
        report,
        expected_at=tuple(diagnosis.expected_at(model, box.points)),
        outliers=tuple(far.tolist()),
        joins=joins,
        pieces=errors_of_pieces,
        known=kept.sentences,
        formulas=Formulas(partial(formulas_listed, model)),
        **of_parts(model),
        seconds=time.perf_counter() - start,  # the last thing that is done
    )
    if sample is not None:
        with InterruptGuard() as guard:
            model.report = with_all_rows(
                model.report, model, chunks, sample, samples.is_relative, lambda: guard.requested
            )
        for note in model.report.warnings[len(report.warnings) :]:
            warnings.warn(note, FitWarning, stacklevel=2)
    return model


def _require_no_rows(*given: Any) -> None:
    """ValueError where something is given for the rows of a table in chunks."""
    names = ("sample_weight", "gradients", "second_derivatives", "regions")
    for name, value in zip(names, given, strict=True):
        if value is not None and not (name == "regions" and (callable(value) or isinstance(value, (int, str)))):
            raise ValueError(f"{name}: expected none for a table in chunks, got {type(value).__name__}")


def _wrapped(table: tuple[Row, ...], has_outputs: bool, turns: Mapping[int, float]) -> tuple[Row, ...]:
    """The table of several outputs, and of columns that repeat themselves, if there are such."""
    if not table:
        return table
    if has_outputs:
        table = outputs.table_of(table)
    return periodic.table_of(table, turns) if turns else table


def _by_number(periods: Mapping[int | str, Any], samples: Samples) -> dict[int, float]:
    """The periods by the numbers of their columns."""
    found = {}
    for j, (column, period) in _columns_by_number(periods, samples, "periods").items():
        if isinstance(period, (datetime.timedelta, np.timedelta64)):
            period = float(Durations().encode([period], "periods")[0])
        if not (is_number(period) and 0.0 < period < math.inf):
            raise ValueError(f"periods: expected a number > 0 for {column!r}, got {period!r}")
        found[j] = float(period)
    return found


def _breaks_by_number(breaks: Mapping[int | str, Sequence[Any]], samples: Samples) -> dict[int, list[float]]:
    """The breaks by the numbers of their columns, ascending."""
    least, found = least_rows(samples.X.shape[1]), {}
    if samples.encodings is not None:
        breaks = samples.encodings.breaks(breaks, samples.input_names)
    for j, (column, values) in _columns_by_number(breaks, samples, "breaks").items():
        x = samples.X[:, j]
        try:
            places = np.unique(np.asarray(values, dtype=np.float64))
        except (TypeError, ValueError):
            places = np.empty(0)
        if not len(places) or not (np.isfinite(places).all() and np.all((np.min(x) < places) & (places <= np.max(x)))):
            raise ValueError(
                f"breaks: expected numbers above {np.min(x):g} and up to {np.max(x):g} for {column!r}, got {values!r}"
            )
        counts = np.bincount(np.searchsorted(places, x, side="right"), minlength=len(places) + 1)
        if counts.min() < least:
            raise ValueError(
                f"breaks: expected at least {least} rows in each piece of {column!r}, got {counts.tolist()}"
            )
        found[j] = places.tolist()
    return found


def _columns_by_number(given: Mapping[int | str, Any], samples: Samples, what: str) -> dict[int, tuple[int | str, Any]]:
    """What is given for columns, with their names, by the numbers of these."""
    d, names = samples.X.shape[1], list(samples.input_names or ())
    found = {}
    for column, value in given.items():
        j = names.index(column) if column in names else column
        if isinstance(j, bool) or not isinstance(j, (int, np.integer)) or not 0 <= j < d:
            raise ValueError(f"{what}: expected columns of X, by name or number below {d}, got {column!r}")
        found[int(j)] = column, value
    return found


def _constant(rows: Rows) -> Found:
    """A network without hidden layers and with all weights 0 gives the constant exactly."""
    mlp = MLP((rows.n_inputs, rows.n_outputs))

    def made(samples: Samples) -> NetworkModel:
        inputs, outputs = Normalization.of(samples.X), Normalization.of(samples.y)
        signature = Signature.of(samples)
        return NetworkModel(
            mlp, np.zeros(mlp.n_params), inputs=inputs, outputs=outputs, signature=signature, n_threads=1
        )

    return rows.found(made(rows.train), "network", "constant", status="exact", refit=made)


def formulas_listed(model: Model) -> tuple[Formula, ...]:
    """What y is, if that is found quickly, and simpler formulas: see FitReport."""
    from .formulas import listed

    return listed(model)


__all__ = ["ExtrapolationWarning", "FitWarning", "PrecisionWarning", "fit"]
