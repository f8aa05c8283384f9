"""Tables on disk: text through the core, or through NumPy where it is more than numbers; binary files by their suffix.

Both round every decimal correctly, so that a table is read bit for bit as it was meant. A row of more or fewer cells
than the header is refused by its line, and so is whatever could be read in two ways.
"""

from __future__ import annotations

import codecs
import csv
import functools
import itertools
import math
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import rows_of_text
from .arrays import Array
from .binary_tables import FORMATS, column_names, read_any_columns, read_columns
from .columns import Columns
from .files import replacing
from .threads import resolve_threads

DELIMITERS = ",;\t|"
COMMENTS = ("#", "%")
# Lines that the layout of a file is read off, and bytes that it may take.
SAMPLE_LINES, SAMPLE_BYTES = 40, 1 << 26
# A file is read in blocks of so many bytes: much more than the tasks of the core, much less than memory.
BLOCK = 1 << 23
# Room for so many times the rows of a file that is all like its first block; what isn't used takes no memory.
ROOM = 1.05
# Powers of five that a number of float64 may have as a factor, with digits up to 19 before it.
LEAST_POWER, MOST_POWER = -342, 308
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
INTEGER = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Layout:
    """How a text file is read: lines before the first row, what parts cells (None for blanks), how many each line has.

    `has_comments` says that there are comment lines among the rows, `is_quoted` that there are quotes, and
    `ends_with_delimiter` that each line has an empty cell at its end, which is none. `texts` are the places of columns
    of which the first lines hold text alone.
    """

    n_skipped: int
    delimiter: str | None
    n_cells: int
    decimal_comma: bool = False
    ends_with_delimiter: bool = False
    has_comments: bool = False
    is_quoted: bool = False
    texts: tuple[int, ...] = ()

    @property
    def cells_a_line(self) -> int:
        """With the empty one at the end."""
        return self.n_cells + self.ends_with_delimiter


