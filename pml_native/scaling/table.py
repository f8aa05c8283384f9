"""The table of a sweep: one row a run, in the order of the settings."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..files import replacing


@dataclass(frozen=True)
class Table:
    """One row a run: its settings, results and `status`, "done" or "failed". A row lacks what its run has no value for.

    `columns` are all names: settings, results, `status`. `seconds` (n,) is what each run took, kept apart since it is
    another one each time. `errors` has the traceback of each failed run, None for the others.
    """

    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    seconds: Array
    errors: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def column(self, name: str) -> NDArray[Any]:
        """One value a row (n,): integers, floats (NaN where there is none), or objects (None where there is none)."""
        if name not in self.columns:
            raise KeyError(f"column {name!r} is not one of {', '.join(self.columns)}")
        values = [row.get(name) for row in self.rows]
        kinds = {type(value) for value in values}
        if len(kinds) == 1 and kinds <= {bool, int}:
            return np.array(values)
        if kinds <= {int, float, type(None)} and kinds != {type(None)}:
            return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column

    def where(self, **values: Any) -> Table:
        """The rows that have these values; a list, tuple or range as a value stands for any of its members."""
        wanted = {name: _members(value) for name, value in values.items()}
        for name in wanted:
            if name not in self.columns:
                raise KeyError(f"column {name!r} is not one of {', '.join(self.columns)}")
        return self._take([i for i, row in enumerate(self) if all(row.get(name) in wanted[name] for name in wanted)])

    @property
    def done(self) -> Table:
        """The rows of runs that did not fail."""
        return self._take([i for i, row in enumerate(self) if row["status"] == "done"])

    @property
    def failed(self) -> Table:
        """The rows of runs that failed."""
        return self._take([i for i, row in enumerate(self) if row["status"] == "failed"])

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """The table as CSV, floats with the digits that give them back exactly; written to `path` too if given."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([row.get(name) for name in self.columns] for row in self.rows)
        if path is not None:
            with replacing(path) as file:
                file.write(text.getvalue().encode())
        return text.getvalue()

    def to_pandas(self) -> Any:
        """A data frame of these columns and `seconds`. Needs pandas."""
        import pandas as pd

        return pd.DataFrame({name: self.column(name) for name in self.columns} | {"seconds": self.seconds})

    def _take(self, numbers: list[int]) -> Table:
        rows, errors = tuple(self.rows[i] for i in numbers), tuple(self.errors[i] for i in numbers)
        return Table(self.columns, rows, self.seconds[numbers], errors)


def _members(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple, range, set, np.ndarray)) else (value,)
