"""What holds for splines on any grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pml_native as pml
from pml_native import _core


@st.composite
def grids(draw, max_axes=4, starts=(0.0, -1.0, 1e6)):
    """Axes, degrees and a generator; far from 0 now and then, so that differences of coordinates count."""
    d = draw(st.integers(1, max_axes))
    degrees = [draw(st.integers(1, 7 if d <= 2 else 3)) for _ in range(d)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    axes = []
    for k in degrees:
        n = k + 1 + draw(st.integers(0, 5))
        start = draw(st.sampled_from(starts))
        points = np.linspace(0.0, 1.5, n) if draw(st.booleans()) else np.cumsum(rng.uniform(0.5, 1.5, n)) / n
        axes.append(start + points)
    return axes, degrees, rng


def nodes_of(axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def inside(axes, n, rng):
    return np.stack([rng.uniform(axis[0], axis[-1], n) for axis in axes], axis=1)


@given(grids())
@settings(max_examples=60, deadline=None)
def test_values_at_the_nodes_are_the_data_to_rounding(grid):
    axes, degrees, rng = grid
    values = rng.normal(size=[len(axis) for axis in axes])
    model = pml.SplineInterpolator(axes, values, degree=degrees)
    # A few roundings of each axis of the largest coefficient; at 1e6 the points themselves are rounded to 1e-10.
    size = np.max(np.abs(model.coefficients))
    far = any(axis[0] == 1e6 for axis in axes)
    atol = (1e-13 + 1e-9 * far) * size
    np.testing.assert_allclose(model(nodes_of(axes)), values.ravel(), rtol=0, atol=atol)


@given(grids(starts=(0.0, -1.0)))
@settings(max_examples=60, deadline=None)
def test_polynomials_of_the_degree_are_reproduced_with_their_gradient(grid):
    axes, degrees, rng = grid
    factors = [
        np.polynomial.Polynomial(rng.normal(size=k + 1), domain=[axis[0], axis[-1]])
        for k, axis in zip(degrees, axes, strict=True)
    ]

    def product(X, orders):
        parts = [f.deriv(o)(x) if o else f(x) for f, x, o in zip(factors, X.T, orders, strict=True)]
        return np.prod(parts, axis=0)

    values = product(nodes_of(axes), [0] * len(axes)).reshape([len(axis) for axis in axes])
    model = pml.SplineInterpolator(axes, values, degree=degrees)
    X = inside(axes, 50, rng)
    scale = np.prod([np.sum(np.abs(f.coef)) for f in factors])
    # Interpolation at uneven points multiplies rounding by up to some thousands, a derivative by k^2 more.
    np.testing.assert_allclose(model(X), product(X, [0] * len(axes)), rtol=0, atol=1e-11 * scale)
    for j, row in enumerate(np.eye(len(axes), dtype=int)):
        np.testing.assert_allclose(model.gradient(X)[:, j], product(X, row), rtol=0, atol=1e-8 * scale)


@given(grids(), st.integers(0, 200))
@settings(max_examples=30, deadline=None)
def test_rows_do_not_depend_on_threads_layout_or_neighbours(grid, n):
    axes, degrees, rng = grid
    values = rng.normal(size=[*(len(axis) for axis in axes), 2])
    X = inside(axes, n, rng)
    results = []
    for n_threads in (1, 2, 5):
        model = pml.SplineInterpolator(axes, values, degree=degrees, n_threads=n_threads)
        results.append(model(X).tobytes())
    assert len(set(results)) == 1
    strided = np.zeros((2 * n, len(axes) + 1))[::2, 1:]
    strided[...] = X
    assert model(strided).tobytes() == results[0]
    assert model(np.asfortranarray(X)).tobytes() == results[0]
    assert model(X).shape == (n, 2)
    assert model.gradient(X).shape == (n, 2, len(axes))
    if n:
        assert model(X[-1:]).tobytes() == model(X)[-1:].tobytes()


@pytest.mark.parametrize("d", range(1, 7))
def test_many_rows_are_bitwise_the_same_on_any_number_of_threads(isa, d):
    rng = np.random.default_rng(d)
    axes = [np.linspace(0.0, 1.0, 5)] * d
    X = rng.uniform(size=(20_000 if d < 5 else 3000, d))
    values = rng.normal(size=(5,) * d)
    results = [pml.SplineInterpolator(axes, values, n_threads=t)(X) for t in (1, 2, 7)]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@given(grids())
@settings(max_examples=30, deadline=None)
def test_nan_and_rows_outside_touch_their_own_row_alone(grid):
    axes, degrees, rng = grid
    values = rng.normal(size=[len(axis) for axis in axes])
    model = pml.SplineInterpolator(axes, values, degree=degrees, outside="nan")
    X = inside(axes, 40, rng)
    expected = model(X)
    spoilt = X.copy()
    column = rng.integers(len(axes))
    spoilt[3, column], spoilt[7, column], spoilt[20, column] = np.nan, axes[column][-1] + 0.1, -np.inf
    got = model(spoilt)
    lost = [3, 7, 20]
    assert np.isnan(got[lost]).all()
    np.testing.assert_array_equal(np.delete(got, lost), np.delete(expected, lost))
    assert np.isnan(model.derivative(spoilt, degrees)[lost]).all()


def test_instruction_sets_agree_to_rounding():
    rng = np.random.default_rng(9)
    axes = [np.linspace(0.0, 1.0, 9), np.sort(rng.uniform(size=8)), np.linspace(-1.0, 1.0, 10)]
    model = pml.SplineInterpolator(axes, rng.normal(size=(9, 8, 10)), degree=[4, 3, 7])
    X = inside(axes, 500, rng)
    before = _core.isa_selected()
    results = []
    for name in _core.isa_available():
        _core.isa_select(name)
        results.append(model(X))
    _core.isa_select(before)
    for other in results:
        # 160 products of numbers up to the largest coefficient.
        np.testing.assert_allclose(other, results[0], rtol=0, atol=1e-14 * np.max(np.abs(model.coefficients)))
