"""RBF: values against SciPy's, nearest points, wrong input."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.models.rbf import KERNELS
from pml_native.search import radial
from pml_native.search.elimination import PANEL, solved_by_steps
from pml_native.search.search import Rows

RNG = np.random.default_rng(0)
X = RNG.uniform(1.0, 5.0, size=(200, 2))
Y = np.column_stack([X[:, 0] * np.exp(-X[:, 1]), np.sin(X[:, 0])])
X_NEW = RNG.uniform(1.2, 4.8, size=(50, 2))


@pytest.mark.parametrize("neighbors", [None, 30])
@pytest.mark.parametrize("kernel", KERNELS)
def test_values_are_those_of_scipy(kernel, neighbors):
    model = pml.RBF(X, Y, kernel=kernel, epsilon=6.0, neighbors=neighbors)
    z = model.inputs.apply
    degree = max(KERNELS[kernel].degree, 0)
    scipy = RBFInterpolator(z(X), Y, kernel=kernel, epsilon=6.0, neighbors=neighbors, degree=degree)
    # Both are solutions of one system, of a condition number up to 1e9.
    np.testing.assert_allclose(model(X_NEW), scipy(z(X_NEW)), atol=1e-7)


def test_it_goes_through_its_points_where_the_gradient_is_finite():
    for kernel in KERNELS:
        model = pml.RBF(X, Y[:, 0], kernel=kernel, epsilon=6.0)
        np.testing.assert_allclose(model(X), Y[:, 0], atol=1e-8)
        assert np.isfinite(model.gradient(X)).all()


def test_the_kernel_is_chosen_and_scales_do_not_matter():
    model = pml.fit_rbf(X * 1e-150 + 1e-149, Y[:, 0] * 1e200, effort=0.01, time_limit=None)
    error = model(X_NEW * 1e-150 + 1e-149) / 1e200 - X_NEW[:, 0] * np.exp(-X_NEW[:, 1])
    assert np.sqrt(np.mean(error**2)) < 1e-3
    assert pml.fit_rbf(X, Y, kernel="quintic").kernel == "quintic"
    assert pml.fit_rbf(X, Y, kernel="gaussian", epsilon=5.0).epsilon == pytest.approx(5.0)


def steps_of(search):
    """All that a search offers, and the work of its steps."""
    steps, value, found, work = search.steps(), None, [], []
    while True:
        try:
            asked = steps.send(value)
        except StopIteration:
            return found, work
        value = None
        if isinstance(asked, list):
            value = [step.function(Worker()) for step in asked]
            work += [step.work for step in asked]
        else:
            found.append(asked)


class Solving:
    """Offers the solution of a system of equations, and how many right sides it has."""

    def __init__(self, system):
        self.system = system

    def steps(self):
        n_right = self.system.shape[1] - len(self.system)
        solution = yield from solved_by_steps(self.system, n_right)
        yield (solution, n_right)


class Worker:
    n_threads = 1

    def should_stop(self):
        return False


@pytest.fixture
def few_points(monkeypatch):
    """Kernels are tried on so few points that 600 are many."""
    monkeypatch.setattr(radial, "TRIAL_POINTS", 50)
    monkeypatch.setattr(radial, "NEIGHBORS", 20)


def many_rows(n):
    points = np.random.default_rng(3).uniform(size=(n, 2))
    return Rows(as_samples(points[:-100], wave(points[:-100])), as_samples(points[-100:], wave(points[-100:])))


def wave(points):
    return np.sin(4.0 * points[:, 0]) * np.exp(points[:, 1])


def test_more_and_more_points_are_taken_as_far_as_they_bring_anything(few_points):
    found, work = steps_of(radial.RadialSearch(many_rows(700)))
    of_all = [one for one in found if one.model.neighbors is None]
    sizes = [len(one.model.X) for one in of_all]
    assert (sizes[0], sizes[-2:]) == (50, [300, 600])
    errors = [one.error for one in found]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1 * errors[0]
    assert max(work) < radial.MOST_STEP
    # Only a model of all rows becomes one of those held out as well.
    assert [one.refit is not None for one in of_all] == [size == 600 for size in sizes]


def test_the_nearest_points_are_taken_where_all_would_be_too_many(few_points, monkeypatch):
    monkeypatch.setattr(radial, "available_memory", lambda: 1000)
    points = np.random.default_rng(4).uniform(size=(400, 2))
    model = pml.fit_rbf(points, wave(points), kernel="cubic")
    assert "the 20 nearest of 400 points" in repr(model)  # those held out as well
    assert "all of 200 points" in repr(pml.RBF(X, Y))
    monkeypatch.setattr("pml_native.memory.available_memory", lambda: 1000)
    with pytest.raises(MemoryError, match="RBF: a system of 200 points needs 1 MiB"):
        pml.RBF(X, Y)


def test_a_large_system_is_solved_by_steps_as_at_once():
    n = 2 * PANEL + 30
    rng = np.random.default_rng(5)
    A, b = rng.normal(size=(n, n)), rng.normal(size=(n, 2))
    [(solution, _)] = steps_of(Solving(np.concatenate([A, b], axis=1)))[0]
    np.testing.assert_allclose(solution, np.linalg.solve(A, b), rtol=1e-9)
    assert steps_of(Solving(np.zeros((3, 4))))[0] == [(None, 1)]


def test_points_that_no_system_tells_apart_are_refused():
    with pytest.raises(ValueError, match="can tell apart, got a singular one"):
        pml.fit_rbf(np.zeros((30, 2)), np.arange(30.0))
    with pytest.raises(ValueError, match="kernel: expected one of linear, thin_plate_spline"):
        pml.fit_rbf(X, Y, kernel="cubical")
    with pytest.raises(ValueError, match="neighbors: expected at least 3"):
        pml.fit_rbf(X, Y, neighbors=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "cubical"}, "kernel: expected one of linear, thin_plate_spline"),
        ({"epsilon": 0.0}, "epsilon: expected a number > 0, got 0.0"),
        ({"neighbors": 2}, "neighbors: expected at least 3 for cubic and 2 columns, got 2"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        pml.RBF(X, Y, **options)


def test_points_that_are_there_twice_are_refused():
    with pytest.raises(ValueError, match="expected points that the system of cubic can tell apart"):
        pml.RBF(np.zeros((5, 1)), np.zeros(5), kernel="cubic")
