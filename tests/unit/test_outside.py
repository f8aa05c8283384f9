"""What models answer outside of the box of their rows, and how far `fit` lets them go on by themselves.

That other languages and files agree is in `test_model_contract`, which has such models.
"""

import warnings
from functools import cache

import numpy as np
import pytest
from scipy import special
from unit.models_of_all_families import (
    MODELS,
    beyond,
    network,
    polynomial,
    polynomial_of_one_input,
    rational,
    simplices,
    spline,
)

import pml_native as pml
from pml_native import _core
from pml_native.models import OUTSIDE, Beyond, ExtrapolationWarning

LOW, HIGH = np.full(3, 2.0), np.full(3, 4.0)
RNG = np.random.default_rng(0)
WIDE = RNG.uniform(1.0, 5.0, (200, 3))
WITHIN = RNG.uniform(2.0, 4.0, (50, 3))
WITHOUT = WIDE[((WIDE < LOW) | (WIDE > HIGH)).any(axis=1)]


def fitted(X, y, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pml.fit(X, y, time_limit=None, progress=False, **{"effort": 5e-3, **options})


@cache
def series():
    """A series of high degree, which meets its rows and no others, and its rows."""
    X = np.random.default_rng(1).uniform(0.0, 1.0, (400, 1))
    return fitted(X, np.sin(60.0 * X[:, 0]), method="polynomial"), X


@cache
def law():
    """A quotient of few terms."""
    X = np.random.default_rng(2).uniform(1.0, 2.0, (300, 2))
    return fitted(X, X[:, 0] * X[:, 1] / (1.0 + X[:, 0]), method="rational"), X


# The five ways, by an oracle: one point and one column at a time


def continued(model, kind, x):
    """What a model answers at one point."""
    nearest = np.minimum(np.maximum(x, LOW), HIGH)
    if np.array_equal(nearest, x) or kind == "extrapolate":
        return model.evaluate(x[None])[0]
    if kind == "nan":
        return np.full(model.signature.n_outputs, np.nan)
    value = model.evaluate(nearest[None])[0]
    if kind == "linear":
        slope = model.evaluate_gradient(nearest[None])[0]
        value = value + sum(slope[:, j] * (x[j] - nearest[j]) for j in range(len(x)))
    return value


@pytest.mark.parametrize("make", [polynomial, network, rational])
@pytest.mark.parametrize("kind", ["extrapolate", "linear", "nearest", "nan"])
def test_values_are_those_of_each_point_by_itself(make, kind):
    model = beyond(make, kind)
    wanted = np.stack([continued(model, kind, x) for x in WIDE])
    got = model(WIDE).reshape(wanted.shape)
    np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-13 * np.nanmax(np.abs(wanted)))
    high, low = model.extended(WIDE)
    np.testing.assert_allclose((high + low).reshape(wanted.shape), wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("make", [polynomial, network, rational])
@pytest.mark.parametrize("kind", ["extrapolate", "linear", "nearest"])
def test_the_gradient_is_that_of_the_continuation(make, kind):
    model, h = beyond(make, kind), 1e-5
    X = WIDE[(np.abs(WIDE - LOW) > 2 * h).all(axis=1) & (np.abs(WIDE - HIGH) > 2 * h).all(axis=1)]
    got = model.gradient(X)
    wanted = np.stack([(model(X + h * e) - model(X - h * e)) / (2.0 * h) for e in np.eye(3)], axis=-1)
    np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-7 * np.max(np.abs(wanted)))


def test_second_derivatives_of_the_linear_continuation_are_exact_to_many_digits():
    X = RNG.uniform(2.0, 4.0, (200, 2))
    model = pml.fit_polynomial(X, np.exp(X[:, 0]) * np.sin(X[:, 1]), degree=14)
    model.outside = "linear"
    low, high = X.min(axis=0), X.max(axis=0)
    x0, x1 = high[0] + 0.7, 3.1
    assert low[1] < x1 < high[1]
    wanted = np.exp(high[0]) * np.cos(x1) * (1.0 + 0.7)  # by x1, of e^c sin x1 + e^c sin x1 (x0 - c)
    assert model.gradient([[x0, x1]])[0, 1] == pytest.approx(wanted, rel=1e-7)


def test_an_error_names_row_column_and_box():
    model = beyond(polynomial, "error")
    model(WITHIN)
    X = WITHIN.copy()
    X[7, 1] = 9.5
    with pytest.raises(ValueError, match=r"got 1 outside, the first in row 7: column 1 is 9.5, .* from 2 to 4"):
        model(X)
    with pytest.raises(ValueError, match="got 1 outside"):
        model.gradient(X)


