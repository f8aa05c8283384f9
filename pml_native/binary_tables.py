"""Tables in binary files -> columns, by what is installed: Parquet (pyarrow), FITS (Astropy), HDF5 (h5py), NetCDF
(xarray)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Array, as_matrix, warn_about_precision
from .columns import Columns, as_columns
from .encodings import encoding_of


def column_names(path: Path) -> tuple[str, ...]:
    """The names of the columns of the table in `path`; ValueError for a file that can't be read as one."""
    return _read(path, None).columns


def read_columns(path: Path, names: Sequence[str], *, may_miss: bool) -> Array:
    """The columns `names` as (n, k). With `may_miss` values that are missing are NaN, and no error."""
    columns = _read(path, list(dict.fromkeys(names)))
    values = as_matrix(columns, str(path), may_miss=may_miss)
    for name, column in columns.items():
        warn_about_precision(column, f"column {name!r}")
    place = {name: i for i, name in enumerate(columns)}
    return values if tuple(place) == tuple(names) else values[:, [place[name] for name in names]]


def read_any_columns(path: Path, names: Sequence[str], *, may_miss: bool) -> Array | Columns:
    """The same, but as columns by their names where one of them holds dates or text."""
    columns = _read(path, list(dict.fromkeys(names)))
    if any(encoding_of(column, f"{path}, column {name!r}") for name, column in columns.items()):
        return columns
    return read_columns(path, names, may_miss=may_miss)


def _read(path: Path, names: Sequence[str] | None) -> Columns:
    form = FORMATS[path.suffix.lower()]
    try:
        return form.read(path, names)
    except FileNotFoundError:
        raise
    except ImportError as error:
        raise ValueError(f"{path}: {form.name} files need {form.needs} ({error})") from None
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are among them
        raise ValueError(f"{path}: expected a {form.name} file with a table ({error})") from None


# Each reader gives the columns of these names, or for None all, whose values nobody looks at.


def _parquet(path: Path, names: Sequence[str] | None) -> Columns:
    from pyarrow import parquet

    if names is None:
        return Columns((name, None) for name in parquet.read_schema(path).names)
    table = parquet.read_table(path, columns=list(names))
    return Columns((name, table.column(name)) for name in names)


def _fits(path: Path, names: Sequence[str] | None) -> Columns:
    from astropy.table import Table

    with path.open("rb") as file:  # which Astropy leaves open after an error
        columns: Columns = as_columns(Table.read(file, format="fits"), str(path))
    return columns if names is None else Columns((name, columns[name]) for name in names)


def _hdf5(path: Path, names: Sequence[str] | None) -> Columns:
    """Of the only dataset of records there is, or else all datasets, by their paths in the file."""
    import h5py

    with h5py.File(path, "r") as file:
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: found.update({name: item}) if hasattr(item, "shape") else None)
        records = [item for item in found.values() if item.dtype.names]
        columns: Columns = as_columns(records[0] if len(records) == 1 else found, str(path))
        if names is None:
            return columns
        return Columns((name, np.asarray(columns[name])) for name in names)  # before the file is closed


def _netcdf(path: Path, names: Sequence[str] | None) -> Columns:
    """Variables and coordinates, spread over the grid of all dimensions that those asked for have."""
    import xarray

    with xarray.open_dataset(path, decode_times=False) as data:
        if names is None:
            return Columns((str(name), None) for name in data.variables)
        columns: Columns = as_columns({name: data[name] for name in names}, str(path))
        return columns


@dataclass(frozen=True)
class Format:
    name: str
    needs: str
    read: Callable[[Path, Sequence[str] | None], Columns]


PARQUET = Format("Parquet", 'pyarrow: pip install "pml_native[parquet]"', _parquet)
FITS = Format("FITS", 'Astropy: pip install "pml_native[tables]"', _fits)
HDF5 = Format("HDF5", 'h5py: pip install "pml_native[tables]"', _hdf5)
NETCDF = Format("NetCDF", 'xarray and netCDF4: pip install "pml_native[tables]"', _netcdf)
FORMATS = {
    ".parquet": PARQUET,
    ".pq": PARQUET,
    ".fits": FITS,
    ".fit": FITS,
    ".h5": HDF5,
    ".hdf5": HDF5,
    ".nc": NETCDF,
}
