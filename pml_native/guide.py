"""The user's guide to precision: which families to try on these data, in which order, and why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arrays import Samples
from .network_training import train_networks
from .session import Session
from .spline_training import Grid, is_grid, train_splines

# Each trainer offers its models to the session. A new family adds its line here.
TRAINERS: dict[str, Callable[[Session, np.random.Generator], None]] = {
    "spline": train_splines,
    "network": train_networks,
}


def choose(method: str, samples: Samples) -> list[str]:
    """The families to try for `method`, best bets first."""
    if method == "auto":
        return [family for family in TRAINERS if family != "spline" or is_grid(samples)]
    if method not in TRAINERS:
        raise ValueError(f"method: expected one of auto, {', '.join(TRAINERS)}, got {method!r}")
    if method == "spline":
        Grid.of(samples.X, samples.y)  # says what is missing, before any row is held out
    return [method]
