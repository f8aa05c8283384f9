"""Tables that need not fit into memory: read in chunks of rows, from the first to the last, as often as asked.

A folder of files, a file, a frame of Dask, or a function that begins to read from the start each time it is called.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .arrays import Samples, as_samples
from .binary_tables import FORMATS, PARQUET
from .columns import Columns, as_columns
from .tables import Table

# Rows of a Parquet file, or of a chunk that is given, that are looked at together: of a few columns some MB.
ROWS_AT_ONCE = 1 << 17
# A file of a folder is part of the table if its name ends like that; names that begin with a dot or an underscore are
# those of what writers leave beside tables.
ENDINGS = (*FORMATS, ".csv", ".tsv", ".txt", ".dat")
HIDDEN = (".", "_")


class Tally(Protocol):
    """What is counted in a pass through the rows."""

    def add(self, block: Samples) -> None:
        """Some rows, with their numbers among all."""

    def merge(self, later: Any) -> None:
        """What another of its kind has counted in the rows that follow its own."""


T = TypeVar("T", bound=Tally)


@dataclass(frozen=True)
class Chunks:
    """A table in chunks, each of which `read` gives as X and y. `options` are those of `as_samples`."""

    read: Callable[[], Iterator[tuple[Any, Any]]]
    options: dict[str, Any]

    def counted(self, tally: T, interrupted: Callable[[], bool] = lambda: False) -> T:
        """`tally` after a pass through all rows, or through those before somebody interrupts.

        ValueError where a chunk is no table like the first, with its number.
        """
        for k, block in enumerate(self.samples()):
            if k and interrupted():
                break
            tally.add(block)
        return tally

    def samples(self) -> Iterator[Samples]:
        """The rows in their order, some at a time, with their numbers among all that are given."""
        wanted: dict[str, int] = {}
        n_before = 0
        for number, (X, y) in enumerate(self.read()):
            samples = _checked(X, y, self.options, number, wanted)
            if samples is not None:
                yield from _numbered(samples, n_before).blocks(ROWS_AT_ONCE)
                n_before += samples.n_given
        if not wanted:
            raise ValueError("X: expected at least one chunk of rows, got none")


def _checked(X: Any, y: Any, options: dict[str, Any], number: int, wanted: dict[str, int]) -> Samples | None:
    """A chunk as samples, None where it has no rows; `wanted` are the numbers of columns of the first, or get these."""
    try:
        samples = as_samples(X, y, **options)
        for name in ("X", "y"):
            got = getattr(samples, name).shape[1]
            if got != wanted.setdefault(name, got):
                raise ValueError(f"{name}: expected {wanted[name]} columns, as in the first chunk, got {got}")
    except ValueError as error:
        if _is_empty(X):
            return None
        raise ValueError(f"chunk {number}: {error}") from None
    return samples


def _numbered(samples: Samples, n_before: int) -> Samples:
    own = np.arange(samples.n) if samples.numbers is None else samples.numbers
    return replace(samples, numbers=n_before + own)


@dataclass(frozen=True)
class DaskChunks(Chunks):
    """A frame of Dask: its parts are counted where they are, and tallies merged there, two at a time in their order."""

    frame: Any
    targets: list[str]

    def counted(self, tally: T, interrupted: Callable[[], bool] = lambda: False) -> T:
        dask: Any = import_module("dask")
        lengths = self.frame.map_partitions(len).compute()
        before = np.cumsum([0, *lengths]).tolist()
        empty, make, merge = (dask.delayed(one) for one in (tally, _counted_in, _merged))
        tallies = [
            make(part, self.targets, self.options, number, before[number], empty)
            for number, part in enumerate(self.frame.to_delayed())
            if lengths.iloc[number]
        ]
        if not tallies:
            raise ValueError("X: expected at least one row, got a frame of Dask without any")
        while len(tallies) > 1:
            tallies = [merge(*tallies[i : i + 2]) for i in range(0, len(tallies), 2)]
        [found] = dask.compute(tallies[0])
        result: T = found
        return result


def _counted_in(part: Any, targets: list[str], options: dict[str, Any], number: int, n_before: int, empty: T) -> T:
    """A tally of a part of a frame, on a worker."""
    tally = copy.deepcopy(empty)
    samples = _checked(*_divided(part, targets), options, number, {})
    assert samples is not None
    for block in _numbered(samples, n_before).blocks(ROWS_AT_ONCE):
        tally.add(block)
    return tally


def _merged(tally: T, *later: T) -> T:
    whole = copy.deepcopy(tally)
    for one in later:
        whole.merge(one)
    return whole


def is_in_chunks(X: Any) -> bool:
    """Whether `X` is no table itself, but says where one is read."""
    is_path = isinstance(X, (str, os.PathLike))
    return is_path or _is_of_dask(X) or (callable(X) and not hasattr(X, "__array__") and not hasattr(X, "columns"))


def chunks_of(X: Any, y: Any, options: dict[str, Any]) -> Chunks:
    """The table that `X` says, with the columns `y` as targets; ValueError for what is none.

    X : a path; a frame of Dask; or a function without arguments that gives an iterator of chunks, each of which is a
        table with names, or a pair (X, y).
    y : the name of the target, or several; None for pairs.
    """
    if isinstance(X, (str, os.PathLike)):
        targets, paths = _targets(y, "in a file"), _paths(Path(X))
        return Chunks(lambda: (_divided(table, targets) for path in paths for table in _tables(path, targets)), options)
    if _is_of_dask(X):
        targets, parts = _targets(y, "in a frame of Dask"), range(X.npartitions)
        read = lambda: (_divided(X.partitions[i].compute(), targets) for i in parts)  # noqa: E731
        return DaskChunks(read, options, X, targets)
    if y is None:
        return Chunks(lambda: map(_pair, _begun(X)), options)
    targets = _targets(y, "in chunks with names")
    return Chunks(lambda: (_divided(as_columns(table, "X"), targets) for table in _begun(X)), options)


def _is_of_dask(X: Any) -> bool:
    return hasattr(X, "npartitions") and hasattr(X, "partitions") and hasattr(X, "columns")


def _is_empty(X: Any) -> bool:
    try:
        return len(X) == 0
    except TypeError:
        return False


def _targets(y: Any, where: str) -> list[str]:
    names = [y] if isinstance(y, str) else y
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"y: expected the names of the columns of y, as X is {where}, got {y!r}")
    return list(names)


def _begun(function: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    chunks = function()
    try:
        return iter(chunks)
    except TypeError:
        raise ValueError(
            f"X: expected a function that gives an iterator of chunks, got one of {type(chunks).__name__}"
        ) from None


def _pair(chunk: Any) -> tuple[Any, Any]:
    if not isinstance(chunk, (tuple, list)) or len(chunk) != 2:
        raise ValueError(
            f"X: expected chunks that are pairs (X, y), as no names of targets are given, got {type(chunk).__name__}"
        )
    return chunk[0], chunk[1]


def _divided(table: Any, targets: Sequence[str]) -> tuple[Any, Any]:
    """The other columns, and the targets."""
    names = [str(name) for name in table.columns] if hasattr(table, "columns") else None
    missing = [name for name in targets if names is None or name not in names]
    if names is None or missing:
        raise ValueError(f"y: expected columns named {', '.join(targets)}, got {names or type(table).__name__}")
    columns = dict(zip(names, table.columns, strict=True))
    features = [name for name in names if name not in targets]
    if not features:
        raise ValueError(f"X: expected columns beside {', '.join(targets)}, got none")
    y = Columns((name, table[columns[name]]) for name in targets)
    return Columns((name, table[columns[name]]) for name in features), y if len(targets) > 1 else y[targets[0]]


# --- files


def _paths(path: Path) -> list[Path]:
    """The file, or the files of the folder and of those in it, in the order of their names."""
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(f"{path}: expected a file or a folder of tables, got none")
        return [path]
    every = sorted(one for one in path.rglob("*") if one.suffix.lower() in ENDINGS and one.is_file())
    found = [one for one in every if not any(part.startswith(HIDDEN) for part in one.relative_to(path).parts)]
    if not found:
        raise ValueError(f"{path}: expected files of tables in the folder ({', '.join(ENDINGS)}), got none")
    return found


def _tables(path: Path, targets: Sequence[str]) -> Iterator[Columns]:
    """The rows of a file: of Parquet some at a time, of all others as a whole."""
    if FORMATS.get(path.suffix.lower()) is PARQUET:
        yield from _batches(path)
        return
    table = Table.open(path)
    table.require(targets, "target")
    names = [*table.features(targets), *targets]
    values = table.read_any(names)
    yield values if isinstance(values, Columns) else Columns(zip(names, values.T, strict=True))


def _batches(path: Path) -> Iterator[Columns]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise ValueError(f"{path}: {PARQUET.name} files need {PARQUET.needs} ({error})") from None
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, use_threads=False):
                yield Columns(zip(batch.schema.names, batch.columns, strict=True))
    except ArrowInvalid as error:
        raise ValueError(f"{path}: expected a {PARQUET.name} file with a table ({error})") from None


def priorities(numbers: NDArray[np.intp], seed: int) -> NDArray[np.uint64]:
    """A random number for each of the rows of these numbers (n,): (n,), the same however rows are cut into chunks.

    The hash of a counter (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
    """
    with np.errstate(over="ignore"):
        z = (numbers.astype(np.uint64) + np.uint64(seed % 2**63 + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
