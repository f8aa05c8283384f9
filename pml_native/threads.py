"""How many threads a call may use."""

from __future__ import annotations

import operator
import os

# Threads of a call, for each core. More would wait for each other, and stay until the process ends.
MOST_A_CORE = 4


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolve_threads(n_threads: int | None) -> int:
    """`n_threads`, at most MOST_A_CORE for each core; for None the cores there are.

    The environment bounds what None means: PML_NATIVE_NUM_THREADS, or else OMP_NUM_THREADS, which batch systems and
    Dask's workers set.
    """
    if n_threads is not None:
        try:
            number = 0 if isinstance(n_threads, bool) else operator.index(n_threads)
        except TypeError:
            number = 0
        if number < 1:
            raise ValueError(f"n_threads: expected a positive integer or None, got {n_threads!r}")
        return min(number, MOST_A_CORE * available_cores())
    limit = os.environ.get("PML_NATIVE_NUM_THREADS", "")
    if not limit:
        # It may be a list, of which the first counts; what is no number is another program's to refuse.
        others = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        return min(available_cores(), int(others)) if others.isdecimal() and int(others) > 0 else available_cores()
    if not limit.isdecimal() or int(limit) < 1:
        raise ValueError(f"PML_NATIVE_NUM_THREADS: expected a positive integer, got {limit!r}")
    return int(limit)
