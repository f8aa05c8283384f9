"""Integrals, roots and extrema of models, models made of models, and inputs as functions of y."""

import warnings
from functools import cache, reduce

import numpy as np
import pytest
from scipy.special import jn_zeros, jv
from unit.models_of_all_families import BOX, model_of, network, polynomial, spline

import pml_native as pml
from pml_native.arrays import PrecisionWarning
from pml_native.models.calculus import chebyshev_integrals

EPS = np.finfo(np.float64).eps


@cache
def of_one_input(name):
    f, low, high = {
        "bessel": (lambda x: jv(0, x), 0.0, 40.0),
        "wave": (lambda x: np.sin(10.0 * x) + x, -1.0, 1.0),
        "kink": (lambda x: np.abs(x - 0.3) - 0.1, -1.0, 1.0),
        "square": (lambda x: (x - 0.25) ** 2, -1.0, 1.0),
    }[name]
    return pml.approximate(f, (low, high), progress=False)


@cache
def product():
    """x0^2 x1, in logarithms."""
    X = np.random.default_rng(0).uniform(1.0, 2.0, (200, 2))
    model = pml.fit(X, X[:, 0] ** 2 * X[:, 1], effort=1e-3, time_limit=None, progress=False, input_names=["a", "b"])
    return model, X


# Integrals


@pytest.mark.parametrize("degree", [0, 1, 2, 7, 40])
def test_integrals_of_chebyshev_polynomials_are_those_of_gauss(degree):
    z, w = np.polynomial.legendre.leggauss(64)
    low, high = -0.7, 0.9
    x = 0.5 * (high - low) * z + 0.5 * (high + low)
    wanted = 0.5 * (high - low) * w @ np.polynomial.chebyshev.chebvander(x, degree)
    np.testing.assert_allclose(chebyshev_integrals(low, high, degree), wanted, atol=1e-14)


def gauss(model, low, high, n=40):
    """The integrals of a model by a product of Gauss's rules."""
    d = model.signature.n_inputs
    z, w = np.polynomial.legendre.leggauss(n)
    axes = [0.5 * (b - a) * z + 0.5 * (a + b) for a, b in zip(low, high, strict=True)]
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
    weights = reduce(np.multiply.outer, [0.5 * (b - a) * w for a, b in zip(low, high, strict=True)]).ravel()
    return weights @ np.asarray(model(X)).reshape(len(X), -1)


EXACT = ["polynomial", "polynomial without a column", "polynomial of one input", "polynomial of many outputs"]
EXACT += ["linear outside of two outputs"]


@pytest.mark.parametrize("name", EXACT)
def test_those_of_polynomials_are_exact(name):
    model = model_of(name)
    d = model.signature.n_inputs
    low, high = np.linspace(2.1, 2.4, d), np.linspace(3.9, 3.2, d)
    got = model.integral(np.stack([low, high], axis=1))
    np.testing.assert_allclose(got, np.squeeze(gauss(model, low, high)), rtol=1e-12)


@pytest.mark.parametrize("degree", [1, 3, 6])
def test_those_of_splines_are_sums_over_cells(degree):
    model = spline(degree, 2, even=False)
    low, high = np.array([1.3, 1.0]), np.array([4.1, 5.0])
    cells = [np.unique(np.concatenate([[a, b], np.linspace(1.0, 5.0, 400)])) for a, b in zip(low, high, strict=True)]
    fine = [(c[:-1] + c[1:]) / 2 for c in (c[(c >= a) & (c <= b)] for c, a, b in zip(cells, low, high, strict=True))]
    widths = [np.diff(c[(c >= a) & (c <= b)]) for c, a, b in zip(cells, low, high, strict=True)]
    X = np.stack(np.meshgrid(*fine, indexing="ij"), axis=-1).reshape(-1, 2)
    wanted = np.multiply.outer(*widths).ravel() @ model(X)  # midpoints
    np.testing.assert_allclose(model.integral(np.stack([low, high], axis=1)), wanted, rtol=1e-4)


def test_others_are_integrated_to_the_tolerance():
    model, bounds = network((3, 6, 1)), [(1.0, 2.0), (2.0, 3.0), (1.5, 1.7)]
    wanted = gauss(model, *np.transpose(bounds))
    assert model.integral(bounds, tolerance=1e-10) == pytest.approx(wanted[0], rel=1e-9)


