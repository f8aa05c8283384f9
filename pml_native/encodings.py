"""Columns of a table that hold no numbers -> float64, and how, so that a model takes such columns again.

Dates and times become seconds from the first of them, durations seconds, "true" and "false" 1 and 0, and categories
numbers of their own, 0, 1, 2 ... A column of numbers has no encoding. What is missing (None, NaT, no text) is NaN.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import Columns

Array = NDArray[np.float64]

# Types of pandas for what is missing: such a value is unequal to all, itself too, and no number.
MISSING_TYPES = ("NAType", "NaTType")
# Texts that say that a value is missing, in any case of letters.
MISSING_TEXTS = ("", "nan", "nat")
FLAGS = {"true": 1.0, "false": 0.0}
# Categories of a column at most: each has a model of its own.
MOST_CATEGORIES = 50
# Categories that a message names at most.
MOST_NAMED = 5
# Years from 1970 at most, far below where seconds leave int64.
MOST_YEARS = 1_000_000
ISO_DATE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(?:(Z)|([+-])(\d\d):?(\d\d)?)?)?",
    re.IGNORECASE,
)
# Numbers as other programs write them, which are no names of categories: 1.5D-06, 1.5*^-6, 12,345.6 and 5 %.
MEANT_AS_NUMBER = re.compile(r"[+-]?(\d{1,3}([,' ]\d{3})+|\d+)?(\.\d*)?(([eEdD]|\*\^)[+-]?\d+)?\s?%?")
EPOCH = datetime.date(1970, 1, 1).toordinal()
COMPLEX_SHAPES = (None, "vector", "matrix")


class Seconds(NamedTuple):
    """Instants from 1970 on, or durations: whole seconds and nanoseconds (n,) as int64, and which are missing.

    `has_zone` is None where nothing tells.
    """

    whole: NDArray[np.int64]
    nanoseconds: NDArray[np.int64]
    missing: NDArray[np.bool_]
    has_zone: bool | None

    def since(self, first: int) -> Array:
        """The time that has gone by since `first`, in nanoseconds; NaN where missing."""
        second, nanosecond = divmod(first, 10**9)
        whole, rest = self.whole - second, self.nanoseconds - nanosecond
        # Both of one sign, or else what is short of a second would be a difference of two that are not.
        carry = np.sign(whole) * ((whole != 0) & (np.sign(whole) * rest < 0))
        return np.where(self.missing, np.nan, (whole - carry) + (rest + carry * 10**9) / 1e9)

    def first(self) -> int:
        """The least of those that are there, in nanoseconds; 0 for none."""
        there = np.flatnonzero(np.logical_not(self.missing))
        if not len(there):
            return 0
        i = there[np.lexsort((self.nanoseconds[there], self.whole[there]))[0]]
        return int(self.whole[i]) * 10**9 + int(self.nanoseconds[i])


@dataclass(frozen=True)
class Times:
    """Dates and times as seconds from `first`, which is nanoseconds from 1970 on, in UTC if they have a time zone."""

    first: int
    has_zone: bool
    kind: ClassVar[str] = "times"

    def __post_init__(self) -> None:
        if type(self.first) is not int or type(self.has_zone) is not bool:
            raise ValueError(f"times: expected an integer and whether there is a zone, got {asdict(self)}")
        if abs(self.first) > MOST_YEARS * 366 * 86400 * 10**9:
            raise ValueError(f"times: expected a first within {MOST_YEARS:,} years of 1970, got {self.first}")

    def encode(self, column: Any, what: str) -> Array:
        """Seconds (n,); numbers are such seconds already."""
        values, has_zone = _plain(column)
        numbers = _numbers(values)
        if numbers is not None:
            return numbers
        seconds = _instants(values, has_zone, what)
        if seconds.has_zone not in (None, self.has_zone):
            wanted, got = ("with", "without") if self.has_zone else ("without", "with")
            raise ValueError(f"{what}: expected times {wanted} a time zone, as the model was made of, got some {got}")
        return seconds.since(self.first)

    def __str__(self) -> str:
        second, nanosecond = divmod(self.first, 10**9)
        fraction = f".{nanosecond:09d}".rstrip("0").rstrip(".")
        return f"seconds from {np.datetime64(second, 's')}{fraction}{' UTC' if self.has_zone else ''}"


@dataclass(frozen=True)
class Durations:
    """Durations as seconds."""

    kind: ClassVar[str] = "durations"

    def encode(self, column: Any, what: str) -> Array:
        """Seconds (n,); numbers are such already."""
        values, _ = _plain(column)
        numbers = _numbers(values)
        return _durations(values, what).since(0) if numbers is None else numbers

    def __str__(self) -> str:
        return "seconds"


@dataclass(frozen=True)
class Flags:
    """Truth values, and texts "true" and "false", as 1 and 0."""

    kind: ClassVar[str] = "flags"

    def encode(self, column: Any, what: str) -> Array:
        """1 or 0 (n,); numbers and truth values are such already."""
        values, _ = _plain(column)
        numbers = _numbers(values)
        if numbers is not None:
            return numbers
        out = np.full(len(values), np.nan)
        for i, value in _there(values):
            flag = FLAGS.get(str(value).lower())
            if flag is None:
                raise ValueError(f"{what}: expected true or false, got {value!r} in row {i}")
            out[i] = flag
        return out

    def __str__(self) -> str:
        return "1 for true, 0 for false"


@dataclass(frozen=True)
class Categories:
    """Categories as their places among `names`, texts or numbers that differ."""

    names: tuple[str | int | float, ...]
    kind: ClassVar[str] = "categories"

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        if not self.names or len(self.names) > MOST_CATEGORIES or len(set(self.names)) < len(self.names):
            raise ValueError(f"categories: expected 1 to {MOST_CATEGORIES} that differ, got {len(self.names)}")
        if not all(isinstance(name, (str, int, float)) for name in self.names):
            raise ValueError(f"categories: expected texts or numbers, got {self.names[:MOST_NAMED]}")

    def encode(self, column: Any, what: str) -> Array:
        """Places (n,); ValueError for a value that is not among the names."""
        values, _ = _plain(column)
        places, out = {name: i for i, name in enumerate(self.names)}, np.full(len(values), np.nan)
        for i, value in _there(values):
            place = places.get(_name(value))
            if place is None:
                raise ValueError(f"{what}: expected one of {_some(self.names)}, got {value!r} in row {i}")
            out[i] = place
        return out

    def __str__(self) -> str:
        return ", ".join(f"{i} for {name}" for i, name in enumerate(self.names))


Encoding = Times | Durations | Flags | Categories
KINDS: dict[str, type[Encoding]] = {one.kind: one for one in (Times, Durations, Flags, Categories)}


@dataclass(frozen=True)
class Encodings:
    """How the columns of a table become numbers: `inputs`, one for each column of X, None for one of numbers.

    `complex_y` says that the outputs are real and imaginary parts in turns, of y that was a vector or a matrix.
    """

    inputs: tuple[Encoding | None, ...]
    complex_y: str | None = None

    @property
    def categories(self) -> tuple[int, ...]:
        """The columns of categories."""
        return tuple(j for j, one in enumerate(self.inputs) if isinstance(one, Categories))

    def breaks(self, breaks: Mapping[int | str, Any], names: Sequence[str] | None) -> dict[int | str, Any]:
        """Values of some columns, by name or number, with numbers for dates and durations."""
        found = {}
        for column, values in breaks.items():
            j = names.index(column) if names and column in names else column
            one = self.inputs[j] if isinstance(j, int) and 0 <= j < len(self.inputs) else None
            found[column] = values
            if isinstance(one, (Times, Durations)):
                found[column] = one.encode(np.atleast_1d(np.asarray(values)), f"breaks, {column!r}")
        return found

    def decoded(self, values: Array) -> NDArray[Any]:
        """Outputs (n, m, ...) of a model as complex numbers where y was: (n, ...) or (n, m / 2, ...)."""
        out = np.empty((len(values), values.shape[1] // 2, *values.shape[2:]), dtype=np.complex128)
        out.real, out.imag = values[:, 0::2], values[:, 1::2]
        return out[:, 0] if self.complex_y == "vector" else out

    def sentences(self, names: Sequence[str] | None) -> list[str]:
        """What is said of them, with the names of the columns of X."""
        called = names or [f"x{j}" for j in range(len(self.inputs))]
        said = [f"{name}: {one}" for name, one in zip(called, self.inputs, strict=True) if one is not None]
        return said + (["y is complex: real and imaginary part are two outputs"] if self.complex_y else [])

    def state(self) -> dict[str, Any]:
        """As JSON values."""
        inputs = [None if one is None else {"kind": one.kind, **asdict(one)} for one in self.inputs]
        return {"inputs": inputs, "complex_y": self.complex_y}

    @classmethod
    def from_state(cls, state: dict[str, Any], n_inputs: int, n_outputs: int) -> Encodings:
        """Those of this state; ValueError, KeyError or TypeError for what is none of a model of these sizes."""
        inputs = []
        for one in state["inputs"]:
            values = None if one is None else dict(one)
            inputs.append(None if values is None else KINDS[values.pop("kind")](**values))
        complex_y = state["complex_y"]
        if len(inputs) != n_inputs:
            raise ValueError(f"encodings: expected {n_inputs}, one for each column of X, got {len(inputs)}")
        if complex_y not in COMPLEX_SHAPES:
            raise ValueError(f"complex_y: expected one of {COMPLEX_SHAPES}, got {complex_y!r}")
        if complex_y is not None and (n_outputs % 2 or (complex_y == "vector" and n_outputs != 2)):
            raise ValueError(f"complex_y: expected pairs of outputs for a {complex_y}, got {n_outputs} outputs")
        return cls(tuple(inputs), complex_y)


def parted(values: Any) -> list[tuple[str | int, Any]] | None:
    """The columns (n,) of a table or an array, with names or numbers; None where all are numbers."""
    if isinstance(values, Columns):
        return list(values.items())
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiubc":
        return None
    if hasattr(values, "toarray") or hasattr(values, "collect"):  # sparse, or a query: refused by who reads it
        return None
    if hasattr(values, "iloc") and hasattr(values, "columns"):  # of pandas
        if all(isinstance(one, np.dtype) and one.kind in "fiu" for one in values.dtypes):
            return None
        return [(str(name), values.iloc[:, j]) for j, name in enumerate(values.columns)]
    if hasattr(values, "get_columns"):  # of polars
        return [(column.name, column) for column in values.get_columns()]
    try:
        array, _ = _plain(values)
    except ValueError:  # rows of several lengths
        return None
    if array.dtype.kind not in "OUSTMm" or array.ndim not in (1, 2) or not array.size:
        return None
    return [(0, values)] if array.ndim == 1 else [(j, array[:, j]) for j in range(array.shape[1])]


def encoding_of(column: Any, what: str) -> Encoding | None:
    """How a column (n,) becomes numbers; None for one of numbers, or of nothing that is known here.

    ValueError for dates, texts and the like that can't be one column.
    """
    values, has_zone = _plain(column)
    if values.ndim != 1:
        return None
    if getattr(getattr(column, "dtype", None), "categories", None) is not None:
        return _categories(values, what)
    _, value = next(_there(values), (0, None))
    if values.dtype.kind == "b" or isinstance(value, (bool, np.bool_)):
        return Flags()
    if values.dtype.kind == "M" or isinstance(value, (datetime.date, np.datetime64)):
        seconds = _instants(values, has_zone, what)
        return Times(seconds.first(), bool(seconds.has_zone))
    if values.dtype.kind == "m" or isinstance(value, (datetime.timedelta, np.timedelta64)):
        return Durations()
    if not isinstance(value, str):
        return None
    if ISO_DATE.fullmatch(value):
        seconds = _instants(values, has_zone, what)
        return Times(seconds.first(), bool(seconds.has_zone))
    if value.lower() in FLAGS:
        return Flags()
    other = next(((i, one) for i, one in _there(values) if not isinstance(one, str)), None)
    if other is not None:
        raise ValueError(f"{what}: expected values of one kind, got text {value!r}, and {other[1]!r} in row {other[0]}")
    if all(_is_number(one) for _, one in _there(values)):
        raise ValueError(f"{what}: expected numbers, got text {value!r}; convert it first, as by astype(float)")
    if all(_is_number(one) or MEANT_AS_NUMBER.fullmatch(one) for _, one in _there(values)):
        raise ValueError(
            f"{what}: expected numbers, got text {value!r}; write numbers as 1234.5e-6: E for the D of Fortran's "
            f"exponents, and no marks of thousands or percent"
        )
    return _categories(values, what)


def _categories(values: NDArray[Any], what: str) -> Categories:
    names = {_name(value) for _, value in _there(values)}
    if not 1 <= len(names) <= MOST_CATEGORIES:
        example = next((repr(value) for _, value in _there(values)), "none")
        raise ValueError(
            f"{what}: expected numbers, dates as 2026-01-31T12:00:00, or 1 to {MOST_CATEGORIES} categories, got "
            f"{len(names)} different texts, such as {example}; leave the column out, or give numbers for it"
        )
    return Categories(tuple(sorted(names, key=lambda name: (isinstance(name, str), name))))


def _name(value: Any) -> str | int | float:
    """A category as a model keeps it."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (str, int, float)) else str(value)


