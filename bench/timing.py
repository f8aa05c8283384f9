"""Times functions side by side, so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import Any

MIN_ROUNDS = 7
MAX_ROUNDS = 1000
SLOW = 1.0  # seconds of a call from which on caches and thread pools of the call before don't count


def interleaved(
    contestants: Mapping[str, Callable[[], Any]], *, seconds: float = 4.0, min_rounds: int = MIN_ROUNDS
) -> dict[str, float]:
    """Median seconds of a call of each, in as many rounds as fit in `seconds`, but at least `min_rounds`."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    cost, slow = 0.0, set()
    for name, call in contestants.items():
        call()  # compiles, and allocates what the function keeps
        start = perf_counter()
        call()
        duration = perf_counter() - start
        cost += duration
        if duration > SLOW:
            slow.add(name)
            times[name].append(duration)
    rounds = min(max(min_rounds, int(seconds / (2 * cost))), MAX_ROUNDS)

    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for i in range(rounds):
            for name, call in contestants.items():
                if name in slow:
                    if i == 0:
                        continue  # has been timed above
                else:
                    # An untimed call first: the caches then hold this function's data, and the thread pools of the
                    # function before, which spin on the same core for a while after their last call, have gone to
                    # sleep.
                    call()
                start = perf_counter()
                result = call()
                times[name].append(perf_counter() - start)
                del result  # freed here, not inside the next measurement
    finally:
        if collecting:
            gc.enable()
    return {name: median(of_one) for name, of_one in times.items()}
