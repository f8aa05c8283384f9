"""Polynomial: evaluation and derivatives against an oracle, what fit finds, wrong input."""

import re

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.models.chebyshev import BASES, index_set
from pml_native.problems import equations
from pml_native.search.polynomial import PolynomialSearch
from pml_native.search.search import WHOLE_WORK, Rows, run_alone

EPS = np.finfo(float).eps
RNG = np.random.default_rng(0)


def relative_rmse(model, X, y):
    return float(np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2)))


def random_polynomial(d=3, degree=5, m=2, offset=0.0):
    indices, _ = index_set("total", degree, [degree] * d, 10_000)
    X = RNG.uniform(1.0, 5.0, size=(30, d)) + offset
    coefficients = RNG.normal(size=(len(indices), m))
    inputs = pml.Normalization.of_box(X)
    return pml.Polynomial(indices, coefficients, inputs=inputs, output_exponents=[3, -4][:m]), X


def slow_value(model, x, output, derivative=None):
    """One term after the other in 60 digits; the derivative by T_k' = k U_(k-1)."""
    n = model.inputs
    with mpmath.workdps(60):
        scale = [mpmath.mpf(float(s)) * mpmath.mpf(2) ** int(e) for s, e in zip(n.scale, n.exponent, strict=True)]
        shift = [mpmath.mpf(float(s)) * mpmath.mpf(2) ** int(e) for s, e in zip(n.shift, n.exponent, strict=True)]
        z = [(mpmath.mpf(float(v)) - b) / a for v, a, b in zip(x, scale, shift, strict=True)]
        total = mpmath.mpf(0)
        for a, c in zip(model.indices, model.coefficients[:, output], strict=True):
            term = mpmath.mpf(float(c))
            for j, k in enumerate(int(k) for k in a):
                if j == derivative:
                    term *= k * mpmath.chebyu(k - 1, z[j]) / scale[j] if k else 0
                else:
                    term *= mpmath.chebyt(k, z[j])
            total += term
        return total * mpmath.mpf(2) ** int(model.output_exponents[output])


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_values_and_derivatives_are_those_of_the_slow_oracle(offset):
    model, X = random_polynomial(offset=offset)
    values, gradient = model(X), model.gradient(X)
    high, low = model.extended(X)
    for i in range(3):
        for k in range(2):
            exact = slow_value(model, X[i], k)
            size = np.sum(np.abs(model.coefficients[:, k])) * 2.0 ** model.output_exponents[k]
            # A table of degree k errs by some k eps, a product and sum of 56 terms by a few eps of their size.
            assert abs(float(exact) - values[i, k]) < 20 * EPS * size
            with mpmath.workdps(60):
                error = mpmath.mpf(high[i, k]) + mpmath.mpf(low[i, k]) - exact
            assert abs(float(error)) < 1e3 * EPS**2 * size
            for j in range(3):
                exact = float(slow_value(model, X[i], k, derivative=j))
                assert gradient[i, k, j] == pytest.approx(exact, rel=1e-12, abs=500 * EPS * size)


def test_one_input_is_the_series_of_numpy():
    coefficients = RNG.normal(size=12)
    model = pml.Polynomial(np.arange(12)[:, None], coefficients)
    z = np.linspace(-1.5, 1.5, 101)  # outside the box too
    size = chebyshev.chebval(np.abs(z) + (np.abs(z) < 1) * (1 - np.abs(z)), np.abs(coefficients))
    assert np.all(np.abs(model(z) - chebyshev.chebval(z, coefficients)) < 50 * EPS * size)
    slope = chebyshev.chebval(z, chebyshev.chebder(coefficients))
    np.testing.assert_allclose(model.gradient(z)[:, 0], slope, rtol=1e-11, atol=1e-11 * np.max(np.abs(slope)))


@pytest.mark.parametrize("basis", BASES)
def test_index_sets_are_what_they_say(basis):
    size = {"total": np.sum, "hyperbolic": lambda a: np.prod(a + 1) - 1, "tensor": np.max}
    size["axes"] = lambda a: np.sum(a) if np.count_nonzero(a) < 2 else np.inf
    size = size[basis]
    highest = [4, 0, 2]
    wanted = {a for a in np.ndindex(5, 1, 3) if size(np.array(a)) <= 4}
    indices, sizes = index_set(basis, 4, highest, 1000)
    assert {tuple(a) for a in indices.tolist()} == wanted
    assert len(indices) == len(wanted)
    assert sizes.tolist() == sorted(size(a) for a in indices)
    assert index_set(basis, 4, highest, len(wanted) - 1) is None


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("Z.005", 1e-15),  # a polynomial
        ("I.8.14", 1e-15),  # its root
        ("I.39.22", 1e-15),  # a power law
        ("I.6.2a", 1e-15),  # a Gaussian
        ("III.21.20", 1e-15),  # negative everywhere
        ("I.44.4", 1e-14),  # logarithms of two of the inputs
        pytest.param("II.2.42", 1e-14, marks=pytest.mark.xfail(reason="one column is taken in its logarithm")),
    ],
)
def test_equations_that_are_polynomials_in_some_coordinates_are_found_to_rounding(name, bound):
    X, y = equations[name].sample(1500, 0)
    model = pml.fit_polynomial(X, y, effort=0.5)
    assert relative_rmse(model, *equations[name].sample(1000, 1)) < bound


