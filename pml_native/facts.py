"""What the rows of a table are like, found once: ranges, values that repeat, equal rows, and whether they form a grid.

Large tables pass in blocks and column by column, so that no temporary is as large as the table. All rows are sorted
at most once, by a hash of each; a column is sorted where its values repeat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, Samples, repeated_rows
from .grids import grid_order, merged_by_rounding

# Rows hashed, and compared, at a time: the three vectors of a block stay in a cache of 256 KiB. On a million rows of 4
# columns, 4096 to 16384 take the same time within 30 %, 1024 three times as long.
BLOCK_ROWS = 8192
# Numbers a row of the folded table has of which the minimum is taken column by column; 250 to 4000 are as fast.
FOLDED_COLUMNS = 1000
# So many times the square root of n rows are looked at first. Where values occur twice in the mean, S of n rows hold
# S^2 / (2 n) = 32 pairs of equal values in the mean, and hold none with a probability of about exp(-32).
SAMPLE_ROOTS = 8
# The fraction of the golden ratio in 64 bits, odd: its multiples are spread evenly (Knuth, volume 3, section 6.4).
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Ranges:
    """The least and the greatest value of each column, (k,) each."""

    low: Array
    high: Array

    @classmethod
    def of(cls, table: Array) -> Ranges:
        """The ranges of the columns of `table` (n, k), n > 0."""
        n, k = table.shape
        # NumPy reduces short rows slowly: `fold` of them are taken as one long row.
        fold = max(1, min(n, FOLDED_COLUMNS // max(k, 1)))
        whole = n - n % fold
        folded, rest = table[:whole].reshape(whole // fold, fold * k), table[whole:]
        low, high = folded.min(axis=0).reshape(fold, k), folded.max(axis=0).reshape(fold, k)
        return cls(np.concatenate([low, rest]).min(axis=0), np.concatenate([high, rest]).max(axis=0))

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Which columns have one value only."""
        constant: NDArray[np.bool_] = self.low == self.high
        return constant

    @property
    def keeps_sign(self) -> NDArray[np.bool_]:
        """Which columns are all > 0 or all < 0."""
        return (self.low > 0) | (self.high < 0)


