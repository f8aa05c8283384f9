"""Roots of relations between x and y: what they are, how they are found, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.hold_out import split
from pml_native.models.algebraic import roots
from pml_native.search.algebraic import AlgebraicSearch
from pml_native.search.algebraic_relation import Relation, Shape, Table, are_roots, null_vector
from pml_native.search.search import Rows

LITTLE = 0.05


def box(n, d, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (n, d))


def largest_root(X):
    """Of z^3 + p z + q, p > 0 and q from -2 to 2: the only one."""
    p, q = 1.55 + 1.45 * X[:, 0], 2.0 * X[:, 1]
    u = np.sqrt(0.25 * q**2 + p**3 / 27.0)
    # Of the two cube roots, whose product is -p / 3, the one without cancellation.
    large = np.cbrt(np.where(q > 0.0, -0.5 * q - u, -0.5 * q + u))
    return large - p / (3.0 * large)


def root_and_polynomial(X):
    x, y, z = X.T
    return np.sqrt(0.3 + x**2 + (1 + y) * z**2) + x * y - z**2


def two_roots(X):
    return np.sqrt(1.8 + X[:, 0] + 0.5 * X[:, 1]) + np.sqrt(1.5 + X[:, 0] * X[:, 1])


def of_five_inputs(X):
    return np.sqrt(2.0 + X[:, 0] * X[:, 1] + X[:, 2] ** 2) + X[:, 3] * X[:, 4]


def relative_rmse(model, f, X):
    y = f(X)
    return np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2))


def root_of_a_square(start=1.0, **options):
    """t^2 = 2 + x, begun at `start`."""
    coefficients = [[-2.0, 0.0, 1.0, start], [-1.0, 0.0, 0.0, 0.0]]
    return pml.Algebraic(pml.Polynomial([[0], [1]], coefficients), **options)


def test_the_value_is_the_root():
    X = box(50, 1)
    np.testing.assert_allclose(root_of_a_square()(X), np.sqrt(2.0 + X[:, 0]), rtol=0, atol=1e-15)
    high, low = root_of_a_square().extended(np.zeros((1, 1)))
    # sqrt(2) = 1.4142135623730951454746... - 9.6672933134529135e-17
    np.testing.assert_allclose((high[0], low[0]), (2.0**0.5, -9.6672933134529135e-17), rtol=1e-14)


def test_the_normalization_of_y_is_undone():
    outputs = pml.Normalization.of_box(np.array([[-200.0], [600.0]]))
    model, X = root_of_a_square(outputs=outputs), box(20, 1)
    np.testing.assert_allclose(model(X), 200.0 + 400.0 * np.sqrt(2.0 + X[:, 0]), rtol=1e-15)
    np.testing.assert_allclose(model.gradient(X)[:, 0], 200.0 / np.sqrt(2.0 + X[:, 0]), rtol=1e-14)


def test_a_start_beyond_the_turn_comes_back():
    """Where t < 0 the sum falls with t, and steps of Newton's method would go to the other root."""
    X = np.array([[-1.95], [-1.9]])
    np.testing.assert_allclose(root_of_a_square(-0.1)(X), np.sqrt(2.0 + X[:, 0]), rtol=1e-12)


def test_a_root_that_is_out_of_reach_has_a_value_of_no_meaning_and_no_low_part():
    high, low = root_of_a_square().extended(np.array([[20.0]]))
    assert np.isfinite(high).all()
    assert not low.any()


def test_terms_are_those_up_to_the_degrees():
    shape = Shape((2, 3), 4, 2)
    products = shape.products()
    every = np.stack(np.meshgrid(*(np.arange(k) for k in (3, 4, 3)), indexing="ij"), axis=-1).reshape(-1, 3)
    wanted = every[every.sum(axis=1) <= 4]
    assert {tuple(row) for row in products.tolist()} == {tuple(row) for row in wanted.tolist()}
    assert len(products) == len(wanted) == shape.n_terms


def test_the_null_vector_is_the_last_singular_vector():
    A = np.random.default_rng(0).normal(size=(40, 12)) * np.append(np.logspace(0, -3, 11), 1e-6)
    wanted = np.linalg.svd(A)[2][-1]
    c = null_vector(np.linalg.qr(A, mode="r"))
    np.testing.assert_allclose(c * np.sign(c @ wanted), wanted, rtol=0, atol=1e-10)


