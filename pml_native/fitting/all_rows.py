"""How `fit` takes a table in chunks: a sample of its rows in a first pass, and the errors at all of them in a last one.

Models are found in the sample, as in any table. Which rows these are depends on their numbers and the seed, not on how
the table is cut. Memory is that of the sample and of one chunk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
# Errors of which the 95th percentile is told: it is off by 0.2 % of the rows.
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


def sampled(chunks: Chunks, seed: int, n: int | None = None) -> Sample:
    """All rows of the table if there are no more than n, SAMPLE_ROWS if that is None, else so many of them."""
    n = SAMPLE_ROWS if n is None else n
    start, first, smallest = time.perf_counter(), None, Smallest(n)
    low, high, n_rows = np.empty(0), np.empty(0), 0
    for block in chunks.samples():
        low, high = (
            (np.minimum(low, block.X.min(axis=0)), np.maximum(high, block.X.max(axis=0)))
            if first is not None
            else (block.X.min(axis=0), block.X.max(axis=0))
        )
        first = first or block.first(1)
        assert block.numbers is not None
        smallest.add(priorities(block.numbers, seed), block.numbers, block.X, block.y)
        n_rows += block.n
    assert first is not None
    numbers, (X, y) = smallest.rows()
    samples = replace(first, X=X, y=y, numbers=numbers, n_given=n_rows)
    return Sample(samples, n_rows, low, high, seed, time.perf_counter() - start)


def errors_at_all(
    model: Model, chunks: Chunks, sample: Sample, is_relative: bool, interrupted: Callable[[], bool]
) -> AllRows:
    """The errors of the model at all rows of the table, or at those read before somebody interrupts."""
    start, smallest, unit = time.perf_counter(), Smallest(KEPT_ERRORS), rms_of_columns(sample.samples.y)
    squares, size, largest, worst, worst_row, n = 0.0, 0.0, -1.0, np.empty(0), 0, 0
    for block in _until(chunks.samples(), interrupted):
        values = model.evaluate(block.X) if model.beyond is None else model.beyond.values(model, block.X, quietly=True)
        with np.errstate(all="ignore"):
            error = np.where(values == block.y, 0.0, (values - block.y) / (np.abs(block.y) if is_relative else unit))
            error = np.sqrt(np.mean(error**2, axis=1))
        error = np.where(np.isnan(error), np.inf, error)
        squares += float(np.sum(error**2))
        size += block.n if is_relative else float(np.sum(np.mean((block.y / unit) ** 2, axis=1)))
        assert block.numbers is not None
        at = int(np.argmax(error))
        if error[at] > largest:
            largest, worst, worst_row = float(error[at]), block.X[at], int(block.numbers[at])
        smallest.add(priorities(block.numbers, sample.seed), block.numbers, error)
        n += block.n
    _, (some,) = smallest.rows()
    rms = float(np.sqrt(size / n)) if size > 0.0 else 1.0
    return AllRows(
        n_rows=sample.n_rows,
        n_measured=n,
        n_sample=sample.samples.n,
        rmse=float(np.sqrt(squares / n)) / rms,
        p95=float(np.quantile(some, 0.95, method="higher")) / rms,
        max=largest / rms,
        worst_row=worst_row,
        worst=tuple(worst.tolist()),
        seconds_reading=sample.seconds,
        seconds=time.perf_counter() - start,
    )


def with_all_rows(report: FitReport, measured: AllRows) -> FitReport:
    """The report, whose expected error is at least that at all rows; with a warning where it had promised less."""
    low, high = report.error_range
    notes = report.warnings
    if measured.rmse > high:
        x = ", ".join(f"{name} = {value:.6g}" for name, value in zip(report.input_names, measured.worst, strict=True))
        notes += (
            f"the rows that the model was found in promised an error of {report.error:.0e}, and at all rows it is "
            f"{measured.rmse:.0e}, the largest in row {measured.worst_row}, at {x}",
        )
    error = max(report.error, measured.rmse)
    return replace(report, error=error, error_range=(low, max(high, error)), warnings=notes, all_rows=measured)


def _until(blocks: Iterator[Samples], interrupted: Callable[[], bool]) -> Iterator[Samples]:
    for k, block in enumerate(blocks):
        if k and interrupted():
            return
        yield block
