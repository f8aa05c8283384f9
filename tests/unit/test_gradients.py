"""Derivatives of y as data: what they add, how they are given, and what is said where they can't be right."""

import numpy as np
import pandas as pd
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting.contradictions import require_derivatives_of_y
from pml_native.fitting.reduced import reduced
from pml_native.models import Reduced
from pml_native.models.chebyshev import ChebyshevTerms, index_set
from pml_native.models.reduced import Variables

EFFORT = 0.01


def box(n, d, seed=0, low=-1.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, (n, d))


def quartic(X):
    """All powers of two inputs up to the 4th: 15 terms."""
    x, y = X.T
    value = (1 + x - 0.5 * y) ** 4 + x**2 * y - 3 * x * y**3
    slope = 4 * (1 + x - 0.5 * y) ** 3
    return value, np.stack([slope + 2 * x * y - 3 * y**3, -0.5 * slope + x**2 - 9 * x * y**2], axis=1)


def relative_rmse(model, f, X):
    y = f(X)[0]
    return np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2))


def test_derivatives_of_terms_are_those_of_numpy():
    chebyshev = np.polynomial.chebyshev
    indices = index_set("total", 5, [5, 5], 100)[0]
    Z, directions = box(20, 2), box(20, 2, 1)
    terms = ChebyshevTerms(indices)
    first = terms.derivatives(Z, directions, np.ones(20, dtype=np.intp), np.zeros((20, 2)))
    for column, (a, b) in zip(first.T, indices, strict=True):
        c = np.zeros((6, 6))
        c[a, b] = 1.0
        by_x, by_y = (chebyshev.chebval2d(*Z.T, chebyshev.chebder(c, axis=axis)) for axis in (0, 1))
        np.testing.assert_allclose(column, directions[:, 0] * by_x + directions[:, 1] * by_y, atol=1e-12)


def test_second_derivatives_of_terms_are_those_of_numpy():
    chebyshev = np.polynomial.chebyshev
    Z, axis, bends = box(20, 1), np.ones((20, 1)), box(20, 1, 1)
    found = ChebyshevTerms(np.arange(8)[:, None]).derivatives(Z, axis, np.full(20, 2), bends)
    for k, column in enumerate(found.T):
        slope, bend = (chebyshev.chebval(Z[:, 0], chebyshev.chebder(np.eye(8)[k], m)) for m in (1, 2))
        np.testing.assert_allclose(column, bend + bends[:, 0] * slope, atol=1e-11)


def test_twelve_rows_with_gradients_tell_fifteen_terms():
    X, X_new = box(12, 2), box(200, 2, 1)
    y, G = quartic(X)
    model = pml.fit(X, y, gradients=G, effort=EFFORT)
    assert relative_rmse(model, quartic, X_new) < 1e-13
    assert model.report.gradient_rmse < 1e-13
    assert "by y and its derivatives" in model.report.description
    assert "derivatives, over the RMS" in str(model.report)
    assert "derivatives" in dict(model.report.facts())
    assert relative_rmse(pml.fit(X, y, method="polynomial", effort=EFFORT), quartic, X_new) > 1e-3


def test_gradients_may_be_known_in_part_and_without_y():
    X, X_new = box(40, 2), box(200, 2, 1)
    y, G = quartic(X)
    y[:28] = np.nan
    G[30:35] = np.nan
    G[35:, 1] = np.nan
    model = pml.fit(X, y, gradients=G, effort=EFFORT)
    assert relative_rmse(model, quartic, X_new) < 1e-13


def test_each_of_several_outputs_has_its_gradients():
    X, X_new = box(14, 2), box(200, 2, 1)
    y, G = quartic(X)
    both, slopes = np.stack([y, X[:, 0] ** 2 - y], axis=1), np.stack([G, -G], axis=1)
    slopes[:, 1, 0] += 2 * X[:, 0]
    slopes[:3, 1] = np.nan
    model = pml.fit(X, both, gradients=slopes, effort=EFFORT)
    wanted = quartic(X_new)[0]
    np.testing.assert_allclose(model(X_new), np.stack([wanted, X_new[:, 0] ** 2 - wanted], axis=1), atol=1e-11)


def test_complex_y_has_complex_gradients():
    X = box(14, 2)
    y, G = quartic(X)
    model = pml.fit(X, y * (2 + 1j), gradients=G * (2 + 1j), effort=EFFORT)
    X_new = box(50, 2, 1)
    np.testing.assert_allclose(model(X_new), quartic(X_new)[0] * (2 + 1j), atol=1e-10)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e6])