def test_a_column_with_a_name_is_called_by_it():
    X = np.random.default_rng(6).uniform(0.0, 1.0, (50, 1))
    model = fitted(X, np.exp(X[:, 0]), input_names=["T"], outside="error")
    with pytest.raises(ValueError, match="the first in row 0: 'T' is 5, and the box goes from"):
        model([[5.0]])


@pytest.mark.parametrize("kind", OUTSIDE)
def test_missing_values_are_not_outside(kind):
    X = np.array([[3.0, np.nan, 3.0], [3.0, 3.0, 3.0]])
    model = beyond(network, kind)
    values = model(X)
    assert np.isnan(values[0]).all()
    np.testing.assert_array_equal(values[1], network()(X[1:])[0])


def test_within_the_box_all_bits_are_the_models_own():
    for kind in OUTSIDE:
        model = beyond(network, kind)
        np.testing.assert_array_equal(model(WITHIN), network()(WITHIN))
        np.testing.assert_array_equal(model.gradient(WITHIN), network().gradient(WITHIN))


def test_it_can_be_set_where_the_box_is_known():
    model = MODELS["polynomial of one input"].make()
    assert model.outside == "extrapolate"
    model.outside = "nearest"
    assert model.outside == "nearest"
    low, high = model.box()
    np.testing.assert_array_equal(model([low - 5.0, high + 5.0]), model([low, high]))
    with pytest.raises(ValueError, match=r"outside: expected one of extrapolate, linear, .*, got 'clamp'"):
        model.outside = "clamp"
    with pytest.raises(ValueError, match="expected a model that knows the box of its rows"):
        pml.NetworkModel(pml.MLP((2, 1)), [1.0, 1.0, 0.0]).outside = "nan"


def test_grids_and_simplices_keep_what_they_know_of_outside():
    grid = spline(3, 2)
    for kind in OUTSIDE:
        grid.outside = kind
        assert grid.outside == kind
    grid.outside = "linear"
    ends = np.array([[1.0, 3.0], [5.0, 3.0]])
    steps = np.array([[-0.5, 0.0], [0.5, 0.0]])
    wanted = grid(ends) + np.einsum("imj,ij->im", grid.gradient(ends), steps)
    np.testing.assert_allclose(grid(ends + steps), wanted, rtol=1e-12)
    hull = simplices()
    hull.outside = "nearest"
    assert np.isfinite(hull([[9.0, 9.0, 9.0]])).all()
    with pytest.raises(ValueError, match="outside: expected one of"):
        hull.outside = "extrapolate"


@pytest.mark.parametrize("d", [1, 3])
def test_points_are_in_the_box_where_each_number_of_them_is(d):
    low, high = np.full(d, -1.0), np.linspace(0.5, 1.0, d)
    for n in (0, 1, 5, 128, 300):
        X = RNG.uniform(low, high, (n, d))
        assert _core.is_inside(X, low, high)
        for i, value in [(i, value) for i in range(0, n, 37) for value in (1.5, -np.inf, np.nan)]:
            other = X.copy()
            other[i, i % d] = value
            assert not _core.is_inside(other, low, high)
    assert _core.is_inside(np.stack([low, high]), low, high)


# What `fit` decides


