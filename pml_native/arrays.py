"""A user's data -> validated float64 arrays, or an error that says wanted and got.

Every array that enters the package comes through here once; below this door arrays are float64, C-contiguous,
two-dimensional and (for training data) finite. A caller's array is never changed.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .columns import Columns, as_columns, on_one_grid
from .derivatives import Derivatives
from .encodings import MISSING_TYPES, Categories, Encoding, Encodings, Flags, encoding_of, parted
from .options import names_of, one_of

Array = NDArray[np.float64]

# Largest integer below which every integer is a float64.
EXACT_INTEGERS = 2**53
# What the largest |y| may be over the least where errors are relative: weights go with the square of it, and their
# products with squares of errors stay in float64.
MOST_SPAN = 1e100
# Rows that a message names at most.
MOST_NAMED = 5
# Rows of a large table that are looked at at once, so that what is made of them on the way is small beside it.
BLOCK_ROWS = 1 << 14
# What an error of a value is taken relative to: nothing, so that all count alike, or that value.
ERRORS = ("absolute", "relative")
# What is advised where dates and durations are not taken.
SECONDS = 'give seconds, as (t - t.min()) / numpy.timedelta64(1, "s")'
# What is done where a value is missing: an error says so, or the row is left out; and with rows whose y is far from
# what all others say.
MISSING = ("raise", "drop")
OUTLIERS = ("keep", "drop")
# Types of less than float64 that are none of NumPy's, by the names that pandas, polars and pyarrow have for them.
NARROW = {
    name: np.dtype(size)
    for size, names in (("f4", ("float32", "float")), ("f2", ("float16", "halffloat")))
    for name in names
}


class PrecisionWarning(UserWarning):
    """The data carry fewer digits than the model could reach."""


@dataclass(frozen=True)
class Samples:
    """Training data: `X` (n, d), `y` (n, m), `sample_weight` (n,) > 0 with mean 1 or None, and the names of columns.

    `is_relative` says that errors are those of each value relative to it. Weights then have a factor 1 / y^2: the
    weighted mean square of errors, over that of y, is the mean square of relative errors. Several outputs have weights
    of their own, (n, m). `numbers` (n,) are those that a user knows the rows by, None where none was left out.
    `encodings` are how dates and the like became numbers, None where all were. `n_given` rows were given, before any
    was left out. `derivatives` are those of y that are known.
    """

    X: Array
    y: Array
    sample_weight: Array | None
    y_is_vector: bool
    input_names: tuple[str, ...] | None
    output_names: tuple[str, ...] | None
    is_relative: bool = False
    numbers: NDArray[np.intp] | None = None
    encodings: Encodings | None = None
    n_given: int = 0
    derivatives: Derivatives | None = None

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.X)

    def blocks(self, n: int = BLOCK_ROWS) -> Iterator[Samples]:
        """The rows, without a copy and without their derivatives, n at a time."""
        for begin in range(0, self.n, n):
            rows = slice(begin, begin + n)
            yield replace(
                self,
                X=self.X[rows],
                y=self.y[rows],
                sample_weight=None if self.sample_weight is None else self.sample_weight[rows],
                numbers=None if self.numbers is None else self.numbers[rows],
                derivatives=None,
            )

    def take(self, rows: NDArray[np.intp], *, apart: bool | NDArray[np.bool_] = True) -> Samples:
        """The samples of these rows, with their derivatives; with those at points apart from all rows, too, or not, or
        some of them, (k,)."""
        known = self.derivatives
        return replace(
            self,
            X=self.X.take(rows, axis=0),
            y=self.y.take(rows, axis=0),
            sample_weight=None if self.sample_weight is None else self.sample_weight[rows],
            numbers=None if self.numbers is None else self.numbers[rows],
            derivatives=None if known is None else known.at_rows(rows, len(self.X), apart=apart),
        )

    def of_outputs(self, columns: Sequence[int]) -> Samples:
        """The samples with these outputs only."""
        own, weight, names = list(columns), self.sample_weight, self.output_names
        if weight is not None and weight.ndim == 2:
            weight = np.ascontiguousarray(weight[:, own[0]] if len(own) == 1 else weight[:, own])
        return replace(
            self,
            y=np.ascontiguousarray(self.y[:, own]),
            sample_weight=weight,
            y_is_vector=len(own) == 1,
            output_names=None if names is None else tuple(names[j] for j in own),
            derivatives=None if self.derivatives is None else self.derivatives.of_outputs(own),
        )

    def changed(self, X: Array | None = None, y: Array | None = None) -> Samples:
        """The samples with another `X`, or `y`, whose derivatives are not known."""
        return replace(self, X=self.X if X is None else X, y=self.y if y is None else y, derivatives=None)

    def first(self, n: int) -> Samples:
        """The samples of the first n rows, or of all where there are no more."""
        return self.take(np.arange(min(n, len(self.X))))

    def in_coordinates(self, X: Array, y: Array, slope: Array) -> Samples:
        """The samples with `X` and `y` for theirs, which change by `slope` (n,) times as much as the new y.

        Where errors are relative, weights become those of errors of the new y, which are no longer relative to it.
        """
        changed = self.changed(X, y)
        if not self.is_relative or self.sample_weight is None:
            return changed
        root = np.sqrt(self.sample_weight) * (slope / np.max(np.abs(slope)))
        return replace(changed, sample_weight=mean_one(root**2), is_relative=False)


@dataclass(frozen=True, eq=False)
class Subset:
    """Rows of `samples` that are copied only where they are asked for: those of which `chosen` (n,) is true.

    `apart` says of the derivatives at points apart from all rows whether they belong to these: (k,), or all.
    """

    samples: Samples
    chosen: NDArray[np.bool_]
    apart: bool | NDArray[np.bool_] = True

    @cached_property
    def n(self) -> int:
        """The number of rows."""
        return int(np.count_nonzero(self.chosen))

    @property
    def derivatives(self) -> Derivatives | None:
        """The derivatives at these rows, and apart."""
        known = self.samples.derivatives
        return None if known is None else known.at_rows(np.flatnonzero(self.chosen), self.samples.n, apart=self.apart)

    def of_outputs(self, columns: Sequence[int]) -> Subset:
        """The same rows, with these outputs only."""
        return replace(self, samples=self.samples.of_outputs(columns))

    def blocks(self, n: int = BLOCK_ROWS) -> Iterator[Samples]:
        """The rows in their order, without their derivatives: of n rows of the samples at a time those chosen."""
        for begin, block in zip(range(0, self.samples.n, n), self.samples.blocks(n), strict=True):
            rows = np.flatnonzero(self.chosen[begin : begin + n])
            if len(rows):
                yield block if len(rows) == block.n else block.take(rows)

    def take(self, rows: NDArray[np.intp]) -> Samples:
        """The samples of these rows, numbered among those chosen."""
        return self.samples.take(np.flatnonzero(self.chosen)[rows], apart=self.apart)

    def all(self) -> Samples:
        """The samples of all rows that are chosen; the samples themselves, if they all are."""
        if self.chosen.all() and np.all(self.apart):
            return self.samples
        return self.samples.take(np.flatnonzero(self.chosen), apart=self.apart)


def as_matrix(values: ArrayLike | Columns, name: str, *, n_columns: int | None = None, may_miss: bool = False) -> Array:
    """`values` as a float64 (n, k) array; a vector of length n becomes (n, 1). Not required to be finite.

    Values that are missing are NaN if they `may_miss`.
    """
    array = values if _is_ready(values) else _as_float64(values, name, may_miss)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{name}: expected an array of 1 or 2 dimensions, got {array.ndim}")
    if n_columns is not None and array.shape[1] != n_columns:
        raise ValueError(f"{name}: expected (n, {n_columns}), got {_shape(array)}")
    return contiguous(array)


def as_encoded(
    values: Any, name: str, known: Sequence[Encoding | None] | None = None, *, may_miss: bool = False
) -> tuple[Array, tuple[Encoding | None, ...] | None]:
    """A table as a float64 (n, d) array, and how its columns became numbers; None where all are.

    `known` are the encodings to use; without them they are found. Dates that are missing are NaN in any case, numbers
    only if they `may_miss`.
    """
    values = as_columns(values, name)
    columns = parted(values)
    if known is None:
        learned = [encoding_of(column, _column_of(name, key)) for key, column in columns or ()]
        if columns is None or not any(learned):
            return as_matrix(values, name, may_miss=may_miss), None
        known = learned
    elif columns is None:
        columns = list(enumerate(as_matrix(values, name, may_miss=may_miss).T))
    assert columns is not None
    if len(columns) != len(known):
        raise ValueError(f"{name}: expected {len(known)} columns, got {len(columns)}")
    every = {}
    for j, ((key, column), encoding) in enumerate(zip(columns, known, strict=True)):
        what = _column_of(name, key)
        every[j] = _as_float64(column, what, may_miss) if encoding is None else encoding.encode(column, what)
    return _stacked(every, name), tuple(known)


def _column_of(name: str, key: str | int) -> str:
    return f"{name}, column {key!r}"


def contiguous(values: ArrayLike) -> Array:
    """`values` as the core reads them: float64, C-contiguous, aligned. A copy only where they are not."""
    return values if _is_ready(values) else np.require(values, np.float64, ["C", "A"])


def _is_ready(values: Any) -> TypeGuard[Array]:
    """Whether `contiguous` has nothing to do: for one point to evaluate, asking it takes longer than the answer."""
    if type(values) is not np.ndarray or values.dtype != np.float64:
        return False
    flags = values.flags
    return flags.c_contiguous and flags.aligned


def as_samples(
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    error: str = "absolute",
    missing: str | None = None,
    encode: bool | Encodings = False,
    gradients: ArrayLike | None = None,
    second_derivatives: ArrayLike | None = None,
) -> Samples:
    """Training data from what the user has: arrays, lists, data frames. Names given win over those of a data frame.

    Rows of weight 0 are left out, whatever they hold; so are rows where a value is missing (NaN, None, masked) if
    `missing` is "drop". None is for callers that have no such option, so that an error does not name it. `error` is
    "absolute", or "relative" for errors of each value relative to it. With `encode` dates, durations and categories in
    X become numbers, and complex y pairs of them, which `Samples.encodings` remembers; in the way given, or as found.
    `gradients` (n, d) or (n, m, d) and, of one input, `second_derivatives` (n,) or (n, m) are NaN where unknown; rows
    where they are known need no y.

    Raises ValueError for wrong shapes, text, complex numbers, NaN, infinity, no rows, and where errors can't be
    relative. Warns where the type of the data carries less than float64.
    """
    one_of(error, "error", ERRORS)
    if missing is not None:
        one_of(missing, "missing", MISSING)
    X, y = on_one_grid(X, y)
    X, y = as_columns(X, "X"), as_columns(y, "y")
    may_miss, is_vector = missing == "drop", _is_vector(y)
    has_derivatives = gradients is not None or second_derivatives is not None
    y_may_miss = may_miss or has_derivatives
    encodings, pairs = None, None
    if encode:
        known = encode.inputs if isinstance(encode, Encodings) else None
        inputs, used = as_encoded(X, "X", known, may_miss=may_miss)
        pairs = _as_complex(y, y_may_miss)
        if pairs is not None and error == "relative":
            raise ValueError(
                'y: expected real numbers for error="relative", got complex ones; give their parts as two columns'
            )
        if used is not None or pairs is not None:
            kind = None if pairs is None else "vector" if is_vector else "matrix"
            encodings = Encodings(used or (None,) * inputs.shape[1], kind)
    else:
        inputs = as_matrix(X, "X", may_miss=may_miss)
    outputs = as_matrix(y, "y", may_miss=y_may_miss) if pairs is None else pairs
    names = _names(input_names, X, inputs, "input_names")
    y_names = _names(output_names, y, outputs, "output_names", halves=pairs is not None)
    if inputs.shape[0] != outputs.shape[0]:
        raise ValueError(f"y: expected {inputs.shape[0]} rows, as many as X, got {outputs.shape[0]}")
    for name, array in (("X", inputs), ("y", outputs)):
        if array.shape[0] == 0:
            raise ValueError(f"{name}: expected at least 1 row, got 0")
        if array.shape[1] == 0:
            raise ValueError(f"{name}: expected at least 1 column, got 0")
    n_given = len(inputs)
    weight = None if sample_weight is None else mean_one(as_weight(sample_weight, n_given))
    numbers = None if weight is None or weight.all() else np.flatnonzero(weight)
    slopes, bends, apart = None, None, np.empty(0, dtype=np.intp)
    if has_derivatives:
        slopes = None if gradients is None else as_gradients(gradients, inputs, outputs, names, encodings)
        bends = _second_derivatives(second_derivatives, inputs, outputs, encodings)
        numbers, apart = _with_and_without_y(inputs, outputs, slopes, bends, numbers, names)
    if missing == "drop":
        numbers = _without_missing(inputs, outputs, numbers)
    derivatives = None
    if has_derivatives:
        own = np.arange(n_given) if numbers is None else numbers
        derivatives = _derivatives(inputs, slopes, bends, own, apart)
    if numbers is not None:
        inputs, outputs = inputs[numbers], outputs[numbers]
        weight = None if weight is None else mean_one(weight[numbers])
    for name, array, columns in (("X", inputs, names), ("y", outputs, y_names)):
        _require_finite(array, name, columns, numbers, has_option=missing is not None)
    for name, values in (("X", X), ("y", y), ("gradients", gradients), ("second_derivatives", second_derivatives)):
        if values is not None:
            warn_about_precision(values, name)
    if error == "relative":
        if len(apart):
            raise ValueError(
                f'y: expected values in all rows for error="relative", got gradients alone in the rows '
                f"{named_rows(apart)}"
            )
        every = [_relative_weight(column, weight, numbers) for column in outputs.T]
        weight = every[0] if len(every) == 1 else np.stack(every, axis=1)
    is_vector, is_relative = is_vector and pairs is None, error == "relative"
    return Samples(
        inputs, outputs, weight, is_vector, names, y_names, is_relative, numbers, encodings, n_given, derivatives
    )


def _is_vector(y: Any) -> bool:
    try:
        return not isinstance(y, Columns) and np.ndim(y) == 1
    except ValueError:  # a ragged list, of which as_matrix says more
        return False


def as_gradients(
    gradients: Any, X: Array, y: Array, names: tuple[str, ...] | None = None, encodings: Encodings | None = None
) -> Array:
    """Derivatives of `y` (n, m) by the columns of `X` (n, d), which have `names`: (n, m, d), NaN where unknown."""
    (n, d), m = X.shape, y.shape[1]
    is_complex = encodings is not None and encodings.complex_y is not None
    gradients = as_columns(gradients, "gradients")
    columns = _column_names(gradients)
    if columns is not None and names is not None and columns != names and sorted(columns) == sorted(names):
        gradients = as_matrix(gradients, "gradients", may_miss=True)[:, [columns.index(name) for name in names]]
    values = _with_gaps(gradients, "gradients", is_complex)
    count = m // 2 if is_complex else m
    if values.shape == (n, count, d):
        every = values
    elif (count == 1 and values.shape == (n, d)) or values.shape == (n,) == (n,) * d:
        every = values.reshape(n, 1, d)
    else:
        also = f"({n}, {d}) or " if count == 1 else ""
        raise ValueError(
            f"gradients: expected {also}({n}, {count}, {d}), a derivative of each output by each column of X in each "
            f"row, got {values.shape}"
        )
    if is_complex:
        every = np.stack([every.real, every.imag], axis=2).reshape(n, m, d)
    found = np.array(every, dtype=np.float64)
    kinds = () if encodings is None else encodings.inputs
    for j, one in enumerate(kinds):
        if isinstance(one, (Categories, Flags)):  # for which model.gradient gives 0
            if np.any(np.abs(np.nan_to_num(found[:, :, j])) > 0.0):
                raise ValueError(f"gradients: expected 0 or NaN by {_called(j, names)}, which is no number, got others")
            found[:, :, j] = np.nan
    infinite = np.argwhere(np.isinf(found))
    if len(infinite):
        row, _, j = infinite[0].tolist()
        raise ValueError(
            f"gradients: expected finite numbers, or NaN where unknown, got {len(infinite)} infinite, the first in row "
            f"{row}, by {_called(j, names)}"
        )
    if not np.isfinite(found).any():
        raise ValueError("gradients: expected a number somewhere, got NaN only")
    return found


def _second_derivatives(given: Any, X: Array, y: Array, encodings: Encodings | None) -> Array | None:
    """Those of `y` (n, m) by the only column of `X`, as a user has them: (n, m), NaN where unknown."""
    if given is None:
        return None
    (n, d), m = X.shape, y.shape[1]
    if d != 1:
        raise ValueError(f"second_derivatives: expected X of one column, got {d}")
    is_complex = encodings is not None and encodings.complex_y is not None
    count = m // 2 if is_complex else m
    values = _with_gaps(given, "second_derivatives", is_complex)
    if values.size != n * count or len(values) != n or values.shape[1:2] not in ((), (1,), (count,)):
        also = f"({n},) or " if count == 1 else ""
        raise ValueError(f"second_derivatives: expected {also}({n}, {count}), got {values.shape}")
    every = values.reshape(n, count)
    found = np.ascontiguousarray(every).view(np.float64) if is_complex else np.array(every, dtype=np.float64)
    if np.isinf(found).any():
        row = int(np.argwhere(np.isinf(found))[0, 0])
        raise ValueError(
            f"second_derivatives: expected finite numbers, or NaN where unknown, got infinity, first in row {row}"
        )
    if not np.isfinite(found).any():
        raise ValueError("second_derivatives: expected a number somewhere, got NaN only")
    return found


def _with_gaps(given: Any, name: str, is_complex: bool) -> NDArray[Any]:
    """Numbers of any shape, NaN where they are missing or masked, complex if y `is_complex`."""
    if hasattr(given, "columns") and not is_complex:
        return as_matrix(given, name, may_miss=True)
    array = np.asanyarray(given)
    kind = np.complex128 if is_complex else np.float64
    if array.dtype.kind == "c" and not is_complex:
        raise ValueError(f"{name}: expected real numbers, as y has them, got {array.dtype}")
    if array.dtype.kind not in "fiubcO":
        raise ValueError(f"{name}: expected numbers, got {array.dtype}")
    try:
        if np.ma.isMaskedArray(array):
            return np.asarray(np.ma.filled(np.ma.asarray(array).astype(kind), np.nan))
        return np.asarray(array).astype(kind)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers, got objects ({error})") from None


def _called(column: int, names: tuple[str, ...] | None) -> str:
    return f"column {column if names is None else repr(names[column])}"


def _with_and_without_y(
    X: Array,
    y: Array,
    slopes: Array | None,
    bends: Array | None,
    numbers: NDArray[np.intp] | None,
    names: tuple[str, ...] | None,
) -> tuple[NDArray[np.intp] | None, NDArray[np.intp]]:
    """Of the rows with `numbers`, or all if None, those that have y, or are to have it; and those of derivatives alone.

    ValueError where a row has some of the outputs only.
    """
    is_known = np.zeros(len(X), dtype=bool)
    for one in (slopes, bends):
        if one is not None:
            is_known |= np.isfinite(one).reshape(len(X), -1).any(axis=1)
    is_missing = np.isnan(y) & is_known[:, None]
    partly = np.flatnonzero(is_missing.any(axis=1) & ~is_missing.all(axis=1))
    if len(partly):
        raise ValueError(
            f"y: expected all outputs or none in rows with gradients, got some in the rows {named_rows(partly)}"
        )
    own = np.arange(len(X)) if numbers is None else numbers
    without = np.asarray(is_missing.all(axis=1))
    is_apart = without[own]
    if not is_apart.any():
        return numbers, own[:0]
    if is_apart.all():
        raise ValueError("y: expected a value in some of the rows, got NaN only")
    _require_finite(X[own[is_apart]], "X", names, own[is_apart])
    return own[~is_apart], own[is_apart]


def _derivatives(
    X: Array, slopes: Array | None, bends: Array | None, numbers: NDArray[np.intp], apart: NDArray[np.intp]
) -> Derivatives | None:
    """Those in the rows with `numbers`, which become the rows of the samples, and in those `apart`, which do not."""
    every = np.concatenate([numbers, apart])
    rows = np.concatenate([np.arange(len(numbers)), np.full(len(apart), -1)])
    parts = [None if one is None else one[every] for one in (slopes, bends)]
    return Derivatives.known(X[every], parts[0], parts[1], rows, every)


def _as_complex(y: Any, may_miss: bool) -> Array | None:
    """Real and imaginary parts of complex y (n, m) in turns, (n, 2 m); None for y that is not complex."""
    columns = list(y.values()) if isinstance(y, Columns) else [y]
    if hasattr(y, "toarray") or hasattr(y, "collect"):
        return None
    try:
        arrays = [np.asanyarray(column) for column in columns]
    except ValueError:
        return None
    if not any(map(_holds_complex, arrays)):
        return None
    parts = []
    for array in arrays:
        if np.ma.isMaskedArray(array):
            masked = int(np.ma.getmaskarray(array).sum())
            if masked and not may_miss:
                raise ValueError(f"y: expected every value present, got {masked} masked values")
            array = np.ma.filled(np.ma.asarray(array).astype(np.complex128), complex(np.nan, np.nan))
        if array.dtype.kind == "O":
            is_missing = np.array([value is None or type(value).__name__ in MISSING_TYPES for value in array.flat])
            array = np.where(is_missing.reshape(array.shape), complex(np.nan, np.nan), array)
        try:
            parts.append(np.asarray(array).astype(np.complex128))
        except (TypeError, ValueError) as error:
            raise ValueError(f"y: expected numbers, got objects ({error})") from None
    z = np.stack(parts, axis=1) if isinstance(y, Columns) else parts[0]
    if z.ndim not in (1, 2):
        raise ValueError(f"y: expected an array of 1 or 2 dimensions, got {z.ndim}")
    return np.ascontiguousarray(z.reshape(len(z), -1)).view(np.float64)


def _holds_complex(array: NDArray[Any]) -> bool:
    if array.dtype.kind == "O":
        return any(isinstance(value, (complex, np.complexfloating)) for value in array.flat)
    return array.dtype.kind == "c"


def _without_missing(X: Array, y: Array, numbers: NDArray[np.intp] | None) -> NDArray[np.intp] | None:
    """The rows, of those with `numbers`, or of all, where no value of X or y is missing; None if these are all."""
    is_there = np.logical_not(np.isnan(np.hstack([X, y])).any(axis=1))
    if is_there.all():
        return numbers
    kept = np.flatnonzero(is_there) if numbers is None else numbers[is_there[numbers]]
    if not len(kept):
        raise ValueError("X, y: expected a row of weight above 0 without missing values, got none")
    return kept


def named_rows(rows: NDArray[np.intp]) -> str:
    """The first of the rows, by their numbers, and how many more there are."""
    first = ", ".join(map(str, rows[:MOST_NAMED].tolist()))
    return f"{first} and {len(rows) - MOST_NAMED:,} more" if len(rows) > MOST_NAMED else first


def _relative_weight(y: Array, weight: Array | None, numbers: NDArray[np.intp] | None) -> Array:
    """`weight` (n,) over the squares of `y` (n,), whose rows have these `numbers` among all that were given."""
    size = np.abs(y)
    zero = np.flatnonzero(size == 0.0)
    if len(zero):
        named = named_rows(zero if numbers is None else numbers[zero])
        raise ValueError(f'y: expected values other than 0 for error="relative", got 0 in the rows {named}')
    least, largest = size.min(), size.max()
    if least < largest / MOST_SPAN:
        raise ValueError(
            f'y: expected magnitudes within a factor of {MOST_SPAN:.0e} for error="relative", got {least:.2g} to '
            f"{largest:.2g}; fit their logarithm"
        )
    relative = (least / size) ** 2
    return mean_one(relative if weight is None else weight * relative)


def as_weight(sample_weight: ArrayLike, n: int) -> Array:
    """`sample_weight` as float64 (n,), finite and >= 0."""
    weight = as_matrix(sample_weight, "sample_weight")
    if weight.shape != (n, 1):
        raise ValueError(f"sample_weight: expected ({n},), got {np.shape(sample_weight)}")
    _require_finite(weight, "sample_weight", None)
    if weight.min(initial=0.0) < 0:
        raise ValueError(f"sample_weight: expected values >= 0, got a minimum of {weight.min():g}")
    return weight[:, 0]


def rms_of_columns(y: Array) -> Array:
    """The RMS of each column of y (n, m), n > 0, of numbers of any size: (m,); 1 for a column of zeros."""
    blocks = [y[begin : begin + BLOCK_ROWS] for begin in range(0, len(y), BLOCK_ROWS)]
    largest = np.max([np.max(np.abs(block), axis=0) for block in blocks], axis=0)
    scale = np.where(largest > 0, largest, 1.0)
    squares: Array = sum(len(block) / len(y) * np.mean((block / scale) ** 2, axis=0) for block in blocks)
    rms: Array = scale * np.sqrt(squares)
    return np.where(rms > 0, rms, 1.0)


def repeated_rows(X: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """An order that brings equal rows of `X` (n, d), n > 0, together, and in that order the group each belongs to."""
    order = np.lexsort(X.T)
    ordered = X[order]
    return order, np.concatenate(([0], np.cumsum(np.any(ordered[1:] != ordered[:-1], axis=1))))


@dataclass(frozen=True)
class Distinct:
    """Points each once: `rows` (k,), where they first occur, ascending; `y` (k, m), the mean of their values; and the
    rows (c,), ascending, whose y differs from that of the first row of its point."""

    rows: NDArray[np.intp]
    y: Array
    contradicting: NDArray[np.intp]

    @classmethod
    def of(cls, X: Array, y: Array, tolerance: ArrayLike = 0.0) -> Distinct:
        """Those of `X` (n, d), n > 0, `y` (n, m); values differ where they do so by more than `tolerance`, (m,)."""
        order, group = repeated_rows(X)
        if group[-1] + 1 == len(X):
            return cls(np.arange(len(X)), y, np.empty(0, dtype=np.intp))
        # Rows of a point ascend, as the sort is stable, so that the first of each begins its group.
        begin = np.flatnonzero(np.diff(group, prepend=-1))
        ordered = y[order]
        deviation = ordered - ordered[begin][group]
        differs = np.any(np.abs(deviation) > tolerance, axis=1)
        # A mean of differences, so that equal values stay exactly what they are.
        mean = ordered[begin] + np.add.reduceat(deviation, begin, axis=0) / np.bincount(group)[:, None]
        kept = np.argsort(order[begin])
        return cls(order[begin][kept], contiguous(mean[kept]), np.sort(order[differs]))


def _shape(array: Array) -> str:
    return str(tuple(array.shape))


def _names(
    given: Sequence[str] | None, values: Any, array: Array, what: str, *, halves: bool = False
) -> tuple[str, ...] | None:
    """Names of the columns of `array`; with `halves` of the two parts of each complex column."""
    names = _column_names(values) if given is None else names_of(given, what)
    n = array.shape[1] // 2 if halves else array.shape[1]
    if names is not None and len(names) != n:
        raise ValueError(f"{what}: expected {n} names, got {len(names)}")
    if halves:
        called = names or (("y",) if n == 1 else tuple(f"y{k}" for k in range(n)))
        return tuple(f"{part}({name})" for name in called for part in ("re", "im"))
    return names


def _column_names(values: Any) -> tuple[str, ...] | None:
    columns = getattr(values, "columns", None)
    if columns is None and len(getattr(values, "dims", ())) == 2:  # of xarray, whose second dimension may have labels
        columns = values.coords[values.dims[1]].values if values.dims[1] in values.coords else ()
    if columns is not None:
        return tuple(str(column) for column in columns) or None
    name = getattr(values, "name", None)
    return (str(name),) if isinstance(name, str) and hasattr(values, "dtype") else None


def _as_float64(values: Any, name: str, may_miss: bool) -> Array:
    values = as_columns(values, name)
    if isinstance(values, Columns):
        return _matrix(values, name, may_miss)
    if hasattr(values, "toarray"):
        raise ValueError(f"{name}: expected a dense array, got a sparse {type(values).__name__}; call .toarray()")
    if hasattr(values, "collect"):
        raise ValueError(f"{name}: expected a table, got a {type(values).__name__}, a query for one; call .collect()")
    nulls = getattr(values, "null_count", 0)
    if isinstance(nulls, int) and nulls and not may_miss:  # of pyarrow
        raise ValueError(f"{name}: expected every value present, got {nulls} nulls")
    if hasattr(values, "get_columns"):  # of polars, where NumPy would take dates for numbers
        return _matrix(Columns((column.name, column) for column in values.get_columns()), name, may_miss)
    columns = _column_names(values)
    if hasattr(values, "__array__"):
        values = np.asanyarray(values)  # masked where it is, as what netCDF4 reads
    if np.ma.isMaskedArray(values):
        masked = int(np.ma.getmaskarray(values).sum())
        if masked and may_miss:
            values = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
        elif masked:
            raise ValueError(f"{name}: expected every value present, got {masked} masked values")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: expected rows of equal length, got a ragged sequence ({error})") from None
    kind = array.dtype.kind
    if kind == "O":
        array = _numbers_from_objects(array, name, columns, may_miss)
    elif kind == "c":
        raise ValueError(
            f"{name}: expected real numbers, got {array.dtype}; give the real and the imaginary part as two columns"
        )
    elif array.dtype.names:  # a list of records
        return _as_float64(array, name, may_miss)
    elif kind in "US":
        raise ValueError(f"{name}: expected numbers, got text {_first(array)!r}")
    elif kind in "Mm":
        raise ValueError(f"{name}: expected numbers, got {array.dtype}; {SECONDS}")
    elif kind not in "fiub":
        raise ValueError(f"{name}: expected numbers, got {array.dtype}")
    # In the order that the core reads, so that a narrower type or another order costs one copy, not two.
    return array.astype(np.float64, order="C", copy=False)


def _matrix(columns: Columns, name: str, may_miss: bool) -> Array:
    every = {key: _as_float64(column, _column_of(name, key), may_miss) for key, column in columns.items()}
    if not every:
        raise ValueError(f"{name}: expected at least 1 column, got 0")
    return _stacked(every, name)


def _stacked(every: Mapping[Any, Array], name: str) -> Array:
    """Columns (n,) side by side, (n, d)."""
    lengths = {key: len(column) for key, column in every.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{name}: expected columns of one length, got {lengths}")
    return np.stack(list(every.values()), axis=1)


def _first(array: NDArray[Any]) -> Any:
    return array.flat[0].item() if array.size else array.dtype


def _numbers_from_objects(
    array: NDArray[Any], name: str, columns: tuple[str, ...] | None, may_miss: bool
) -> NDArray[Any]:
    missing = []
    for index, value in np.ndenumerate(array):
        if value is None or type(value).__name__ in MISSING_TYPES:
            if not may_miss:
                raise ValueError(f"{name}: expected numbers, got a missing value in {_place(index, columns)}")
            missing.append(index)
            continue
        if isinstance(value, (str, bytes)):
            raise ValueError(f"{name}: expected numbers, got text {value!r} in {_place(index, columns)}")
        if isinstance(value, (datetime.date, datetime.timedelta, np.datetime64, np.timedelta64)):
            raise ValueError(f"{name}: expected numbers, got {value!r} in {_place(index, columns)}; {SECONDS}")
        if isinstance(value, complex) or np.iscomplexobj(value):
            raise ValueError(f"{name}: expected real numbers, got {value!r} in {_place(index, columns)}")
    if missing:
        array = array.copy()
        array[tuple(np.transpose(missing))] = np.nan
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers, got objects ({error})") from None


def _place(index: tuple[int, ...], columns: tuple[str, ...] | None) -> str:
    if len(index) < 2:
        return f"row {index[0]}" if index else "a scalar"
    column = repr(columns[index[1]]) if columns else str(index[1])
    return f"row {index[0]}, column {column}"


def _require_finite(
    array: Array,
    name: str,
    columns: tuple[str, ...] | None,
    numbers: NDArray[np.intp] | None = None,
    *,
    has_option: bool = False,
) -> None:
    """ValueError for NaN and infinity; `numbers` (n,) are those that a user knows the rows by.

    `has_option` says that the caller may leave out rows with NaN, if asked.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):  # as it is of all finite values but huge ones, and no temporary is made
            return
    finite = np.isfinite(array)
    if finite.all():
        return
    n_nan = int(np.isnan(array).sum())
    n_infinite = int(array.size - finite.sum()) - n_nan
    row, column = (int(i) for i in np.argwhere(~finite)[0])
    row = row if numbers is None else int(numbers[row])
    option = '; missing="drop" leaves out rows with NaN' if has_option and n_nan else ""
    raise ValueError(
        f"{name}: expected finite numbers, got {n_nan} NaN and {n_infinite} infinite, "
        f"the first in {_place((row, column), columns)}{option}"
    )


