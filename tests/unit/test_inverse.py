"""The inverse of a model in one of its inputs: its root, where there is none, and fits that find one."""

import numpy as np
import pytest
from scipy.optimize import brentq

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.facts import Facts
from pml_native.fitting.inverse import InverseSearch
from pml_native.fitting.race import Race
from pml_native.models import Inverse
from pml_native.search.polynomial import PolynomialSearch
from pml_native.search.search import Rows, run_alone
from pml_native.search.spline import SplineSearch

INPUTS = pml.Normalization.of_box(np.array([[0.0, -2.0], [1.0, 3.0]]))
# 2 z_1 + 0.3 T_3(z_1) + z_0, which rises with z_1 by 1.1 at least.
MODEL = pml.Polynomial([(0, 1), (0, 3), (1, 0)], [2.0, 0.3, 1.0], inputs=INPUTS)
NOWHERE = pml.Polynomial([(0, 0)], [np.nan])


def table(n, seed):
    """y with y exp(c y) = x, drawn by y: x is a smooth function of y and c."""
    y, c = np.random.default_rng(seed).uniform((-0.4, 1.0), (2.0, 2.0), (n, 2)).T
    return np.column_stack([y * np.exp(c * y), c]), y


@pytest.mark.parametrize("start", [NOWHERE, pml.Polynomial([(0, 1)], [1.0])])
def test_values_are_roots_wherever_it_starts(start):
    model = Inverse(MODEL, start, 1, [-2.0, 3.0], True)
    X = np.random.default_rng(0).uniform((0.0, -1.0), (1.0, 1.0), (30, 2))
    wanted = [brentq(lambda t, x=x: MODEL([[x[0], t]])[0] - x[1], -2.0, 3.0, xtol=1e-14) for x in X]
    np.testing.assert_allclose(model(X), wanted, rtol=0.0, atol=1e-13)


def test_a_model_that_falls_has_an_inverse():
    falling = pml.Polynomial(MODEL.indices, -MODEL.coefficients, inputs=INPUTS)
    X = np.random.default_rng(0).uniform((0.0, -1.0), (1.0, 1.0), (30, 2))
    rising, mirrored = (Inverse(one, NOWHERE, 1, [-2.0, 3.0], up) for one, up in ((MODEL, True), (falling, False)))
    np.testing.assert_array_equal(mirrored(X * [1.0, -1.0]), rising(X))
    np.testing.assert_array_equal(mirrored.gradient(X * [1.0, -1.0]) * [1.0, -1.0], rising.gradient(X))


@pytest.mark.parametrize("start", [NOWHERE, pml.Polynomial([(1, 0)], [0.25])])
def test_without_a_root_in_its_bounds_it_is_where_it_starts(start):
    model = Inverse(MODEL, start, 1, [-2.0, 3.0], True)
    X = np.array([[0.5, 9.0], [0.5, -9.0], [np.nan, 0.0]])
    np.testing.assert_array_equal(model(X), start(X))
    np.testing.assert_array_equal(model.gradient(X), start.gradient(X))
    assert np.isfinite(model(np.array([[0.5, 0.0]]))).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": 2}, "column: expected a number of 2 inputs, got 2"),
        ({"bounds": [1.0, 1.0]}, "bounds: expected two finite numbers, the lower first, got"),
        ({"start": pml.Polynomial([(0,)], [1.0])}, "signature: expected 1 inputs and 1 outputs, as the start has"),
    ],
)
def test_what_fits_no_inverse_is_refused(options, message):
    given = {"start": NOWHERE, "column": 1, "bounds": [0.0, 1.0], "rises": True} | options
    with pytest.raises(ValueError, match=message):
        Inverse(MODEL, **given)


@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")  # rows drawn by y fill no box
def test_fit_swaps_y_with_a_column_that_is_the_simpler_function():
    model = pml.fit(*table(1000, 0), effort=0.1, time_limit=None, progress=False)
    X, y = table(1000, 1)
    assert isinstance(model, Inverse)
    assert np.sqrt(np.mean((model(X) - y) ** 2)) < 1e-9
    assert any("solved for y" in line for line in model.report.path)


@pytest.fixture
def steep():
    """Rows of y = -log(1 - x), the last one held out, and a search for inverses that knows the spline through all."""
    x = np.append(np.linspace(0.0, 0.95, 40), 0.9995)
    samples, rng = as_samples(x, -np.log1p(-x)), np.random.default_rng(0)
    is_out = np.arange(41) % 5 == 0
    train, held_out = samples.take(np.flatnonzero(~is_out)), samples.take(np.flatnonzero(is_out))
    rows = Rows.of(train, held_out, rng, table=samples, grid=Facts.of(samples).grid)
    spline = run_alone(SplineSearch(rows, rng), effort=0.001, time_limit=None, n_threads=1)
    assert spline.measured is not None
    return InverseSearch(Race(rows, (), rng, 1e9), spline, ())


def found_inverse(search, of_y):
    inner = search._swapped_rows(0).found(of_y, "polynomial", "")
    return search._whole(0, True, inner, None)


def test_an_inverse_has_its_root_between_the_last_rows_though_one_of_them_is_held_out(steep):
    y = np.linspace(0.0, 8.0, 200)
    found = found_inverse(steep, pml.fit_polynomial(y, -np.expm1(-y), effort=0.001))
    between = np.linspace(0.95, 0.9995, 20)
    np.testing.assert_allclose(found.model(between), -np.log1p(-between), rtol=1e-8)
    assert found.error < 1e-9


def test_what_has_no_roots_is_no_inverse_though_its_start_meets_all_rows(steep):
    assert found_inverse(steep, pml.Polynomial([(0,)], [0.5])).error == np.inf


def test_where_an_inverse_has_no_root_it_depends_on_rows_as_what_it_starts_from():
    X, y = table(200, 0)
    samples, rng = as_samples(X, y), np.random.default_rng(0)
    rows = Rows.of(samples, samples, rng)
    start = run_alone(PolynomialSearch(rows, degree=3), effort=0.001, time_limit=None, n_threads=1)
    search = InverseSearch(Race(rows, (), rng, 1e9), start, ())
    inner = run_alone(PolynomialSearch(search._swapped_rows(0), degree=6), effort=0.001, time_limit=None, n_threads=1)
    found = search._whole(0, True, inner, None)
    other = found.nearby(samples.take(np.arange(100)))
    Q = np.array([[X[:, 0].max() + 50.0, 2.0]])
    assert np.isfinite(start.model(Q))
    assert found.model(Q) == start.model(Q)
    assert other(Q) != found.model(Q)