@dataclass(frozen=True)
class Table:
    """A file of named columns, of which only those asked for are read. `layout` is None for a binary file."""

    path: Path
    columns: tuple[str, ...]
    layout: Layout | None

    @classmethod
    def open(cls, path: str | os.PathLike[str], header: bool | None = None) -> Table:
        """The table in `path`, by its suffix; ValueError for a file that can't be read as one.

        header : whether the first line has names; None where that is to be seen.
        """
        path = Path(path)
        if path.suffix.lower() in FORMATS:
            columns, layout = column_names(path), None
        else:
            columns, layout = _layout(path, header)
        twice = [name for name, times in Counter(filter(None, columns)).items() if times > 1]
        if twice:
            raise ValueError(f"{path}: expected column names that differ, got {', '.join(map(repr, twice))} twice")
        return cls(path, columns, layout)

    def require(self, names: Sequence[str], what: str) -> None:
        """ValueError unless every one of `names` is a column."""
        known = set(self.columns)
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(
                f"{self.path}: {what} {', '.join(map(repr, missing))} is not among the columns "
                f"{', '.join(map(repr, self.columns))}"
            )

    def features(self, targets: Sequence[str]) -> list[str]:
        """All columns but the targets, and but one without a name that counts the rows, as data frames write it."""
        names = [name for name in self.columns if name not in set(targets)]
        if "" not in names:
            return names
        place = self.columns.index("")
        if self.layout is not None and place in self.layout.texts:
            raise ValueError(f"{self.path}: expected a name for every column, got none for column {place + 1}")
        counts = self._read_text([place]).ravel() if self.columns.count("") == 1 else np.zeros(0)
        if len(counts) and counts[0] in (0.0, 1.0) and np.array_equal(counts, counts[0] + np.arange(len(counts))):
            warnings.warn(
                f"{self.path}: column {place + 1} has no name and holds the row numbers: it is left out", stacklevel=2
            )
            return [name for name in names if name]
        raise ValueError(f"{self.path}: expected a name for every column, got none for column {place + 1}")

    def read(self, names: Sequence[str], *, may_miss: bool = False) -> Array:
        """The columns `names` as (n, k). With `may_miss` empty cells and nulls are NaN, and no error."""
        if self.layout is None:
            return read_columns(self.path, names, may_miss=may_miss)
        place = {name: i for i, name in enumerate(self.columns)}
        return self._read_text([place[name] for name in names], may_miss)

    def read_any(self, names: Sequence[str], *, may_miss: bool = False) -> Array | Columns:
        """The same, but as columns by their names where one of them holds dates or other text, as it is in the file."""
        if self.layout is None:
            return read_any_columns(self.path, names, may_miss=may_miss)
        if not {self.columns.index(name) for name in names} & set(self.layout.texts):
            return self.read(names, may_miss=may_miss)
        return self._by_rows(self.layout, names, may_miss)

    def _by_rows(self, layout: Layout, names: Sequence[str], may_miss: bool) -> Columns:
        """What the csv module reads, line by line."""
        cells: dict[str, list[Any]] = {name: [] for name in names}
        places = {name: self.columns.index(name) for name in cells}
        with self.path.open(newline="", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                is_comment = layout.has_comments and line.lstrip().startswith(COMMENTS)
                if number <= layout.n_skipped or not line.strip() or is_comment:
                    continue
                row = _cells(self.path, line.rstrip("\r\n"), layout.delimiter)
                if len(row) != layout.cells_a_line:
                    self._refuse_line(number, len(row), layout.cells_a_line, line)
                for name, place in places.items():
                    cells[name].append(self._cell(row[place], number, place, layout, may_miss))
        return Columns(
            (name, np.array(column, dtype=object if places[name] in layout.texts else np.float64))
            for name, column in cells.items()
        )

    def _cell(self, cell: str, number: int, place: int, layout: Layout, may_miss: bool) -> str | float | None:
        """A cell of a line: text where the column holds text, else a number."""
        text = cell.strip()
        if not text and may_miss:
            return None
        if text and place in layout.texts:
            return text
        try:
            return float(text.replace(",", ".") if layout.decimal_comma else text)
        except ValueError:
            what = f"text {text!r}" if text else "nothing"
            where = f"{what} in line {number}, column {self.columns[place]!r}"
            raise ValueError(f"{self.path}: expected numbers in every row, got {where}") from None

    def _read_text(self, places: Sequence[int], may_miss: bool = False) -> Array:
        layout = self.layout
        assert layout is not None
        values = self._by_core(layout, places, may_miss)
        if values is not None:
            return values
        if layout.delimiter is not None and not layout.is_quoted:
            self._count_cells(layout)
        elif layout.delimiter is not None:
            self._count_quoted_cells(layout)
        return self._by_numpy(layout, places, may_miss)

    def _by_core(self, layout: Layout, places: Sequence[int], may_miss: bool) -> Array | None:
        """What the core reads; None where it meets more than numbers: quotes, or what others have words to refuse."""
        wanted = list(dict.fromkeys(places))
        slots = np.full(layout.cells_a_line, -1, dtype=np.int64)
        slots[wanted] = np.arange(len(wanted))
        values, n = np.empty((0, len(wanted))), 0
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
                file.seek(0)
            if any(b"\r" in file.readline().rstrip(b"\r\n") for _ in range(layout.n_skipped)):
                return None
            for block in _blocks(file):
                read = rows_of_text(
                    block,
                    layout.delimiter or "",
                    layout.decimal_comma,
                    layout.has_comments,
                    may_miss,
                    slots,
                    _powers_of_five(),
                    resolve_threads(None),
                )
                if read is None:
                    return None
                rows, n_rows, left_open = read
                for row, column, begin, end in left_open.tolist():
                    rows[row, column] = float(bytes(block[begin:end]).replace(b",", b"."))
                if n + n_rows > len(values):  # room for as many rows as the rest has if it is like this block, and some
                    grown = np.empty((n + n_rows + int(ROOM * n_rows * size / len(block)), len(wanted)))
                    grown[:n], values = values[:n], grown
                values[n : n + n_rows] = rows[:n_rows]
                n += n_rows
        values = values[:n]
        return values if wanted == list(places) else values[:, [wanted.index(place) for place in places]]

    def _by_numpy(self, layout: Layout, places: Sequence[int], may_miss: bool) -> Array:
        lines: Any = _with_points(self.path, layout) if layout.decimal_comma else self.path
        try:
            values = np.loadtxt(
                lines,
                delimiter=layout.delimiter,
                skiprows=0 if layout.decimal_comma else layout.n_skipped,
                # Blanks part cells by as many as there are, and a line of more is refused only if all are read.
                usecols=None if layout.delimiter is None else places,
                comments=COMMENTS if layout.has_comments else None,
                quotechar=None if layout.has_comments else '"',  # which NumPy has for one of both
                converters=_number_or_nan if may_miss else None,
                ndmin=2,
                encoding="utf-8-sig",
            )
        except ValueError as error:
            raise ValueError(f"{self.path}: expected numbers in every row, got {self._explain(str(error))}") from None
        values = values.reshape(-1, len(places) if layout.delimiter is not None else layout.n_cells)
        return np.ascontiguousarray(values if layout.delimiter is not None else values[:, list(places)])

    def _count_cells(self, layout: Layout) -> None:
        """ValueError with the first line of more or fewer cells than the header."""
        assert layout.delimiter is not None
        number = 1
        with self.path.open("rb") as file:
            for block in _blocks(file):
                number = self._count(bytes(block), ord(layout.delimiter), layout.cells_a_line, number, layout)

    def _count(self, block: bytes, delimiter: int, wanted: int, number: int, layout: Layout) -> int:
        """Counts the cells of the lines of a block, of which the first has this number; the number of the next."""
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")  # all three that Python takes for ends of lines
        block += b"" if block.endswith(b"\n") else b"\n"
        held = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(held == ord("\n"))
        before = np.searchsorted(np.flatnonzero(held == delimiter), ends)
        cells = np.diff(before, prepend=0) + 1
        for i in np.flatnonzero(cells != wanted):
            line = number + int(i)
            if line <= layout.n_skipped:
                continue
            text = block[0 if i == 0 else int(ends[i - 1]) + 1 : int(ends[i])]
            if text.strip() and not (layout.has_comments and text.lstrip().startswith((b"#", b"%"))):
                self._refuse_line(line, int(cells[i]), wanted, text.decode("utf-8", "replace"))
        return number + len(ends)

    def _count_quoted_cells(self, layout: Layout) -> None:
        with self.path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, delimiter=layout.delimiter or ",")
            try:
                for row in rows:
                    if rows.line_num > layout.n_skipped and row and len(row) != layout.cells_a_line:
                        text = (layout.delimiter or ",").join(row)
                        self._refuse_line(rows.line_num, len(row), layout.cells_a_line, text)
            except csv.Error as error:
                raise ValueError(f"{self.path}: line {rows.line_num}: {error}") from None

    def _refuse_line(self, line: int, got: int, wanted: int, text: str) -> None:
        shown = text.strip() if len(text) < 60 else text[:57].strip() + "..."
        raise ValueError(
            f"{self.path}: expected {wanted} cells in every row, got {got} in line {line}: {shown!r}"
            + (". Numbers may hold no commas that part thousands" if got > wanted and "," in text else "")
        )

    def _explain(self, message: str) -> str:
        """NumPy's complaint in terms of this file's lines and columns."""
        assert self.layout is not None
        found = re.search(r"could not convert string '(.*)' to float64 at row (\d+), column (\d+)", message, re.DOTALL)
        if found is None:
            many = re.search(r"the number of columns changed from (\d+) to (\d+) at row (\d+)", message)
            if many is None:
                return message
            return f"{many[2]} cells in line {self._line_of(int(many[3]) - 1)}, and {many[1]} before"
        text, row, column = found[1], int(found[2]), int(found[3]) - 1
        if column >= len(self.columns):
            return f"{column + 1} cells in line {self._line_of(row)}, and columns for {len(self.columns)}"
        what = f"text {text!r}" if text.strip() else "nothing"
        if re.fullmatch(r"\s*[+-]?\d*\.?\d*[dD][+-]?\d+\s*", text):
            what += " (write E for the D of Fortran's exponents)"
        return f"{what} in line {self._line_of(row)}, column {self.columns[column]!r}"

    def _line_of(self, row: int) -> int:
        """The number of the line, from 1, that holds this row of numbers, from 0."""
        layout = self.layout
        assert layout is not None

        def is_row(line: str) -> bool:
            # A line of blanks is a row of one empty cell, unless blanks part the cells.
            text = line.strip() if layout.delimiter is None else line.rstrip("\n")
            return bool(text) and not (layout.has_comments and line.lstrip().startswith(COMMENTS))

        with self.path.open(encoding="utf-8-sig") as file:
            lines = itertools.islice(enumerate(file, 1), layout.n_skipped, None)
            return next(itertools.islice((number for number, line in lines if is_row(line)), row, None))


