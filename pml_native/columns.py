"""Tables in memory as people have them -> their columns by name.

Structured arrays and recarrays, tables of Astropy and rows of FITS, dictionaries of columns, groups of HDF5, tables of
pyarrow, data sets and coordinates of xarray: each is known by what it offers, and no package is imported for it. Data
frames of pandas and polars stay what they are, since NumPy takes them as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np


class Columns(dict[str, Any]):
    """Columns (n,) by their names; `columns` is what data frames call these."""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self)


def as_columns(values: Any, name: str) -> Any:
    """`values` as Columns, or themselves where they are no table with names, or one that NumPy takes as a whole.

    A column of k numbers a row becomes k columns, "p[0]" to "p[k-1]". Variables of xarray are spread over the grid of
    all their dimensions.
    """
    if isinstance(values, Columns) or (type(values) is np.ndarray and values.dtype.names is None):
        return values
    if getattr(getattr(values, "dtype", None), "names", None):
        return _distinct(((field, values[field]) for field in values.dtype.names), name)
    if isinstance(values, Mapping):
        columns = [values[key] for key in values]
        if any(map(_has_coordinates, columns)):
            columns = _on_one_grid(columns, name)
        return _distinct(zip(values, columns, strict=True), name)
    if hasattr(values, "column_names") and hasattr(values, "column"):  # of pyarrow
        return _distinct(((key, values.column(i)) for i, key in enumerate(values.column_names)), name)
    return values


def on_one_grid(X: Any, y: Any) -> tuple[Any, Any]:
    """Columns of xarray and values on the grid of their dimensions, as the rows of this grid; anything else as it is.

    So `fit(y.coords, y)` fits an array of xarray at its coordinates.
    """
    if not (isinstance(X, Mapping) and _has_coordinates(y)):
        return X, y
    *columns, values = _on_one_grid([*X.values(), y], "X, y")
    return _distinct(zip(X, columns, strict=True), "X"), values


def _has_coordinates(values: Any) -> bool:
    return hasattr(values, "dims") and hasattr(values, "coords")


def _on_one_grid(arrays: list[Any], name: str) -> list[Any]:
    """Arrays of xarray over all their dimensions together, each as (n,) with its name; ValueError unless their
    coordinates agree."""
    import xarray

    arrays = [array if _has_coordinates(array) else xarray.DataArray(array) for array in arrays]
    try:
        spread = xarray.broadcast(*xarray.align(*arrays, join="exact"))
    except ValueError as error:
        raise ValueError(f"{name}: expected variables on one grid ({error})") from None
    return [xarray.DataArray(array.values.ravel(), dims="row", name=array.name) for array in spread]


def _distinct(pairs: Iterable[tuple[Any, Any]], name: str) -> Columns:
    found = Columns()
    for key, column in _of_numbers(pairs, name):
        if key in found:
            raise ValueError(f"{name}: expected column names that differ, got {key!r} twice")
        found[key] = column
    return found


def _of_numbers(pairs: Iterable[tuple[Any, Any]], name: str) -> Iterator[tuple[str, Any]]:
    """Columns of one number a row, from those of one or more."""
    for key, column in pairs:
        try:
            n_dimensions = np.ndim(column)
        except ValueError:  # a ragged list, of which whoever reads it says more
            n_dimensions = 1
        if n_dimensions < 2:
            yield str(key), column if n_dimensions else np.atleast_1d(column)
        elif n_dimensions == 2:
            parts = column if hasattr(column, "shape") else np.asarray(column)
            yield from ((f"{key}[{k}]", parts[:, k]) for k in range(parts.shape[1]))
        else:
            raise ValueError(f"{name}: expected numbers in column {key!r}, got arrays of {n_dimensions - 1} dimensions")
