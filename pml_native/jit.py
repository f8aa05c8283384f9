"""How Python functions are compiled: by numba, with IEEE arithmetic as written. Imported only where one is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

try:
    from llvmlite import ir
    from numba import carray, cfunc, njit, types
    from numba.core.errors import NumbaError
    from numba.extending import intrinsic as llvm_intrinsic
except ImportError as error:
    raise ImportError(f'this needs numba, pip install "pml_native[numba]" ({error})') from error

__all__ = ["NumbaError", "carray", "cfunc", "intrinsic", "ir", "jit", "njit", "types"]

P = ParamSpec("P")
R = TypeVar("R")


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, compiled when first called, and inlined into what calls it so that loops over it can be vectorised.

    Division by zero gives inf or NaN: an exception would be a branch in every loop.
    """
    return cast(Callable[P, R], njit(error_model="numpy", forceinline=True)(function))


def intrinsic(function: Callable[..., Any]) -> Any:
    """`function`, which gives a signature and a writer of LLVM code, as a function for compiled code to call."""
    return llvm_intrinsic(function)