def test_dependent_columns_have_a_null_vector():
    A = np.random.default_rng(0).normal(size=(40, 5))
    A[:, 3] = 0.0
    np.testing.assert_allclose(np.abs(null_vector(np.linalg.qr(A, mode="r"))), [0, 0, 0, 1, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("f", "d", "degree"), [(largest_root, 2, 3), (root_and_polynomial, 3, 2), (two_roots, 2, 4), (of_five_inputs, 5, 2)]
)
@pytest.mark.parametrize("scale", [1.0, 1e100])
def test_roots_are_found_to_rounding(f, d, degree, scale):
    X, X_new = box(2000, d), box(1000, d, 1)
    model = pml.fit_algebraic(X, scale * f(X), effort=LITTLE)
    assert model.family == "algebraic"
    assert model.degree == degree
    assert relative_rmse(lambda X: model(X) / scale, f, X_new) < 1e-13


def test_the_larger_of_two_functions_is_a_root():
    """Where both are the same, dP/dt is 0, and half of the digits are left."""
    X, X_new = box(2000, 2), box(1000, 2, 1)
    model = pml.fit_algebraic(X, np.maximum(X[:, 0], X[:, 1] ** 2), effort=LITTLE)
    error = np.abs(model(X_new) - np.maximum(X_new[:, 0], X_new[:, 1] ** 2))
    assert np.median(error) < 1e-14
    assert error.max() < 1e-7


def test_where_two_roots_touch_rounding_leads_nowhere_else():
    """(t - a) (t - b) has no root or two, by rounding, where a = b: steps went down to the other end of the range."""
    X = box(2000, 2)
    model = pml.fit_algebraic(X, np.maximum(X[:, 0], X[:, 1] ** 2), effort=LITTLE)
    x = np.linspace(-1.0, 1.0, 4001)
    edge = np.stack([x**2, x], axis=1)
    np.testing.assert_allclose(model(edge), x**2, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rounding", [-1e-16, 0.0, 1e-16])
def test_a_double_root_is_one_whatever_rounding_makes_of_it(rounding):
    """t^2 - 2 a t + a^2, from above, as sums of rounded numbers have it."""
    a = np.linspace(-0.9, 0.9, 1001)
    c = np.stack([a**2 + rounding, -2.0 * a, np.ones_like(a)], axis=1)
    t = roots(c, a + 0.2)
    assert np.max(np.abs(t - a)) < 1e-5
    assert are_roots(c, t, 4.0).all()


@pytest.mark.parametrize("below", [1e-4, 0.1])
def test_no_root_is_none(below):
    """t^2 + below > 0: two roots have met and gone."""
    c = np.array([[below, 0.0, 1.0]])
    assert not are_roots(c, roots(c, np.array([0.1])), 2.0).any()


def test_a_sum_that_is_zero_for_any_value_has_no_root_to_rely_on():
    """(t - 0.5) z^2 where z is 1e-8."""
    c = np.array([[-0.5, 1.0, 0.0]]) * 1e-16
    assert not are_roots(c, np.array([0.5]), 2.0).any()


def test_logarithms_are_taken_where_they_help():
    X = np.exp(box(1000, 2, 3))
    X[:, 0] **= 2.0

    def f(X):
        u = np.log(X)
        return np.sqrt(2.5 + u[:, 0] + u[:, 1] ** 2)

    model = pml.fit_algebraic(X, f(X), effort=LITTLE)
    assert model.family == "transformed"
    assert relative_rmse(model, f, X) < 1e-13


def test_given_degrees_and_coordinates_are_taken():
    X = 2.0 + box(1000, 2)
    model = pml.fit_algebraic(X, two_roots(X - 2.0), degree=2, inputs=["identity", "log"], effort=LITTLE)
    assert model.input_transforms == ("identity", "log")
    assert model.model.degree == 2
    assert relative_rmse(model, lambda X: two_roots(X - 2.0), X) < 1e-4


def test_what_is_no_root_keeps_the_polynomial():
    X = box(300, 2)
    model = pml.fit_algebraic(X, np.sin(30.0 * X[:, 0] * X[:, 1]), effort=LITTLE)
    assert np.isfinite(model(X)).all()


def test_no_time_still_gives_a_model():
    X = box(500, 3)
    assert np.isfinite(pml.fit_algebraic(X, root_and_polynomial(X), time_limit=0.0)(X)).all()


def search_of_a_root():
    X = box(400, 1)
    samples = as_samples(X, np.sqrt(2.0 + X[:, 0]))
    rng = np.random.default_rng(0)
    search = AlgebraicSearch(Rows.of(*split(samples, None, rng), rng))
    [frame] = search.frames
    search.starts[frame] = search._start(frame, None)
    return search, search._relation(frame, Shape((1,), 2, 2), None)


def test_a_relation_is_refused_where_two_roots_cross():
    """P (z - 0.3) has all roots of P, and is 0 for any y where z is 0.3."""
    search, relation = search_of_a_root()
    assert relation.error < 1e-14
    assert search.is_safe(relation)
    indices, c = relation.by_power()
    products = {(int(a), k): c[i, k] for i, (a,) in enumerate(indices) for k in range(3)}
    times = dict.fromkeys(map(tuple, Shape((2,), 4, 2).products().tolist()), 0.0)
    for (a, k), value in products.items():
        # T_a T_1 = (T_(a+1) + T_|a-1|) / 2
        times[a, k] -= 0.3 * value
        times[a + 1, k] += 0.5 * value
        times[abs(a - 1), k] += 0.5 * value
    crossing = Relation(relation.frame, Shape((2,), 4, 2), np.array(list(times.values())), 0.0)
    assert not search.is_safe(crossing)


def test_a_few_rows_where_a_relation_falls_cost_an_error_and_no_end():
    search, relation = search_of_a_root()
    products, frame, c = relation.shape.products(), relation.frame, relation.coefficients
    table = Table(products, frame.Z, search.t)
    held_out = Table(products, frame.held_out_Z, search.held_out_t)
    assert search._error(table, held_out, c) < 1e-14
    table.slopes[:3] *= -1.0
    assert 0.01 < search._error(table, held_out, c) < 1.0
    search.t = search.t - 3.0  # below the turn of t^2
    assert not search.is_safe(relation)


def test_rows_where_two_roots_touch_are_met():
    """The larger of two columns of whole numbers, which are often the same."""
    X = np.random.default_rng(0).integers(0, 6, (1500, 2)).astype(float)
    model = pml.fit_algebraic(X, np.maximum(X[:, 0], X[:, 1]), effort=LITTLE)
    assert np.max(np.abs(model(X) - X.max(axis=1))) < 1e-5


def test_a_relation_is_refused_whose_root_is_far_from_the_start():
    search, relation = search_of_a_root()
    [frame] = search.frames
    search.starts[frame] = replace(search.starts[frame], farthest=1e-20)
    assert not search.is_safe(relation)


def test_weights_choose_what_is_met():
    X = box(600, 2)
    y, weight = largest_root(X), np.ones(600)
    y[:60] += 5.0
    weight[:60] = 1e-20
    validation = (X[60:], largest_root(X[60:]))
    model = pml.fit_algebraic(X, y, sample_weight=weight, validation=validation, effort=LITTLE)
    assert relative_rmse(model, largest_root, X[60:]) < 1e-8


def test_errors_may_be_relative():
    X = box(800, 2)

    def f(X):
        return 3.0 + largest_root(X)

    model = pml.fit_algebraic(X, f(X), error="relative", effort=LITTLE)
    assert np.max(np.abs(model(X) / f(X) - 1.0)) < 1e-12


def test_fit_takes_roots_where_nothing_else_is_exact():
    X = box(800, 2)
    report = pml.fit(X, largest_root(X), effort=0.05, n_threads=1, progress=False).report
    assert report.family == "algebraic"
    assert report.validation_rmse < 1e-14
    assert any("roots of relations" in sentence for sentence in report.path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pml.Algebraic(pml.Polynomial([[0]], [[1.0, 1.0, 1.0]])), "polynomials: expected 4 outputs or more"),
        (lambda: root_of_a_square(outputs=pml.Normalization.identity(2)), "outputs: expected a normalization of 1"),
        (lambda: root_of_a_square(signature=pml.models.Signature(2, 1)), "signature: expected 1 inputs and 1 outputs"),
        (lambda: pml.fit_algebraic(box(50, 2), box(50, 2)), "y: expected one output, got 2"),
        (lambda: pml.fit_algebraic(box(50, 2), np.ones(50)), "y: expected values that vary, got one value only"),
        (lambda: pml.fit_algebraic(box(50, 2), box(50, 1), degree=1), "degree: expected an integer >= 2 or None"),
    ],
)
def test_what_is_no_relation_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