def test_logarithms_take_gradients_along_in_any_unit(scale):
    """exp of a polynomial of logarithms: only in the logarithms of all are few terms enough."""
    X = scale * np.exp(box(16, 2))

    def f(X):
        u = np.log(X / scale)
        p, slopes = quartic(u)
        y = 3.0 * np.exp(0.3 * p)
        return y, 0.3 * y[:, None] * slopes / X

    y, G = f(X)
    model = pml.fit(X, y, gradients=G, method="polynomial", effort=0.03)
    X_new = scale * np.exp(box(200, 2, 1))
    assert relative_rmse(model, f, X_new) < 1e-11


def test_second_derivatives_in_one_dimension_are_met():
    x, x_new = np.linspace(0.3, 3.0, 12), np.linspace(0.3, 3.0, 301)

    def f(x):
        return np.exp(x) * np.sin(3 * x)

    slope = np.exp(x) * (np.sin(3 * x) + 3 * np.cos(3 * x))
    bend = np.exp(x) * (-8 * np.sin(3 * x) + 6 * np.cos(3 * x))
    errors = []
    for known in ({}, {"gradients": slope}, {"gradients": slope, "second_derivatives": bend}):
        model = pml.fit(x, f(x), method="polynomial", effort=EFFORT, **known)
        errors.append(np.sqrt(np.mean((model(x_new) - f(x_new)) ** 2)))
    assert errors[1] < 1e-2 * errors[0]
    assert errors[2] < 1e-2 * errors[1]


def test_quotients_meet_gradients():
    def f(X):
        x, y = X.T
        bottom = 1.2 + x * y
        value = (1 + x**2) / bottom
        return value, np.stack([2 * x / bottom - value * y / bottom, -value * x / bottom], axis=1)

    X, X_new = box(16, 2), box(300, 2, 1)
    y, G = f(X)
    model = pml.fit(X, y, gradients=G, method="rational", effort=0.03)
    assert relative_rmse(model, f, X_new) < 1e-12


def test_gradients_of_data_frames_are_found_by_their_names():
    pandas = pytest.importorskip("pandas")
    X, X_new = box(12, 2), box(200, 2, 1)
    y, G = quartic(X)
    frame = pandas.DataFrame(G[:, ::-1], columns=["b", "a"])
    model = pml.fit(pandas.DataFrame(X, columns=["a", "b"]), y, gradients=frame, effort=EFFORT)
    assert np.max(np.abs(model.evaluate(X_new) - quartic(X_new)[0][:, None])) < 1e-11


def test_gradients_are_tables_of_any_kind_as_inputs_are():
    X = box(12, 2)
    y, G = quartic(X)
    wanted = as_samples(X, y, gradients=G).derivatives.values
    inputs = {"a": X[:, 0], "b": X[:, 1]}
    for table in ({"b": G[:, 1], "a": G[:, 0]}, np.rec.fromarrays([G[:, 1], G[:, 0]], names="b,a")):
        np.testing.assert_array_equal(as_samples(inputs, y, gradients=table).derivatives.values, wanted)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gradients": np.zeros((12, 3))}, r"gradients: expected \(12, 2\) or \(12, 1, 2\), .* got \(12, 3\)"),
        ({"gradients": np.zeros((11, 2))}, r"gradients: expected \(12, 2\).*got \(11, 2\)"),
        ({"gradients": np.full((12, 2), np.inf)}, "gradients: expected finite numbers, .* got 24 infinite, .* row 0"),
        ({"gradients": np.full((12, 2), np.nan)}, "gradients: expected a number somewhere, got NaN only"),
        ({"gradients": np.full((12, 2), 1j)}, "gradients: expected real numbers"),
        ({"gradients": np.full((12, 2), "a")}, "gradients: expected numbers, got <U1"),
        ({"gradients": [[object(), 1.0]] * 12}, "gradients: expected numbers, got objects"),
        ({"second_derivatives": np.zeros(12)}, "second_derivatives: expected X of one column, got 2"),
    ],
)
def test_what_gradients_can_not_be_is_said(given, said):
    X = box(12, 2)
    with pytest.raises(ValueError, match=said):
        pml.fit(X, quartic(X)[0], **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros(11), r"expected \(12,\) or \(12, 1\), got \(11,\)"),
        (np.zeros((12, 2)), r"expected \(12,\) or \(12, 1\), got \(12, 2\)"),
        (np.where(np.arange(12) == 4, np.inf, 0.0), "expected finite numbers, .* got infinity, first in row 4"),
        (np.full(12, np.nan), "expected a number somewhere, got NaN only"),
    ],
)
def test_what_second_derivatives_can_not_be_is_said(given, said):
    x = np.linspace(0.0, 1.0, 12)
    with pytest.raises(ValueError, match=f"second_derivatives: {said}"):
        as_samples(x, np.exp(x), second_derivatives=given)