def warn_about_precision(values: Any, name: str) -> None:
    """A PrecisionWarning where the type of `values` carries less than float64, or more than float64 can.

    Of a data frame the least precise column decides.
    """
    if isinstance(values, Columns):
        dtypes = [_dtype(column) for column in values.values()]
        integers = [column for column, dtype in zip(values.values(), dtypes, strict=True) if _is_long(dtype)]
    else:
        frame = getattr(values, "dtypes", None) if hasattr(values, "columns") else None
        dtypes = [_dtype(values)] if frame is None else [_numpy_dtype(one) for one in frame]
        integers = [values] if frame is None and _is_long(dtypes[0]) else []
    narrow = [dtype for dtype in dtypes if dtype is not None and dtype.kind in "fc" and np.finfo(dtype).bits < 64]
    if narrow:
        dtype = min(narrow, key=lambda dtype: np.finfo(dtype).bits)
        info = np.finfo(dtype)
        warnings.warn(
            f"{name} is {dtype.name}, which carries {info.precision} digits (relative rounding {info.eps / 2:.0e}): "
            f"no model can be more exact than that. Give float64 if the source has it.",
            PrecisionWarning,
            stacklevel=4,
        )
    elif any(_largest(np.asarray(one)) > EXACT_INTEGERS for one in integers):
        warnings.warn(
            f"{name} holds integers above 2**53, which float64 rounds to 16 digits.", PrecisionWarning, stacklevel=4
        )


def _dtype(values: Any) -> np.dtype[Any] | None:
    return _numpy_dtype(getattr(values, "dtype", getattr(values, "type", None)))


def _numpy_dtype(dtype: Any) -> np.dtype[Any] | None:
    """The type of NumPy, where it has less than float64, as pandas, polars and pyarrow call theirs."""
    if isinstance(dtype, np.dtype):
        return dtype
    return NARROW.get(str(dtype).lower().removesuffix("[pyarrow]"))


def _is_long(dtype: np.dtype[Any] | None) -> bool:
    return dtype is not None and dtype.kind in "iu" and dtype.itemsize == 8


def _largest(integers: NDArray[Any]) -> int:
    """The largest absolute value, as an integer of any size: that of -2**63 is no int64."""
    return max(int(integers.max()), -int(integers.min()))


def mean_one(weight: Array) -> Array:
    if weight.max() <= 0:
        raise ValueError("sample_weight: expected values >= 0, not all 0, got only 0")
    scaled = weight / weight.max()
    return np.ascontiguousarray(scaled / scaled.mean())
