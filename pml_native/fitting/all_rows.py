"""How `fit` takes a table in chunks: a sample of its rows in a first pass, and the errors at all of them in a last one.

Models are found in the sample, as in any table. Which rows these are depends on their numbers and the seed, not on how
the table is cut. Memory is that of the sample and of one chunk.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples, rms_of_columns
from ..chunks import Chunks, priorities
from ..models import Model
from ..report import AllRows, FitReport

# Rows that models are found in. Of 1e5 a polynomial of 1,000 terms has a hundred for each, and steps of searches take
# some tenths of a second.
SAMPLE_ROWS = 100_000
# Candidates that are kept before the smallest priorities among them are looked for, in multiples of what is wanted.
KEPT = 3
# Errors of which the 95th percentile is told: the standard deviation of its rank is 0.1 % of the rows.
KEPT_ERRORS = 50_000


@dataclass
class Smallest:
    """The rows of the `n` smallest priorities among all that were added, as arrays side by side."""

    n: int
    _held: list[tuple[NDArray[np.uint64], NDArray[np.intp], tuple[Array, ...]]] = field(default_factory=list)
    _n_held: int = 0
    _limit: np.uint64 = field(default_factory=lambda: np.uint64(2**64 - 1))

    def add(self, priority: NDArray[np.uint64], numbers: NDArray[np.intp], *arrays: Array) -> None:
        """Rows (k, ...) with their numbers among all."""
        some = np.flatnonzero(priority <= self._limit)
        if len(some):
            self._held.append((priority[some], numbers[some], tuple(array[some] for array in arrays)))
            self._n_held += len(some)
        if self._n_held > KEPT * self.n:
            self._reduce()

    def _reduce(self) -> None:
        priority, numbers, arrays = self._together()
        kept = np.arange(len(priority))
        if len(priority) > self.n:
            kept = np.sort(np.argpartition(priority, self.n - 1)[: self.n])
            self._limit = priority[kept].max()
        self._held = [(priority[kept], numbers[kept], tuple(array[kept] for array in arrays))]
        self._n_held = len(kept)

    def _together(self) -> tuple[NDArray[np.uint64], NDArray[np.intp], tuple[Array, ...]]:
        priority, numbers = (np.concatenate([one[i] for one in self._held]) for i in (0, 1))
        return priority, numbers, tuple(map(np.concatenate, zip(*(one[2] for one in self._held), strict=True)))

    def merge(self, later: Smallest) -> None:
        """Those of rows that follow."""
        for priority, numbers, arrays in later._held:
            self.add(priority, numbers, *arrays)

    def rows(self) -> tuple[NDArray[np.intp], tuple[Array, ...]]:
        """Their numbers and the arrays, in the order of the numbers."""
        self._reduce()
        _, numbers, arrays = self._held[0]
        return numbers, arrays


@dataclass(frozen=True)
class Sample:
    """Rows of a table of `n_rows`, which lie in the box from `low` to `high`: `samples` with their numbers."""

    samples: Samples
    n_rows: int
    low: Array
    high: Array
    seed: int
    seconds: float  # of reading all

    @property
    def sentence(self) -> str:
        read = f"{self.n_rows:,} rows in chunks, read in {self.seconds:.1f} s"
        return f"{read}; models are found in {self.samples.n:,} of them"

    def table(self) -> tuple[Array, Array, tuple[str, ...] | None, tuple[str, ...] | None]:
        """X, y as they were given, and the names of their columns."""
        one = self.samples
        return one.X, one.y[:, 0] if one.y_is_vector else one.y, one.input_names, one.output_names


@dataclass
class Survey:
    """The box of the rows, how many there are, and a sample of them."""

    seed: int
    smallest: Smallest
    n_rows: int = 0
    first: Samples | None = None
    box: tuple[Array, Array] | None = None

    def add(self, block: Samples) -> None:
        assert block.numbers is not None
        self._count(block.n, block.first(1), (block.X.min(axis=0), block.X.max(axis=0)))
        self.smallest.add(priorities(block.numbers, self.seed), block.numbers, block.X, block.y)

    def merge(self, later: Survey) -> None:
        assert later.first is not None
        assert later.box is not None
        self._count(later.n_rows, later.first, later.box)
        self.smallest.merge(later.smallest)

    def _count(self, n_rows: int, first: Samples, box: tuple[Array, Array]) -> None:
        self.n_rows += n_rows
        self.first = self.first or first
        self.box = box if self.box is None else (np.minimum(self.box[0], box[0]), np.maximum(self.box[1], box[1]))


def sampled(chunks: Chunks, seed: int, n: int | None = None) -> Sample:
    """All rows of the table if there are no more than n, SAMPLE_ROWS if that is None, else so many of them."""
    start = time.perf_counter()
    survey = chunks.counted(Survey(seed, Smallest(SAMPLE_ROWS if n is None else n)))
    assert survey.first is not None
    assert survey.box is not None
    numbers, (X, y) = survey.smallest.rows()
    samples = replace(survey.first, X=X, y=y, numbers=numbers, n_given=survey.n_rows)
    return Sample(samples, survey.n_rows, *survey.box, seed, time.perf_counter() - start)


@dataclass
class Measured:
    """Errors of `model` in units of each output (m,), or relative to each y where `unit` is None."""

    model: Model
    unit: Array | None
    seed: int
    smallest: Smallest = field(default_factory=lambda: Smallest(KEPT_ERRORS))
    sums: list[tuple[float, float]] = field(default_factory=list)  # of squares of errors, and of y, some rows each
    n: int = 0
    largest: tuple[float, int, Array] = (-1.0, -1, np.empty(0))  # the error, the number of its row, X there

    def add(self, block: Samples) -> None:
        assert block.numbers is not None
        X, y, beyond = block.X, block.y, self.model.beyond
        values = self.model.evaluate(X) if beyond is None else beyond.values(self.model, X, quietly=True)
        with np.errstate(all="ignore"):
            error = np.where(values == y, 0.0, (values - y) / (np.abs(y) if self.unit is None else self.unit))
            error = np.sqrt(np.mean(error**2, axis=1))
        error = np.where(np.isnan(error), np.inf, error)
        size = block.n if self.unit is None else float(np.sum(np.mean((y / self.unit) ** 2, axis=1)))
        at = int(np.argmax(error))
        self._count(block.n, [(float(np.sum(error**2)), size)], (float(error[at]), int(block.numbers[at]), X[at]))
        self.smallest.add(priorities(block.numbers, self.seed), block.numbers, error)

    def merge(self, later: Measured) -> None:
        self._count(later.n, later.sums, later.largest)
        self.smallest.merge(later.smallest)

    def _count(self, n: int, sums: list[tuple[float, float]], largest: tuple[float, int, Array]) -> None:
        self.n += n
        self.sums += sums
        if largest[0] > self.largest[0]:
            self.largest = largest


def errors_at_all(
    model: Model, chunks: Chunks, sample: Sample, is_relative: bool, interrupted: Callable[[], bool]
) -> AllRows:
    """The errors of the model at all rows of the table, or at those read before somebody interrupts."""
    start, unit = time.perf_counter(), None if is_relative else rms_of_columns(sample.samples.y)
    bare = copy.copy(model)
    bare.report, bare.estimate = None, None  # which workers need not be sent
    found = chunks.counted(Measured(bare, unit, sample.seed), interrupted)
    squares, size = map(sum, zip(*found.sums, strict=True))
    rms = float(np.sqrt(size / found.n)) if size > 0.0 else 1.0
    largest, worst_row, worst = found.largest
    _, (some,) = found.smallest.rows()
    return AllRows(
        n_rows=sample.n_rows,
        n_measured=found.n,
        n_sample=sample.samples.n,
        rmse=float(np.sqrt(squares / found.n)) / rms,
        p95=float(np.quantile(some, 0.95, method="higher")) / rms,
        max=largest / rms,
        worst_row=worst_row,
        worst=tuple(worst.tolist()),
        seconds_reading=sample.seconds,
        seconds=time.perf_counter() - start,
    )


def with_all_rows(
    report: FitReport,
    model: Model,
    chunks: Chunks,
    sample: Sample,
    is_relative: bool,
    interrupted: Callable[[], bool],
) -> FitReport:
    """The report, whose expected error is at least that at all rows; with a warning where it had promised less.

    And where the table can't be read again: the model, which took longer, is not lost for that.
    """
    try:
        measured = errors_at_all(model, chunks, sample, is_relative, interrupted)
    except Exception as reason:
        note = f"errors at all rows are not known: they could not be read again ({type(reason).__name__}: {reason})"
        return replace(report, warnings=(*report.warnings, note))
    low, high = report.error_range
    notes = report.warnings
    if measured.n_measured != sample.n_rows and not interrupted():
        notes += (
            f"the table had {sample.n_rows:,} rows when it was read first, and {measured.n_measured:,} when it was "
            f"read again",
        )
    if measured.rmse > high:
        x = ", ".join(f"{name} = {value:.6g}" for name, value in zip(report.input_names, measured.worst, strict=True))
        notes += (
            f"the rows that the model was found in promised an error of {report.error:.0e}, and at all rows it is "
            f"{measured.rmse:.0e}, the largest in row {measured.worst_row}, at {x}",
        )
    error = max(report.error, measured.rmse)
    return replace(report, error=error, error_range=(low, max(high, error)), warnings=notes, all_rows=measured)
