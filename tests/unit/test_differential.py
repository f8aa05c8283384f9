"""Linear equations between derivatives: read off a model, and met by polynomials in corners where no row is."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import Samples
from pml_native.search.coordinates import InputFrames
from pml_native.search.differential import DifferentialSearch, Relation, Tables, relations_of
from pml_native.search.scheduler import Crew
from pml_native.search.search import Alone, Rows

INNER = np.random.default_rng(0).uniform(-0.8, 0.8, (800, 2))


def polynomial_of(function, degree=24):
    """Least squares with all terms up to a degree, from many points of [-1, 1]^2."""
    X = np.sin(0.5 * np.pi * np.random.default_rng(1).uniform(-1.0, 1.0, (2000, 2)))
    indices = np.array([(a, b) for a in range(degree + 1) for b in range(degree + 1 - a)])
    design = pml.Polynomial(indices, np.eye(len(indices))).evaluate(X)
    return pml.Polynomial(indices, np.linalg.lstsq(design, function(X), rcond=None)[0][:, None])


def left(relation, function_derivatives):
    """What the equation leaves of derivatives by their orders, relative to the largest term."""
    terms = [
        c * np.prod(INNER**m, axis=1) * function_derivatives[tuple(a)]
        for m, a, c in zip(relation.powers, relation.orders.tolist(), relation.numbers, strict=True)
    ]
    return np.max(np.abs(np.sum(terms, axis=0))) / np.max(np.abs(terms))


def test_a_harmonic_function_shows_its_equation():
    model = polynomial_of(lambda X: np.log((X[:, 0] + 3.0) ** 2 + (X[:, 1] - 2.5) ** 2))
    [relation] = relations_of(model, INNER)
    assert relation.orders.tolist() == [[2, 0], [0, 2]]
    assert not relation.powers.any()
    np.testing.assert_array_equal(relation.numbers, [1.0, 1.0])
    assert relation.described(["x", "t"]) == "y_x x + y_t t = 0"


def test_all_equations_of_an_exponential_times_a_wave_are_found():
    relations = relations_of(polynomial_of(lambda X: np.exp(X[:, 0]) * np.cos(X[:, 1])), INNER)
    y, other = np.exp(INNER[:, 0]) * np.cos(INNER[:, 1]), -np.exp(INNER[:, 0]) * np.sin(INNER[:, 1])
    known = {(0, 0): y, (1, 0): y, (2, 0): y, (0, 1): other, (1, 1): other, (0, 2): -y}
    assert len(relations) == 4
    assert max(left(relation, known) for relation in relations) < 1e-14


def test_numbers_beside_derivatives_may_be_powers_of_inputs():
    [relation] = relations_of(polynomial_of(lambda X: np.exp(X[:, 0] * X[:, 1] + X[:, 0] ** 3)), INNER)[:1]
    x, t = INNER.T
    y = np.exp(x * t + x**3)
    by_x = t + 3 * x**2
    known = {(0, 0): y, (1, 0): by_x * y, (0, 1): x * y, (2, 0): (by_x**2 + 6 * x) * y}
    known |= {(1, 1): (1 + x * by_x) * y, (0, 2): x**2 * y}
    assert left(relation, known) < 1e-13


def test_a_function_without_an_equation_of_few_numbers_shows_none():
    assert relations_of(polynomial_of(lambda X: np.exp(np.sin(X[:, 0] + 1.37 * X[:, 1] ** 2 + 0.3))), INNER) == []


@pytest.mark.parametrize("names", [("identity", "identity"), ("root", "log")])
def test_rows_of_an_equation_are_the_derivatives_of_each_term(names):
    rng = np.random.default_rng(2)
    X = rng.uniform([1.0, 2.0], [3.0, 7.0], (50, 2))
    frame = InputFrames(X, X, None, None)(names)
    indices = rng.integers(0, 7, (12, 2))
    Z = rng.uniform(-1.0, 1.0, (40, 2))
    tables = Tables.of(frame, Z, indices)
    relation = Relation(
        np.array([[1, 0], [0, 2], [0, 0]]), np.array([[2, 0], [1, 1], [0, 1]]), np.array([2.0, -0.5, 3.0])
    )
    model = pml.Polynomial(indices, np.eye(12), inputs=frame.normalization)
    if names[0] != "identity":
        model = pml.models.Transformed(model, names, ("identity",) * 12, input_scales=frame.scales)
    x, t = tables.X.T
    bends, slopes = model.evaluate_hessian(tables.X), model.evaluate_gradient(tables.X)
    wanted = 2.0 * x[:, None] * bends[:, :, 0, 0] - 0.5 * t[:, None] ** 2 * bends[:, :, 0, 1] + 3.0 * slopes[:, :, 1]
    np.testing.assert_allclose(tables.rows(relation), wanted, rtol=1e-10, atol=1e-10 * np.max(np.abs(wanted)))


def test_a_corner_without_rows_is_met_by_the_equation():
    def function(X):
        return np.log((X[:, 0] + 1.8) ** 2 + (X[:, 1] - 1.9) ** 2)

    X = np.random.default_rng(3).uniform(-1.0, 1.0, (1500, 2))
    X = X[X.sum(axis=1) < 1.3]
    train, held_out = (
        Samples(some, function(some)[:, None], None, True, None, None) for some in (X[:1000], X[1000:1200])
    )
    rows = Rows(train, held_out, np.array([[-1.0, -1.0], [1.0, 1.0]]))
    alone = Alone(DifferentialSearch(rows, polynomial_of(function, 30), 1e-12, np.random.default_rng(4)), np.inf)
    Crew(1, np.inf, needed=lambda: False).run(alone)
    corner = np.random.default_rng(5).uniform(0.7, 1.0, (200, 2))
    off = alone.best.model.evaluate(corner)[:, 0] - function(corner)
    assert "meet y_x0 x0 + y_x1 x1 = 0" in alone.best.description
    assert np.max(np.abs(off)) < 3e-9  # polynomials without it are off by more than 1e-5 there
