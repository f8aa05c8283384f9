"""Triangular factors, by the LAPACK that SciPy has loaded, while other threads may run Python.

SciPy's wrappers of these functions keep Python's lock while they work (1.17), and so does `numpy.linalg.qr` of some
hundred columns (NumPy 2.4): in fits to 4,000 rows that was 6 to 20 % of all time, in which no other thread ran. Here
the functions are called by the addresses that `scipy.linalg.cython_lapack` gives, so that results have SciPy's bits.
Small systems keep the lock: they are solved before another thread would have woken up.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_blas, cython_lapack
from scipy.linalg.lapack import dgeqrf

from .arrays import Array

# Multiply-adds from which on a function lets go of Python's lock: some ten microseconds.
LONG = 1e5
# Columns that LAPACK works on at once: the size of its workspace.
BLOCK = 64


_declaration = ctypes.pythonapi.PyCapsule_GetName
_declaration.restype, _declaration.argtypes = ctypes.c_char_p, [ctypes.py_object]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class _Function:
    """A function of LAPACK or, if `is_blas`, of BLAS: all arguments are pointers."""

    def __init__(self, name: str, *, is_blas: bool = False) -> None:
        capsule = (cython_blas if is_blas else cython_lapack).__pyx_capi__[name]
        declaration = _declaration(capsule)
        if b" int *" not in declaration:
            raise ImportError(f"scipy.linalg: expected {name} with integers of C, got {declaration.decode()}")
        address = _pointer(capsule, declaration)
        pointers = (ctypes.c_void_p,) * (declaration.count(b",") + 1)
        self._is_blas = is_blas
        self._short: Callable[..., None] = ctypes.PYFUNCTYPE(None, *pointers)(address)
        self._long: Callable[..., None] = ctypes.CFUNCTYPE(None, *pointers)(address)

    def __call__(self, work: float, *arguments: bytes | int | float | NDArray[Any]) -> int:
        """Calls it with letters, integers, numbers and arrays; what LAPACK says of its success, 0 for BLAS."""
        info = ctypes.c_int(0)
        kept = [_kept(one) for one in arguments] + ([] if self._is_blas else [ctypes.byref(info)])
        (self._short if work < LONG else self._long)(*kept)
        return info.value


def _kept(argument: bytes | int | float | NDArray[Any]) -> Any:
    if isinstance(argument, np.ndarray):
        return argument.ctypes.data
    if isinstance(argument, bytes):
        return argument
    return ctypes.byref(ctypes.c_int(argument) if isinstance(argument, int) else ctypes.c_double(argument))


_dtrtrs, _dpotrf, _dpotrs, _dtrtri = (_Function(name) for name in ("dtrtrs", "dpotrf", "dpotrs", "dtrtri"))
_dgelsy = _Function("dgelsy")
_dsyrk = _Function("dsyrk", is_blas=True)


def solve_triangular(
    T: Array, B: Array, *, lower: bool = False, transposed: bool = False, unit_diagonal: bool = False
) -> Array:
    """X of T X = B, or T'X = B if `transposed`, for a triangle T (n, n) and B (n,) or (n, k).

    The other triangle of T is not looked at, nor is its diagonal, taken for 1, if that is a unit. LinAlgError where a
    number on it is 0.
    """
    n = len(T)
    if T.shape != (n, n) or len(B) != n:
        raise ValueError(f"T, B: expected (n, n) and (n, k), got {T.shape} and {np.shape(B)}")
    X = np.array(B, dtype=np.float64, order="F")
    if X.size == 0:
        return X
    leading, by_rows = _layout(T)
    if not leading:
        T = np.asfortranarray(T)
        leading, by_rows = n, False
    # Rows are the columns of the transpose.
    info = _dtrtrs(
        0.5 * n * X.size,
        b"L" if lower != by_rows else b"U",
        b"T" if transposed != by_rows else b"N",
        b"U" if unit_diagonal else b"N",
        n,
        X.size // n,
        T,
        leading,
        X,
        n,
    )
    if info:
        raise np.linalg.LinAlgError(f"T: expected no 0 on the diagonal, got one in row {info - 1}")
    return X


def _layout(T: Array) -> tuple[int, bool]:
    """The numbers between neighbours of a row (n, n) of columns, or of a column of rows, and whether these are rows."""
    down, right = T.strides
    size, n = T.itemsize, len(T)
    if down == size and right >= n * size and right % size == 0:
        return right // size, False
    if right == size and down >= n * size and down % size == 0:
        return down // size, True
    return 0, False


def upper_factor(matrix: Array) -> Array | None:
    """U (n, n) of U'U = `matrix`, of which the upper triangle counts; None where it isn't positive definite."""
    n = len(matrix)
    factor = np.array(matrix, dtype=np.float64, order="F")
    if n and _dpotrf(n**3 / 6.0, b"U", n, factor, n):
        return None
    return np.asfortranarray(np.triu(factor))


def solve_with_upper(U: Array, B: Array) -> Array:
    """X of U'U X = B, for B (n,) or (n, k)."""
    n = len(U)
    X = np.array(B, dtype=np.float64, order="F")
    if X.size:
        _dpotrs(1.0 * n * X.size, b"U", n, X.size // n, np.asfortranarray(U), n, X, n)
    return X


def upper_inverse(U: Array) -> Array:
    """U^-1 (n, n) of an upper triangle, with zeros below; LinAlgError where a number on its diagonal is 0."""
    n = len(U)
    inverse = np.array(U, dtype=np.float64, order="F")
    if n and (info := _dtrtri(n**3 / 6.0, b"U", b"N", n, inverse, n)):
        raise np.linalg.LinAlgError(f"U: expected no 0 on the diagonal, got one in row {info - 1}")
    return inverse


def square(A: Array, *, scale: float = 1.0, plus: Array | None = None) -> Array:
    """`scale` A'A (p, p) of A (n, p), of which the upper triangle counts; added to `plus`, in its place, if given.

    `plus` is Fortran-contiguous. Without it the lower triangle is 0.
    """
    n, p = A.shape
    total = np.zeros((p, p), order="F") if plus is None else plus
    if total.shape != (p, p) or not total.flags.f_contiguous:
        raise ValueError(f"plus: expected Fortran-contiguous ({p}, {p}), got {total.shape}")
    if A.size:
        by_columns = A.flags.f_contiguous
        values = A if by_columns else np.ascontiguousarray(A)
        letter, leading = (b"T", n) if by_columns else (b"N", p)
        _dsyrk(0.5 * p * A.size, b"U", letter, p, n, scale, values, leading, 0.0 if plus is None else 1.0, total, p)
    return total


def shortest_solution(A: Array, b: Array, rcond: float) -> Array:
    """The shortest x (p,) of those that come nearest to A x = b, for A (n, p) and b (n,), by QR with column pivoting.

    Columns count for nothing from where the triangle's condition would be above 1 / `rcond`.
    """
    n, p = A.shape
    if min(n, p) == 0:
        return np.zeros(p)
    factor, right = np.array(A, order="F"), np.zeros(max(n, p))
    right[:n] = b
    order, rank = np.zeros(p, dtype=np.intc), np.zeros(1, dtype=np.intc)

    def solve(work: float, workspace: Array, length: int) -> None:
        _dgelsy(work, n, p, 1, factor, n, right, len(right), order, rcond, rank, workspace, length)

    wanted = np.empty(1)
    solve(0.0, wanted, -1)
    workspace = np.empty(int(wanted[0]))
    solve(1.0 * n * p**2, workspace, len(workspace))
    return right[:p]


def triangle_of(A: Array, *, overwrite: bool = False) -> Array:
    """R (min(n, p), p) of A = QR, for A (n, p), which is lost if it may be overwritten and is Fortran-contiguous."""
    n, p = A.shape
    if min(n, p) == 0:
        return np.zeros((min(n, p), p))
    own = A if overwrite and A.flags.f_contiguous else np.array(A, order="F")
    factor = dgeqrf(own, lwork=BLOCK * p, overwrite_a=1)[0]
    return np.triu(factor[: min(n, p)])
