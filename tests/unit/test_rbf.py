"""RBF: values against SciPy's, nearest points, wrong input."""

import math
import warnings

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting import guide
from pml_native.fitting.race import Race
from pml_native.models.rbf import KERNELS, SCALE_FREE
from pml_native.search import radial
from pml_native.search.elimination import PANEL, solved_by_steps
from pml_native.search.scheduler import Crew
from pml_native.search.search import WHOLE_WORK, Rows

RNG = np.random.default_rng(0)
X = RNG.uniform(1.0, 5.0, size=(200, 2))
Y = np.column_stack([X[:, 0] * np.exp(-X[:, 1]), np.sin(X[:, 0])])
X_NEW = RNG.uniform(1.2, 4.8, size=(50, 2))


@pytest.mark.parametrize("neighbors", [None, 30])
@pytest.mark.parametrize("scales", [None, (1.5, 0.7)])
@pytest.mark.parametrize("kernel", [name for name in KERNELS if name != "matern"])
def test_values_are_those_of_scipy(kernel, scales, neighbors):
    model = pml.RBF(X, Y, kernel=kernel, epsilon=6.0, scales=scales, neighbors=neighbors)
    z = model.inputs.apply
    degree = max(KERNELS[kernel].degree, 0)
    scipy = RBFInterpolator(z(X), Y, kernel=kernel, epsilon=6.0, neighbors=neighbors, degree=degree)
    # Both are solutions of one system, of a condition number up to 1e9.
    np.testing.assert_allclose(model(X_NEW), scipy(z(X_NEW)), atol=1e-7)


def test_a_matern_kernel_makes_the_mean_of_the_gaussian_process_of_scikit_learn():
    gaussian_process = pytest.importorskip("sklearn.gaussian_process")
    model = pml.RBF(X, Y[:, 0], kernel="matern", scales=(2.0, 3.0))
    z = model.inputs.apply
    kernel = gaussian_process.kernels.Matern(1.0, nu=2.5)
    # The model has a constant beside the kernel: so does a process whose constant is of a large variance.
    constant = gaussian_process.kernels.ConstantKernel(1e6)
    peer = gaussian_process.GaussianProcessRegressor(kernel + constant, optimizer=None, alpha=1e-10).fit(z(X), Y[:, 0])
    np.testing.assert_allclose(model(X_NEW), peer.predict(z(X_NEW)), atol=1e-4)


