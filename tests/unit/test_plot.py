"""Slices of models, and their pictures."""

import sys

import numpy as np
import pytest

import pml_native as pml
from pml_native.models import Signature

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def no_window():
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


def product():
    """rho T^2 + rho p of rho from 1 to 2, T from 1 to 3 and p from 0 to 1, and 5 T."""
    inputs = pml.Normalization.of_box(np.array([[1.0, 1.0, 0.0], [2.0, 3.0, 1.0]]))
    indices = np.array([(i, j, k) for i in range(2) for j in range(3) for k in range(2)])
    X = np.random.default_rng(0).uniform([1.0, 1.0, 0.0], [2.0, 3.0, 1.0], (40, 3))
    signature = Signature(3, 2, False, ("rho", "T", "p"), ("y", "z"))
    unit = pml.Polynomial(indices, np.eye(12), inputs=inputs)
    values = np.column_stack([X[:, 0] * X[:, 1] ** 2 + X[:, 0] * X[:, 2], 5.0 * X[:, 1]])
    coefficients = np.linalg.lstsq(unit(X), values, rcond=None)[0]
    return pml.Polynomial(indices, coefficients, inputs=inputs, signature=signature)


def fitted():
    X = np.random.default_rng(0).uniform(1.0, 2.0, (150, 2))
    X[:, 1] = 10.0 ** (3.0 * X[:, 1] - 3.0)
    y = X[:, 0] * np.log(X[:, 1])
    names = {"input_names": ["rho", "T"], "output_names": ["y (J)"]}
    return pml.fit(X, y, effort=0.01, n_threads=1, progress=False, **names), X, y


# Slices


def test_a_slice_is_the_model_of_the_other_inputs(tmp_path):
    model = product()
    part = model.slice(T=2.0)
    X = np.random.default_rng(1).uniform([1.0, 0.0], [2.0, 1.0], (20, 2))
    whole = np.insert(X, 1, 2.0, axis=1)
    np.testing.assert_array_equal(part(X), model(whole))
    np.testing.assert_allclose(part.gradient(X), model.gradient(whole)[:, :, [0, 2]], rtol=1e-14)
    assert part.signature.input_names == ("rho", "p")
    part.save(tmp_path / "part.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "part.pml")(X), part(X))
    np.testing.assert_array_equal(model.slice({0: 1.5, "p": 0.5})([[2.5]]), model([[1.5, 2.5, 0.5]]))


def test_a_slice_of_a_fit_knows_its_box_and_what_is_outside():
    model, _, _ = fitted()
    model.outside = "nearest"
    part = model.slice(T=10.0)
    assert part.outside == "nearest"
    assert abs(part([[1.5]])[0] - 1.5 * np.log(10.0)) < 1e-12
    assert len(part.slice.__doc__) > 0
    np.testing.assert_allclose(part.roots(1.3 * np.log(10.0)), [1.3], rtol=1e-13)
    with pytest.raises(ValueError, match=r"expected values in the box, .* for 'T', got 1e\+06"):
        model.slice(T=1e6)


def test_what_can_not_be_sliced_is_said():
    model = product()
    with pytest.raises(ValueError, match="expected values for 1 to 2 of the 3 inputs, got 0"):
        model.slice()
    with pytest.raises(ValueError, match="expected values for 1 to 2 of the 3 inputs, got 3"):
        model.slice(rho=1.0, T=1.0, p=0.0)
    with pytest.raises(ValueError, match="by name or number below 3, got 'x'"):
        model.slice(x=1.0)
    for value in (np.nan, np.inf, "one", [1.0], None):
        with pytest.raises(ValueError, match=r"'T': expected a (finite )?number to hold it at, got"):
            model.slice(T=value)
    with pytest.raises(ValueError, match="'T': expected one value to hold it at, got two"):
        model.slice({1: 1.0}, T=2.0)


def test_an_input_may_have_any_name():
    X = np.random.default_rng(0).uniform(1.0, 2.0, (20, 2))
    model = pml.fit_polynomial({"at": X[:, 0], "self": X[:, 1]}, X[:, 0] * X[:, 1], degree=2)
    assert abs(model.slice(at=1.5)([[1.2]])[0] - 1.8) < 1e-14
    assert abs(model.slice(self=1.5)([[1.2]])[0] - 1.8) < 1e-14


# Pictures


def test_a_curve_shows_values_names_and_rows():
    model, X, y = fitted()
    axes = model.plot("rho", at={"T": 10.0}, rows=(X, y))
    x, shown = axes.lines[0].get_data()
    np.testing.assert_allclose(shown, x * np.log(10.0), rtol=1e-9)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("rho", "y (J)")
    assert "T = 10" in axes.get_title(loc="left")
    # Rows are moved along the model: they lie on the curve where the model meets them.
    [points] = axes.collections
    beside = points.get_offsets()
    assert 5 < len(beside) < len(X)
    np.testing.assert_allclose(beside[:, 1], beside[:, 0] * np.log(10.0), rtol=1e-9)


def test_a_column_of_many_decades_is_drawn_in_its_logarithm():
    model, X, y = fitted()
    assert model.plot("T", rows=(X, y)).get_xscale() == "log"
    assert model.plot("rho", rows=(X, y)).get_xscale() == "linear"


def test_a_map_has_both_inputs_and_the_output():
    model, X, y = fitted()
    axes = model.plot(rows=(X, y))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("rho", "T")
    bar = axes.figure.axes[1]
    assert bar.get_ylabel() == "y (J)"
    axes.figure.canvas.draw()


def test_a_model_of_three_inputs_has_a_curve_for_each():
    model = product()
    axes = model.plot()
    assert [one.get_xlabel() for one in axes] == ["rho", "T", "p"]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    axes[0].figure.canvas.draw()
    [line, _] = model.plot("T", output="z").lines
    np.testing.assert_allclose(line.get_ydata(), 5.0 * line.get_xdata(), rtol=1e-13)


def test_it_is_drawn_into_given_axes():
    _, axes = pyplot.subplots()
    assert product().plot("T", axes=axes) is axes
    assert len(pyplot.get_fignums()) == 1


def test_what_can_not_be_drawn_is_said(monkeypatch):
    model = product()
    with pytest.raises(ValueError, match="up to 2 inputs that differ"):
        model.plot("T", "T")
    with pytest.raises(ValueError, match="by name or number below 3, got 'z'"):
        model.plot("z")
    with pytest.raises(ValueError, match="output: expected one by name or number below 2, got 2"):
        model.plot(output=2)
    with pytest.raises(ValueError, match="rows: expected as many y as X, 3, got 2"):
        model.plot(rows=(np.ones((3, 3)), np.ones((2, 2))))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "pml_native\[plot\]"'):
        model.plot()
