"""What models are proved to be between on boxes: against exact rational arithmetic, dense points, and known ranges."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from unit.models_of_all_families import MODELS, model_of

import pml_native as pml
from pml_native.models import Boosted, Mixed, Outputs, Piecewise, Regions, enclosures

ENCLOSED = ["polynomial", "polynomial without a column", "polynomial of one input", "polynomial of many outputs"]
ENCLOSED += ["separable", "separable of one product", "mixed", "piecewise", "exchanged", "bounded"]
WIDE = 0.5  # a tolerance that takes few boxes, where the width is not asked


def points(low, high, n=4000):
    """Points of a box, its corners among them."""
    corners = [*itertools.product(*zip(low, high, strict=True))]
    inner = np.random.default_rng(1).uniform(low, high, (n, len(low)))
    return np.concatenate([corners, inner])


def require_inside(model, low, high, found):
    X = points(low, high)
    m, d = model.signature.n_outputs, model.signature.n_inputs
    y, g = np.asarray(model(X)).reshape(-1, m), np.asarray(model.gradient(X)).reshape(-1, m, d)
    assert np.all(found.low <= y)
    assert np.all(y <= found.high)
    assert np.all(found.gradient_low <= g)
    assert np.all(g <= found.gradient_high)
    assert np.all(np.linalg.norm(g, axis=2) <= found.lipschitz)


def random_polynomial(degree, seed, d=2, box=(-1.0, 1.0)):
    rng = np.random.default_rng(seed)
    indices = np.array([a for a in itertools.product(range(degree + 1), repeat=d) if sum(a) <= degree])
    coefficients = rng.normal(size=len(indices)) / (1.0 + indices.sum(axis=1)) ** rng.uniform(0.0, 2.0)
    inputs = pml.Normalization.of_box(np.repeat(np.array(box)[:, None], d, axis=1))
    return pml.Polynomial(indices, coefficients, inputs=inputs)


def exact_value(model, x):
    """A polynomial at one point in rational numbers."""
    z = [
        (Fraction(v) / Fraction(2) ** int(e) - Fraction(s)) / Fraction(c)
        for v, e, s, c in zip(x, model.inputs.exponent, model.inputs.shift, model.inputs.scale, strict=True)
    ]
    total = Fraction(0)
    for index, [c] in zip(model.indices.tolist(), model.coefficients.tolist(), strict=True):
        term = Fraction(c)
        for one, a in zip(z, index, strict=True):
            before, here = Fraction(1), one
            for _ in range(a):
                before, here = here, 2 * one * here - before
            term *= before
        total += term
    return total


@pytest.mark.parametrize("name", ENCLOSED)
def test_values_and_derivatives_are_in_the_enclosure(name):
    model, (low, high) = model_of(name), MODELS[name].box
    d = model.signature.n_inputs
    rng = np.random.default_rng(3)
    middle = rng.uniform(low, high, d)
    some = np.minimum(middle, low + 0.7 * (high - low)), np.maximum(middle, low + 0.8 * (high - low))
    for begin, end in (np.full(d, low), np.full(d, high)), some:
        require_inside(model, begin, end, model.enclosure(np.stack([begin, end], axis=1), tolerance=WIDE))


@pytest.mark.parametrize(("degree", "seed"), [(1, 0), (4, 1), (7, 2), (12, 3), (12, 4)])
def test_an_enclosure_is_wider_than_the_range_by_no_more_than_asked(degree, seed):
    model = random_polynomial(degree, seed)
    found = model.enclosure([(-1.0, 1.0)] * 2)
    axis = np.cos(np.linspace(0.0, np.pi, 201))  # dense where a polynomial varies most
    X = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    y = model(X)
    assert found.low <= y.min()
    assert y.max() <= found.high
    assert found.high - found.low <= 1.025 * np.ptp(y)
    g = model.gradient(X)
    assert np.all(found.gradient_low <= g)
    assert np.all(g <= found.gradient_high)
    assert np.all(found.gradient_high - found.gradient_low <= 1.03 * np.ptp(g, axis=0) + 1e-12)


@pytest.mark.parametrize(("a", "b"), [(-1.0, 1.0), (0.1, 0.7), (1000.0, 1000.3), (0.9, 1.4)])
def test_the_exact_values_of_a_polynomial_are_in_the_enclosure_of_a_small_box(a, b):
    model = random_polynomial(6, 5, box=(min(a, -1.0), 1.0) if a < 2.0 else (a, b))
    for width in (1.0, 1e-3, 1e-12, 0.0):
        low, high = np.full(2, a), np.full(2, max(a + width * (b - a), np.nextafter(a, np.inf)))
        found = model.enclosure(np.stack([low, high], axis=1))
        for x in points(low, high, 20):
            assert Fraction(found.low) <= exact_value(model, x) <= Fraction(found.high)
            assert found.low <= model(x[None])[0] <= found.high


def test_the_enclosure_of_values_that_cancel_has_their_rounding():
    """(x - 1)^7 in powers of x: near 1 what float64 computes is rounding, some hundred times what is exact."""
    coefficients = np.polynomial.chebyshev.poly2cheb(np.polynomial.polynomial.polyfromroots([1.0] * 7))
    model = pml.Polynomial(np.arange(8)[:, None], coefficients)
    low, high = 0.998, 1.002
    found = model.enclosure((low, high))
    y = model(np.linspace(low, high, 10001)[:, None])
    assert np.max(np.abs(y)) > 100 * (high - 1.0) ** 7
    assert found.low <= y.min()
    assert y.max() <= found.high
    assert found.high - found.low < 1e-11


def test_the_range_of_a_known_function_is_met():
    square = pml.Polynomial([[2, 0], [0, 2], [0, 0]], [0.5, 0.5, 1.0])  # x0^2 + x1^2
    found = square.enclosure([(-1.0, 2.0), (0.5, 3.0)], tolerance=1e-6)
    np.testing.assert_allclose([found.low, found.high], [0.25, 13.0], atol=2e-5)
    np.testing.assert_allclose(found.gradient_low, [-2.0, 1.0])
    np.testing.assert_allclose(found.gradient_high, [4.0, 6.0])
    assert found.lipschitz == pytest.approx(np.hypot(4.0, 6.0))


def test_models_made_of_models_have_enclosures():
    a, b = random_polynomial(4, 6), random_polynomial(3, 7)
    low, high = np.array([-0.9, -0.5]), np.array([0.8, 1.0])
    whole = a * b - 2.0 * a
    models = [whole, a + b, 3.0 - a, whole(Outputs([b * 0.1, a * 0.1], [0, 1])), Boosted([a, b], [1.0, 1e-3])]
    for model in (*models, Mixed(Outputs([a, b], [0, 1]), [[1.0, 2.0], [-1.0, 0.5]])):
        require_inside(model, low, high, model.enclosure(np.stack([low, high], axis=1)))
    y = whole(points(low, high, 40_000))
    found = whole.enclosure(np.stack([low, high], axis=1))
    assert found.high - found.low < 1.05 * np.ptp(y)
    one = whole.slice({1: 0.3})
    require_inside(one, low[:1], high[:1], one.enclosure((low[0], high[0])))


def test_a_difference_of_a_model_from_itself_is_enclosed_by_rounding():
    a = random_polynomial(5, 8)
    found = (a - a).enclosure([(-1.0, 1.0)] * 2)
    assert -1e-11 < found.low <= 0.0 <= found.high < 1e-11


def test_pieces_are_enclosed_where_they_hold():
    steps = Piecewise([0.0, 1.0, 2.0, 3.0], [pml.Polynomial([[0]], [c]) for c in (1.0, 5.0, -2.0)])
    for ends, wanted in (
        ((0.0, 0.5), (1.0, 1.0)),
        ((0.0, 1.0), (1.0, 5.0)),  # at a break the part above it holds
        ((1.0, 1.5), (5.0, 5.0)),
        ((0.5, 2.5), (-2.0, 5.0)),
    ):
        found = steps.enclosure(ends)
        np.testing.assert_allclose([found.low, found.high], wanted, rtol=1e-12)
    along = Piecewise([-1.0, 0.2, 1.0], [random_polynomial(4, 9), random_polynomial(4, 10)], column=1)
    for model in (along, along + random_polynomial(2, 11)):
        require_inside(model, [-1.0, -0.5], [1.0, 0.9], model.enclosure([(-1.0, 1.0), (-0.5, 0.9)]))


def test_regions_are_enclosed_by_all_their_laws():
    laws = Regions([random_polynomial(3, 12), random_polynomial(2, 13)], "max")
    require_inside(laws, [-1.0, -1.0], [1.0, 1.0], laws.enclosure([(-1.0, 1.0)] * 2))


def test_the_box_is_that_of_the_rows_if_left_out():
    X = np.random.default_rng(0).uniform(-1.0, 2.0, (60, 2))
    model = pml.fit_polynomial(X, X[:, 0] ** 2 - X[:, 1], degree=2)
    found, box = model.enclosure(), np.stack(model.known_box(), axis=1)
    assert found.low == model.enclosure(box).low
    assert found.high == model.enclosure(box).high
    assert found.low <= model(X).min()
    assert model(X).max() <= found.high


def test_what_has_no_enclosure_says_so():
    with pytest.raises(ValueError, match=r"made of .*polynomial.* only, got network"):
        model_of("network tanh").enclosure([(1.0, 5.0)] * 3)
    many = pml.Polynomial([[300]], [1.0])
    with pytest.raises(ValueError, match="degrees up to 256, got one of 301"):
        many.enclosure((-1.0, 1.0))
    model = random_polynomial(2, 14)
    with pytest.raises(ValueError, match=r"tolerance: expected a number above 0, got 0\.0"):
        model.enclosure(tolerance=0.0)
    model.outside = "nearest"
    with pytest.raises(ValueError, match="expected a box in that of the rows"):
        model.enclosure([(-2.0, 1.0), (-1.0, 1.0)])


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_halves_of_an_enclosure_are_the_same_function(n):
    rng = np.random.default_rng(n)
    whole = enclosures.Enclosure(rng.normal(size=(n, 3)))
    lower, upper = whole.halves(0)
    t = np.linspace(-1.0, 1.0, 7)
    for half, sign in ((lower, -1.0), (upper, 1.0)):
        got = np.polynomial.chebyshev.chebval2d(t, t, half.c)
        wanted = np.polynomial.chebyshev.chebval2d(0.5 * (t + sign), t, whole.c)
        np.testing.assert_allclose(got, wanted, atol=1e-12)
        assert half.radius < 1e-11


def test_a_product_of_enclosures_is_that_of_the_functions():
    rng = np.random.default_rng(15)
    a, b = (enclosures.Enclosure(rng.normal(size=shape), 1e-3) for shape in ((4, 3), (2, 5)))
    t = rng.uniform(-1.0, 1.0, (2, 50))
    values = [np.polynomial.chebyshev.chebval2d(*t, one.c) for one in (a, b)]
    product = a.times(b)
    np.testing.assert_allclose(np.polynomial.chebyshev.chebval2d(*t, product.c), values[0] * values[1], atol=1e-12)
    moved = (values[0] + 1e-3) * (values[1] - 1e-3)
    assert np.all(np.abs(moved - values[0] * values[1]) <= product.radius)