def test_pieces_are_added():
    model = of_one_input("kink")
    assert model.integral((-1.0, 1.0)) == pytest.approx(0.5 * (1.3**2 + 0.7**2) - 0.2, rel=1e-12)


def test_an_integral_that_takes_too_long_says_how_well_it_is_known(monkeypatch):
    from pml_native.models import calculus

    monkeypatch.setattr(calculus, "MOST", 2)
    rough = pml.NetworkModel(pml.MLP((2, 40, 1), "sin"), 40.0 * pml.MLP((2, 40, 1), "sin").initialize(0))
    with pytest.warns(PrecisionWarning, match="integral: known to .* of that of |y|, not to 1e-12"):
        rough.integral([(-1.0, 1.0), (-1.0, 1.0)])


@pytest.mark.parametrize("bounds", [(1.0, 2.0), [(2.0, 1.0)] * 3, [(0.0, np.inf)] * 3])
def test_bounds_that_are_none_are_refused(bounds):
    with pytest.raises(ValueError, match=r"bounds: expected \(3, 2\), finite numbers, the lower first"):
        network((3, 1)).integral(bounds)


@pytest.mark.parametrize("bounds", [None, (0.5, 2.5)])
def test_integrals_of_complex_y_are_complex(bounds):
    x = np.linspace(1.0, 2.0, 30)
    low, high = bounds or (1.0, 2.0)
    wanted = (np.exp(1j * high) - np.exp(1j * low)) / 1j
    for y, method in ((np.exp(1j * x), "polynomial"), (np.exp(1j * x)[:, None], "trigonometric")):
        model = pml.fit(x, y, effort=0.01, method=method, outside="extrapolate")
        got = model.integral(bounds)
        assert np.shape(got) == y.shape[1:]
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
        with pytest.raises(ValueError, match="roots: expected a model of real y"):
            model.roots()


def test_boxes_are_those_of_numbers():
    X = {"x": np.linspace(0.0, 1.0, 40), "phase": ["ice", "water"] * 20}
    model = pml.fit(X, np.where(np.arange(40) % 2, 1.0, 2.0) * (X["x"] - 0.3) ** 2, effort=0.01)
    with pytest.raises(ValueError, match=r"got categories in column 'phase': hold it at .* slice\(\{'phase': ...\}\)"):
        model.minimum()
    assert model.slice(phase="ice").minimum()[0] == pytest.approx(0.3, abs=1e-7)


# Roots and extrema


def test_roots_are_all_there_to_rounding():
    got = of_one_input("bessel").roots()
    np.testing.assert_allclose(got, jn_zeros(0, len(got)), rtol=0.0, atol=2e-13)
    assert len(got) == 12


