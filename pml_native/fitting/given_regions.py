"""Regions that the user knows: `fit(..., regions=...)`, a function of X, a column that says the region, or labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from ..arrays import Array, Samples, contiguous
from ..encodings import MOST_CATEGORIES, Encodings
from ..models import Model, Polynomial, Reduced, Signature
from ..models.reduced import Variables
from ..models.regions import LabelFunction
from ..search.boundaries import Boundary
from ..search.divisions import Labels

# Regions at most, and the rows of each at least, or twice the columns and one.
MOST_REGIONS, FEWEST_ROWS = MOST_CATEGORIES, 12


@dataclass(frozen=True, eq=False)
class Given:
    """Which of `q` regions points are in.

    `labels` takes X (n, d) to numbers 0 ... q - 1, or -1 for none, at least at rows of the table. `boundary` is what
    says the same anywhere, None where it is to be found between the rows. `column` is one that says the region: no law
    is a function of it.
    """

    q: int
    labels: LabelFunction
    boundary: Boundary | None
    column: int | None
    described: str

    def within(self, samples: Samples) -> Samples:
        """The samples in the columns that laws are functions of."""
        if self.column is None:
            return samples
        names = samples.input_names
        return Samples(
            contiguous(np.delete(samples.X, self.column, axis=1)),
            samples.y,
            samples.sample_weight,
            samples.y_is_vector,
            None if names is None else tuple(name for j, name in enumerate(names) if j != self.column),
            samples.output_names,
            samples.is_relative,
            derivatives=None if samples.derivatives is None else samples.derivatives.without_column(self.column),
        )

    def outer(self, model: Model, samples: Samples) -> Model:
        """A law of these columns as a model of all."""
        if self.column is None:
            return model
        rows = np.delete(np.eye(samples.X.shape[1]), self.column, axis=0)
        variables = Variables(("sum",) * len(rows), rows, np.zeros(rows.shape[1]))
        return Reduced(model, variables, Signature.of(samples))


# What a user may give as `regions`.
RegionsGiven = Callable[[Array], ArrayLike] | int | str | ArrayLike


def column_of_regions(
    X: Array, encodings: Encodings | None, names: Sequence[str] | None, regions: RegionsGiven | None
) -> RegionsGiven | None:
    """What was given as `regions`, or the column of categories, of which each then has a law of its own.

    ValueError for several such columns, too few rows of a category, and regions of another kind beside them.
    """
    columns = () if encodings is None else encodings.categories
    if not columns:
        return regions
    known: list[str | int] = list(range(X.shape[1]) if names is None else map(str, names))
    called = ", ".join(repr(known[j]) for j in columns)
    if len(columns) > 1:
        raise ValueError(
            f"X: expected one column of categories at most, got {called}; join them to one column, or fit a table of "
            f"each category"
        )
    [j] = columns
    if regions is not None and not (isinstance(regions, (int, str)) and regions in (j, known[j])):
        raise ValueError(f"regions: expected {called}, the column of categories, or None, got something else")
    if X.shape[1] < 2:
        raise ValueError(f"X: expected another column beside the categories {called}, got one column")
    counts, least = np.unique(X[:, j], return_counts=True)[1], _least_rows(X.shape[1])
    if len(counts) > 1 and counts.min() < least:
        raise ValueError(
            f"X, column {called}: expected at least {least} rows of each category, as each has a model of its own, got "
            f"one of {counts.min()}; leave the column out, or give numbers for it"
        )
    return j if len(counts) > 1 else None


def given_regions(regions: RegionsGiven, samples: Samples) -> Given:
    """What the user gave as `regions`; ValueError for what is none, saying what was wanted and got.

    Labels are of all rows that were given, also of those that the samples are without.
    """
    X, d, n = samples.X, samples.X.shape[1], samples.n_given
    if callable(regions):
        names, labels = _numbered(_integers(regions(X), len(X), "a function that gives"))
        function = _function_of(regions, names)
        boundary = Boundary(function, 0.0, "by the function given")
        return _checked(Given(len(names), function, boundary, None, "what the function gives"), labels, d)
    if isinstance(regions, str) or (isinstance(regions, (int, np.integer)) and not isinstance(regions, bool)):
        known = list(samples.input_names or ())
        j = known.index(str(regions)) if regions in known else regions
        if not isinstance(j, (int, np.integer)) or not 0 <= j < d:
            raise ValueError(f"regions: expected a column of X, by name or number below {d}, got {regions!r}")
        if d < 2:
            raise ValueError("regions: expected another column beside that of the regions, got one column")
        values, labels = _numbered(X[:, j])
        name = known[j] if known else f"x{j}"
        boundary = Boundary(_scores_of(values, int(j), d), 0.0, f"by column {name}")
        return _checked(Given(len(values), _values_of(int(j), values), boundary, int(j), f"column {name}"), labels, d)
    array = np.asarray(regions)
    if array.shape != (n,):
        raise ValueError(f"regions: expected a function, a column or ({n},) labels, got {_shown(array)}")
    if samples.numbers is not None:  # rows have been left out
        array = array[samples.numbers]
    names, labels = _numbered(array)
    return _checked(Given(len(names), _labels_at(X, labels), None, None, "labels of the rows"), labels, d)


def _shown(array: NDArray[Any]) -> str:
    return f"an array {array.shape}" if array.ndim else repr(array.item())


def _integers(values: ArrayLike, n: int, what: str) -> NDArray[Any]:
    labels = np.asarray(values)
    if labels.shape != (n,) or labels.dtype.kind not in "iub":
        raise ValueError(f"regions: expected {what} ({n},) integers, got {labels.shape} of {labels.dtype}")
    return labels.astype(np.int64)


def _numbered(labels: NDArray[Any]) -> tuple[NDArray[Any], Labels]:
    try:
        names, number = np.unique(labels, return_inverse=True)
    except TypeError:
        raise ValueError("regions: expected labels of one kind, got several") from None
    return names, number.astype(np.intp)


def _checked(given: Given, labels: Labels, d: int) -> Given:
    if not 2 <= given.q <= MOST_REGIONS:
        raise ValueError(f"regions: expected 2 to {MOST_REGIONS} regions, got {given.q} in {given.described}")
    least, counts = _least_rows(d), np.bincount(labels, minlength=given.q)
    if counts.min() < least:
        raise ValueError(f"regions: expected at least {least} rows of each, got one of {counts.min()}")
    return given


def _least_rows(d: int) -> int:
    """Rows that each region has at least."""
    return max(FEWEST_ROWS, 2 * (d + 1))


def _function_of(function: Callable[[Array], ArrayLike], names: NDArray[Any]) -> LabelFunction:
    def labels(X: Array) -> Labels:
        return _places(_integers(function(X), len(X), "a function that gives"), names)

    return labels


def _places(values: NDArray[Any], names: NDArray[Any]) -> Labels:
    """Where among `names`, ascending, values are; -1 for those that aren't there."""
    place = np.minimum(np.searchsorted(names, values), len(names) - 1)
    return np.where(names[place] == values, place, -1)


def _values_of(column: int, values: Array) -> LabelFunction:
    return lambda X: _places(X[:, column], values)


def _scores_of(values: Array, column: int, d: int) -> Polynomial:
    """Scores whose largest is that of the value nearest to a column's: v x - v^2 / 2, less that of the first."""
    size = float(np.max(np.abs(values)))
    v = values / size
    indices = np.zeros((2, d), dtype=np.intp)
    indices[1, column] = 1
    coefficients = np.stack([0.5 * (v[0] ** 2 - v[1:] ** 2), (v[1:] - v[0]) / size])
    return Polynomial(indices, coefficients, n_threads=1)


def _labels_at(X: Array, labels: Labels) -> LabelFunction:
    """The labels of rows of X; of other points those of the nearest."""
    tree = KDTree(X)
    return lambda rows: labels[tree.query(rows)[1]]
