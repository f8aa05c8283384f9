"""How many threads a call may use."""

from __future__ import annotations

import operator
import os


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolve_threads(n_threads: int | None) -> int:
    """`n_threads`, or the cores there are for None; the environment variable PML_NATIVE_NUM_THREADS bounds None."""
    if n_threads is not None:
        try:
            number = 0 if isinstance(n_threads, bool) else operator.index(n_threads)
        except TypeError:
            number = 0
        if number < 1:
            raise ValueError(f"n_threads: expected a positive integer or None, got {n_threads!r}")
        return number
    limit = os.environ.get("PML_NATIVE_NUM_THREADS", "")
    if not limit:
        return available_cores()
    if not limit.isdecimal() or int(limit) < 1:
        raise ValueError(f"PML_NATIVE_NUM_THREADS: expected a positive integer, got {limit!r}")
    return int(limit)
