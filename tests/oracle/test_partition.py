"""Polynomials on the leaves of any tree: values and derivatives in the core, and by the definition leaf by leaf."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev

from pml_native.models import Normalization, PartitionOfUnity, Signature
from pml_native.models.partition import products_of


def a_tree(seed, n_leaves, d, m):
    """A model of cuts at random, some of whose bands overlap."""
    rng = np.random.default_rng(seed)
    nodes, free = [], []
    for k in range(n_leaves - 1):
        nodes.append([rng.integers(d), 0, 0])
        if k:
            above, side = free.pop(rng.integers(len(free)))
            nodes[above][side] = k
        free += [(k, 1), (k, 2)]
    for leaf, (above, side) in enumerate(free):
        nodes[above][side] = -1 - leaf
    places = np.stack([rng.uniform(-0.8, 0.8, n_leaves - 1), rng.uniform(0.05, 0.5, n_leaves - 1)], axis=1)
    degrees = rng.integers(0, 6, size=n_leaves)
    boxes = np.stack([rng.uniform(-1.2, -0.5, (n_leaves, d)), rng.uniform(0.5, 1.2, (n_leaves, d))], axis=1)
    coefficients = rng.normal(size=(sum(math.comb(d + k, d) for k in degrees), m))
    same = Normalization.identity
    nodes = np.array(nodes, dtype=np.int64).reshape(-1, 3)
    return PartitionOfUnity(nodes, places, degrees, boxes, coefficients, same(d), same(m), Signature(d, m, m == 1))


def by_the_definition(model, z):
    """The values (m,) at one point z (d,), which may be complex: a step along the imaginary axis has the derivative."""
    starts = np.cumsum([0, *(math.comb(len(z) + k, len(z)) for k in model.degrees)])

    def leaf(i):
        low, high = model.boxes[i]
        u = (2.0 * z - low - high) / (high - low)
        total = np.zeros(model.coefficients.shape[1], dtype=z.dtype)
        for index, c in zip(products_of(len(z), int(model.degrees[i])), model.coefficients[starts[i] :], strict=False):
            total += c * math.prod(chebyshev.chebval(u[j], np.eye(k + 1)[k]) for j, k in enumerate(index))
        return total

    def value(number):
        if number < 0:
            return leaf(-1 - number)
        column, left, right = model.nodes[number]
        place, width = model.places[number]
        v = 0.5 + 0.5 * (z[column] - place) / width
        if v.real <= 0.0 or v.real >= 1.0:
            return value(left if v.real <= 0.0 else right)
        w = v**4 * (35.0 - 84.0 * v + 70.0 * v**2 - 20.0 * v**3)
        return (1.0 - w) * value(left) + w * value(right)

    return value(0 if len(model.nodes) else -1)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), n_leaves=st.integers(1, 12), d=st.integers(1, 4), m=st.integers(1, 3))
def test_values_and_derivatives_are_those_of_the_definition(seed, n_leaves, d, m):
    model, X = a_tree(seed, n_leaves, d, m), np.random.default_rng(seed).uniform(-1.0, 1.0, size=(12, d))
    wanted = np.array([by_the_definition(model, x) for x in X])
    size = np.sum(np.abs(model.coefficients)) * 3.0**5
    assert np.max(np.abs(model.evaluate(X) - wanted)) <= 1e-14 * size
    step = 1e-100
    slopes = np.array(
        [[by_the_definition(model, x + 1j * step * e).imag / step for e in np.eye(d)] for x in X]
    ).transpose(0, 2, 1)
    assert np.max(np.abs(model.evaluate_gradient(X) - slopes)) <= 1e-12 * size


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_a_row_has_the_same_bits_in_any_batch_and_on_any_number_of_threads(n_threads):
    model, X = a_tree(7, 9, 3, 2), np.random.default_rng(7).uniform(-1.0, 1.0, size=(5000, 3))
    model.n_threads = 1
    values, slopes = model.evaluate(X), model.evaluate_gradient(X)
    model.n_threads = n_threads
    order = np.random.default_rng(8).permutation(len(X))
    assert np.array_equal(model.evaluate(X[order]), values[order])
    assert np.array_equal(model.evaluate_gradient(X[order]), slopes[order])
    assert np.array_equal(model.evaluate(X[:7]), values[:7])
    assert np.array_equal(model.evaluate_gradient(X[:7]), slopes[:7])


def test_a_row_of_nan_is_nan_and_the_others_are_not():
    model, X = a_tree(3, 6, 2, 1), np.random.default_rng(3).uniform(-1.0, 1.0, size=(50, 2))
    X[::7, 1] = np.nan
    assert np.array_equal(np.isnan(model.evaluate(X))[:, 0], np.isnan(X[:, 1]))
    assert np.array_equal(np.isnan(model.evaluate_gradient(X)).all(axis=(1, 2)), np.isnan(X[:, 1]))