def test_coordinates_found_exact_before_all_were_tried_end_the_search():
    X, y = equations["I.34.1"].sample(1000, 0)
    model = pml.fit_polynomial(X, y, effort=0.01)
    assert relative_rmse(model, *equations["I.34.1"].sample(1000, 1)) < 1e-14


def test_few_terms_are_left_where_few_are_needed():
    X = RNG.uniform(-1.0, 1.0, size=(600, 4))
    model = pml.fit_polynomial(X, 1.0 + X[:, 0] * X[:, 1] ** 2, effort=0.05)
    assert model.n_params <= 12  # T_2 is 2 z^2 - 1 on the box of the data, which is not quite [-1, 1]^4: 6 and some


def test_a_set_of_terms_grows_along_the_variable_that_needs_it():
    X = RNG.uniform(1.0, 5.0, size=(2000, 4))
    y = X[:, 0] * X[:, 1] * X[:, 2] * np.sin(X[:, 3]) + X[:, 0]
    model = pml.fit_polynomial(X, y, effort=0.2, inputs="identity", outputs="identity")
    assert relative_rmse(model, X, y) < 1e-11
    assert model.indices.max(axis=0)[3] > 9
    assert model.n_params < 600  # a total degree of 16 would be 4845


def test_given_options_are_kept():
    X, y = equations["I.8.14"].sample(600, 0)
    model = pml.fit_polynomial(X, y, degree=3, basis="hyperbolic", inputs="log", outputs="identity")
    assert model.input_transforms == ("log",) * 4
    assert model.output_transforms == ("identity",)
    indices, _ = index_set("hyperbolic", 3, [3] * 4, 1000)
    assert {tuple(a) for a in model.model.indices} == {tuple(a) for a in indices}
    assert (
        pml.fit_polynomial(X[:, :2], y, degree=12, basis="total", inputs="identity", outputs="log").model.n_params == 91
    )
    mixed = pml.fit_polynomial(X, y, degree=2, basis="tensor", inputs=["log", "identity", "identity", "identity"])
    assert mixed.input_transforms == ("log", "identity", "identity", "identity")
    assert pml.fit_polynomial(X, y, max_terms=7, effort=0.02).n_params <= 7


def test_several_outputs_share_one_set_of_terms_and_keep_their_shape():
    X = RNG.uniform(1.0, 5.0, size=(500, 2))
    y = np.column_stack([X[:, 0] * X[:, 1], 1e-200 * X[:, 0] ** 2])
    model = pml.fit_polynomial(X, y, effort=0.02)
    assert model(X).shape == (500, 2)
    assert model.gradient(X).shape == (500, 2, 2)
    np.testing.assert_allclose(model(X), y, rtol=1e-13)
    np.testing.assert_allclose(model.gradient(X)[:, 0, 0], X[:, 1], rtol=1e-12)


@settings(max_examples=10, deadline=None)
@given(x_power=st.integers(-900, 900), y_power=st.integers(-900, 900), seed=st.integers(0, 100))
def test_powers_of_two_on_inputs_and_outputs_change_nothing_but_the_scale(x_power, y_power, seed):
    X = np.random.default_rng(seed).uniform(1.0, 2.0, size=(60, 2))
    y = X[:, 0] / X[:, 1]
    options = {"time_limit": 0.0, "random_state": seed}
    there = np.random.default_rng(seed + 1).uniform(1.0, 2.0, size=(9, 2))
    one = pml.fit_polynomial(X, y, **options)(there)
    other = pml.fit_polynomial(np.ldexp(X, x_power), np.ldexp(y, y_power), **options)(np.ldexp(there, x_power))
    np.testing.assert_allclose(np.ldexp(other, -y_power), one, rtol=1e-13)


@settings(max_examples=10, deadline=None)
@given(offset=st.integers(-(2**30), 2**30))
def test_an_offset_that_keeps_the_points_exact_changes_nothing(offset):
    X = np.round(np.random.default_rng(0).uniform(1.0, 2.0, size=(200, 2)) * 2**20) / 2**20
    y = X[:, 0] ** 2 * X[:, 1] + X[:, 0]
    options = {"inputs": "identity", "outputs": "identity", "degree": 3, "basis": "total"}
    model = pml.fit_polynomial(X + offset, y, **options)
    np.testing.assert_allclose(model(X + offset), y, rtol=1e-13)


def test_columns_of_few_values_and_points_on_a_curve_are_no_trouble():
    angle = RNG.uniform(0.0, 6.0, size=400)
    X = np.column_stack([np.cos(angle), np.sin(angle), np.sign(np.cos(angle)), np.ones(400)])
    y = X[:, 0] * X[:, 1] + X[:, 2]
    model = pml.fit_polynomial(X, y, effort=0.02)
    assert relative_rmse(model, X, y) < 1e-12