def _blocks(file: BufferedReader) -> Iterator[memoryview]:
    """What is left of a file, in blocks of whole lines, each of which is there until the next is asked for."""
    held, n = bytearray(BLOCK), 0  # bytes, of which the first n are those of a line that has begun
    while True:
        if n > len(held) // 2:
            held = held[:n] + bytearray(len(held))
        view = memoryview(held)
        n_read = file.readinto(view[n:])
        end = held.rfind(b"\n", n, n + n_read) + 1 if n_read else n
        if end:
            yield view[:end]
        elif not n_read:
            return
        rest = n + n_read - end
        view[:rest] = view[end : n + n_read]
        n = rest


@functools.cache
def _powers_of_five() -> NDArray[np.uint64]:
    """The first 128 bits of 5^k, cut off, for k from LEAST_POWER to MOST_POWER, as two words each: (651, 2)."""
    words = []
    for k in range(LEAST_POWER, MOST_POWER + 1):
        power = 5 ** abs(k)
        n_bits = power.bit_length()
        first = (power << 128) >> n_bits if k >= 0 else (1 << (127 + n_bits)) // power
        words.append(divmod(first, 1 << 64))
    return np.array(words, dtype=np.uint64)


def _layout(path: Path, header: bool | None) -> tuple[tuple[str, ...], Layout]:
    """The names of the columns of a text file, and how it is read."""
    try:
        with path.open("rb") as binary:
            if binary.read(2) in (b"\xff\xfe", b"\xfe\xff"):
                raise ValueError(f"{path}: expected a text file in UTF-8, got UTF-16: save it as UTF-8")
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line.rstrip("\r\n") for line in _some_lines(file)]
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected a text file in UTF-8, got other bytes") from None
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith(COMMENTS)), None)
    if first is None:
        raise ValueError(f"{path}: expected a table of numbers with a header line, got no line of either")
    given = re.fullmatch(r"sep=(.)", lines[first])
    if given is not None and first + 1 < len(lines):
        first += 1
    rows = [line for line in lines[first:] if line.strip() and not line.lstrip().startswith(COMMENTS)]
    delimiter = given[1] if given is not None else _delimiter(path, rows)
    names = _cells(path, rows[0], delimiter)
    is_data = all(_is_number(cell) for cell in names if cell) and any(names)
    n_skipped, comment = first + 1, None
    if is_data and header is not True:
        # A header may stand in the last comment line before the rows.
        if first and lines[first - 1].lstrip().startswith(COMMENTS):
            comment = lines[first - 1].lstrip().lstrip("#%").strip()
        n_skipped, own = first, names
        names = _cells(path, comment, delimiter) if comment else []
        if len(names) != len(own) or all(map(_is_number, names)):
            names = [str(i) for i in range(len(own))]
            if header is None and _looks_like_header(own, [_cells(path, row, delimiter) for row in rows[1:]]):
                raise ValueError(
                    f"{path}: the first line {rows[0]!r} may be a header of numbers or a row: say which, by "
                    f"--header or --no-header"
                )
            if header is None:
                warnings.warn(
                    f"{path}: there is no header line; the columns are called {names[0]} to {names[-1]}", stacklevel=3
                )
    elif header is False:
        raise ValueError(f"{path}: expected numbers in the first line, got {rows[0][:60]!r}")
    body = rows[1:] if n_skipped > first else rows
    cells = [_cells(path, row, delimiter) for row in body]
    ends = (
        len(names) > 1
        and not names[-1]
        and bool(cells)
        and all(len(row) == len(names) and not row[-1] for row in cells)
    )
    layout = Layout(
        n_skipped,
        delimiter,
        len(names) - ends,
        delimiter != "," and any(DECIMAL_COMMA.fullmatch(cell) for row in cells for cell in row),
        ends,
        any(line.lstrip().startswith(COMMENTS) for line in lines[n_skipped:]),
        any('"' in line for line in lines[n_skipped:]),
        tuple(place for place in range(len(names) - ends) if _is_text([row[place : place + 1] for row in cells])),
    )
    if delimiter is None and cells and all(len(row) != len(names) for row in cells):
        raise ValueError(
            f"{path}: expected {len(names)} cells parted by blanks in every row, as in {rows[0][:60]!r}, got "
            f"{len(cells[0])}; names that hold blanks need another delimiter"
        )
    return tuple(names[: layout.n_cells]), layout


