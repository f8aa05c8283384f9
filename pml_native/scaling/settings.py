"""The settings of runs: plain values, all combinations of axes, and the text that identifies a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np

Setting = dict[str, Any]


def combinations(axes: Mapping[str, Any]) -> list[Setting]:
    """All settings that take one value of each axis, the last axis fastest.

    A list, tuple, range or array is an axis; a text, number, bool or None is the same in all runs.
    """
    return [dict(zip(axes, values, strict=True)) for values in product(*map(_axis, axes.values()))]


def _axis(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return list(value) if value.ndim else [value.item()]
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def plain(setting: Mapping[str, Any]) -> Setting:
    """`setting` with values that JSON has: bools, numbers, texts, None, and tuples of them."""
    return {str(name): _plain(value, f"setting {name!r}") for name, value in setting.items()}


def key_of(setting: Setting) -> str:
    """What identifies a run: its settings as JSON, names sorted, floats with the digits that give them back exactly."""
    return json.dumps(setting, sort_keys=True, separators=(",", ":"))


def encoded(result: Any, setting: Setting) -> str:
    """The result of a run as JSON; TypeError unless it is a dict of plain values that are not among the settings."""
    if not isinstance(result, Mapping):
        raise TypeError(f"run: expected to return a dict of numbers and texts, got {type(result).__name__}")
    taken = sorted({"status", *setting} & set(result))
    if taken:
        raise TypeError(f"run: expected names in its result that are not settings or 'status', got {', '.join(taken)}")
    return json.dumps({str(name): _plain(value, f"result {name!r}") for name, value in result.items()})


def decoded(text: str) -> Setting:
    """The result that gave this text, bit for bit."""
    return {name: _tuples(value) for name, value in json.loads(text).items()}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _plain(value: Any, what: str) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_plain(part, what) for part in value)
    raise TypeError(f"{what}: expected a number, text, bool, None or a list of them, got {type(value).__name__}")
