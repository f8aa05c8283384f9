"""What holds for every search: it may be dropped at any step, threads change no bit, errors are those of a model."""

import functools
import math
import tracemalloc
import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest

from pml_native.arrays import as_samples
from pml_native.facts import Facts
from pml_native.fitting.limits import rounding_of_outputs
from pml_native.grids import grid_axes
from pml_native.hold_out import split
from pml_native.report import Errors
from pml_native.search import SEARCHES
from pml_native.search.scheduler import Crew, Next, Search, Start, State
from pml_native.search.search import Rows, sample_of

# What a search may refuse, and the words with which it does.
REFUSED = {
    ("algebraic", "two outputs"): "y: expected one output, got 2",
    ("spline", "a constant column"): "rows that form a full grid",
    ("spline", "rows left out"): "rows that form a full grid",
    ("ends", "two outputs"): "y: expected one output, got 2",
    ("exponentials", "two outputs"): "y: expected one output, got 2",
    ("modular", "two outputs"): "y: expected one output, got 2",
    ("nested", "two outputs"): "y: expected one output, got 2",
    ("separable", "two outputs"): "y: expected one output, got 2",
    ("waves", "two outputs"): "y: expected one output, got 2",
}
# Enough for each to come below an error of 0.1 on these rows; the slowest, products, takes half of it.
WORK = 2e9


@functools.cache
def takes_two_inputs(name):
    """Whether a search is for several inputs, or refuses all but one."""
    try:
        SEARCHES[name](rows_of(*grid_of((14, 11))), np.random.default_rng(1))
    except ValueError:
        return False
    return True


def table(name):
    """Rows that the search takes: of two inputs, or of one."""
    return grid_of((14, 11) if takes_two_inputs(name) else (154,))


def grid_of(shape):
    """A grid of points in another order, and a smooth function of them that no family has exactly."""
    axes = [np.linspace(0.5, 2.0, n) for n in shape]
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))
    X = X[np.random.default_rng(5).permutation(len(X))]
    return X, np.exp(-X[:, 0]) * np.sin(X.sum(axis=1)) / (1.0 + X[:, 0] * X[:, -1] ** 2)


def rows_of(X, y, sample_weight=None):
    rng = np.random.default_rng(0)
    samples = as_samples(X, y, sample_weight)
    return Rows.of(*split(samples, None, rng), rng, table=samples, grid=grid_axes(samples.X))


def search_of(name, rows, what=""):
    """The search, or the end of the test where it refuses `what` in the words expected."""
    make = SEARCHES[name]
    if (name, what) not in REFUSED:
        return make(rows, np.random.default_rng(1))
    with pytest.raises(ValueError, match=REFUSED[name, what]):
        make(rows, np.random.default_rng(1))
    pytest.skip(f"refuses {what}")


@dataclass
class Watched:
    """Runs a search with this work at most, up to so many events, and keeps what happens."""

    search: Search
    work: float = WORK
    most: float = math.inf
    prospect: float = 0.0
    found: list = field(default_factory=list)
    done: list = field(default_factory=list)
    work_of_first: float = 0.0
    state: State = State.RUNNING

    def steps(self):
        [run] = yield Start([self.search])
        run.allow(self.work)
        while self.state is State.RUNNING and len(self.done) < self.most:
            event = yield Next(run)
            self.done.append(event.work)
            self.state = event.state
            if event.found is not None:
                self.found.append(event.found)
                self.work_of_first = self.work_of_first or event.work

    @property
    def best(self):
        return min(self.found, key=lambda found: found.score)


def watched(search, n_threads=1, *, is_late=False, **options):
    watch = Watched(search, **options)
    deadline = 0.0 if is_late else math.inf
    Crew(n_threads, deadline, needed=lambda: not watch.found).run(watch)
    return watch


def bits(founds, folder):
    """What the models' files hold, and all else that is found."""
    held = []
    for found in founds:
        found.model.save(folder / "model.pml")
        held.append(((folder / "model.pml").read_bytes(), found.errors, found.train_rmse, found.maker, found.status))
    return held


@pytest.fixture(params=SEARCHES)
def name(request):
    return request.param


def test_without_any_work_allowed_none_is_done(name):
    watch = watched(search_of(name, rows_of(*table(name))), work=0.0)
    assert watch.state is State.PAUSED
    assert watch.done == [0.0]


def test_errors_are_finite_and_those_of_the_model_and_the_first_is_never_undercut(name):
    rows = rows_of(*table(name))
    watch = watched(search_of(name, rows))
    assert watch.found
    for found in watch.found:
        model, at = found.measured or found.model, found.measured_at or rows.held_out
        assert found.errors == Errors.of(model.evaluate(at.X), at.y, at.sample_weight)
        assert math.isfinite(found.error)
        assert found.error >= found.errors.rmse
        assert found.score <= watch.found[0].score
        assert found.model.n_threads == 1
        assert found.family
        assert found.description
    assert watch.best.error < 0.1