def _is_text(cells: Sequence[Sequence[str]]) -> bool:
    """Whether all cells of a column that are there hold text, in lines that may be too short for it."""
    there = [cell for row in cells for cell in row if cell]
    return bool(there) and not any(map(_is_number, there))


def _some_lines(file: Iterator[str]) -> Iterator[str]:
    """The first lines: comments, and SAMPLE_LINES more."""
    n_rows, n_bytes = 0, 0
    for line in file:
        yield line
        n_rows += not line.lstrip().startswith(COMMENTS)
        n_bytes += len(line)
        if n_rows >= SAMPLE_LINES or n_bytes > SAMPLE_BYTES:
            break


def _delimiter(path: Path, rows: Sequence[str]) -> str | None:
    """What parts the cells: of DELIMITERS what all lines have as often, or else the header has; None for blanks."""
    counts = {candidate: [len(_cells(path, row, candidate)) for row in rows] for candidate in DELIMITERS}
    regular = [candidate for candidate in DELIMITERS if len(set(counts[candidate])) == 1 and counts[candidate][0] > 1]
    if regular:
        return max(regular, key=lambda candidate: counts[candidate][0])
    in_header = [candidate for candidate in DELIMITERS if counts[candidate][0] > 1]
    tokens = {len(row.split()) for row in rows[1:]} or {1}
    if tokens == {1}:
        return in_header[0] if in_header else ","
    return None if tokens == {len(rows[0].split())} or not in_header else in_header[0]


