"""Runs that worker processes can import: quick ones, one that fails, and one that kills its process."""

import math
import os
import signal
import time
from pathlib import Path


def quick(size, seed=0, **rest):
    """Numbers whose every digit matters, and those that JSON has no word for."""
    return {
        "error": math.exp(-size / 7.0) * (1.0 + 0.1 * seed),
        "odd": [math.nan, math.inf, -0.0][size % 3],
        "word": f"s{seed}",
    }


def counted(folder, size):
    """A run that leaves a mark each time it is done."""
    with Path(folder, f"{size}").open("a") as file:
        file.write("x")
    time.sleep(0.01)
    return {"value": 0.1 * size}


def fails_at_three(size):
    if size == 3:
        raise ValueError("three is too many")
    return {"value": size}


def deadly_at_three(size):
    if size == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"value": size}


def dies_once(folder, size):
    """The first to come to size 3 dies with its process, the second doesn't."""
    mark = Path(folder, "died")
    if size == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return {"value": size}
