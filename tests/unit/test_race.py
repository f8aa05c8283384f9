"""Races of searches: what is decided, and said, does not depend on how many threads there are."""

import time

import numpy as np
import pytest

from pml_native.arrays import as_samples
from pml_native.fitting.race import Race, Row
from pml_native.search import SEARCHES
from pml_native.search.scheduler import Crew, Step
from pml_native.search.search import Rows

WORK = 1e9
N_STEPS = 6


class Drawing:
    """A search that finds nothing, draws a random number after each step, and says which."""

    prospect = 0.0

    def __init__(self, name, seconds, rng):
        self.name, self.seconds, self.rng = name, seconds, rng

    def steps(self):
        for _ in range(N_STEPS):
            yield [Step(WORK / 100, lambda worker: time.sleep(self.seconds))]
            yield f"0.0 s: {self.name} draws {self.rng.random()}"


def path_with(n_threads):
    rng = np.random.default_rng(0)
    samples = as_samples(rng.random((20, 2)), rng.random(20))
    race = Race(Rows.of(samples, samples, rng), (Row("slow"), Row("fast")), rng, WORK)
    Crew(n_threads, deadline=np.inf).run(race)
    return race.path


@pytest.fixture
def _two_searches(monkeypatch):
    for name, seconds in (("slow", 0.01), ("fast", 0.001)):
        monkeypatch.setitem(SEARCHES, name, lambda rows, rng, name=name, seconds=seconds: Drawing(name, seconds, rng))


@pytest.mark.usefixtures("_two_searches")
def test_what_searches_draw_and_say_is_the_same_for_any_number_of_threads():
    path = path_with(1)
    assert len(path) == 2 * N_STEPS
    assert path_with(2) == path
    assert path_with(4) == path