def test_scales_say_what_columns_count_for_and_are_saved(tmp_path):
    model = pml.RBF(X, Y[:, 0], kernel="cubic", scales=(3.0, 1.0))
    by_hand = pml.RBF(X, Y[:, 0], kernel="cubic")
    assert np.max(np.abs(model(X_NEW) - by_hand(X_NEW))) > 1e-6
    model.save(tmp_path / "model.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "model.pml")(X_NEW), model(X_NEW))
    with pytest.raises(ValueError, match=r"scales: expected \(2,\) numbers > 0, got \[1.0, 0.0\]"):
        pml.RBF(X, Y, scales=[1.0, 0.0])


def test_columns_that_bend_y_less_are_scaled_down():
    rng = np.random.default_rng(1)
    points = rng.uniform(-1.0, 1.0, size=(400, 4))

    def function(x):
        return np.sin(4.0 * x[:, 0]) * (1.0 + 0.05 * x[:, 1] ** 2 + 0.02 * np.exp(x[:, 2])) + 0.01 * x[:, 3] ** 2

    model = pml.fit_rbf(points, function(points), effort=0.2, time_limit=None)
    assert model.scales is not None
    assert model.scales[0] > 3.0 * np.max(model.scales[1:])
    new = rng.uniform(-0.9, 0.9, size=(1000, 4))
    plain = pml.RBF(points, function(points), kernel="cubic")
    assert np.std(model(new) - function(new)) < 0.1 * np.std(plain(new) - function(new))


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
    # With all 600 the kernel is nearly too flat for float64: whether they bring more is decided by BLAS's last digits.
    assert sizes[:3] == [50, 150, 300]
    assert sizes[3:] in ([], [600])
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


def test_a_single_point_many_times_is_refused():
    with pytest.raises(ValueError, match="expected points that the system of cubic can tell apart"):
        pml.RBF(np.zeros((5, 1)), np.zeros(5), kernel="cubic")


SMOOTH = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
# Those of the kernels at which all of them are exact on these points.
WIDTH = 6.0


@pytest.mark.parametrize("neighbors", [None, 30])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_point_that_is_there_again_counts_once(kernel, neighbors):
    again = np.array([0, 7, 7])
    once = pml.RBF(X, SMOOTH, kernel=kernel, epsilon=WIDTH, neighbors=neighbors)
    rounded = np.concatenate([SMOOTH, SMOOTH[again] * (1.0 + 4e-16)])
    twice = pml.RBF(np.concatenate([X, X[again]]), rounded, kernel=kernel, epsilon=WIDTH, neighbors=neighbors)
    assert len(twice.X) == len(X)
    np.testing.assert_allclose(twice(X_NEW), once(X_NEW), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("neighbors", [None, 30])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("change", [1e-6, 1.0])
def test_a_point_of_two_values_is_refused_and_the_search_takes_their_mean(kernel, neighbors, change):
    again = np.concatenate([X, X[3:4]])
    with pytest.raises(ValueError, match="got 1 rows that repeat a point with another y, the first of them row 200"):
        pml.RBF(again, np.append(SMOOTH, SMOOTH[3] + change), kernel=kernel, epsilon=WIDTH, neighbors=neighbors)


def test_a_kernel_too_flat_for_float64_comes_after_all_that_meet_their_points():
    """The likeliest Gaussian of scaled columns misses the points by as much as others, a hundred times what is left."""
    rng = np.random.default_rng(0)
    points = 1.0 + rng.uniform(0.0, 1.0, (60, 2))
    y = points[:, 0] ** 3 / np.expm1(points[:, 0] / points[:, 1])
    for scale in (1.0, 1e300, 1e-300):
        model = pml.fit_rbf(points * scale, y, effort=2e-5, time_limit=None)
        np.testing.assert_allclose(model(points * scale), y, rtol=1e-8)


def test_the_search_takes_the_mean_of_copies_of_a_point_and_of_near_copies():
    near = np.concatenate([X, X[:1], X[5:6] + 1e-12, X[9:10] + 1e-9])
    y = np.append(SMOOTH, SMOOTH[[0, 5, 9]])
    model = pml.fit_rbf(near, y, kernel="cubic", effort=0.01, time_limit=None)
    assert len(model.X) == len(X)
    # Points move by half of 1e-9, and y at them by a slope of 3 to 10.
    np.testing.assert_allclose(model(X), SMOOTH, atol=1e-8)
    means = radial.apart(as_samples(near, y + 2.0 * (np.arange(203) == 202)))
    np.testing.assert_allclose(means.y[[5, 9], 0], SMOOTH[[5, 9]] + [0.0, 1.0], rtol=1e-14)
    np.testing.assert_allclose(means.X, X, atol=1e-9)


@pytest.mark.filterwarnings("ignore::pml_native.PrecisionWarning")
@pytest.mark.parametrize("distance", [1e-9, 1e-12, 1e-15])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("d", [1, 2, 4])
def test_near_copies_of_a_point_are_met_or_refused_by_name(kernel, distance, d):
    rng = np.random.default_rng(d)
    points = rng.uniform(size=(80, d))
    points = np.concatenate([points, points[:1] + distance])
    y = np.cos(points.sum(axis=1))
    model = pml.RBF(points, y, kernel=kernel, epsilon=WIDTH)
    np.testing.assert_allclose(model(points), y, atol=1e-6)
    y[-1] += 0.5
    if kernel == "linear" and distance < 1e-11:
        return  # whose system is not singular, though its slope is steep
    off, reason = off_or_refused(points, y, kernel=kernel, epsilon=WIDTH)
    assert off < 1e-6 or "of the box apart; merge them" in reason


def off_or_refused(points, y, **options):
    """How far a model is off its points, or why it is refused."""
    try:
        return np.abs(pml.RBF(points, y, **options)(points) - y).max(), ""
    except ValueError as error:
        return np.inf, str(error)


@pytest.mark.parametrize("neighbors", [None, 40])
@pytest.mark.parametrize("kernel", [name for name in KERNELS if name not in SCALE_FREE])
@pytest.mark.parametrize("d", [1, 3])
def test_a_kernel_too_flat_for_float64_is_refused_or_said(kernel, neighbors, d):
    points = np.random.default_rng(d).uniform(size=(100, d))
    y = 1e4 + np.column_stack([np.sin(6.0 * points[:, 0]), np.cos(5.0 * points.sum(axis=1))])
    refused = 0
    for epsilon in (1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            off, reason = off_or_refused(points, y, kernel=kernel, epsilon=epsilon, neighbors=neighbors)
        if reason:
            assert "the kernel is too flat for so many points; give a larger one" in reason
            refused += 1
            continue
        assert off < 5e-6
        assert off < 1e-7 or issubclass(caught[0].category, pml.PrecisionWarning)
    assert 1 <= refused <= 4


def test_how_far_a_model_is_off_its_points_is_measured_by_the_range_of_y():
    for y in (np.full(200, 7.0), np.zeros(200), 1e300 * SMOOTH, 1e-300 * SMOOTH, 1e12 + SMOOTH):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = pml.RBF(X, y)
        np.testing.assert_allclose(model(X), y, rtol=1e-11, atol=1e-11 * np.ptp(y))


def on_lines(d, each, jitter):
    """Points dense along lines that are far apart, the first axis along them, and points between them."""
    rng = np.random.default_rng(d)
    across = np.stack(np.meshgrid(*[np.linspace(0.0, 1.0, 5)] * (d - 1)), axis=-1).reshape(-1, d - 1)
    along = np.linspace(0.0, 1.0, each)
    points = np.concatenate([np.column_stack([along, np.tile(line, (each, 1))]) for line in across])
    points[:, 1:] += jitter * rng.normal(size=(len(points), d - 1))
    return points, rng.uniform(size=(60, d))


@pytest.mark.filterwarnings("ignore::pml_native.PrecisionWarning")
@pytest.mark.parametrize("kernel", ["linear", "thin_plate_spline", "cubic", "quintic", "multiquadric"])
@pytest.mark.parametrize("jitter", [0.0, 1e-12, 1e-4])
@pytest.mark.parametrize("d", [2, 3])
def test_nearest_points_on_lines_tell_of_what_is_between_them(kernel, jitter, d):
    points, between = on_lines(d, 300, jitter)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0]

    def truth(points):
        return np.sin(2.0 * points[:, 0]) + np.cos(2.0 * points[:, -1])

    model = pml.RBF(points @ turn, truth(points), kernel=kernel, epsilon=3.0, neighbors=40)
    assert np.abs(model(between @ turn) - truth(between)).max() < 0.3
    some = slice(None, None, 50)
    np.testing.assert_allclose(model(points[some] @ turn), truth(points[some]), atol=1e-6)
    assert np.isfinite(model.gradient(between @ turn)).all()


@pytest.mark.parametrize("n", [3, 4, 5, 7])
@pytest.mark.parametrize("kernel", ["cubic", "linear", "gaussian"])
def test_a_few_nearest_pixels_make_a_value(n, kernel):
    pixels = np.argwhere(np.ones((12, 12))).astype(float)
    model = pml.RBF(pixels, pixels[:, 0], kernel=kernel, epsilon=4.0, neighbors=n)
    queries = np.array([[4.4, 4.4], [0.0, 0.2], [7.5, 2.0], [3.0, 3.0], [-1.0, 30.0]])
    assert np.isfinite(model(queries)).all()
    np.testing.assert_allclose(model(pixels), pixels[:, 0], atol=1e-9)
    if kernel == "cubic":
        np.testing.assert_allclose(model(queries[:4]), queries[:4, 0], atol=0.3)


@pytest.mark.filterwarnings("ignore::pml_native.PrecisionWarning")
@pytest.mark.parametrize("neighbors", [None, 12])
@pytest.mark.parametrize("kernel", ["linear", "thin_plate_spline", "cubic", "multiquadric"])
def test_points_on_a_line_in_space_say_nothing_across_it(kernel, neighbors):
    t = np.sort(np.random.default_rng(1).uniform(size=60))[:, None]
    line, y = t @ [[1.0, 2.0, -1.0]], np.sin(4.0 * t[:, 0])
    model = pml.RBF(line, y, kernel=kernel, epsilon=2.0, neighbors=neighbors)
    np.testing.assert_allclose(model(line), y, atol=1e-6)
    middle = np.array([[0.45]])
    across = middle @ [[1.0, 2.0, -1.0]] + 1e-3 * np.array([[2.0, -1.0, 0.0]])
    np.testing.assert_allclose(model(across), np.sin(1.8), atol=0.02)
    assert np.abs(model.gradient(across)).max() < 5.0


def test_fit_tries_scaled_columns_where_nothing_else_comes_near():
    rng = np.random.default_rng(2)
    points = rng.uniform(-1.0, 1.0, size=(700, 3))
    samples = as_samples(points, np.sin(9.0 * np.hypot(points[:, 0], 0.4 * points[:, 1])) + 0.1 * points[:, 2])
    rows = Rows.of(samples.take(np.arange(600)), samples.take(np.arange(600, 700)), rng)
    table = tuple(row for row in guide.SCATTERED if row.search in ("polynomial", "rbf"))
    race = Race(rows, table, rng, 0.1 * WHOLE_WORK)
    Crew(1, math.inf).run(race)
    assert race.best.family == "rbf"
    assert "columns scaled" in race.best.description


def test_there_is_a_model_before_scales_are_looked_for(monkeypatch):
    """Ten steps of likelihoods went by before the first one, and a fit of 2 s ended after 3.3 s."""
    looks = []
    monkeypatch.setattr("pml_native.search.radial._likelier", lambda *arguments: looks.append(arguments))
    X = np.random.default_rng(0).uniform(size=(300, 2))
    assert np.isfinite(pml.fit_rbf(X, X.sum(axis=1), effort=0.0, n_threads=1)(X)).all()
    assert looks == []