def _some(names: Sequence[Any]) -> str:
    named = ", ".join(map(repr, names[:MOST_NAMED]))
    return named + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _plain(column: Any) -> tuple[NDArray[Any], bool]:
    """A column as an array of NumPy, times in UTC if they have a zone, and whether they have; masked is missing."""
    dtype = getattr(column, "dtype", getattr(column, "type", None))
    has_zone = any(getattr(dtype, name, None) is not None for name in ("tz", "time_zone"))
    accessor = getattr(column, "dt", column)
    if has_zone and hasattr(accessor, "tz_convert"):  # of pandas, of which NumPy would make objects
        column = accessor.tz_convert(None)
    values = np.asanyarray(column)
    if np.ma.isMaskedArray(values):
        masked, values = np.ma.getmaskarray(values), np.asarray(np.ma.getdata(values))
        if masked.any():
            values = values.copy() if values.dtype.kind in "Mm" else values.astype(object)
            values[masked] = "NaT" if values.dtype.kind in "Mm" else None
    return np.asarray(values), has_zone


def _numbers(values: NDArray[Any]) -> Array | None:
    """Values as float64 if they are numbers, None otherwise."""
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    there = list(_there(values)) if values.dtype.kind == "O" else []
    # A duration is an integer to NumPy.
    if not there or not all(
        isinstance(value, (bool, int, float, np.number)) and not isinstance(value, np.timedelta64) for _, value in there
    ):
        return None
    out = np.full(len(values), np.nan)
    out[[i for i, _ in there]] = [value for _, value in there]
    return out