def test_masked_derivatives_and_columns_of_them_are_unknown_where_masked():
    x = np.linspace(0.0, 1.0, 12)
    is_known = np.arange(12) != 5
    masked = np.ma.masked_array(np.exp(x), mask=~is_known)
    for given in (masked, pd.DataFrame({"bend": masked.filled(np.nan)})):
        found = as_samples(x, np.exp(x), second_derivatives=given).derivatives
        np.testing.assert_array_equal(found.rows, np.flatnonzero(is_known))
        np.testing.assert_array_equal(found.values[:, 0], np.exp(x[is_known]))


def test_outputs_are_known_together_where_gradients_are():
    X = box(12, 2)
    y, G = quartic(X)
    y = np.stack([y, -y], axis=1)
    y[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"y: expected all outputs or none .* the rows 3"):
        as_samples(X, y, gradients=np.stack([G, -G], axis=1))


def test_rows_without_y_need_some_derivative():
    X = box(20, 2)
    y, G = quartic(X)
    y[3], G[3] = np.nan, np.nan
    with pytest.raises(ValueError, match="y: expected finite numbers, got 1 NaN and 0 infinite, the first in row 3"):
        pml.fit(X, y, gradients=G)
    y[:], G[3] = np.nan, 0.0
    with pytest.raises(ValueError, match="y: expected a value in some of the rows"):
        pml.fit(X, y, gradients=G)


def test_rows_of_weight_0_have_no_gradients():
    X, X_new = box(16, 2), box(200, 2, 1)
    y, G = quartic(X)
    weight = np.ones(16)
    weight[3], y[3], G[3] = 0.0, np.inf, 1e9
    model = pml.fit(X, y, gradients=G, sample_weight=weight, effort=EFFORT)
    assert relative_rmse(model, quartic, X_new) < 1e-13


def test_relative_errors_weigh_gradients_as_their_rows():
    X_new = box(200, 2, 1)

    def f(X):
        value, slopes = quartic(X)
        return value**2 + 1e-4, 2 * value[:, None] * slopes

    y, G = f(box(60, 2))
    model = pml.fit(box(60, 2), y, gradients=G, error="relative", method="polynomial", effort=0.03)
    y_new = f(X_new)[0]
    assert np.sqrt(np.mean(((model(X_new) - y_new) / y_new) ** 2)) < 1e-8
    y[5] = np.nan
    with pytest.raises(ValueError, match="got gradients alone in the rows 5"):
        pml.fit(box(60, 2), y, gradients=G, error="relative")


def wave(X):
    """Of two inputs in other units: amplitudes, and slopes, differ by a factor of 300."""
    x, y = X.T
    value = np.sin(2 * x) + 0.01 * (y / 30) ** 2 + np.exp(x * y / 30)
    return value, np.stack(
        [2 * np.cos(2 * x) + y / 30 * np.exp(x * y / 30), 0.02 * y / 900 + x / 30 * np.exp(x * y / 30)], axis=1
    )


@pytest.mark.parametrize("n", [30, 300])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda G: -G, r"expected derivatives of y.*got minus them \(forces are minus"),
        (lambda G: G * [1.0, -1.0], "got minus those by 'b'"),
        (lambda G: G * [180 / np.pi, 1.0], "got 57.* times those by 'a'"),
        (lambda G: G[:, ::-1].copy(), "got those by 'b' for 'a' and the other way round"),
    ],
)
def test_signs_units_and_order_of_gradients_are_checked_by_neighbours(change, said, n):
    X = box(n, 2) * [1.0, 30.0]
    y, G = wave(X)
    with pytest.raises(ValueError, match=said):
        pml.fit(X, y, gradients=change(G), input_names=["a", "b"])