def test_what_was_found_stays_when_it_is_dropped_after_any_step(name, tmp_path):
    rows = rows_of(*table(name))
    whole = watched(search_of(name, rows))
    expected = bits(whole.found, tmp_path)
    n = len(whole.done)
    for most in {1, n // 3, n - 1}:
        part = watched(search_of(name, rows), most=most)
        assert bits(part.found, tmp_path) == expected[: len(part.found)]
        assert part.done == whole.done[:most]


def test_the_same_bits_come_from_any_number_of_threads(name, tmp_path):
    rows = rows_of(*table(name))
    first, *others = (watched(search_of(name, rows), n_threads) for n_threads in (1, 1, 2, 3))
    for other in others:
        assert bits(other.found, tmp_path) == bits(first.found, tmp_path)
        assert other.done == first.done


def test_after_the_deadline_no_step_begins_but_for_a_first_model(name):
    rows = rows_of(*table(name))
    whole = watched(search_of(name, rows))
    late = watched(search_of(name, rows), is_late=True)
    assert math.isfinite(late.best.error)
    assert late.done[-1] <= whole.work_of_first


def test_rows_of_weight_0_count_for_nothing(name):
    X, y = table(name)
    weight = np.where(np.arange(len(X)) % 7 == 0, 0.0, 1.0)
    watch = watched(search_of(name, rows_of(X, np.where(weight == 0.0, 100.0, y), weight), "rows left out"))
    assert watch.best.error < 0.1
    assert np.sqrt(np.mean((watch.best.model(X) - y)[weight > 0.0] ** 2) / np.mean(y**2)) < 0.1


def test_a_constant_column_is_no_trouble(name):
    X, y = table(name)
    if not takes_two_inputs(name):
        pytest.skip("takes one input")
    watch = watched(search_of(name, rows_of(np.column_stack([X, np.full(len(X), 7.0)]), y), "a constant column"))
    assert watch.best.error < 0.1


@pytest.mark.parametrize(("of_x", "of_y"), [(1e-300, 1e300), (1e300, 1e-300)])
def test_scales_cost_neither_digits_nor_warnings(name, of_x, of_y):
    X, y = table(name)
    plain = watched(search_of(name, rows_of(X, y))).best.error
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = watched(search_of(name, rows_of(X * of_x, y * of_y))).best
    assert found.error < max(10.0 * plain, 1e-12)


def test_an_offset_costs_the_digits_that_it_takes_from_the_rows(name):
    X, y = table(name)
    plain = watched(search_of(name, rows_of(X, y))).best.error
    # X is known to 1.5e-8 here.
    assert watched(search_of(name, rows_of(X + 1e8, y))).best.error < max(10.0 * plain, 1e-6)
    assert watched(search_of(name, rows_of(X, y + 1e8))).best.error < 1e-8 * max(10.0 * plain, 1e-6)


def test_two_outputs_are_fitted_both(name):
    X, y = table(name)
    both = np.column_stack([y, 1e5 * np.cos(X[:, 0])])
    found = watched(search_of(name, rows_of(X, both), "two outputs")).best
    assert found.model(X).shape == both.shape
    assert found.error < 0.1


@pytest.mark.parametrize("n", [3, 4, 5])
def test_the_fewest_rows_are_enough(name, n):
    x = np.arange(float(n))
    watch = watched(search_of(name, rows_of(x, np.exp(-x))))
    assert np.isfinite(watch.best.model(x)).all()


def test_it_may_be_made_again_of_all_rows(name):
    X, y = table(name)
    samples = as_samples(X, y)
    for found in watched(search_of(name, rows_of(X, y))).found:
        if found.refit is not None:
            again = found.refit(samples)
            assert isinstance(again, type(found.model))
            assert Errors.of(again.evaluate(X), samples.y).rmse < max(10.0 * found.error, 1e-12)


def test_of_a_large_table_searches_see_more_rows_near_faces_than_there_are():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(-1.0, 1.0, (40_000, 3)), np.full(40_000, 7.0)])
    samples = as_samples(X, X[:, 0])
    chosen, ends = sample_of(samples, 4000, np.random.default_rng(1))
    assert len(set(chosen.tolist())) == 4000
    assert np.array_equal(ends, [X.min(axis=0), X.max(axis=0)])

    def share(some):
        return np.mean(np.any(np.abs(X[some, :3]) > 0.99, axis=1))

    assert share(slice(None)) < 0.04
    assert share(chosen) > 0.08
    assert 0.5 < share(chosen[:2000]) / share(chosen[2000:]) < 2.0  # the first rows are a sample of their own
    assert np.array_equal(chosen, sample_of(samples, 4000, np.random.default_rng(1))[0])
    inner = np.all(np.abs(X[:, :3]) < 0.5, axis=1)
    assert 0.4 < np.mean(inner[chosen]) / np.mean(inner) < 0.9


def test_before_the_first_search_no_large_table_is_copied():
    rng = np.random.default_rng(0)
    X = rng.random((200_000, 4))
    y = X[:, 0].copy()
    tracemalloc.start()
    samples = as_samples(X, y)
    facts = Facts.of(samples)
    train, held_out = split(samples, None, rng, facts)
    Rows.of(train, held_out, rng)
    rounding_of_outputs(samples.y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.7 * (X.nbytes + y.nbytes)
