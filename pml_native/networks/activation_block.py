"""Compiles value, first and second derivative of a user's activation into the one function that the kernels call.

Its loops have no branches, so that LLVM can vectorise them for this machine: one loop for each set of results wanted,
and each over ONE array for z and value, which the kernels pass as the same; two it would have to prove apart.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from ..arrays import Array
from ..jit import NumbaError, carray, cfunc, jit, types

Scalar = Callable[[float], float]
POINTER = types.CPointer(types.float64)
SIGNATURE = types.void(POINTER, POINTER, POINTER, POINTER, types.uintp)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class ActivationBlock:
    """The compiled function; its code lives as long as this object."""

    def __init__(self, value: Scalar, first: Scalar, second: Scalar) -> None:
        named = {"value": value, "first": first, "second": second}
        s, s1, s2 = (_compiled(name, function) for name, function in named.items())

        def block(z: Any, value: Any, first: Any, second: Any, n: int) -> None:
            inputs, a, a1, a2 = carray(z, n), carray(value, n), carray(first, n), carray(second, n)
            if inputs.ctypes.data != a.ctypes.data:
                for i in range(n):
                    a[i] = inputs[i]
            if a2.ctypes.data != 0:
                for i in range(n):
                    x = a[i]
                    a[i] = s(x)
                    a1[i] = s1(x)
                    a2[i] = s2(x)
            elif a1.ctypes.data != 0:
                for i in range(n):
                    x = a[i]
                    a[i] = s(x)
                    a1[i] = s1(x)
            else:
                for i in range(n):
                    a[i] = s(a[i])

        try:
            self._cfunc = cfunc(SIGNATURE, error_model="numpy")(block)
        except NumbaError as error:
            raise ValueError(f"numba can't compile the activation: {_first_line(error)}") from None
        # The status that a compiled function returns is 0 where it can't raise. The kernels have nobody to tell.
        if re.search(r"\bret i32 (?!0\b)", self._cfunc.inspect_llvm()):
            raise ValueError(
                "activation: expected functions that can't raise, got one that can; let it return math.nan"
            )

    @property
    def address(self) -> int:
        return int(self._cfunc.address)

    def __call__(self, z: Array) -> tuple[Array, Array, Array]:
        """Value, first and second derivative at `z` (n,), by the code that the kernels run."""
        results = np.empty((3, z.size))
        pointer = ctypes.POINTER(ctypes.c_double)
        self._cfunc.ctypes(*(a.ctypes.data_as(pointer) for a in (np.ascontiguousarray(z), *results)), z.size)
        return results[0], results[1], results[2]


def _compiled(name: str, function: Scalar) -> Any:
    """`function` compiled for one float64, whether it was plain, compiled before, or is a NumPy ufunc."""
    if not callable(function):
        raise ValueError(f"{name}: expected a function, got {function!r}")
    plain = getattr(function, "py_func", function)
    if not isinstance(plain, FunctionType):

        def plain(z: float) -> float:  # numba compiles calls of ufuncs and builtins, not these themselves
            return function(z)

    dispatcher: Any = jit(plain)
    try:
        dispatcher.compile((types.float64,))
    except (NumbaError, TypeError, NotImplementedError) as error:
        raise ValueError(f"{name}: numba can't compile it: {_first_line(error)}") from None
    result = dispatcher.nopython_signatures[0].return_type
    if result != types.float64 and not isinstance(result, (types.Integer, types.Boolean)):
        raise ValueError(f"{name}: expected a function that returns a float64, got one that returns {result}")
    return dispatcher


def _first_line(error: Exception) -> str:
    """The first line that says something of the user's function."""
    lines = [line.strip() for line in ESCAPE.sub("", str(error)).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Failed in nopython mode pipeline")]
    if not telling:
        return type(error).__name__
    return telling[0] + ("; compile it with @numba.njit first" if "<class 'function'>" in telling[0] else "")
