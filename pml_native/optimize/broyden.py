"""The step that the members of Broyden's family share: O(P^2), one pass over the inverse Hessian.

Every member changes the inverse Hessian H by a scaling and a symmetric matrix of rank 2,
    H+ = scale H + u p' + v q'.
With the direction d = -H g of this step and y = g+ - g, H y = H g+ + d takes one product of H, H g+; the next direction
is then -H+ g+ = -(scale H g+ + u (p'g+) + v (q'g+)). The product is formed while the update of the step before is
applied, so that H is read and written once a step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import _core
from ..arrays import Array
from .objective import Objective
from .quasi_newton import DirectionState, advance, at_floor, is_curved
from .result import Stop


class Secant(NamedTuple):
    """What a step taught: s the step, y the change of gradient, H y, s'y > 0.

    `predicted` is s'Bs > 0, with B the inverse of H: what the model had made of s'y.
    """

    s: Array
    y: Array
    Hy: Array
    sy: float
    predicted: float


class Update(NamedTuple):
    """H -> scale H + u p' + v q', whose last two terms sum to a symmetric matrix."""

    scale: float
    u: Array
    p: Array
    v: Array
    q: Array


@dataclass
class BroydenState(DirectionState):
    """`inverse_hessian` holds the upper triangle without the update of the last step, which is `pending`.

    It is None while it is a multiple of the identity.
    """

    inverse_hessian: Array | None = None
    pending: Update | None = None

    def reset(self) -> None:
        self.inverse_hessian, self.pending = None, None
        super().reset()


def broyden_step(
    objective: Objective, state: BroydenState, update: Callable[[Secant], Update], n_threads: int
) -> Stop | None:
    """A line search along the direction, the `update` that it teaches, and the next direction."""
    taken = advance(objective, state)
    if isinstance(taken, Stop):
        return taken
    s, y = taken.s, taken.y
    sy = float(s @ y)
    curved = is_curved(s, y)
    if state.inverse_hessian is None:
        if not curved:
            state.direction = -state.gradient
            return at_floor(state, state.direction)
        # The size of the true inverse Hessian along the first step (Nocedal and Wright, equation 6.20).
        size = sy / float(y @ y)
        state.inverse_hessian = np.diag(np.full(len(s), size))
        Hg, Hy, predicted = size * state.gradient, size * y, float(s @ s) / size
    else:
        Hg = _product(state, state.gradient, n_threads)
        Hy, predicted = Hg + state.direction, -(taken.a**2) * taken.slope  # s = -a H g, so that B s = -a g
    state.just_reset = False
    if curved and predicted > 0:  # it may have underflowed
        scale, u, p, v, q = state.pending = update(Secant(s, y, Hy, sy, predicted))
        state.direction = -(scale * Hg + float(p @ state.gradient) * u + float(q @ state.gradient) * v)
        if float(state.direction @ state.gradient) >= 0:  # rounding has cost positive definiteness
            state.reset()
    else:
        state.direction = -Hg
    return at_floor(state, state.direction)


def _product(state: BroydenState, x: Array, n_threads: int) -> Array:
    """H x, after what was pending has been applied."""
    assert state.inverse_hessian is not None
    zero = np.zeros_like(x)
    pending = state.pending or Update(1.0, zero, zero, zero, zero)
    state.pending = None
    return _core.symmetric_update(state.inverse_hessian, *pending, x, n_threads)