def test_extrema_are_those_of_the_derivative():
    x, y = of_one_input("bessel").extrema()
    wanted = np.concatenate([[0.0], jn_zeros(1, 12)])
    np.testing.assert_allclose(x, wanted, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(y, jv(0, wanted), atol=1e-14)
    assert of_one_input("bessel").minimum() == pytest.approx((jn_zeros(1, 1)[0], jv(0, jn_zeros(1, 1)[0])), rel=1e-13)
    assert of_one_input("bessel").maximum() == pytest.approx((0.0, 1.0), abs=1e-12)


def test_ends_kinks_and_double_roots_count():
    wave, kink = of_one_input("wave"), of_one_input("kink")
    assert wave.maximum()[0] == pytest.approx((np.arccos(-0.1) + 2.0 * np.pi) / 10.0, rel=1e-12)  # cos 10x = -1/10
    assert kink.minimum() == pytest.approx((0.3, -0.1), abs=1e-8)
    np.testing.assert_allclose(kink.roots(), [0.2, 0.4], atol=1e-14)
    np.testing.assert_allclose(kink.roots(0.9), [-0.7], atol=1e-14)  # the other one is beyond the end
    np.testing.assert_allclose(of_one_input("square").roots()[[0, -1]], 0.25, atol=1e-7)
    assert not len(kink.roots(-5.0))


def test_a_kink_that_is_the_root_of_a_square_takes_no_longer():
    """Its slope is rounding near it, which had been cut into ten thousands of intervals."""
    model = pml.approximate(lambda X: np.abs(X[:, 0] - 0.3), (0.0, 1.0), progress=False)
    asked = []
    evaluate_gradient = model.evaluate_gradient
    model.evaluate_gradient = lambda X: asked.append(len(X)) or evaluate_gradient(X)
    x, y = model.minimum()
    assert x == pytest.approx(0.3, abs=1e-7)
    assert y < 1e-7
    assert len(asked) < 5000


def test_where_a_model_has_no_value_nothing_is_looked_for():
    line = pml.Polynomial([[1]], [1.0], inputs=pml.Normalization.identity(1))
    root = pml.Transformed(line, ["identity"], ["square"])  # NaN below 0
    np.testing.assert_allclose(root.roots(0.5, (-1.0, 1.0)), [0.25], rtol=1e-14)


def test_as_many_outputs_as_inputs_have_roots():
    with pytest.raises(
        ValueError, match="roots: expected a model of as many outputs as inputs, got 3 inputs and 2 out"
    ):
        polynomial().roots()
    for what in ("extrema", "minimum", "maximum"):
        with pytest.raises(ValueError, match=f"{what}: expected a model of 1 output, got 2"):
            getattr(polynomial(), what)()


# Roots and extrema of several inputs


def in_powers(powers, low, high):
    """The polynomial of these coefficients {(i, j): c} of x^i y^j, on a box, and its function."""
    degree = max(max(one) for one in powers)
    indices = np.array([(i, j) for i in range(degree + 1) for j in range(degree + 1)])
    inputs = pml.Normalization.of_box(np.array([low, high]))
    f = lambda x, y: sum(c * x**i * y**j for (i, j), c in powers.items())  # noqa: E731
    nodes = np.polynomial.chebyshev.chebpts1(degree + 1)
    z = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    X = 0.5 * (np.array(low) + high) + 0.5 * (np.array(high) - low) * z
    unit = pml.Polynomial(indices, np.eye(len(indices)), inputs=inputs)
    return pml.Polynomial(indices, np.linalg.solve(unit(X), f(*X.T)), inputs=inputs), f


def camel():
    """Six minima, of which two are the least, among fifteen points (Dixon and Szegoe 1978)."""
    return in_powers(
        {(2, 0): 4.0, (4, 0): -2.1, (6, 0): 1 / 3, (1, 1): 1.0, (0, 2): -4.0, (0, 4): 4.0}, [-2, -1], [2, 1]
    )


def test_all_points_where_a_polynomial_does_not_rise_are_there():
    model, f = camel()
    x, y = model.extrema()
    assert len(x) == 15
    assert np.max(np.abs(model.gradient(x))) < 1e-11
    np.testing.assert_allclose(y, f(*x.T), atol=1e-12)
    assert np.sum(np.all(np.linalg.eigvalsh(model.hessian(x)) > 0, axis=1)) == 6
    place, value = model.minimum()
    assert value == pytest.approx(-1.0316284534898774, abs=1e-13)
    np.testing.assert_allclose(np.abs(place), [0.0898420131003180, 0.7126564032704135], atol=1e-8)
    assert model.maximum()[1] == pytest.approx(max(f(x, y) for x in (-2, 2) for y in (-1, 1)), rel=1e-14)


def test_a_minimum_may_lie_on_a_side_or_a_corner():
    model, f = in_powers({(2, 0): 1.0, (1, 1): 1.0, (0, 1): 1.0}, [-1.0, 0.5], [1.0, 2.0])
    place, value = model.minimum()
    assert place[1] == 0.5
    np.testing.assert_allclose(place[0], -0.25, atol=1e-8)
    assert value == pytest.approx(f(-0.25, 0.5), abs=1e-15)
    place, value = model.minimum([(0.5, 1.0), (1.0, 2.0)])
    assert place.tolist() == [0.5, 1.0]
    assert not len(model.extrema([(0.5, 1.0), (1.0, 2.0)])[0])


def test_all_extrema_of_a_product_are_there():
    factors = [
        pml.Polynomial(np.arange(n)[:, None], c, inputs=pml.Normalization.of_box(np.array([[0.0], [1.0]])))
        for n, c in ((12, np.cos(np.arange(12.0)) * 0.7 ** np.arange(12)), (9, np.sin(1.0 + np.arange(9.0))))
    ]
    model = pml.Separable(factors)
    got = model.extrema()[0]
    # The derivative of f(x) g(y) is 0 where f' = g' = 0, and where f = g = 0.
    wanted = [
        np.array([a, b])
        for which in ("extrema", "roots")
        for a in zeros_of(factors[0], which)
        for b in zeros_of(factors[1], which)
    ]
    assert len(got) == len(wanted) > 10
    for point in wanted:
        assert np.min(np.max(np.abs(got - point), axis=1)) < 1e-11


def zeros_of(factor, which):
    return factor.extrema()[0] if which == "extrema" else factor.roots()


def test_roots_of_two_outputs_are_where_both_are_0():
    circle, line = (
        in_powers({(2, 0): 1.0, (0, 2): 1.0, (0, 0): -1.0}, [-2, -2], [2, 2])[0],
        in_powers({(1, 0): 1.0, (0, 1): -1.0}, [-2, -2], [2, 2])[0],
    )
    both = pml.models.Outputs([circle, line], [0, 1])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(both.roots(), [[-half, -half], [half, half]], atol=1e-14)
    np.testing.assert_allclose(both.roots([0.0, 1.0]), [[0.0, -1.0], [1.0, 0.0]], atol=1e-14)
    assert not len(both.roots([0.0, 2.0]))


@pytest.mark.parametrize("face", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_zeros_on_a_face_of_the_box_are_in_it(face):
    """Rounding had put them outside, by 1e-17."""
    axis, end = face
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (80, 2))
    for _ in range(12):
        root, bent = rng.uniform(-0.5, 0.5, 2), rng.normal(size=(2, 2))
        u, v = (X - root).T
        model = pml.fit_polynomial(X, np.stack([u, v], axis=1) @ bent + np.outer(u * v, [1.0, -0.5]), degree=2)
        box = np.array([[-0.9, 0.9], [-0.9, 0.9]])
        box[axis, end] = root[axis]
        got = model.roots(0.0, box)
        assert len(got)
        assert np.min(np.max(np.abs(got - root), axis=1)) < 1e-10
    bowl = pml.fit_polynomial(X, np.sum(X**2, axis=1), degree=4)
    box = np.array([[-0.9, 0.9], [-0.9, 0.9]])
    box[axis, end] = 0.0
    assert len(bowl.extrema(box)[0]) == 1


def test_roots_where_curves_touch_are_there():
    """A circle and its tangent: rounding may leave a gap of 1e-16 between the two."""
    X = np.random.default_rng(0).uniform(-1.0, 1.0, (80, 2))
    touching = pml.fit_polynomial(X, np.stack([np.sum(X**2, axis=1) - 0.25, X[:, 0] - 0.5], axis=1), degree=4)
    for box in ([(-0.9, 0.9), (-0.9, 0.9)], [(-0.9, 0.5), (-0.9, 0.9)], [(0.5, 0.9), (-0.9, 0.9)]):
        got = touching.roots(0.0, box)
        assert 1 <= len(got) <= 4
        np.testing.assert_allclose(got, [[0.5, 0.0]] * len(got), atol=1e-7)


@pytest.mark.parametrize("y", [np.nan, [0.0, 0.1, 0.2], "one", None])
def test_roots_of_values_that_are_none_are_refused(y):
    model = in_powers({(1, 0): 1.0, (0, 1): 1.0}, [-1, -1], [1, 1])[0]
    with pytest.raises(ValueError, match="y: expected a finite number, or 2 of them, got"):
        pml.models.Outputs([model, model], [0, 1]).roots(y)
    with pytest.raises(ValueError, match="y: expected a finite number, got"):
        of_one_input("wave").roots(y)


def test_smooth_models_that_are_no_polynomials_are_searched_as_surely():
    X = np.random.default_rng(0).uniform(0.2, 2.0, (300, 2))
    model = pml.fit(
        X, np.exp(-X[:, 0]) * (X[:, 1] - 1.0) ** 2 / X[:, 0] + X[:, 0], effort=0.02, n_threads=1, progress=False
    )
    place, value = model.minimum([(0.3, 1.8), (0.3, 1.8)])
    np.testing.assert_allclose(place, [0.3, 1.0], atol=1e-6)
    assert value == pytest.approx(0.3, abs=1e-10)


def test_what_is_not_certain_is_said():
    model, _ = camel()
    kinked = pml.Regions([model, model * 2.0 + 0.3], "max")
    with pytest.warns(PrecisionWarning, match="minimum: found by Newton's method from 200 points"):
        place, value = kinked.minimum()
    X = np.random.default_rng(0).uniform([-2, -1], [2, 1], (20_000, 2))
    assert value <= kinked(X).min()
    assert kinked(place[None])[0] == value


# Models of models


OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


@pytest.mark.parametrize("how", OPERATIONS)
@pytest.mark.parametrize(
    "others", [("network tanh", "polynomial"), ("polynomial without a column", "regions of the largest")]
)
def test_models_add_and_multiply_like_their_values(how, others, tmp_path):
    a, b = map(model_of, others)
    whole = OPERATIONS[how](a, b)
    wanted = OPERATIONS[how](a.evaluate(BOX), b.evaluate(BOX))
    got = whole.evaluate(BOX)
    np.testing.assert_allclose(got, wanted, rtol=1e-14, atol=1e-14 * np.max(np.abs(wanted)))
    whole.save(tmp_path / "model.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "model.pml").evaluate(BOX), got)
    assert whole.hessian(BOX[:2]).shape[-2:] == (3, 3)


def test_numbers_are_constants():
    model, X = product()
    y = model(X)
    for whole, wanted in (
        (model + 2.0, y + 2.0),
        (2 + model, 2.0 + y),
        (model - 1, y - 1.0),
        (1 - model, 1.0 - y),
        (3.0 * model, 3.0 * y),
        (np.float64(3.0) * model, 3.0 * y),
        (model / 4, y / 4.0),
        (1.0 / model, 1.0 / y),
        (-model, -y),
    ):
        np.testing.assert_allclose(whole(X), wanted, rtol=4 * EPS)
        assert whole.signature.input_names == ("a", "b")
    with pytest.raises(TypeError):
        model + "a"


def test_a_model_of_a_model_is_that_of_its_values():
    model, X = product()
    outer = of_one_input("bessel")
    whole = outer(model)
    np.testing.assert_allclose(whole(X), jv(0, X[:, 0] ** 2 * X[:, 1]), atol=1e-13)
    assert whole.signature.input_names == ("a", "b")
    with pytest.raises(ValueError, match="expected another model of 2 outputs, the inputs of this one, got 1"):
        model(outer)


def test_models_of_other_inputs_are_not_added():
    model, _ = product()
    with pytest.raises(ValueError, match="expected models of as many inputs and outputs"):
        model + network()
    renamed = product()[0] * 1.0
    object.__setattr__(renamed.signature, "input_names", ("b", "a"))
    with pytest.raises(ValueError, match=r"expected models of the same inputs, got \('a', 'b'\) and \('b', 'a'\)"):
        model + renamed


def test_a_sum_goes_on_outside_as_its_parts_do():
    X = np.random.default_rng(1).uniform(0.0, 1.0, (300, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        series = pml.fit(X, np.sin(60.0 * X[:, 0]), method="polynomial", effort=5e-3, progress=False, time_limit=None)
        line = pml.fit(X, X[:, 0], effort=1e-3, progress=False, time_limit=None)
        whole = series + line
        assert (series.outside, line.outside, whole.outside) == ("linear", "extrapolate", "linear")
        assert np.abs(whole([[4.0]])) < 1e4
    assert whole.inside([[0.5], [4.0]]).tolist() == [True, False]


# Inverses


def test_an_input_is_a_function_of_y(tmp_path):
    model, X = product()
    for column, others in (("a", [1]), (1, [0])):
        found = model.inverse(column)
        j = 1 - others[0]
        Z = X.copy()
        Z[:, j] = model(X)
        np.testing.assert_allclose(found(Z), X[:, j], rtol=1e-14)
        assert found.signature.input_names == (("y", "b") if j == 0 else ("a", "y"))
        assert found.signature.output_names == ("ab"[j],)
        found.save(tmp_path / "model.pml")
        np.testing.assert_array_equal(pml.load(tmp_path / "model.pml")(Z), found(Z))
        assert "void model(" in found.to_c()
        np.testing.assert_allclose(found.gradient(Z)[:, j], 1.0 / model.gradient(X)[:, j], rtol=1e-12)
    assert np.isnan(model.inverse("a")([[1e6, 1.5]])).all()


def test_what_turns_around_has_no_inverse():
    with pytest.raises(ValueError, match="expected a model that rises or falls with 0 everywhere, not so at"):
        of_one_input("wave").inverse(0)
    with pytest.raises(ValueError, match="column: expected an input, by name or number below 2, got 'c'"):
        product()[0].inverse("c")
    with pytest.raises(ValueError, match="inverse: expected a model of one output, got 2"):
        polynomial().inverse(0)


def test_values_and_gradients_come_together():
    values, gradient = polynomial().value_and_gradient(BOX)
    np.testing.assert_array_equal(values, polynomial()(BOX))
    np.testing.assert_array_equal(gradient, polynomial().gradient(BOX))
