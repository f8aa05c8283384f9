"""Models in logarithms, reciprocals and squares: values, domains, damaged files."""

import re

import numpy as np
import pytest

import pml_native as pml
from pml_native.models import Signature

EPS = np.finfo(np.float64).eps
RNG = np.random.default_rng(0)
X = RNG.uniform(0.5, 4.0, size=(40, 3))
OUTPUTS = ("identity", "log", "square", "reciprocal")
POWERS = {"square": 2.0, "reciprocal": -1.0, "reciprocal_square": -2.0, "reciprocal_root": -0.5}


def network(seed=1, widths=(3, 6, 4), shift=5.0):
    """A network whose values lie between 3 and 7."""
    mlp = pml.MLP(widths)
    m = widths[-1]
    around = pml.Normalization(np.zeros(m, dtype=np.intc), np.full(m, shift), np.ones(m))
    return pml.NetworkModel(mlp, mlp.initialize(seed), inputs=pml.Normalization.of(X), outputs=around)


def transformed(**options):
    return pml.Transformed(network(), ("log", "identity", "reciprocal"), OUTPUTS, **options)


def test_values_are_those_of_the_model_inside_in_its_coordinates():
    model = transformed()
    inner = network()(np.column_stack([np.log(X[:, 0]), X[:, 1], 1.0 / X[:, 2]]))
    np.testing.assert_array_equal(
        model(X), np.column_stack([inner[:, 0], np.exp(inner[:, 1]), np.sqrt(inner[:, 2]), 1.0 / inner[:, 3]])
    )
    assert model.n_params == network().n_params


def test_identities_change_nothing():
    model = pml.Transformed(network(), ["identity"] * 3, ["identity"] * 4)
    np.testing.assert_array_equal(model(X), network()(X))
    np.testing.assert_array_equal(model.gradient(X), network().gradient(X))
    np.testing.assert_array_equal(model.extended(X), network().extended(X))


def test_training_data_and_values_are_inverse_to_each_other():
    y = RNG.uniform(0.1, 9.0, size=(40, 4))
    inner = pml.Transformed.transform_outputs(y, OUTPUTS)
    np.testing.assert_array_equal(inner, np.column_stack([y[:, 0], np.log(y[:, 1]), y[:, 2] ** 2, 1.0 / y[:, 3]]))
    assert pml.Transformed.transform_outputs(y[:, 1], ["log"]).shape == (40, 1)
    inner_X = pml.Transformed.transform_inputs(X, ["log", "identity", "reciprocal"])
    np.testing.assert_array_equal(network()(inner_X)[:, 0], transformed()(X)[:, 0])
    assert inner_X.flags.c_contiguous
    assert not np.shares_memory(pml.Transformed.transform_inputs(X, ["identity"] * 3), X)


@pytest.mark.parametrize("name", POWERS)
@pytest.mark.parametrize("scale", [2.0, -0.25, 2.0**-1000])
def test_links_of_powers_give_back_values_and_derivatives_at_any_scale(name, scale):
    y = scale * RNG.uniform(0.5, 2.0, size=(40, 1))
    inner = pml.Transformed.transform_outputs(y, [name], [scale])
    np.testing.assert_allclose(inner, (y / scale) ** POWERS[name], rtol=4 * EPS)
    line = pml.NetworkModel(pml.MLP((1, 1)), [1.0, 0.0])  # t = x
    model = pml.Transformed(line, ["identity"], [name], output_scales=[scale])
    np.testing.assert_allclose(model(inner), y[:, 0], rtol=8 * EPS)
    slope = scale / POWERS[name] * inner[:, 0] ** (1.0 / POWERS[name] - 1.0)
    np.testing.assert_allclose(model.gradient(inner)[:, 0], slope, rtol=20 * EPS)
    assert np.isnan(model([[-1.0]])[0]) or name == "reciprocal"


def test_scales_of_inputs_move_the_domain_and_come_back_from_a_file(tmp_path):
    mlp = pml.MLP((1, 4, 1))
    inner = pml.NetworkModel(mlp, mlp.initialize(0))
    model = pml.Transformed(inner, ["log"], ["identity"], input_scales=[-(2.0**100)])
    x = -(2.0**100) * np.linspace(0.5, 2.0, 9)[:, None]
    np.testing.assert_array_equal(model(x), inner(np.log(x / -(2.0**100))))
    # d/dx f(log(x / a)) = f' / x
    np.testing.assert_allclose(model.gradient(x), inner.gradient(np.log(x / -(2.0**100))) / x, rtol=4 * EPS)
    assert np.isnan(model(-x)).all()
    model.save(tmp_path / "model.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "model.pml")(x), model(x))


@pytest.mark.parametrize(
    ("scales", "message"),
    [([1.0], r"input_scales: expected (3,), got (1,)"), ([1.0, 0.0, 1.0], "expected finite numbers other than 0")],
)
def test_wrong_scales_are_refused(scales, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pml.Transformed(network(), ["log"] * 3, OUTPUTS, input_scales=scales)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("log", 0.0, 'y: expected values > 0 in column 0 for "log", got 0.0 in row 3, the first of 2'),
        ("log", np.nan, "got nan in row 3"),
        ("log", np.inf, "got inf in row 3"),
        ("reciprocal", 0.0, "expected magnitudes from 2.2e-308 to 4.5e307"),
        ("reciprocal", 1e-310, "got 1e-310 in row 3"),
        ("square", -1.0, "expected 0, or values from 1.5e-154 to 1.3e154"),
        ("square", 1e155, "got 1e+155 in row 3"),
        ("square", 1e-200, "got 1e-200 in row 3"),
    ],
)
def test_training_data_outside_the_domain_are_refused_with_the_first_row(name, value, message):
    y = np.ones(6)
    y[[3, 5]] = value
    with pytest.raises(ValueError, match=re.escape(message)):
        pml.Transformed.transform_outputs(y, [name])
    if name != "square":
        with pytest.raises(ValueError, match=re.escape(message).replace("y:", "X:")):
            pml.Transformed.transform_inputs(y, [name])


