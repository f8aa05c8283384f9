"""What a minimization returns, and why it ended."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..arrays import Array


class Status(Enum):
    """Why a minimization ended. Not converging is a status; misuse raises."""

    CONVERGED = "the gradient or the loss fell below the tolerance asked for"
    AT_FLOOR = "the loss can't fall further in float64: what a step would gain is below its rounding noise"
    STALLED = "no step along the search direction lowers the loss, though rounding is not the reason"
    MAX_STEPS = "the number of steps allowed was used up"
    MAX_SECONDS = "the time allowed was used up"
    NONFINITE = "the loss or one of its derivatives became infinite or NaN"
    STOPPED = "the callback asked to stop"
    INTERRUPTED = "interrupted from the keyboard"


@dataclass(frozen=True)
class Stop:
    """A status with what was measured when it arose.

    `params`, where there are some, are better than those of the smallest loss met, from which theirs differs by
    rounding only.
    """

    status: Status
    detail: str = ""
    params: Array | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.status.value} ({self.detail})" if self.detail else self.status.value


@dataclass(frozen=True)
class History:
    """One entry a step, the start included: seconds since the start, loss, gradient norm. Arrays of doubles."""

    seconds: array[float] = field(default_factory=lambda: array("d"))
    loss: array[float] = field(default_factory=lambda: array("d"))
    gradient_norm: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True)
class OptimizeResult:
    """The best parameters met (P,), their loss, and how the minimization went.

    `state` is the optimizer's own, for `minimize(..., resume=result)` to go on from.
    """

    params: Array
    loss: float
    gradient_norm: float
    stop: Stop
    n_steps: int
    n_evaluations: int
    seconds: float
    history: History
    state: Any = field(repr=False)

    @property
    def status(self) -> Status:
        return self.stop.status

    @property
    def message(self) -> str:
        """What ended the minimization, in a sentence."""
        return str(self.stop)
