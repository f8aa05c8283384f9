"""Tables on disk: CSV through NumPy, whose parser rounds every decimal correctly; Parquet through pyarrow."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Array, warn_about_precision
from .files import replacing

DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Table:
    """A file of named columns, of which only those asked for are read."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str | None  # None for Parquet
    has_header: bool

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Table:
        """The table in `path`, by its suffix; ValueError for a file that can't be read as one."""
        path = Path(path)
        if path.suffix.lower() in (".parquet", ".pq"):
            parquet = _pyarrow_parquet()
            try:
                return cls(path, tuple(parquet.read_schema(path).names), None, True)
            except ValueError as error:  # pyarrow's own errors are among them
                raise ValueError(f"{path}: expected a Parquet file ({error})") from None
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                line = file.readline()
        except UnicodeDecodeError:
            raise ValueError(f"{path}: expected a text file in UTF-8, got other bytes") from None
        if not line.strip():
            raise ValueError(f"{path}: expected a CSV file with a header line, got an empty first line")
        delimiter = max(DELIMITERS, key=line.count)
        fields = [field.strip() for field in next(csv.reader([line], delimiter=delimiter))]
        has_header = not all(_is_number(field) for field in fields)
        names = fields if has_header else [str(i) for i in range(len(fields))]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{path}: expected column names that differ, got {', '.join(map(repr, twice))} twice")
        return cls(path, tuple(names), delimiter, has_header)

    def require(self, names: Sequence[str], what: str) -> None:
        """ValueError unless every one of `names` is a column."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise ValueError(
                f"{self.path}: {what} {', '.join(map(repr, missing))} is not among the columns "
                f"{', '.join(map(repr, self.columns))}"
            )

    def read(self, names: Sequence[str]) -> Array:
        """The columns `names` as (n, k)."""
        if self.delimiter is None:
            return self._read_parquet(names)
        positions = [self.columns.index(name) for name in names]
        try:
            values = np.loadtxt(
                self.path,
                delimiter=self.delimiter,
                skiprows=int(self.has_header),
                usecols=positions,
                comments=None,
                quotechar='"',
                ndmin=2,
                encoding="utf-8-sig",
            )
        except ValueError as error:
            raise ValueError(f"{self.path}: expected numbers in every row, got {self._explain(str(error))}") from None
        return values.reshape(-1, len(names))

    def _explain(self, message: str) -> str:
        """NumPy's complaint in terms of this file's lines and columns."""
        found = re.search(r"could not convert string '(.*)' to float64 at row (\d+), column (\d+)", message, re.DOTALL)
        if found is None:
            return message
        text, row, column = found[1], int(found[2]), int(found[3]) - 1
        line = row + 1 + int(self.has_header)
        what = f"text {text!r}" if text.strip() else "nothing"
        return f"{what} in line {line}, column {self.columns[column]!r}"

    def _read_parquet(self, names: Sequence[str]) -> Array:
        columns = []
        table = _pyarrow_parquet().read_table(self.path, columns=list(names))
        for name in names:
            column = table.column(name)
            if column.null_count:
                raise ValueError(
                    f"{self.path}: expected numbers in every row, got {column.null_count} nulls in {name!r}"
                )
            values = column.to_numpy()
            if values.dtype.kind not in "fiub":
                raise ValueError(f"{self.path}: expected numbers, got {column.type} in column {name!r}")
            warn_about_precision(values, f"column {name!r}")
            columns.append(values.astype(np.float64))
        return np.column_stack(columns)


def write_csv(path: str | os.PathLike[str], names: Sequence[str], values: Array) -> None:
    """Columns `values` (n, k) under a header, every number with the shortest digits that give it back exactly."""
    with replacing(path) as file:
        for line in csv_lines(names, values):
            file.write(line.encode())


def csv_lines(names: Sequence[str], values: Array) -> list[str]:
    """The lines of such a file."""
    header = ",".join(f'"{name}"' if "," in name or '"' in name else name for name in names)
    return [header + "\n", *(",".join(map(repr, row)) + "\n" for row in values.tolist())]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _pyarrow_parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise ValueError('Parquet files need pyarrow: pip install "pml_native[parquet]"') from None
    return pyarrow.parquet