def _cells(path: Path, line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error as error:
        raise ValueError(f"{path}: expected cells in a line, got {line[:40]!r}... ({error})") from None


def _looks_like_header(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a line of numbers may be a header: of integers, in columns that have none."""
    is_integer = [INTEGER.fullmatch(cell) is not None for cell in first]
    below = [INTEGER.fullmatch(cell) is not None for row in rows for cell in row]
    return all(is_integer) and bool(below) and not any(below)


def _number_or_nan(cell: str) -> float:
    return float(cell) if cell.strip() else math.nan


def _with_points(path: Path, layout: Layout) -> Iterator[str]:
    """The lines of the rows with points for decimal commas."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file):
            if number >= layout.n_skipped:
                yield line.replace(",", ".")


def write_csv(path: str | os.PathLike[str], names: Sequence[str], values: Array) -> None:
    """Columns `values` (n, k) under a header, every number with the shortest digits that give it back exactly."""
    with replacing(path) as file:
        file.writelines(line.encode() for line in csv_lines(names, values))


def csv_lines(names: Sequence[str], values: Array) -> list[str]:
    """The lines of such a file."""
    header = ",".join(f'"{name}"' if "," in name or '"' in name else name for name in names)
    return [header + "\n", *(",".join(map(repr, row)) + "\n" for row in values.tolist())]


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ".", 1) if DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return False
    return True