def _there(values: NDArray[Any]) -> Iterator[tuple[int, Any]]:
    """The values that are not missing, texts without blanks around, and their places."""
    if values.dtype.kind in "Mm":
        yield from ((i, values[i]) for i in np.flatnonzero(np.logical_not(np.isnat(values))).tolist())
        return
    for i, value in enumerate(values.tolist() if values.dtype.kind != "O" else values):
        if value is None or type(value).__name__ in MISSING_TYPES:
            continue
        if isinstance(value, (str, bytes)):
            text = (value if isinstance(value, str) else value.decode("utf-8", "replace")).strip()
            if text.lower() not in MISSING_TEXTS:
                yield i, text
        elif not (isinstance(value, (float, np.floating, np.datetime64, np.timedelta64)) and value != value):
            yield i, value


def _instants(values: NDArray[Any], has_zone: bool, what: str) -> Seconds:
    """Dates and times, of NumPy, of Python, or texts of ISO 8601."""
    if values.dtype.kind == "M":
        missing = np.isnat(values)
        years = np.where(missing, 0, values.astype("M8[Y]").astype(np.int64))
        if np.any(np.abs(years) > MOST_YEARS):
            raise ValueError(f"{what}: expected dates within {MOST_YEARS:,} years of 1970, got others")
        whole = values.astype("M8[s]")
        rest = (values - whole).astype("m8[ns]").astype(np.int64)
        return Seconds(whole.astype(np.int64), rest, missing, None if missing.all() else has_zone)
    whole, rest = np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=np.int64)
    missing, zones = np.ones(len(values), dtype=bool), set()
    for i, value in _there(values):
        found = _instant(value)
        if found is None:
            raise ValueError(f"{what}: expected dates as 2026-01-31T12:00:00 in every row, got {value!r} in row {i}")
        whole[i], rest[i], own_zone = found
        missing[i] = False
        zones.add(own_zone or has_zone)
    if len(zones) > 1:
        raise ValueError(f"{what}: expected times all with a time zone or all without, got both")
    return Seconds(whole, rest, missing, zones.pop() if zones else None)


