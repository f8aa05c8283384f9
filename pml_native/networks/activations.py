"""Activations by name: the built-in ones, and users' own, compiled and given to the kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .derivative_check import wrong_derivative

if TYPE_CHECKING:
    from .activation_block import ActivationBlock

Scalar = Callable[[float], float]

# Every block ever registered, the replaced ones too: a kernel in another thread may be running its code.
_blocks: list[ActivationBlock] = []
_registered: dict[str, tuple[tuple[Any, ...], ...]] = {}

PROBES = np.array([-2.0, -0.7, 0.3, 1.1])


class UnknownActivationError(ValueError):
    """A name that is neither built in nor registered in this process, or registered for another function."""


def require_activation(name: str) -> None:
    """Raises UnknownActivationError unless there is an activation of this name."""
    names = _core.activation_names()
    if not isinstance(name, str) or name not in names:
        raise UnknownActivationError(
            f"activation: expected one of {', '.join(names)}, or a name given to register_activation before, "
            f"got {name!r}"
        )


def saved_values(name: str) -> list[float] | None:
    """What a model file holds beside the name of a user's activation: its values at a few points; None if built in."""
    return _core.activation_value(name, PROBES).tolist() if name in _registered else None


def require_saved_values(name: str, saved: list[float] | None) -> None:
    """Raises UnknownActivationError if `name` stands for another function than when `saved` was saved."""
    require_activation(name)
    if saved is None:
        return
    now = _core.activation_value(name, PROBES)
    # Other machines and other versions of numba round differently.
    if not np.allclose(now, saved, rtol=1e-9, atol=1e-9, equal_nan=True):
        raise UnknownActivationError(
            f"activation: expected {name!r} to be the function it was when the model was saved, with the values "
            f"{saved} at {PROBES.tolist()}, got {now.tolist()}; register that one with register_activation"
        )


def register_activation(
    name: str,
    value: Scalar,
    first: Scalar,
    second: Scalar,
    *,
    check_range: tuple[float, float] | None = (-4.0, 4.0),
    replace: bool = False,
) -> None:
    """Makes `name` an activation for `MLP`, in this process: s(z) with its first and second derivative.

    Each function takes one float and returns one. numba compiles them (`pip install "pml_native[numba]"`) to code that
    runs in all kernels, without the GIL; `pml_native.elementary` has an exp, log, tanh, sin, ... that it vectorises.
    Functions of your own that they call must be `numba.njit` ones. Kernels call them for any z, so return `math.nan`
    rather than raise; integers are converted.

    In `check_range` all three must be finite, and each derivative agree with differences of the function before it;
    single points where it jumps, as for relu, don't count. None leaves the check out.

    Models are saved with the name alone: whoever loads one registers the same functions first, as does every process
    that is to run one. Raises ValueError for a name that is built in or, unless `replace`, is registered for other
    functions, and for functions that don't compile or fail the check; ImportError without numba.
    """
    meanings = tuple(_meaning(function) for function in (value, first, second))
    if not replace and _equal(_registered.get(name), meanings):
        return
    from .activation_block import ActivationBlock

    block = ActivationBlock(value, first, second)
    if check_range is not None:
        _check(block, *check_range)
    _core.register_activation(name, block.address, replace)
    _blocks.append(block)
    _registered[name] = meanings


def _check(block: ActivationBlock, low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"check_range: expected two finite numbers in ascending order, got {(low, high)!r}")
    names = ("value", "first", "second")
    z = np.linspace(low, high, 1025)  # with the round numbers at which a formula may divide by zero
    for name, results in zip(names, block(z), strict=True):
        if not np.isfinite(results).all():
            at = int(np.argmin(np.isfinite(results)))
            raise ValueError(f"{name}: expected finite numbers in check_range, got {results[at]} at z = {z[at]:.10g}")
    results_of = [lambda z, k=k: block(z.ravel())[k].reshape(z.shape) for k in range(3)]
    for order in (1, 2):
        wrong = wrong_derivative(results_of[order - 1], results_of[order], low, high)
        if wrong is not None:
            at_z, wanted, got = wrong
            raise ValueError(
                f"{names[order]}: expected the derivative of {names[order - 1]}, {wanted:.10g} at z = {at_z:.10g}, "
                f"got {got:.10g}"
            )


def _meaning(function: Scalar) -> tuple[Any, ...]:
    """What a function computes, so that the same one is known again when a notebook's cell is run twice."""
    function = getattr(function, "py_func", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return (function,)
    captured = [cell.cell_contents for cell in function.__closure__ or ()]
    used = [function.__globals__.get(name) for name in code.co_names]
    return code.co_code, repr(code.co_consts), code.co_names, function.__defaults__, captured, used


def _equal(a: object, b: object) -> bool:
    try:
        return bool(a == b)
    except ValueError:  # arrays among them, which may have been changed
        return False
