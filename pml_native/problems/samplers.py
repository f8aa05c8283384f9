"""How points are drawn from a box: uniform, denser at the edges, evenly spread, or on a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..arrays import Array

Bounds = Sequence[tuple[float, float]]
Sampler = Callable[[int, Bounds, np.random.Generator], Array]


def uniform(n: int, bounds: Bounds, rng: np.random.Generator) -> Array:
    """`n` independent points (n, d), uniform in the box."""
    low, high = np.array(bounds).T
    return rng.uniform(low, high, size=(n, len(bounds)))


def arcsine(n: int, bounds: Bounds, rng: np.random.Generator) -> Array:
    """`n` independent points (n, d), each coordinate distributed as cos(pi u) for u uniform: denser at the edges."""
    return _scaled(np.cos(np.pi * rng.random((n, len(bounds)))), bounds)


def sobol(n: int, bounds: Bounds, rng: np.random.Generator) -> Array:
    """The first `n` points (n, d) of a Sobol sequence, scrambled by `rng`; spread most evenly for powers of 2."""
    from scipy.stats import qmc  # half a second to import

    unit: Array = qmc.Sobol(len(bounds), seed=rng).random_base2(max(n - 1, 0).bit_length())
    return _scaled(2.0 * unit[:n] - 1.0, bounds)


def grid(n: int, bounds: Bounds, rng: np.random.Generator) -> Array:
    """The points of `grid_axes`, the last axis fastest: about `n` of them. Nothing is random."""
    if n == 0:
        return np.empty((0, len(bounds)))
    mesh = np.meshgrid(*grid_axes(n, bounds), indexing="ij")
    return np.stack([axis.ravel() for axis in mesh], axis=1)


# A new sampler adds its line here.
SAMPLERS: dict[str, Sampler] = {"uniform": uniform, "arcsine": arcsine, "sobol": sobol, "grid": grid}


def grid_axes(n: int, bounds: Bounds) -> list[Array]:
    """The axes of an equidistant grid over the box, ends included: k points each, k^d nearest to `n`, at least 2."""
    d = len(bounds)
    below = max(2, int(n ** (1.0 / d)))
    k = min((below, below + 1), key=lambda count: abs(count**d - n))
    return [np.linspace(low, high, k) for low, high in bounds]


def _scaled(unit: Array, bounds: Bounds) -> Array:
    """Points of [-1, 1]^d in the box."""
    low, high = np.array(bounds).T
    points: Array = np.clip(0.5 * (low + high) + 0.5 * (high - low) * unit, low, high)
    return points