def test_gradients_of_what_is_constant_are_0():
    X, y, zero = box(20, 2), np.ones(20), np.zeros((20, 2))
    for scale in (0.0, 1.0):
        assert pml.fit(X, scale * y, gradients=zero, effort=EFFORT)([[0.1, 0.2]])[0] == scale
        assert require_derivatives_of_y(as_samples(X, scale * y, gradients=zero)) == []
        [said] = require_derivatives_of_y(as_samples(X, scale * y, gradients=quartic(X)[1]))
        assert said == "gradients contradict y: y is the same in neighbouring rows, and they are not 0"


@pytest.mark.parametrize("n", [13, 40, 200])
@pytest.mark.parametrize("k", [1.0, 10.0, 100.0])
def test_right_gradients_pass_however_far_rows_are_apart(n, k):
    for seed in range(5):
        X = box(n, 2, seed)
        t = k * (X[:, 0] + 0.7 * X[:, 1])
        samples = as_samples(X, np.sin(t), gradients=k * np.cos(t)[:, None] * [1.0, 0.7])
        assert require_derivatives_of_y(samples) == []


@pytest.mark.parametrize("k", [4.0, 8.0, 16.0])
def test_right_gradients_of_a_coarse_grid_pass_where_the_mean_slope_is_off_alike_everywhere(k):
    axis = np.linspace(0.0, 1.0, 5)
    X = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    y = np.exp(k * X.sum(axis=1))
    assert require_derivatives_of_y(as_samples(X, y, gradients=k * y[:, None] * np.ones(3))) == []


def test_a_factor_that_neighbours_do_not_show_is_found_by_models_of_y_alone():
    X = box(60, 3, low=0.0, high=1.0)
    y = np.exp(8 * X.sum(axis=1))
    with pytest.warns(UserWarning, match=r"by x2 1\.1 times those of y"):
        model = pml.fit(X, y, gradients=8 * y[:, None] * [1.0, 1.0, 1.1], effort=EFFORT, method="polynomial")
    assert any("contradict y" in one for one in model.report.warnings)


def test_second_derivatives_of_the_wrong_sign_are_found():
    x = np.linspace(0.0, 2.0, 30)
    with pytest.warns(UserWarning, match="they are twice by x0 -1 times those of y"):
        pml.fit(x, np.sin(x), second_derivatives=np.sin(x), effort=EFFORT)


@pytest.mark.parametrize("scale", [1e-250, 1e250])
def test_gradients_are_met_in_any_unit_of_inputs(scale):
    X = box(12, 2)
    y, G = quartic(X)
    model = pml.fit(X * scale, y, gradients=G / scale, effort=EFFORT, method="polynomial")
    assert abs(model([[0.1 * scale, 0.2 * scale]])[0] - quartic(np.array([[0.1, 0.2]]))[0][0]) < 1e-11


def test_angles_relations_and_variables_of_symmetries_take_gradients_along():
    """Each of 30 rows, too few for y alone: a Fourier series of two angles, a root of a cubic, a function of x0 x1."""

    def series(X):
        a, b = X.T
        value = np.cos(a) + 0.4 * np.cos(3 * a) + 0.6 * np.sin(a - 2 * b) + 0.3 * np.cos(2 * b)
        by_a = -np.sin(a) - 1.2 * np.sin(3 * a) + 0.6 * np.cos(a - 2 * b)
        return value, np.stack([by_a, -1.2 * np.cos(a - 2 * b) - 0.6 * np.sin(2 * b)], axis=1)

    def root(X):
        """y^3 + y = 1 + x0 + x0 x1 + x1^2."""
        a, b = X.T
        y = np.ones(len(X))
        for _ in range(50):
            y -= (y**3 + y - 1 - a - a * b - b**2) / (3 * y**2 + 1)
        return y, np.stack([1 + b, a + 2 * b], axis=1) / (3 * y**2 + 1)[:, None]

    for f, method, width in ((series, "trigonometric", np.pi), (root, "algebraic", 1.0)):
        X, X_new = width * box(30, 2), width * 0.9 * box(200, 2, 1)
        y, G = f(X)
        model = pml.fit(X, y, gradients=G, method=method, effort=0.03)
        assert relative_rmse(model, f, X_new) < 1e-9
        assert "by y and its derivatives" in model.report.description


