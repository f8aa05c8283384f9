"""The error to expect over the box and at a point, and what it is read off."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.coverage import Coverage
from pml_native.facts import Facts
from pml_native.fitting.agreement import Box
from pml_native.fitting.clock import Clock
from pml_native.fitting.expected import Witnesses
from pml_native.report import Errors
from pml_native.search.search import Found

LITTLE = 0.01


def bump(X):
    return np.exp(-8.0 * np.sum((X - 0.4) ** 2, axis=1)) + 0.1 * X[:, 0]


def relative(model, f, X, y):
    return np.abs(model(X) - f(X)) / np.sqrt(np.mean(y**2))


@pytest.mark.parametrize("method", ["polynomial", "rational", "algebraic", "network", "random_features", "rbf"])
def test_the_error_over_the_box_is_in_the_range_that_the_report_gives(method):
    rng = np.random.default_rng(1)
    X, Q = rng.uniform(size=(400, 2)), rng.uniform(size=(4000, 2))
    y = bump(X)
    model = pml.fit(X, y, method=method, effort=5 * LITTLE if method == "network" else LITTLE)
    error = relative(model, bump, Q, y)
    low, high = model.report.error_range
    assert np.sqrt(np.mean(error**2)) <= high
    assert low < model.report.error < high
    estimate = model.error_estimate(Q)
    assert estimate.shape == (4000,)
    assert np.mean(error <= estimate) > 0.9
    assert np.mean(error <= 10.0 * estimate) > 0.995
    assert f"{model.report.error:.1e}" in str(model.report)


@pytest.mark.parametrize("error", ["absolute", "relative"])
def test_noise_where_rows_count_for_little_is_no_error_of_the_model(error):
    rng = np.random.default_rng(0)
    X, Q = rng.uniform(size=(1500, 2)), rng.uniform(size=(4000, 2))
    sigma = np.where(rng.random(1500) < 0.5, 1e-7, 0.01) * (1.0 if error == "absolute" else bump(X))
    noisy = bump(X) + sigma * rng.normal(size=1500)
    weight = sigma**-2.0 if error == "absolute" else (sigma / bump(X)) ** -2.0
    model = pml.fit(X, noisy, method="polynomial", sample_weight=weight, error=error, effort=LITTLE)
    true = np.sqrt(np.mean(relative(model, bump, Q, bump(X)) ** 2))
    assert true < 3.0 * model.report.error
    assert model.report.error < 6.0 * true


@pytest.mark.filterwarnings("ignore:.*farther from all rows")
def test_rows_in_one_half_leave_the_other_in_doubt():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(300, 2))
    X = X[(X[:, 0] < 0.5) | (X[:, 1] < 0.1)]
    Q = rng.uniform(size=(4000, 2))
    y = bump(X)
    model = pml.fit(X, y, method="polynomial", effort=LITTLE)
    true = np.sqrt(np.mean(relative(model, bump, Q, y) ** 2))
    assert model.report.validation_rmse < true / 10.0
    assert true < model.report.error_range[1]
    near, far = (model.error_estimate(part) for part in (X, Q[(Q > 0.6).all(axis=1)]))
    assert np.median(far) > 10.0 * np.median(near)


def test_between_the_lines_of_a_coarse_table_the_error_is_that_of_lines_left_out():
    axis = np.array([0.1, 0.4, 0.7, 1.0])
    X = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    f = lambda X: X[:, 0] ** 2 / (X[:, 1] * np.sqrt(X[:, 2]))  # noqa: E731
    Q = np.random.default_rng(0).uniform(0.1, 1.0, size=(4000, 3))
    with pytest.warns(UserWarning, match="few values"):
        model = pml.fit(X, f(X), method="polynomial", effort=LITTLE)
    assert np.sqrt(np.mean(relative(model, f, Q, f(X)) ** 2)) < model.report.error_range[1]


@pytest.mark.filterwarnings("ignore:columns of X take few values")
@pytest.mark.parametrize("seed", [0, 1])
def test_a_model_that_meets_whatever_is_on_the_lines_of_a_table_is_not_exact_between_them(seed):
    rng = np.random.default_rng(seed)
    axis, w = np.linspace(0.0, 1.0, 4), rng.uniform(1.0, 3.0, 3)
    X = np.stack(np.meshgrid(axis, axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 4)
    f = lambda X: np.sin(w[0] * X[:, 0] + X[:, 1]) + np.exp(-w[1] * X[:, 3]) * np.cos(w[2] * X[:, 2])  # noqa: E731
    Q = rng.uniform(size=(4000, 4))
    model = pml.fit(X, f(X), method="separable", effort=LITTLE)
    error = relative(model, f, Q, f(X))
    assert model.report.validation_rmse < 1e-12
    assert np.sqrt(np.mean(error**2)) < 3.0 * model.report.error
    assert np.mean(error <= model.error_estimate(Q)) > 0.9


def test_an_exponent_that_rows_know_only_so_well_is_part_of_the_error_next_to_its_end():
    def f(x):
        t = 1.0 - x / 647.096
        return np.exp(-2.0 * t ** (1.0 / 3.0) - 2.7 * t ** (2.0 / 3.0) - 17.0 * t**3)

    x, Q = np.linspace(300.0, 647.0, 120), np.random.default_rng(0).uniform(300.0, 647.0, 4000)
    model = pml.fit(x, f(x), method="ends", effort=LITTLE)
    error = relative(model, f, Q, f(x))
    assert model.report.validation_rmse < 1e-3 * np.sqrt(np.mean(error**2))  # one gap has nearly all of it
    assert np.sqrt(np.mean(error**2)) < 3.0 * model.report.error
    assert np.mean(error <= model.error_estimate(Q)) > 0.9


@pytest.mark.filterwarnings("ignore:columns of X take few values")
def test_rows_at_random_are_no_test_of_what_is_between_four_values_of_a_column():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(600), rng.choice([0.5, 1.2, 1.4, 1.5], 600)])
    f = lambda X: np.exp(X[:, 0] / X[:, 1])  # noqa: E731
    Q = np.column_stack([rng.random(2000), rng.uniform(0.5, 1.5, 2000)])
    model = pml.fit(X, np.cos(3.0 * f(X)), method="polynomial", effort=LITTLE)
    error = relative(model, lambda X: np.cos(3.0 * f(X)), Q, np.cos(3.0 * f(X)))
    assert np.sqrt(np.mean(error**2)) < 3.0 * model.report.error
    assert np.mean(error <= model.error_estimate(Q)) > 0.9


@pytest.mark.parametrize("method", ["polynomial", "rational"])
def test_of_one_column_the_error_is_not_that_of_gaps_that_leaving_rows_out_makes(method):
    x = np.random.default_rng(3).uniform(0.0, 25.0 if method == "polynomial" else 60.0, 90)
    f = {"polynomial": np.sin, "rational": lambda x: np.log1p(x) / (1.0 + x)}[method]
    Q = np.random.default_rng(0).uniform(x.min(), x.max(), 4000)
    model = pml.fit(x, f(x), method=method, effort=LITTLE)
    true = np.sqrt(np.mean(relative(model, f, Q, f(x)) ** 2))
    assert true / 3.0 < model.report.error < 30.0 * true


class Steep:
    """x0, and beyond the rows its exponential."""

    n_params = 1

    def evaluate(self, X):
        return np.where(X[:, 1] < 0.5, X[:, 0], np.exp(40.0 * X[:, 1]))[:, None]

    def undecided(self, X):
        return np.zeros((len(X), 1))


def half_a_box():
    X = np.random.default_rng(0).uniform(size=(300, 2)) * [1.0, 0.4]
    X[0] = 1.0
    samples = as_samples(X, X[:, 0])
    rng, facts = np.random.default_rng(0), Facts.of(samples)
    return Witnesses(Box(samples, rng, 1), facts, Coverage.of(X, facts), rng, n_held_out=50, work=1e9, clock=Clock())


def found_of(model, error, maker, **options):
    return Found(model, Errors(error, error, error), error, maker, "", maker, "", **options)


def test_a_model_that_is_far_from_all_y_is_as_wrong_as_that_though_others_like_it_are_too():
    steep = Steep()
    known = half_a_box().expected(found_of(steep, 1e-9, "a", nearby=lambda samples: steep), [])
    assert 300.0 < known.error < 3000.0


@pytest.mark.parametrize(("n", "steepness", "seed"), [(13, 25.0, 0), (14, 25.0, 0), (15, 25.0, 0), (15, 35.0, 2)])
def test_a_network_of_as_many_parameters_as_rows_may_be_wrong_between_them(n, steepness, seed):
    def step(x):
        return np.tanh(steepness * (x - 0.3 - 0.1 * seed)) + 0.2 * x

    x = np.sort(np.random.default_rng(seed).uniform(size=n))
    q = np.linspace(x[0], x[-1], 4000)
    model = pml.fit(x, step(x), effort=LITTLE, time_limit=None)
    error = np.sqrt(np.mean((model(q) - step(q)) ** 2) / np.mean(step(x) ** 2))
    assert error < 3.0 * model.report.error
    assert np.mean(np.abs(model(q) - step(q)) < 10.0 * model.error_estimate(q) * np.sqrt(np.mean(step(x) ** 2))) > 0.9


def test_of_others_as_exact_the_nearest_alone_does_not_say_how_far_a_model_is_off():
    class Off(Steep):
        def __init__(self, size):
            self.size = size

        def evaluate(self, X):
            return (X[:, 0] + self.size * (X[:, 1] > 0.5))[:, None]

    witnesses = half_a_box()
    best = found_of(Off(0.0), 1e-9, "a")
    exact = [found_of(Off(size), 1e-9, str(size)) for size in (1e-7, 1e-4, 1e-2)]
    crude = [found_of(Off(1.0), 1e-6, str(i)) for i in range(5)]
    assert 1e-5 < witnesses.expected(best, [*exact, *crude]).error < 1e-3
    assert 1e-8 < witnesses.expected(best, [exact[0], *crude]).error < 1e-6


@pytest.mark.parametrize(("work", "n_others"), [(5.5e6, 5), (3.5e6, 3), (2.5e6, 1)])
def test_where_work_is_short_some_groups_are_left_out_of_the_others(work, n_others):
    witnesses = half_a_box()
    witnesses.work = work
    model, other = Steep(), Steep()
    other.evaluate = lambda X: X[:, :1]
    found = found_of(model, 1e-9, "a", measured=other, nearby=lambda samples: other, nearby_work=1e6)
    assert len(witnesses.expected(found, []).estimate.others) == n_others


def test_a_model_that_is_made_again_without_a_change_is_not_asked_by_itself():
    """As where parameters move in steps from where they are, and no step is of use."""
    X = np.random.default_rng(0).uniform(size=(300, 2))
    model = pml.fit_polynomial(X, X[:, 0], degree=1)
    found = found_of(model, 1e-9, "a", nearby=lambda samples: model, nearby_work=1e6)
    model.estimate = half_a_box().expected(found, []).estimate
    assert model.estimate is not None
    assert all(one is not model for one in model.estimate.others)
    model.use_threads(1)


def test_where_nothing_tells_of_single_points_each_has_the_error_of_all(tmp_path):
    X = np.random.default_rng(0).uniform(size=(400, 2))
    model = pml.fit(X, X[:, 0], method="polynomial", effort=LITTLE)
    rival = pml.fit(X, X[:, 0] + 1e-3 * X[:, 1], method="polynomial", effort=LITTLE)
    witnesses = half_a_box()
    known = witnesses.expected(found_of(model, 1e-6, "a", measured=rival), [found_of(rival, 1e-6, "b")])
    same = witnesses.expected(found_of(model, 1e-6, "a", measured=Same(model)), [found_of(rival, 1e-6, "b")])
    assert len(known.estimate.others) == 1
    assert same.estimate.others == ()
    model.estimate = same.estimate
    model.save(tmp_path / "model.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "model.pml").error_estimate(X), same.error)
    assert "double model_error" in model.to_c(error_estimate=True)


class Same:
    """Another object with the same values: what could not be made again of all rows."""

    def __init__(self, model):
        self.evaluate, self.n_params = model.evaluate, model.n_params


def test_an_estimate_travels_with_the_file(tmp_path):
    X = np.random.default_rng(0).uniform(size=(200, 2))
    model = pml.fit(X, bump(X), method="polynomial", effort=LITTLE)
    model.save(tmp_path / "model.pml")
    loaded = pml.load(tmp_path / "model.pml")
    np.testing.assert_array_equal(loaded.error_estimate(X), model.error_estimate(X))
    assert loaded.report == model.report


@pytest.mark.parametrize("value", [3.0, 0.0])
def test_a_constant_is_known_over_the_box(value):
    X = np.random.default_rng(0).uniform(size=(60, 2))
    model = pml.fit(X, np.full(60, value), effort=LITTLE)
    assert model.report.is_checked
    assert model.report.error == 0.0
    np.testing.assert_array_equal(model.error_estimate(X), 0.0)
    assert model.report.advice[0].startswith("nothing")


def test_a_range_reaches_down_to_what_rows_held_out_say():
    x = np.random.default_rng(2).uniform(0.0, 20.0, 60)
    report = pml.fit(x, np.sin(x) + 0.1 * x, method="polynomial", effort=LITTLE).report
    assert report.error_range[0] <= report.validation_rmse
    assert report.error_range[0] <= report.error <= report.error_range[1]


def test_a_model_without_an_estimate_says_so():
    model = pml.NetworkModel(pml.MLP((1, 2, 1)), np.zeros(7))
    with pytest.raises(ValueError, match="error_estimate: expected a model that fit has made"):
        model.error_estimate([[0.0]])


def test_where_nothing_tells_of_the_error_the_report_says_so():
    axis = np.linspace(0.0, 1.0, 12)
    X = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    model = pml.fit(X, bump(X), method="spline", validation=(X[::7], bump(X[::7])), effort=LITTLE)
    assert not model.report.is_checked
    assert model.report.error_range[1] == np.inf
    assert "away from the rows: not checked" in str(model.report)
    assert not any(sentence.startswith("nothing") for sentence in model.report.advice)


class Holed:
    """x0, without a value where all inputs are above 0.5."""

    n_params = 1

    def evaluate(self, X):
        return np.where(np.all(X > 0.5, axis=1), np.nan, X[:, 0])[:, None]

    def undecided(self, X):
        return np.zeros((len(X), 1))


def test_a_part_of_the_box_without_a_value_counts_as_wild():
    X = np.random.default_rng(0).uniform(size=(500, 2))
    samples = as_samples(X[(X < 0.5).any(axis=1)], X[(X < 0.5).any(axis=1), 0])
    rng, facts = np.random.default_rng(0), Facts.of(samples)
    found = Found(Holed(), Errors(1e-15, 1e-15, 1e-15), 1e-15, "holed", "", "holed", "")
    box, coverage = Box(samples, rng, 1), Coverage.of(samples.X, facts)
    known = Witnesses(box, facts, coverage, rng, n_held_out=50, work=1e9, clock=Clock()).expected(found, [])
    assert known.without_value == pytest.approx(0.25, abs=0.03)
    assert known.error > 0.5


def test_a_table_of_any_size_of_numbers_has_an_error():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(100, 2))
    for scale in (1e-300, 1e300):
        model = pml.fit(X, scale * bump(X), method="polynomial", effort=LITTLE)
        assert 0.0 < model.report.error < 1.0
        assert np.isfinite(model.error_estimate(X)).all()