def test_weights_count():
    x = np.linspace(-1.0, 1.0, 200)
    y = np.abs(x)
    options = {"degree": 3, "basis": "total", "inputs": "identity", "outputs": "identity"}
    right = pml.fit_polynomial(x, y, sample_weight=np.where(x > 0, 1.0, 1e-12), **options)
    np.testing.assert_allclose(right(x[x > 0]), x[x > 0], atol=1e-5)


def test_it_can_be_a_stage_of_a_sum():
    X = RNG.uniform(1.0, 5.0, size=(500, 2))

    def stage(data):
        return pml.fit_polynomial(
            data.X,
            data.y,
            degree=6 + 6 * data.number,
            basis="total",
            inputs="identity",
            outputs="identity",
            validation=(data.held_out_X, data.held_out_y),
            effort=data.work / WHOLE_WORK,
            time_limit=None,
            random_state=data.rng,
        )

    both = pml.boost(X, np.exp(-X[:, 0]) * X[:, 1], stages=2, trainer=stage, effort=0.05)
    assert len(both.stages) == 2
    assert both.stages[0].family == "polynomial"
    assert relative_rmse(both, X, np.exp(-X[:, 0]) * X[:, 1]) < 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"basis": "full"}, "basis: expected one of auto, total, hyperbolic, tensor, axes, got 'full'"),
        ({"outputs": "cube"}, "outputs: expected one of identity, log"),
        ({"inputs": "square"}, "inputs: expected one of identity, log, reciprocal, root, got 'square'"),
        ({"inputs": ["log"]}, "inputs: expected the name of a coordinate, or 2 names, got"),
        ({"degree": -1}, "degree: expected an integer >= 0 or None, got -1"),
        ({"degree": 40, "basis": "tensor"}, "degree: expected at most 42 terms"),
        ({"max_terms": 0}, "max_terms: expected an integer >= 1 or None, got 0"),
        ({"validation": 2.0}, "validation: expected a fraction between 0 and 1"),
    ],
)
def test_bad_options_are_refused(options, message):
    X = RNG.uniform(1.0, 2.0, size=(100, 2))
    with pytest.raises(ValueError, match=re.escape(message)):
        pml.fit_polynomial(X, X[:, 0], **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.5]], [1.0]), "indices: expected integers >= 0 of shape (p, d), got float64 of shape (1, 1)"),
        (([[-1]], [1.0]), "indices: expected integers >= 0"),
        (([[0], [1]], [1.0]), "coefficients: expected (2,) or (2, m), got (1,)"),
    ],
)
def test_wrong_terms_are_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pml.Polynomial(*arguments)


@pytest.mark.parametrize("seed", range(3))
def test_of_models_that_are_exact_to_rounding_the_one_of_few_terms_is_taken(seed):
    """Rounding is far above eps here, as terms of size 60 cancel where y is large; few rows are where y is small."""
    X = np.random.default_rng(seed).uniform(1.0, 5.0, size=(4000, 5))
    u = (X[:, 0] * X[:, 1] * X[:, 2] / X[:, 3] / X[:, 4])[:, None]
    rows = as_samples(u, np.exp(-u))
    train, held_out = rows.take(np.arange(3400)), rows.take(np.arange(3400, 4000))
    corners = np.array([[0.04], [125.0]])
    search = PolynomialSearch(Rows(train, held_out, corners))
    found = run_alone(search, effort=0.1, time_limit=None, n_threads=1)
    assert found.model.n_params <= 4
    np.testing.assert_allclose(found.model.evaluate(corners[1:]), np.exp(-corners[1:]), rtol=1e-10)


@pytest.mark.parametrize("exponent", [0, 3, 900])
def test_many_outputs_are_those_of_one_at_a_time_at_any_scale(exponent):
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 5, (40, 3))
    X, coefficients = rng.uniform(-1.0, 1.0, (700, 3)), rng.normal(size=(40, 12))
    exponents = np.where(np.arange(12) % 2, exponent, -exponent)
    many = pml.Polynomial(indices, coefficients, output_exponents=exponents)
    values = many(X)
    for j in range(12):
        one = pml.Polynomial(indices, coefficients[:, j], output_exponents=exponents[j : j + 1])
        np.testing.assert_allclose(np.ldexp(values[:, j], -exponents[j]), np.ldexp(one(X), -exponents[j]), atol=1e-13)
    np.testing.assert_array_equal(values[5:6], many(X[5:6]))
    X[3, 1] = np.nan
    assert np.isnan(many(X)[3]).all()
    assert np.isfinite(many(X)[4]).all()


@pytest.mark.parametrize("seed", range(3))
def test_terms_that_rounding_makes_are_left_out(seed):
    """(x0 - x1)^2 + (x2 - x3)^2 has no products of the first two inputs and the last two."""
    X = np.random.default_rng(seed).uniform(1.0, 3.0, (1000, 4))
    model = pml.fit_polynomial(X, np.sqrt((X[:, 0] - X[:, 1]) ** 2 + (X[:, 2] - X[:, 3]) ** 2), effort=0.02)
    assert model.output_transforms == ("square",)
    assert model.n_params == 11