@pytest.mark.parametrize("kinds", [("product", "sum"), ("squares", "reciprocals")])
def test_derivatives_in_other_variables_are_those_of_the_chain_rule(kinds):
    variables = Variables(kinds, np.array([[1.0, -1.0, 0.0], [0.0, 2.0, 1.0]]), np.array([0.5, 0.0, 1.0]))
    X = box(20, 3, low=0.5, high=2.0)
    inner = pml.Polynomial([[2, 1], [0, 1], [1, 0]], [1.0, 2.0, 3.0])
    whole = Reduced(inner, variables)
    samples = as_samples(X, whole(X), gradients=whole.gradient(X))
    changed = reduced(samples, variables)
    assert changed is not None
    np.testing.assert_allclose(changed.derivatives.of(inner), changed.derivatives.values, rtol=1e-10, atol=1e-10)


def test_sums_of_products_take_derivatives_as_rows_of_other_polynomials():
    def product(X):
        a, b, c, d = X.T
        factors = np.stack([np.sin(3 * a) + 2, np.exp(b), 1 / (1.3 + c), np.cos(2 * d + 0.3)])
        slopes = np.stack([3 * np.cos(3 * a), np.exp(b), -1 / (1.3 + c) ** 2, -2 * np.sin(2 * d + 0.3)])
        value = factors.prod(axis=0)
        return value, (value / factors * slopes).T

    X, X_new = box(60, 4), box(300, 4, 1)
    y, G = product(X)
    errors = [
        relative_rmse(pml.fit(X, y, method="separable", effort=0.03, **known), product, 0.9 * X_new)
        for known in ({}, {"gradients": G})
    ]
    assert errors[1] < min(1e-6, 1e-4 * errors[0])


def test_each_category_has_its_gradients():
    pandas = pytest.importorskip("pandas")
    X = box(40, 2)
    y, G = quartic(X)
    is_other = np.arange(40) % 3 == 0
    y, G = np.where(is_other, 2 - y, y), np.where(is_other[:, None], -G, G)
    table = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "law": np.where(is_other, "u", "v")})
    model = pml.fit(table, y, gradients=np.column_stack([G, np.full(40, np.nan)]), effort=0.03, method="polynomial")
    X_new = box(100, 2, 1)
    new = pandas.DataFrame({"a": X_new[:, 0], "b": X_new[:, 1], "law": "u"})
    np.testing.assert_allclose(model(new), 2 - quartic(X_new)[0], atol=1e-11)


def test_a_category_has_no_derivative_but_0():
    x = np.linspace(0.0, 1.0, 12)
    table = {"x": x, "kind": np.where(np.arange(12) % 2, "ice", "water")}
    with pytest.raises(ValueError, match="gradients: expected 0 or NaN by column 'kind', which is no number"):
        as_samples(table, x, gradients=np.ones((12, 2)), encode=True)


def test_where_no_derivative_is_left_there_are_none():
    x = np.linspace(0.0, 1.0, 12)
    alone = as_samples(x, x, gradients=np.ones(12)).derivatives
    assert alone.some(np.zeros(12, dtype=bool)) is None
    assert alone.without_column(0) is None
    assert type(alone).known(x[:, None], np.full((12, 1, 1), np.nan), None, *[np.arange(12)] * 2) is None


def test_rows_to_choose_by_may_have_gradients():
    X, held_out = box(12, 2), box(20, 2, 1)
    (y, G), (y_held_out, G_held_out) = quartic(X), quartic(held_out)
    model = pml.fit(X, y, gradients=G, validation=(held_out, y_held_out, G_held_out), effort=EFFORT)
    assert relative_rmse(model, quartic, box(200, 2, 2)) < 1e-12
    assert model.report.gradient_rmse < 1e-12
    off = pml.fit(X, y, gradients=G, validation=(held_out, y_held_out, 1.1 * G_held_out), effort=EFFORT)
    assert 0.05 < off.report.gradient_rmse < 0.2
    without = pml.fit(X, y, gradients=G, validation=(held_out, y_held_out), effort=EFFORT)
    assert relative_rmse(without, quartic, box(200, 2, 2)) < 1e-12
    with pytest.raises(ValueError, match="validation: expected gradients of the rows to train on as well"):
        pml.fit(X, y, validation=(held_out, y_held_out, G_held_out))
    with pytest.raises(ValueError, match=r"validation: expected a fraction, \(X, y\), or .* got 4 items"):
        pml.fit(X, y, gradients=G, validation=(held_out, y_held_out, G_held_out, None))
