"""The user's guide to precision: which families to try on these data, in which order, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .arrays import Samples
from .network_training import train_networks
from .scattered_training import train_polynomial, train_random_features, train_rbf, train_simplex
from .session import Session
from .spline_training import Grid, is_grid, train_splines

Trainer = Callable[[Session, np.random.Generator], None]

# Each trainer offers its models to the session. A new family adds its line here.
TRAINERS: dict[str, Trainer] = {
    "network": train_networks,
    "polynomial": train_polynomial,
    "random_features": train_random_features,
    "rbf": train_rbf,
    "simplex": train_simplex,
    "spline": train_splines,
}
# Polynomials first: where y is one in some coordinates, they reach the floor in a second. If they don't by then, it is
# networks that go on.
SCATTERED: tuple[Trainer, ...] = (partial(train_polynomial, share=1 / 6, most_seconds=10.0), train_networks)


def choose(method: str, samples: Samples) -> tuple[Trainer, ...]:
    """The trainers for `method`, best bets first."""
    if method == "auto":
        return (train_splines, *SCATTERED) if is_grid(samples) else SCATTERED
    if method not in TRAINERS:
        raise ValueError(f"method: expected one of auto, {', '.join(TRAINERS)}, got {method!r}")
    if method == "spline":
        Grid.of(samples.X, samples.y)  # says what is missing, before any row is held out
    return (TRAINERS[method],)