def test_values_outside_the_domain_are_nan_in_their_rows_alone():
    model = transformed()
    rows = X.copy()
    rows[1, 0] = -1.0
    rows[2, 0] = 0.0
    rows[3, 2] = 0.0
    rows[4, 1] = np.nan
    rows[5, 0] = np.inf
    for values in (model(rows), model.extended(rows)[0], model.gradient(rows).reshape(40, -1)):
        assert np.isnan(values[1:6]).all()
        assert np.isfinite(values[0]).all()
        assert np.isfinite(values[6:]).all()
    below = pml.Transformed(network(shift=-5.0), ["identity"] * 3, OUTPUTS)(X)
    assert np.isnan(below[:, 2]).all()
    assert np.isfinite(below[:, [0, 1, 3]]).all()


def test_derivatives_outside_the_domain_are_nan_where_the_network_has_slope_0_for_nan():
    mlp = pml.MLP((3, 6, 1), activation="relu")
    model = pml.Transformed(pml.NetworkModel(mlp, mlp.initialize(0)), ["log", "identity", "identity"], ["identity"])
    rows = X.copy()
    rows[0, 0] = -1.0
    gradient = model.gradient(rows)
    assert np.isnan(gradient[0]).all()
    assert np.isfinite(gradient[1:]).all()


def test_values_at_the_end_of_the_range_are_infinite_not_nan():
    model = pml.Transformed(network(shift=800.0), ["identity"] * 3, ["log"] * 4)
    high, low = model.extended(X)
    assert np.isposinf(model(X)).all()
    assert np.isposinf(high).all()
    assert not low.any()


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (("log",), OUTPUTS, "input_transforms: expected 3 names, one for each column, got ('log',)"),
        ("log", OUTPUTS, "input_transforms: expected 3 names, one for each column, got 'log'"),
        (["log"] * 3, ("log",), "output_transforms: expected 4 names"),
        (["cube"] * 3, OUTPUTS, "input_transforms: expected names among identity, log, reciprocal, root, got 'cube'"),
        (
            ["square"] * 3,
            OUTPUTS,
            "input_transforms: expected names among identity, log, reciprocal, root, got 'square'",
        ),
        (
            ["log"] * 3,
            ["cube"] * 4,
            "output_transforms: expected names among identity, log, reciprocal, square, reciprocal_square, recip",
        ),
    ],
)
def test_unknown_names_and_wrong_numbers_of_them_are_refused(inputs, outputs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pml.Transformed(network(), inputs, outputs)


def test_a_signature_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="signature: expected 3 inputs and 4 outputs, as the model has, got 3 and 1"):
        transformed(signature=Signature(3, 1))


def test_a_damaged_model_inside_is_a_clear_error(tmp_path, monkeypatch):
    path = tmp_path / "model.pml"
    model = transformed()
    header, arrays = model.description()
    values = header["values"]
    for damaged, kept in (
        ({}, arrays),
        ({**values, "model": None}, arrays),
        ({**values, "model": {}}, arrays),
        ({**values, "input_transforms": None}, arrays),
        ({**values, "output_transforms": ["log", "log", "log", {}]}, arrays),
        (values, {}),
    ):
        monkeypatch.setattr(model, "description", lambda d=damaged, a=kept: ({**header, "values": d}, a))
        model.save(path)
        with pytest.raises(ValueError, match="the model file is incomplete or of another version"):
            pml.load(path)


def test_a_power_law_is_a_straight_line_in_logarithms():
    # y = 3 x1^2 / x2: a network without hidden layers, solved for by hand.
    mlp = pml.MLP((2, 1))
    inner = pml.NetworkModel(mlp, [2.0, -1.0, np.log(3.0)])
    model = pml.Transformed(inner, ["log", "log"], ["log"])
    points = RNG.uniform(0.1, 1e3, size=(50, 2))
    np.testing.assert_allclose(model(points), 3.0 * points[:, 0] ** 2 / points[:, 1], rtol=50 * EPS)


def test_roots_of_inputs_have_the_values_and_slopes_of_roots_and_no_value_outside():
    inner = pml.fit_polynomial(
        np.linspace(0.1, 3, 40), np.linspace(0.1, 3, 40) ** 3, inputs="identity", outputs="identity"
    )
    model = pml.Transformed(inner, ["root"], ["identity"], input_scales=[4.0])
    x = np.array([[0.5], [9.0], [30.0]])
    np.testing.assert_allclose(model(x), (x[:, 0] / 4.0) ** 1.5, rtol=1e-13)
    np.testing.assert_allclose(model.gradient(x)[:, 0], 1.5 / 4.0 * (x[:, 0] / 4.0) ** 0.5, rtol=1e-12)
    assert np.isnan(model([[-1.0], [0.0], [np.inf]])).all()
    np.testing.assert_allclose(model.box()[0], [4.0 * 0.1**2], rtol=1e-12)
