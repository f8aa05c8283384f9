"""What all searches share: rows, the one rule that models are compared by, what is found, and how one is run alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import BLOCK_ROWS, Array, Samples, Subset, as_samples, rms_of_columns
from ..exchanges import Exchanges
from ..hold_out import split
from ..models import Model, Signature
from ..optimize.interrupt import InterruptGuard
from ..options import effort_of, generator, seconds_of
from ..report import Candidate, Errors
from ..threads import resolve_threads
from .along import LEAST_RATIO
from .scheduler import Crew, Next, Search, Start, State, Steps

EPS = float(np.finfo(np.float64).eps)

# --- work, in multiply-adds

# What one core of an ordinary machine does in a second. Seconds of fits were 0.9 to 3 times their work over this on a
# busy Zen 3 core, most where columns are many and steps small, and half of it in large products.
WORK_A_SECOND = 1e10
# What a call of NumPy or LAPACK costs before it begins to multiply, some ten microseconds, in multiply-adds.
CALL = 2e5
# What a step takes at most where it can be cut into smaller ones, some 0.2 s: so long a deadline may have to wait.
MOST_STEP = 2e9
# The work of `effort=1`: most of a minute of one core.
WHOLE_WORK = 45.0 * WORK_A_SECOND

# --- relative errors that searches compare theirs with

# There is nothing left to search for: half the spacing of float64.
FLOOR = 2e-16
# An error is mostly rounding: more terms don't lower it, and of two such models the simpler goes further beyond rows.
# The models of the paper's equations that are exact come to 1e-16 to 8e-15.
ROUNDED = 1e-14
# Below this error fewer parameters begin to count: rounding may have a part in it, where terms cancel.
FEWER_FROM = 1e-11

# --- rows

# Searches look at so many rows: enough for five a term with the most terms that any of them takes.
MOST_TRAIN, MOST_HELD_OUT = 10_000, 2_000
# Of more rows than that, this share is taken by a density that rises towards the faces of their box, so many times that
# in the middle along each column at most, and in all as if there were so many columns: in more, degrees are low.
SHARE_NEAR_ENDS, DENSEST, MOST_ENDS = 0.5, 50.0, 4
# Points at which a model's derivatives are compared with those known: some hundred, or as many as take a tenth of a
# second.
FEWEST_POINTS, MOST_POINTS_TIMES_PARAMETERS = 300, 2e6


@dataclass(frozen=True)
class Rows:
    """What a search works on: rows to train on, in an order without meaning, so that the first are a sample, and
    rows held out, which choose.

    `corners` (k, d) are points where a model may be asked, though no row is there. `table` are all rows, of which these
    are some, without those held out if `is_apart`; `all_train` those that `train` is a sample of; `grid` the axes and
    the order of a grid that they form. `degrees` are the powers above which an input has nothing new: the square of a
    sine is 1 less that of the cosine. y is the same under `exchanges` of columns, which searches for polynomials and
    quotients heed.
    """

    train: Samples
    held_out: Samples
    corners: Array | None = None
    table: Samples | None = None
    grid: tuple[list[Array], NDArray[np.intp]] | None = None
    is_apart: bool = False
    degrees: tuple[int, ...] | None = None
    exchanges: Exchanges | None = None
    all_train: Samples | Subset | None = None

    @classmethod
    def of(
        cls,
        train: Samples | Subset,
        held_out: Samples,
        rng: np.random.Generator,
        *,
        table: Samples | None = None,
        grid: tuple[list[Array], NDArray[np.intp]] | None = None,
        is_apart: bool = False,
    ) -> Rows:
        """A sample of the rows, as large as searches can use, with the ends of the box of all as corners."""
        if train.n > MOST_TRAIN:
            chosen, corners = sample_of(train, MOST_TRAIN, rng)
        else:
            chosen, corners = rng.permutation(train.n), None
        if len(held_out.X) > MOST_HELD_OUT:
            held_out = held_out.take(np.sort(rng.permutation(len(held_out.X))[:MOST_HELD_OUT]))
        return cls(train.take(chosen), held_out, corners, table, grid, is_apart, all_train=train)

    @property
    def whole(self) -> Samples:
        """All rows to train on, of which `train` may be a sample."""
        if self.all_train is None:
            return self.train
        return self.all_train if isinstance(self.all_train, Samples) else self.all_train.all()

    @property
    def n_whole(self) -> int:
        return self.n if self.all_train is None else self.all_train.n

    @property
    def n(self) -> int:
        return len(self.train.X)

    @property
    def n_held_out(self) -> int:
        return len(self.held_out.X)

    @property
    def n_equations(self) -> int:
        """Values and derivatives that are known to train on."""
        known = self.train.derivatives
        return self.n if known is None else self.n + len(known)

    @property
    def per_row(self) -> float:
        """The same, for each row."""
        return self.n_equations / self.n

    @property
    def n_inputs(self) -> int:
        return int(self.train.X.shape[1])

    @property
    def n_outputs(self) -> int:
        return int(self.train.y.shape[1])

    def require_one_output(self) -> None:
        """ValueError unless there is one output, and it varies."""
        if self.n_outputs != 1:
            raise ValueError(f"y: expected one output, got {self.n_outputs}; fit them one by one")
        if not np.ptp(self.train.y) > 0:
            raise ValueError("y: expected values that vary, got one value only")

    @property
    def signature(self) -> Signature:
        return Signature.of(self.train)

    @cached_property
    def held_out_rms(self) -> Array:
        """Of each output over the rows held out, in units of its largest value there, 1 for one that is 0: (m,)."""
        square = np.average(self._held_out_y**2, axis=0, weights=self.held_out.sample_weight)
        return np.sqrt(np.where(square > 0, square, 1.0))

    @cached_property
    def _held_out_exponent(self) -> NDArray[np.intc]:
        exponent: NDArray[np.intc] = np.frexp(np.max(np.abs(self.held_out.y), axis=0))[1]
        return exponent

    @cached_property
    def _held_out_y(self) -> Array:
        return np.ldexp(self.held_out.y, -self._held_out_exponent)

    def held_out_rmse(self, y: Array) -> float:
        """The relative RMSE of `y` (n, m) on the rows held out, as `Errors.of` has it; infinite for none."""
        weight = self.held_out.sample_weight
        with np.errstate(all="ignore"):
            error = (np.ldexp(y, -self._held_out_exponent) - self._held_out_y) / self.held_out_rms
            if weight is None:
                flat = error.reshape(-1)  # np.mean takes ten times as long as this product, thousands of times a second
                square = float(flat @ flat) / len(flat)
            else:
                square = float(np.mean(np.average(error**2, axis=0, weights=weight)))
        return math.sqrt(square) if math.isfinite(square) else math.inf

    def with_derivatives(self, error: float, off: Array, rows: NDArray[np.intp]) -> float:
        """The RMS of the `error` of y on the rows held out and of what derivatives are `off` by (k, m), in the units of
        y that they are balanced to; these are at `rows` (k,). NaN counts as not known."""
        weight = self.held_out.sample_weight
        with np.errstate(all="ignore"):
            square = (np.ldexp(off, -self._held_out_exponent) / self.held_out_rms) ** 2
            if weight is not None:
                of_rows = np.where((rows < 0), 1.0, weight[rows]) if weight.ndim == 1 else weight[rows].mean(axis=1)
                square = square * of_rows[:, None]
        is_known = ~np.isnan(square)
        k, total = int(is_known.sum()) / square.shape[1], float(np.sum(square[is_known])) / square.shape[1]
        mean = (self.n_held_out * error**2 + total) / (self.n_held_out + k)
        return math.sqrt(mean) if math.isfinite(mean) else math.inf

    def fewer(self, n: int, n_held_out: int) -> Rows:
        """The first of each kind, for a model that takes long to evaluate."""
        fewer = self.train.first(n)
        return replace(
            self, train=fewer, held_out=self.held_out.first(n_held_out), table=None, grid=None, all_train=None
        )

    def found(
        self,
        model: Model,
        family: str,
        description: str,
        *,
        coordinates: str = "",
        status: str = "best in its coordinates",
        refit: Callable[[Samples], Model] | None = None,
        nearby: Callable[[Samples], Model | None] | None = None,
        nearby_work: float | None = None,
        without_groups: Callable[[Samples, Sequence[NDArray[np.bool_]]], list[Any]] | None = None,
        refit_rows: int | None = None,
        uses_derivatives: bool = False,
    ) -> Found:
        """The model with its errors at all rows, held out or not. `coordinates` are what tells its makers apart.

        `uses_derivatives` says that it is made to meet those of y as well, where they are known.
        """
        held_out, train = self.held_out, self.train
        with np.errstate(all="ignore"):
            errors = errors_at(held_out, model.evaluate(held_out.X))
            at_rows = errors_at(train, model.evaluate(train.X))
        maker = f"{family} {coordinates}"
        off = 0.0
        if train.derivatives is not None:
            off = max(off_derivatives(samples, model) for samples in (train, held_out))
        return Found(
            model,
            errors,
            at_rows.rmse,
            family,
            description,
            maker,
            status,
            refit=refit,
            nearby=nearby or refit,
            nearby_work=nearby_work,
            without_groups=without_groups,
            refit_rows=refit_rows,
            derivative_error=off,
            uses_derivatives=None if train.derivatives is None else uses_derivatives,
        )


def sample_of(rows: Samples | Subset, n: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], Array]:
    """Which n of the rows are a sample that tells of all of their box, in an order without meaning; and its ends.

    Polynomials that least squares find from rows of the density prod_j 1 / sqrt(1 - u_j^2), of u from -1 to 1 in the
    box, are as well known near its faces as within (Cohen and Migliorati 2017, Optimal weighted least-squares methods);
    from rows that are uniform, errors there are many times larger. Half of the sample is as the table is, in the other
    half each row of it counts by that density. Rows of the least E / w, with E exponential and w the weight of a row,
    are drawn one after the other by their weights (Efraimidis and Spirakis 2006, Weighted random sampling with a
    reservoir).

    Of 1,000,000 rows of exp(-x0 x1) sin(x0 + x1 + x2 + x3) / (1 + x2^2), models that were right to 6e-15 at 10,000 of
    them were right to 3e-12 at all; so drawn, to 1e-14 and 6e-14 at both.
    """
    ends = [(block.X.min(axis=0), block.X.max(axis=0)) for block in rows.blocks()]
    low, high = np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)
    varies = np.flatnonzero(low < high)
    middle, half = (0.5 * high + sign * 0.5 * low for sign in (1.0, -1.0))
    power = -0.5 * min(1.0, MOST_ENDS / max(1, len(varies)))
    weight, begin = np.empty(rows.n), 0
    for block in rows.blocks():
        u = (block.X[:, varies] - middle[varies]) / half[varies]
        weight[begin : begin + block.n] = np.prod(np.maximum(1.0 - u**2, DENSEST**-2.0), axis=1) ** power
        begin += block.n
    weight *= SHARE_NEAR_ENDS / np.mean(weight)
    weight += 1.0 - SHARE_NEAR_ENDS
    keys = weight
    for begin in range(0, rows.n, BLOCK_ROWS):
        own = keys[begin : begin + BLOCK_ROWS]
        np.divide(rng.standard_exponential(len(own)), own, out=own)
    chosen = np.argpartition(keys, n)[:n].copy()  # without the numbers of all the others
    return chosen[np.argsort(keys[chosen])], np.stack([low, high])


def errors_at(samples: Samples, y: Array) -> Errors:
    """Of values `y` (n, m) at the rows of `samples`, as these weigh them."""
    return Errors.of(y, samples.y, samples.sample_weight, is_relative=samples.is_relative)


def off_derivatives(samples: Samples, model: Model) -> float:
    """The RMSE of the model's derivatives where those of the `samples` are known, at some points, 0 where none is.

    In units of the RMS of y over as much of the box as LEAST_RATIO has to do with, or of the derivatives themselves
    along the axis, where these are larger: so they count as errors of y do, as in the equations of polynomials.
    """
    known = samples.derivatives
    if known is None:
        return 0.0
    most = max(FEWEST_POINTS, int(MOST_POINTS_TIMES_PARAMETERS / max(1, model.n_params)))
    points = np.unique(known.numbers)
    if len(points) > most:
        known = known.some(np.isin(known.numbers, points[np.linspace(0, len(points) - 1, most).astype(np.intp)]))
        assert known is not None
    half = 0.5 * np.ptp(np.concatenate([samples.X, known.X]), axis=0)
    unit = rms_of_columns(samples.y)
    with np.errstate(all="ignore"):
        off = np.asarray(known.of(model) - known.values)
        length = np.abs(known.directions) @ half
        units = (LEAST_RATIO / length[:, None]) ** known.order[:, None] * unit
        relative = off / np.maximum(units, known.size)
    square = float(np.mean(relative[np.isfinite(known.values)] ** 2))
    return math.sqrt(square) if math.isfinite(square) else math.inf


@dataclass(frozen=True)
class Found:
    """A model, its errors on rows held out and at rows trained on, and what a report says of it: one object.

    `maker` says what made it: two models of one maker are no two witnesses of each other. `refit` makes it again from
    other rows: all of them; `nearby` makes the like of it, which tells how much it depends on them, None where that
    can't be a model. `model` may be made of more rows than it was measured with: `measured` is the one whose errors
    these are, and `measured_at` the rows where, if not those held out.
    """

    model: Model
    errors: Errors
    train_rmse: float
    family: str
    description: str
    maker: str
    status: str
    seconds: float = 0.0
    measured: Model | None = None
    measured_at: Samples | None = None
    refit: Callable[[Samples], Model] | None = field(default=None, repr=False)
    nearby: Callable[[Samples], Model | None] | None = field(default=None, repr=False)
    nearby_work: float | None = None  # of a `nearby` that goes on from where the model is; None for least squares anew
    # Makes what `refit` makes, without each of several groups of rows, masks (n,), at once: for the work of a `nearby`.
    without_groups: Callable[[Samples, Sequence[NDArray[np.bool_]]], list[Any]] | None = field(default=None, repr=False)
    refit_rows: int | None = None  # that `refit` takes at most; None for as many as its work allows
    # Whether what is left of the error is what rows leave open: where y jumps from one exact law to another.
    is_open: bool = False
    derivative_error: float = 0.0  # of the derivatives that are known, in units that count as those of y do
    uses_derivatives: bool | None = None  # whether it is made to meet them; None where none is known

    @property
    def error(self) -> float:
        """What models are compared by: the largest of the RMSE on the rows held out, at those trained on, and of
        derivatives, where these are known.

        The rows held out are few. Where y has an edge that none of them is near, a model may be wild there, and the
        rows trained on, of which there are more, show it.
        """
        return max(self.errors.rmse, self.train_rmse, self.derivative_error)

    @property
    def described(self) -> str:
        """What it is, and whether derivatives that are known were of use."""
        made_of = {None: "", True: ", by y and its derivatives", False: ", by y alone"}
        return self.description + made_of[self.uses_derivatives]

    @property
    def is_exact(self) -> bool:
        """Whether its error is as small as rounding, whatever the model is made of: no other family would do better."""
        return self.error <= ROUNDED

    @property
    def score(self) -> float:
        """What is to be small; see `score`.

        Parameters are those of a value: counted in all outputs, more than a thousand of many outputs weighed so much
        near rounding that of two errors the larger one won. 356 terms of a spectrum lost to 586 of nearly twice the
        error.
        """
        return score(self.error, self.model.n_params_of_a_value)

    def candidate(self) -> Candidate:
        """Its line in the report."""
        errors = self.errors
        return Candidate(
            self.family,
            self.described,
            self.model.n_params,
            self.train_rmse,
            errors.rmse,
            errors.p95,
            errors.max,
            self.seconds,
            self.status,
        )


def score(error: float, n_params: int) -> float:
    """What is to be small, of a model of so many parameters for each output.

    It is error * n_params^a, a rising from 0 for errors above FEWER_FROM to 1 for those of ROUNDED.

    Of models that meet the rows to rounding, those of fewer parameters go further beyond them: twice the parameters
    must bring half the error. Far from it the error alone counts. Nothing jumps in between, so that two models that are
    equal to rounding score alike.
    """
    if not error < math.inf:
        return math.inf
    error = max(error, FLOOR)
    part = math.log(FEWER_FROM / error) / math.log(FEWER_FROM / ROUNDED)
    return float(error * max(1, n_params) ** min(1.0, max(0.0, part)))


def extrapolated(sizes: Sequence[float], errors: Sequence[float], size: float, d: int) -> float:
    """The error that `size` terms may come to, from those of fewer: log error as a line in size^(1/d).

    That is how series in d variables fall for functions that are smooth; a margin of half as much again is given. 0
    where fewer than two sizes are known, the error now where it does not fall.
    """
    if len(sizes) < 2 or not min(errors) > 0.0:
        return 0.0
    (a, b), (e, f) = [s ** (1.0 / d) for s in sizes[-2:]], errors[-2:]
    if not (b > a and math.isfinite(e) and math.isfinite(f)):
        return 0.0
    slope = 1.5 * min(0.0, math.log(f / e) / (b - a))
    return f * math.exp(slope * max(0.0, size ** (1.0 / d) - b))


def own_rng(rng: np.random.Generator) -> np.random.Generator:
    """A generator for one search, which may draw from it at any time: searches that go ahead disturb no other."""
    return np.random.default_rng(rng.integers(2**63))


class Alone:
    """A search by itself: runs it within its work, and keeps the best of what it finds."""

    prospect = 0.0

    def __init__(self, search: Search, work: float) -> None:
        self.search, self.work = search, work
        self.best: Found | None = None

    def steps(self) -> Steps:
        [run] = yield Start([self.search])
        run.allow(self.work)
        while True:
            event = yield Next(run)
            found = event.found
            if found is not None and (self.best is None or found.score < self.best.score):
                self.best = found
            if event.state is State.PAUSED and self.best is None:
                # There is always one model, whatever the effort.
                run.allow(event.work - run.allowance + 1.0)
            elif event.state is not State.RUNNING:  # what has come to rounding looks for what is simpler, and ends
                return


def run_alone(search: Search, *, effort: float, time_limit: float | None, n_threads: int | None) -> Found:
    """The best that `search` finds with this effort, and within so many seconds."""
    alone = Alone(search, effort * WHOLE_WORK)
    deadline = math.inf if time_limit is None else time.perf_counter() + time_limit
    with InterruptGuard() as guard:
        crew = Crew(resolve_threads(n_threads), deadline, lambda: guard.requested, lambda: alone.best is None)
        crew.run(alone)
    assert alone.best is not None
    return alone.best


def searched(
    make_search: Callable[[Rows], Search],
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None,
    error: str = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None,
    effort: float,
    time_limit: float | None,
    random_state: int | np.random.Generator | None,
    n_threads: int | None,
) -> Model:
    """What a search on some of the rows finds, chosen on the others, then made of all: `fit_...` of the families."""
    resolve_threads(n_threads)
    effort, rng = effort_of(effort), generator(random_state)
    seconds_of(time_limit)
    samples = as_samples(X, y, sample_weight, error=error, encode=True)
    require_no_categories(samples)
    train, held_out = split(samples, validation, rng)
    search = make_search(Rows.of(train, held_out, rng))
    found = run_alone(search, effort=effort, time_limit=time_limit, n_threads=n_threads)
    model = found.model if isinstance(validation, tuple) else refitted(found, samples).model
    model.use_threads(n_threads)
    model.encodings = samples.encodings
    return model


def require_no_categories(samples: Samples) -> None:
    """ValueError for columns of categories, for whoever makes one model of all rows."""
    if samples.encodings is not None and samples.encodings.categories:
        j = samples.encodings.categories[0]
        name = repr(samples.input_names[j]) if samples.input_names else j
        raise ValueError(
            f"X, column {name}: expected numbers or dates, got categories; fit(X, y) makes a model of each, or leave "
            f"the column out"
        )


def refitted(found: Found, samples: Samples) -> Found:
    """What was found, made again of all rows; its errors stay those before, as no row is held out of it."""
    if found.refit is None:
        return found
    model = found.refit(samples)
    return replace(found, model=model, measured=found.measured or found.model)