def test_a_law_goes_on_far_beyond_its_rows():
    model, X = law()
    low, high = X.min(axis=0), X.max(axis=0)
    Z = np.random.default_rng(3).uniform(low - 0.4, high + 0.9, (500, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = model(Z)
    wanted = Z[:, 0] * Z[:, 1] / (1.0 + Z[:, 0])
    assert model.outside == "extrapolate"
    # Both parts of the quotient may share a factor, whose roots are outside: near these, rounding is magnified.
    assert np.max(np.abs(got - wanted)) < 1e-10


def test_a_series_goes_on_linearly_and_says_so_once():
    model, _ = series()
    assert model.outside == "linear"
    with pytest.warns(ExtrapolationWarning, match=r"1 of 1 points .* row 0: column 0 is 3, .* goes on linearly"):
        far = model([[3.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        farther = model([[3.0], [5.0], [7.0]])
    assert farther[0] == far[0]
    assert np.abs(farther).max() < 1e4  # the series itself is 1e40 there
    assert np.diff(farther)[0] == pytest.approx(np.diff(farther)[1], rel=1e-9)


@pytest.mark.parametrize(
    "law",
    [lambda x: (0.8 + x) ** -12 - (0.8 + x) ** -6, lambda x: special.j0(20.0 * x)],
    ids=["steep", "oscillating"],
)
def test_a_series_whose_last_terms_the_rows_tell_is_no_law_either(law):
    """Models without some rows agree with it to some digits, far out where all of them are 1e9 and more."""
    X = np.random.default_rng(5).uniform(0.0, 1.0, (300, 1))
    model = fitted(X, law(X[:, 0]), method="polynomial")
    assert model.outside == "linear"


def test_a_model_of_logarithms_goes_on_by_itself_only_to_where_it_has_values():
    """At 0 it has none, and on the other side of its rows models without some of them agree with it."""
    X = np.random.default_rng(1).uniform(size=(400, 1)) ** 2
    model = fitted(X, np.sin(3.0 * np.log(X[:, 0])), method="polynomial")
    assert model.outside == "linear"
    assert 0.0 < model.beyond.low[0] <= X.min()
    with pytest.warns(ExtrapolationWarning):
        assert np.all(np.isfinite(model([[-1.0], [0.0], [2.0]])))


def test_points_just_beyond_the_last_row_are_as_exact_as_within():
    """Of rows drawn from a box, some later points of the same box are outside of theirs."""
    model, _ = series()
    Z = np.concatenate([np.linspace(-0.005, 0.005, 41), np.linspace(0.995, 1.005, 41)])[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = model(Z)
    assert np.max(np.abs(got - np.sin(60.0 * Z[:, 0]))) < 1e-8


def test_the_error_to_expect_grows_where_the_model_is_bent():
    model, X = series()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inside, outside = model.error_estimate(X), model.error_estimate([[2.0], [-1.0]])
    assert np.median(inside) < 1e-8
    assert outside.min() > 1.0


def test_a_choice_is_kept_without_a_word_and_in_the_file(tmp_path):
    _, X = law()
    model = fitted(X, X[:, 0] * X[:, 1], outside="nearest")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        far = model([[50.0, 50.0]])
    assert far[0] == pytest.approx(np.prod(X.max(axis=0)), rel=1e-12)
    model.save(tmp_path / "model.pml")
    again = pml.load(tmp_path / "model.pml")
    assert again.outside == "nearest"
    assert again([[50.0, 50.0]])[0] == far[0]


def test_columns_that_repeat_themselves_have_no_outside():
    X = np.random.default_rng(4).uniform(0.0, 360.0, (300, 1))
    f = lambda X: 1.0 / (1.2 + np.cos(np.radians(X[:, 0])))  # noqa: E731
    model = fitted(X, f(X), periods={0: 360.0}, outside="error")
    Z = np.linspace(-2000.0, 2000.0, 101)[:, None]
    assert np.max(np.abs(model(Z) - f(Z))) < 1e-9


def test_another_value_of_a_constant_column_is_outside():
    X = np.random.default_rng(5).uniform(0.0, 1.0, (100, 2))
    X[:, 1] = 3.0
    model = fitted(X, np.exp(X[:, 0]))
    with pytest.warns(ExtrapolationWarning, match="column 1 is 4, and the box goes from 3 to 3"):
        value = model([[0.5, 4.0]])
    assert value[0] == pytest.approx(np.exp(0.5), rel=1e-12)
    assert np.isfinite(model.gradient([[0.5, 4.0]])).all()


def test_a_wrong_way_is_refused_before_the_fit():
    with pytest.raises(ValueError, match=r"outside: expected one of extrapolate, .* or None, got 'clip'"):
        pml.fit([[1.0], [2.0]], [1.0, 2.0], outside="clip")


@pytest.mark.parametrize("mistake", ["kind", "shape", "order"])
def test_a_file_with_a_mistaken_box_is_refused(mistake):
    kind = "sideways" if mistake == "kind" else "linear"
    box = (
        np.zeros((2, 2)) if mistake == "shape" else np.array([[1.0], [0.0]]) if mistake == "order" else np.zeros((2, 1))
    )
    with pytest.raises(ValueError, match="outside: expected"):
        Beyond.from_state({"kind": kind, "is_default": False}, {"box": box}, 1)


def test_one_column_has_no_second_derivatives_to_take():
    model = beyond(polynomial_of_one_input, "linear")
    assert model.gradient([[9.0]])[0, 0] == model.evaluate_gradient(np.array([[4.0]]))[0, 0, 0]