@dataclass(frozen=True, eq=False)
class EqualRows:
    """The rows whose inputs occur more than once: `rows` (k,), group after group, and the number of the `group` (k,).

    Rows of a group ascend; groups count up from 0, in no order that means anything.
    """

    rows: NDArray[np.intp]
    group: NDArray[np.intp]

    @classmethod
    def of(cls, X: Array) -> EqualRows:
        """The equal rows of X (n, d), n > 0; -0.0 equals 0.0."""
        # A row's number takes the place of the lowest bits of its hash, so that sorting numbers sorts rows.
        n_bits = np.uint64((len(X) - 1).bit_length())
        row_bits = (np.uint64(1) << n_bits) - np.uint64(1)
        keys = _hashes(X)
        keys &= ~row_bits
        blocks = [slice(begin, begin + BLOCK_ROWS) for begin in range(0, len(X), BLOCK_ROWS)]
        for rows in blocks:
            keys[rows] |= np.arange(rows.start, min(rows.stop, len(X)), dtype=np.uint64)
        keys.sort()
        occurs_again = np.zeros(len(X), dtype=bool)
        for rows in blocks:  # from one before each, to compare with
            some = keys[max(rows.start - 1, 0) : rows.stop]
            same_hash = (some[1:] ^ some[:-1]) <= row_bits
            here = occurs_again[max(rows.start - 1, 0) : rows.stop]
            here[1:] |= same_hash
            here[:-1] |= same_hash
        keys = keys[occurs_again]
        return _checked(X, (keys & row_bits).astype(np.intp), _numbered(keys >> n_bits))

    @property
    def sizes(self) -> NDArray[np.intp]:
        """The number of rows of each group."""
        return np.bincount(self.group)


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts of `n` rows of `d` inputs and `m` outputs.

    inputs, outputs : the ranges of the columns of X and of y.
    values : of each column of X its different values, ascending; None where they are many: more than n / 2, unless
        it is the only column that varies. Values that differ by rounding are one, the middle one of them.
    grid : the axes of the grid whose nodes are the rows, each once, with the order that brings the rows into C order;
        None where the rows form no grid. A column that is constant has an axis of one value.
    equal_rows : the rows whose inputs occur more than once.
    n_repeated : how many rows repeat an earlier one, outputs and all, in groups of equal inputs with equal outputs.
    n_contradicting : how many rows are in groups of equal inputs with different outputs.
    noise : the relative RMS noise of y that these imply: the root of the pooled variance within groups, over the RMS
        of y, per output and then averaged in the square; 0.0 where none contradict.
    """

    n: int
    d: int
    m: int
    inputs: Ranges
    outputs: Ranges
    values: tuple[Array | None, ...]
    grid: tuple[list[Array], NDArray[np.intp]] | None
    equal_rows: EqualRows
    n_repeated: int
    n_contradicting: int
    noise: float

    @classmethod
    def of(cls, samples: Samples) -> Facts:
        """The facts of these samples, of at least one row and one column."""
        X, y = samples.X, samples.y
        outputs = Ranges.of(y)
        values = _different_values(X)
        grid = _grid(X, values)
        none = np.empty(0, dtype=np.intp)
        equal_rows = EqualRows.of(X) if grid is None else EqualRows(none, none)
        differs, noise = _contradictions(y, equal_rows, np.maximum(np.abs(outputs.low), np.abs(outputs.high)))
        sizes = equal_rows.sizes
        return cls(
            n=X.shape[0],
            d=X.shape[1],
            m=y.shape[1],
            inputs=Ranges.of(X),
            outputs=outputs,
            values=values,
            grid=grid,
            equal_rows=equal_rows,
            n_repeated=int(np.sum(sizes[~differs] - 1)),
            n_contradicting=int(np.sum(sizes[differs])),
            noise=noise,
        )

    def of_outputs(self, columns: Sequence[int]) -> Facts:
        """The facts with these outputs only; what contradicts is that of all."""
        own = list(columns)
        return replace(self, m=len(own), outputs=Ranges(self.outputs.low[own], self.outputs.high[own]))


def _different_values(X: Array) -> tuple[Array | None, ...]:
    """`Facts.values`: a column is sorted where its values repeat in a sample of the rows, or where no other one varies.

    The sample is of the same rows for every table of n rows, so that facts depend on the table alone.
    """
    n = len(X)
    n_sample = min(n, SAMPLE_ROOTS * math.isqrt(n))
    sample = np.sort(X[np.random.default_rng(0).choice(n, n_sample, replace=False)], axis=0)
    repeats = [np.any(some[1:] == some[:-1]) or merged_by_rounding(some) is not None for some in sample.T]
    values = [_values(column, n // 2) if again else None for column, again in zip(X.T, repeats, strict=True)]
    varying = [j for j, known in enumerate(values) if known is None or len(known) > 1]
    if len(varying) == 1:
        values[varying[0]] = _values(X[:, varying[0]], n)
    return tuple(values)


def _values(column: Array, most: int) -> Array | None:
    """The different values of a column, ascending, if they are at most so many; one of those that rounding parts."""
    ascending = np.sort(column + 0.0)
    is_first = np.ones(len(column), dtype=bool)
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    values = ascending[is_first]
    first = merged_by_rounding(values)
    if first is not None:
        values = values[(first + np.append(first[1:], len(values)) - 1) // 2]
    return values if len(values) <= most else None


def _grid(X: Array, values: tuple[Array | None, ...]) -> tuple[list[Array], NDArray[np.intp]] | None:
    """`Facts.grid`. An axis has at most n / 2 values, or is the only one of more than one: all values are known."""
    axes = [axis for axis in values if axis is not None]
    n_nodes = math.prod(map(len, axes))
    if len(axes) < len(values) or n_nodes != len(X) or n_nodes < 2:
        return None
    order = grid_order(X, axes)
    return None if order is None else (axes, order)


def _hashes(X: Array) -> NDArray[np.uint64]:
    """A 64-bit hash of each row of X (n, d), the same for rows that are equal as numbers.

    Each number's bits are folded (numbers of few digits differ in their highest bits alone, which a product doesn't
    bring down) and added to the hash, which is then multiplied and folded again.
    """
    n = len(X)
    hashes = np.zeros(n, dtype=np.uint64)
    number, shifted = np.empty(BLOCK_ROWS), np.empty(BLOCK_ROWS, dtype=np.uint64)
    for begin in range(0, n, BLOCK_ROWS):
        block = X[begin : begin + BLOCK_ROWS]
        h, x, s = hashes[begin : begin + BLOCK_ROWS], number[: len(block)], shifted[: len(block)]
        bits = x.view(np.uint64)
        for column in block.T:
            np.add(column, 0.0, out=x)  # makes -0.0 to 0.0
            bits ^= np.right_shift(bits, 32, out=s)
            h += bits
            h *= GOLDEN
            h ^= np.right_shift(h, 29, out=s)
    return hashes


def _numbered(ascending: NDArray[np.uint64] | NDArray[np.intp]) -> NDArray[np.intp]:
    """Numbers from 0 that count the different ones among ascending numbers."""
    return np.cumsum(np.concatenate(([False], ascending[1:] != ascending[:-1]))[: len(ascending)], dtype=np.intp)


def _checked(X: Array, rows: NDArray[np.intp], group: NDArray[np.intp]) -> EqualRows:
    """The groups of rows that are equal among groups of rows whose hashes are."""
    differs = np.zeros(max(len(rows) - 1, 0), dtype=bool)
    for column in X.T:
        values = column[rows]
        differs |= values[1:] != values[:-1]
    differs &= group[1:] == group[:-1]
    if not differs.any():
        return EqualRows(rows, group)
    is_mixed = np.zeros(group[-1] + 1, dtype=bool)
    is_mixed[group[1:][differs]] = True
    mixed = is_mixed[group]
    order, finer = repeated_rows(X[rows[mixed]])
    occurs_again = np.bincount(finer)[finer] > 1
    unmixed, unmixed_group = rows[~mixed], _numbered(group[~mixed])
    again, again_group = rows[mixed][order][occurs_again], _numbered(finer[occurs_again])
    n_unmixed = unmixed_group.max(initial=-1) + 1
    return EqualRows(np.concatenate([unmixed, again]), np.concatenate([unmixed_group, n_unmixed + again_group]))


def _contradictions(y: Array, equal_rows: EqualRows, largest: Array) -> tuple[NDArray[np.bool_], float]:
    """Which groups of equal inputs have different outputs, and `Facts.noise`; `largest` (m,) is max |y|."""
    rows, group, sizes = equal_rows.rows, equal_rows.group, equal_rows.sizes
    differs = np.zeros(len(sizes), dtype=bool)
    if not len(rows):
        return differs, 0.0
    same_group = group[1:] == group[:-1]
    noise_square = 0.0
    for column, top in zip(y.T, largest, strict=True):
        scaled = column / (top if top > 0 else 1.0)
        repeated = scaled[rows]
        differs[group[1:][same_group & (repeated[1:] != repeated[:-1])]] = True
        deviation = repeated - (np.bincount(group, weights=repeated) / sizes)[group]
        variance = np.sum(deviation**2) / np.sum(sizes - 1)
        mean_square = np.mean(scaled**2)
        noise_square += float(variance / mean_square) / y.shape[1] if mean_square > 0 else 0.0
    return differs, math.sqrt(noise_square) if differs.any() else 0.0
