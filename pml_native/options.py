"""What a caller gives for an option -> a value of its kind, or a ValueError that says wanted and got.

`effort`, `time_limit`, `random_state` and the names of columns are options of many functions: what each of them may be
is said here once. A truth value is no number, and neither is an array of one.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def is_number(value: Any) -> bool:
    """Whether `value` is a single real number, infinite or not; NaN is none."""
    is_real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, (bool, np.timedelta64))
    return is_real and value == value


def number(
    value: Any,
    name: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    or_none: bool = False,
    unit: str = "",
) -> float:
    """`value` as a float that is finite, at least `least`, above `above` and below `below`; NaN for None, if it may be.

    `unit` is what the error says that is counted: "a number of seconds >= 0".
    """
    if value is None and or_none:
        return math.nan
    found = math.nan
    if is_number(value):
        with contextlib.suppress(OverflowError):  # an integer that is no float64
            found = float(value)
    if not (least <= found < below and above < found < math.inf):
        end = f" >= {least:g}" if math.isfinite(least) else f" > {above:g}" if math.isfinite(above) else ""
        wanted = f" between {above:g} and {below:g}" if math.isfinite(below) else end
        none = " or None" if or_none else ""
        raise ValueError(f"{name}: expected a number{unit and f' of {unit}'}{wanted}{none}, got {shown(value)}")
    return found


def whole_number(value: Any, name: str, least: int) -> int:
    """`value` as an integer of at least `least`."""
    if isinstance(value, (bool, np.timedelta64)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name}: expected an integer >= {least}, got {shown(value)}")
    return int(value)


def whole_number_or_none(value: Any, name: str, least: int) -> int | None:
    """The same, or None."""
    try:
        return None if value is None else whole_number(value, name, least)
    except ValueError:
        raise ValueError(f"{name}: expected an integer >= {least} or None, got {shown(value)}") from None


def effort_of(value: Any) -> float:
    """The budget of work: a number >= 0."""
    return number(value, "effort", least=0.0)


def seconds_of(value: Any) -> float:
    """A time limit: seconds >= 0, infinity for None."""
    seconds = number(value, "time_limit", least=0.0, or_none=True, unit="seconds")
    return math.inf if math.isnan(seconds) else seconds


def one_of(value: Any, name: str, choices: Iterable[str], *, or_none: bool = False) -> None:
    """ValueError for a value that is none of these texts."""
    if not ((isinstance(value, str) and value in choices) or (or_none and value is None)):
        none = " or None" if or_none else ""
        raise ValueError(f"{name}: expected one of {', '.join(choices)}{none}, got {shown(value)}")


def flag_or_none(value: Any, name: str) -> bool | None:
    """True, False or None."""
    if value is not None and not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name}: expected True, False or None, got {shown(value)}")
    return None if value is None else bool(value)


def generator(random_state: Any) -> np.random.Generator:
    """The generator that a seed, or a generator, stands for."""
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state: expected a seed, an integer >= 0, or a numpy.random.Generator, got {shown(random_state)}"
        ) from None


def names_of(names: Any, what: str) -> tuple[str, ...] | None:
    """Names of columns as texts; None for None. A single text is none: its letters would be taken for names."""
    if names is None:
        return None
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise ValueError(f"{what}: expected names, one for each column, got {shown(names)}")
    return tuple(str(name) for name in names)


def columns_of(given: Any, what: str) -> Mapping[int | str, Any]:
    """What is given for some columns; nothing for None."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError(f"{what}: expected a dictionary of columns, by name or number, got {shown(given)}")
    return given


def shown(value: Any) -> str:
    """A value in an error, on one line, and no longer than that."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
