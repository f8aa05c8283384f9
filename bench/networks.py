"""Networks with data for them, the peers made for these, and the check that all compute the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pml_native import MLP


def case(d: int, W: int, n: int) -> tuple[MLP, np.ndarray, np.ndarray, np.ndarray]:
    """A d-W-W-1 network with its parameters, X (n, d) and y (n, 1)."""
    rng = np.random.default_rng(0)
    mlp = MLP((d, W, W, 1))
    X = rng.uniform(-1, 1, (n, d))
    return mlp, mlp.initialize(rng), X, np.sin(3 * X.sum(axis=1, keepdims=True))


def make(makers: Mapping[str, Callable[..., Any]], *arguments: Any) -> dict[str, Callable[[], Any] | None]:
    return {name: maker(*arguments) for name, maker in makers.items()}


def check_arrays(ours: np.ndarray, made: Mapping[str, Callable[[], Any] | None], tolerance: float) -> None:
    """The largest error is within `tolerance` times the largest value."""
    for name, peer in made.items():
        if peer is not None:
            theirs = np.asarray(peer()).reshape(ours.shape)
            error = np.max(np.abs(theirs - ours)) / np.max(np.abs(theirs))
            assert error <= tolerance, f"{name} differs by {error:.1e}"
