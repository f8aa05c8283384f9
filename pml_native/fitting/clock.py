"""The time that a time limit leaves, and what it left none for: a fit that leaves something out may not repeat."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field


@dataclass(eq=False)
class Clock:
    """Until `end`, of time.perf_counter; `left_out` is what there was no time for, in words."""

    end: float = math.inf
    left_out: list[str] = field(default_factory=list)

    def leaves(self, seconds: float, what: str) -> bool:
        """Whether there are so many seconds for `what`; from now on it is known where there were not."""
        has_time = time.perf_counter() + seconds <= self.end
        if not has_time:
            self.ended(what)
        return has_time

    def ended(self, what: str) -> None:
        """Keeps that the time limit has cut `what` short."""
        if what not in self.left_out:
            self.left_out.append(what)

    def sentences(self) -> list[str]:
        """What a report says of it."""
        if not self.left_out:
            return []
        return [
            f"the time limit left no time for {', '.join(self.left_out)}: with more of it the result may be another"
        ]
