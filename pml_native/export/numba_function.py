"""A program as a function that numba has compiled, for use in compiled code of the user."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

import numpy as np

from .. import elementary
from ..jit import njit
from .definition import Definition, called, within
from .listing import Listing
from .program import Program
from .transcendental import power_of_two, quarter

# Functions that look at bits.
PRIMITIVES = {power_of_two: elementary.power_of_two, quarter: elementary.quarter}


def value(program: Program, is_number: bool) -> Any:
    """f(x), x (d,): y (m,), or y[0] if `is_number`."""
    lines = [f"y = empty({program.y.size})", "fill(x, y)", "return y[0]" if is_number else "return y"]
    return _checked(program, Listing(program).value("value"), lines)


def gradient(program: Program, is_number: bool) -> Any:
    """f'(x), x (d,): (m, d), or (d,) if `is_number`."""
    d, m = program.n_inputs, program.y.size
    lines = [f"dy = empty({m * d})", "fill(x, dy)", "return dy" if is_number else f"return dy.reshape(({m}, {d}))"]
    return _checked(program, Listing(program).gradient("gradient"), lines)


def _checked(program: Program, definition: Definition, lines: list[str]) -> Any:
    """f(x) of `lines` that call `fill`, which `definition` is."""
    # Compiled code would read on behind a point that is too short.
    d = program.n_inputs
    check = f"if x.size != {d}: raise ValueError('x: expected {d} numbers, one for each input')"
    text = "\n    ".join(["def f(x):", check, *lines])
    return njit(error_model="numpy")(_defined(Definition(text, {"fill": _compiled(definition)}), "f"))


def _compiled(definition: Definition) -> Any:
    """Only compiled code calls it: what Python or C would need to takes as long to compile again."""
    known = {name: _compiled_kernel(one) if callable(one) else one for name, one in definition.known.items()}
    name = definition.syntax.name
    options = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return njit(**options)(_defined(Definition(definition.text, known), name))


def _defined(definition: Definition, name: str) -> Callable[..., Any]:
    """The Python function, which is not compiled, in which annotations mean nothing."""
    known: dict[str, Any] = {"empty": np.empty, **definition.known}
    text = f"from __future__ import annotations\n{definition.text}"
    exec(compile(text, f"<{name} of a model>", "exec"), known)
    function: Callable[..., Any] = known[name]
    return function


@functools.cache
def _compiled_kernel(function: FunctionType) -> Any:
    """`function` compiled, and before it all it calls, as numba wants them; once for all models."""
    if function in PRIMITIVES:
        return PRIMITIVES[function]
    if (program := within(function)) is not None:
        return _compiled(Listing(program).at_a_point(program.name))
    calls = {name: _compiled_kernel(other) for name, other in called(function).items()}
    cells = tuple(
        CellType(calls.get(name, cell.cell_contents))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    )
    bound = FunctionType(function.__code__, {**function.__globals__, **calls}, function.__name__, None, cells)
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(bound)
