"""Leaves out rows whose y is far from what all others say, where a user has asked for it.

A misprint spoils a fit everywhere, so what is found when it has ended comes too late. Before it there are looks: short
races, of which the best model says what limits it (limits.py). Where that is misprints, their rows are left out, and
the next look is at the others: large misprints hide small ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..hold_out import split
from ..search.scheduler import Crew
from ..search.search import WHOLE_WORK, Rows
from . import guide, outputs
from .clock import Clock
from .limits import has_time, limits_of, rounding_of_outputs
from .race import Race

# Of the work of the fit, and of its time, what a look takes at most; and how many looks there are.
LOOK_SHARE, MOST_LOOKS = 1 / 32, 8


def without_outliers(
    samples: Samples, effort: float, n_threads: int, seconds: float, clock: Clock, interrupted: Callable[[], bool]
) -> tuple[Samples, NDArray[np.intp]]:
    """The samples but for outliers, and the numbers of these, ascending; so many `seconds` are those of the whole fit,
    whose `clock` keeps that a look had too few.

    Nothing is drawn from the generator of the fit, so that where no row is left out it is the same as without looks.
    """
    numbers = np.arange(len(samples.X)) if samples.numbers is None else samples.numbers
    samples, left_out = replace(samples, numbers=numbers), np.empty(0, dtype=np.intp)
    for _ in range(MOST_LOOKS):
        found = None if interrupted() else _seen(samples, effort, n_threads, LOOK_SHARE * seconds, clock, interrupted)
        if found is None:
            break
        assert samples.numbers is not None
        left_out = np.append(left_out, samples.numbers[found])
        samples = samples.take(np.setdiff1d(np.arange(len(samples.X)), found))
    return samples, np.sort(left_out)


def _seen(
    samples: Samples, effort: float, n_threads: int, seconds: float, clock: Clock, interrupted: Callable[[], bool]
) -> NDArray[np.intp] | None:
    """The places of the outliers that one look sees; None for none."""
    start, rng = time.perf_counter(), np.random.default_rng(0)
    train, held_out = split(samples, None, rng)
    table, m = guide.table("auto", is_grid=False), samples.y.shape[1]
    table = outputs.table_of(table) if m > 1 else table
    race = Race(Rows.of(train, held_out, rng), table, rng, outputs.shares(m) * LOOK_SHARE * effort * WHOLE_WORK)
    crew = Crew(n_threads, start + seconds, interrupted, needed=lambda: race.best is None)
    race.is_over = crew.is_over
    crew.run(race)
    if crew.late:
        clock.ended("looks for outliers")
    own = Clock(start + seconds, clock.left_out)
    if race.best is None or race.best.is_exact or not has_time(len(samples.X), own, seconds):
        return None
    limits = limits_of(race.best, race.found.values(), samples, held_out, rounding_of_outputs(samples.y))
    return None if limits.misprints is None else limits.misprints.rows
