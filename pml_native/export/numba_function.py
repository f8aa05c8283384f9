"""A program as a function that numba has compiled, for use in compiled code of the user."""

from __future__ import annotations

import functools
from types import CellType, FunctionType
from typing import Any

import numpy as np

from .. import elementary
from ..jit import njit
from .listing import Listing
from .program import Program
from .transcendental import power_of_two, quarter
from .translation import called, within

# Functions that look at bits.
PRIMITIVES = {power_of_two: elementary.power_of_two, quarter: elementary.quarter}


def value(program: Program, is_number: bool) -> Any:
    """f(x), x (d,): y (m,), or y[0] if `is_number`."""
    listing = Listing(program, "", lambda array, place: f"{array}[{place}:]")
    lines = [
        f"v = empty({listing.v_size})",
        f"y = empty({program.y.size})",
        *(listing.forward("y") or ["y[:] = x"]),
        "return y[0]" if is_number else "return y",
    ]
    return _compiled(listing, "value", lines)


def gradient(program: Program, is_number: bool) -> Any:
    """f'(x), x (d,): (m, d), or (d,) if `is_number`."""
    listing = Listing(program, "", lambda array, place: f"{array}[{place}:]")
    d, m = program.n_inputs, program.y.size
    lines = [
        f"v, b, dy = empty({listing.v_size}), empty({listing.b_size}), empty(({m}, {d}))",
        *listing.forward(),
        f"for k in range({m}):",
        "    b[:] = 0.0",
        f"    b[{listing.y_place} + k] = 1.0",
        *(f"    {call}" for call in listing.backward()),
        f"    dy[k] = b[:{d}]",
        "return dy[0]" if is_number else "return dy",
    ]
    return _compiled(listing, "gradient", lines)


def _compiled(listing: Listing, name: str, lines: list[str]) -> Any:
    d = listing.program.n_inputs
    # Compiled code would read on behind a point that is too short.
    check = f"if x.size != {d}: raise ValueError('x: expected {d} numbers, one for each input')"
    return njit(error_model="numpy")(_defined(listing, f"{name}(x)", [check, *lines]))


def _defined(listing: Listing, head: str, lines: list[str]) -> Any:
    """The function `head`, not yet compiled, whose `lines` call kernels that are."""
    text = "\n    ".join([f"def {head}:", *lines])
    known: dict[str, Any] = {"empty": np.empty, **listing.tables}
    for step in listing.program.steps:
        for function in step.kernel.functions:
            known[function.__name__] = _compiled_kernel(function)
    name = head.partition("(")[0]
    exec(compile(text, f"<{name} of a model>", "exec"), known)
    return known[name]


def _compiled_within(program: Program) -> Any:
    """f(x, y, dy) of a program within another: its one number, and its gradient."""
    listing = Listing(program, "", lambda array, place: f"{array}[{place}:]")
    lines = [
        f"v, b = empty({listing.v_size}), empty({listing.b_size})",
        *listing.forward(),
        "b[:] = 0.0",
        f"b[{listing.y_place}] = 1.0",
        *listing.backward(),
        f"y[0] = v[{listing.y_place - program.n_inputs}]",
        f"dy[:{program.n_inputs}] = b[:{program.n_inputs}]",
    ]
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(
        _defined(listing, f"{program.name}(x, y, dy)", lines)
    )


@functools.cache
def _compiled_kernel(function: FunctionType) -> Any:
    """`function` compiled, and before it all it calls, as numba wants them; once for all models."""
    if function in PRIMITIVES:
        return PRIMITIVES[function]
    if (program := within(function)) is not None:
        return _compiled_within(program)
    calls = {name: _compiled_kernel(other) for name, other in called(function).items()}
    cells = tuple(
        CellType(calls.get(name, cell.cell_contents))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    )
    bound = FunctionType(function.__code__, {**function.__globals__, **calls}, function.__name__, None, cells)
    # Only compiled code calls it: what Python or C would need to takes as long to compile again.
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(bound)