def _instant(value: Any) -> tuple[int, int, bool] | None:
    """Whole seconds and nanoseconds from 1970 on, in UTC if there is a zone, and whether there is; None for no date."""
    if isinstance(value, np.datetime64):
        whole = value.astype("M8[s]")
        return int(whole.astype(np.int64)), int((value - whole).astype("m8[ns]").astype(np.int64)), False
    offset = datetime.timedelta(0)
    if isinstance(value, str):
        found = ISO_DATE.fullmatch(value)
        if found is None:
            return None
        date, minutes, seconds, fraction, utc, sign, hours_off, minutes_off = found.groups()
        try:
            moment = datetime.datetime.fromisoformat(f"{date}T{minutes or '00:00'}:{seconds or '00'}")
        except ValueError:
            return None
        nanosecond, has_zone = int((fraction or "0").ljust(9, "0")), bool(utc or sign)
        if sign:
            offset = datetime.timedelta(hours=int(sign + hours_off), minutes=int(sign + (minutes_off or "0")))
    elif isinstance(value, datetime.datetime):
        moment, has_zone = value, value.utcoffset() is not None
        offset = value.utcoffset() or offset
        nanosecond = value.microsecond * 1000 + getattr(value, "nanosecond", 0)
    elif isinstance(value, datetime.date):
        return (value.toordinal() - EPOCH) * 86400, 0, False
    else:
        return None
    second = (moment.toordinal() - EPOCH) * 86400 + moment.hour * 3600 + moment.minute * 60 + moment.second
    return second - offset.days * 86400 - offset.seconds, nanosecond - offset.microseconds * 1000, has_zone


def _durations(values: NDArray[Any], what: str) -> Seconds:
    """Durations, of NumPy or of Python."""
    if values.dtype.kind != "m":
        whole, rest = np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=np.int64)
        missing = np.ones(len(values), dtype=bool)
        for i, value in _there(values):
            if isinstance(value, np.timedelta64):
                one = _durations(np.array([value]), what)
                whole[i], rest[i] = one.whole[0], one.nanoseconds[0]
            elif isinstance(value, datetime.timedelta):
                whole[i] = value.days * 86400 + value.seconds
                rest[i] = value.microseconds * 1000 + getattr(value, "nanoseconds", 0)
            else:
                raise ValueError(f"{what}: expected durations in every row, got {value!r} in row {i}")
            missing[i] = False
        return Seconds(whole, rest, missing, None)
    if np.datetime_data(values.dtype)[0] in ("Y", "M", "generic"):
        raise ValueError(f"{what}: expected durations in weeks or less, got {values.dtype}")
    seconds = values.astype("m8[s]")
    rest = (values - seconds).astype("m8[ns]").astype(np.int64)
    return Seconds(seconds.astype(np.int64), rest, np.isnat(values), None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
