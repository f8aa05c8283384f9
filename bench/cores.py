"""On which core a script runs; what equations.py and honesty.py share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Holds this process, and all that it starts, to one core; to none for None."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
