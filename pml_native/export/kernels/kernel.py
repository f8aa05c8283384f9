"""What a kernel is: an operation as two loops, and the types of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...arrays import Array

Ints = NDArray[np.intc]
Numbers = Array  # that are read
Results = Array  # that are written


@dataclass(frozen=True)
class Kernel:
    """One operation: output = forward(inputs), and backward, but for those of which no derivative is asked."""

    name: str
    forward: Callable[..., None]
    backward: Callable[..., None] | None = None

    @property
    def functions(self) -> tuple[Callable[..., None], ...]:
        """Both, or the one that there is."""
        return (self.forward,) if self.backward is None else (self.forward, self.backward)
