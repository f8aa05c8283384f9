"""Formulas that models are: constants, families, names, files, and what has none."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from unit.models_of_all_families import network

import pml_native as pml
from pml_native.coverage import Near
from pml_native.models import Mixed, Outputs, Reduced, Signature
from pml_native.models.reduced import variables_of

sympy = pytest.importorskip("sympy")
constants = pytest.importorskip("pml_native.formulas.constants")
simplified = pytest.importorskip("pml_native.formulas.simplified").simplified
fitted_numbers = pytest.importorskip("pml_native.formulas.fitted").fitted
Samples = pytest.importorskip("pml_native.formulas.fitted").Samples
RNG = np.random.default_rng(0)


def symbols(names):
    return sympy.symbols(names)


def fitted(function, low, high, n=300, **options):
    """The polynomial, with its coordinates, that is found in n rows."""
    X = np.random.default_rng(1).uniform(low, high, (n, len(low)))
    return pml.fit_polynomial(X, function(X), effort=0.05, **options)


def equal(formula, wanted):
    """Whether they agree in 30 digits, at some points where all variables are between 1 and 2."""
    names = sorted(formula.free_symbols | wanted.free_symbols, key=str)
    values = RNG.integers(1000, 2000, (5, len(names)))
    points = [dict(zip(names, (sympy.Rational(int(v), 1000) for v in row), strict=True)) for row in values]
    return all(abs(sympy.N((formula - wanted).subs(point), 30)) < 1e-25 for point in points)


@pytest.mark.parametrize(
    "number",
    ["1/2", "-7/3", "pi", "3/(20*pi)", "1/(8*pi**3)", "sqrt(3)", "-sqrt(2)/2", "1/sqrt(2*pi)", "E", "27183/10000"],
)  # fmt: skip
def test_numbers_of_few_digits_are_recognised(number):
    wanted = sympy.sympify(number)
    value = float(wanted)
    assert constants.recognized(value * (1.0 + 3e-15), abs(value) * 1e-14) == wanted


def test_what_differs_in_known_digits_is_no_root():
    value = math.sqrt(3.0) * (1.0 + 1e-9)
    assert constants.recognized(value, 1e-14) is None
    assert constants.recognized(value, 1e-8) in (None, sympy.sqrt(3))


@pytest.mark.parametrize("error", [1e-15, 1e-12, 1e-9, 1e-6])
def test_random_numbers_are_not_recognised(error):
    values = 10.0 ** RNG.uniform(-3.0, 3.0, 200)
    assert [v for v in values if constants.recognized(v, error * v) is not None] == []


def test_nothing_is_recognised_of_few_digits():
    assert constants.recognized(0.5, 0.01) is None
    assert constants.recognized(0.0, 1e-3) is None
    assert constants.recognized(math.nan, 1e-3) is None


def test_a_polynomial_is_its_monomials():
    x, y = symbols("x0 x1")
    model = fitted(lambda X: 0.5 * X[:, 0] ** 2 - 3.0 * X[:, 0] * X[:, 1] + 0.123456789123, [-1.0, 2.0], [3.0, 4.0])
    formula = model.formula()
    left = sympy.expand(formula - x**2 / 2 + 3 * x * y)
    assert left.is_Float
    assert abs(float(left) - 0.123456789123) < 1e-13


def test_a_number_near_a_root_stays_a_number():
    factor = math.sqrt(3.0) * (1.0 + 1e-9)
    formula = fitted(lambda X: factor * X[:, 0] * X[:, 1], [0.5, 0.5], [2.0, 2.0]).formula()
    [number] = formula.atoms(sympy.Float)
    assert abs(float(number) / factor - 1.0) < 1e-15


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda X: X[:, 0] ** 2 / (4.0 * np.pi * X[:, 1]), "x0**2/(4*pi*x1)"),
        (lambda X: np.sqrt(X[:, 0] ** 2 + X[:, 1] ** 2), "sqrt(x0**2 + x1**2)"),
        (lambda X: np.exp(-X[:, 0] / X[:, 1]), "exp(-x0/x1)"),
        (lambda X: 1.0 / (1.0 / X[:, 0] + 2.0 / X[:, 1]), "1/(1/x0 + 2/x1)"),
        (lambda X: np.sin(X[:, 0]) * X[:, 1], "x1*sin(x0)"),
        (lambda X: X[:, 1] * np.cos(3.0 * X[:, 0]) + X[:, 1] ** 2, "x1*cos(3*x0) + x1**2"),
    ],
)
def test_other_coordinates_and_known_functions(function, wanted):
    formula = fitted(function, [1.0, 1.0], [2.0, 3.0]).formula()
    assert equal(formula, sympy.sympify(wanted))


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (np.tanh, "tanh(x0)"),
        (lambda u: 1.0 / np.expm1(u), "1/(exp(x0) - 1)"),
        (lambda u: np.sqrt(1.0 + u**2), "sqrt(1 + x0**2)"),
        (lambda u: np.arcsin(u / 4.0), "asin(x0/4)"),
        (lambda u: 0.25 + np.log(u + 3.0), "log(x0 + 3) + 1/4"),
        (lambda u: np.exp(-u) * np.cos(4.0 * u), "exp(-x0)*cos(4*x0)"),
        (lambda u: (1.0 - np.cos(u)) / u**2, "(1 - cos(x0))/x0**2"),
    ],
)
def test_series_of_known_functions(function, wanted):
    formula = fitted(lambda X: function(X[:, 0]), [0.5], [2.5], n=100).formula()
    assert equal(formula, sympy.sympify(wanted))


def test_a_wave_has_a_phase_where_that_is_shorter():
    formula = fitted(lambda X: 1.5 * np.cos(2.0 * X[:, 0] + 0.25), [0.0], [3.0], n=100).formula()
    assert formula == 3 * sympy.cos(2 * sympy.Symbol("x0") + sympy.Rational(1, 4)) / 2


def polynomial(indices, coefficients, low, high):
    box = np.stack([low, high])
    return pml.Polynomial(indices, coefficients, inputs=pml.Normalization.of_box(box))


def test_a_quotient_loses_its_common_factor():
    # (z + 2) (z + 3) over (z + 2) (z + 4), z = x on [-1, 1], in Chebyshev polynomials.
    both = polynomial([[0], [1], [2]], [[6.5, 8.5], [5.0, 6.0], [0.5, 0.5]], [-1.0], [1.0])
    x = sympy.Symbol("x0")
    assert equal(pml.Rational(both).formula(), (x + 3) / (x + 4))


def test_variables_and_powers_in_front():
    inner = polynomial([[0, 0], [1, 1]], [1.0, 2.0], [-1.0, 1.0], [1.0, 4.0])
    model = Reduced(inner, variables_of(["sum", "product"], [[1.0, -1.0, 0.0], [0.0, 1.0, 1.0]], [0.0, 0.0, -0.5]))
    model.near = Near.all_of(np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.0, 2.0]))
    formula = model.formula()
    X = RNG.uniform(1.0, 2.0, (50, 3))
    np.testing.assert_allclose(sympy.lambdify(symbols("x0 x1 x2"), formula)(*X.T), model(X), rtol=1e-13)
    assert len(formula.atoms(sympy.Float)) == 0


def test_sums_of_products():
    one, other = (polynomial([[0], [1], [2]], [[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]], [-1.0], [1.0]) for _ in range(2))
    x, y = symbols("x0 x1")
    formula = pml.Separable([one, other]).formula()
    assert equal(formula, (1 + 2 * x) * (1 + 2 * y) + (x + 6 * x**2 - 3) * (y + 6 * y**2 - 3))


def test_outputs_have_a_formula_each_in_the_names_of_the_columns():
    X = RNG.uniform(1.0, 2.0, (200, 2))
    parts = [pml.fit_polynomial(X, y, effort=0.05) for y in (X[:, 0] * X[:, 1], X[:, 1] ** 2)]
    model = Outputs(parts, [0, 1], Signature(2, 2, False, ("mass", "b c")))
    model.near = Near.all_of(np.ones(2), np.full(2, 2.0))
    mass, other = sympy.Symbol("mass"), sympy.Symbol("b c")
    assert model.formula() == (mass * other, other**2)


def test_a_model_from_a_file_has_the_same_formula(tmp_path):
    model = pml.fit(RNG.uniform(1.0, 2.0, (60, 2)), RNG.uniform(1.0, 2.0, 60) * 0.0 + 2.5, effort=0.01, progress=False)
    model.save(tmp_path / "model.pml")
    assert pml.load(tmp_path / "model.pml").formula() == model.formula() == sympy.Rational(5, 2)


def test_what_is_no_formula_says_so():
    model = network((2, 8, 1))
    model.near = Near.all_of(np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match=r"formula: expected a model that is a formula of few terms, got NetworkModel"):
        model.formula()


def test_a_special_function_is_no_formula():
    with pytest.raises(ValueError, match="formula of few terms"):
        fitted(lambda X: np.array([math.erf(v) for v in X[:, 0]]), [0.0], [2.0]).formula()


def test_a_bad_model_has_no_formula():
    X = RNG.uniform(0.0, 1.0, (80, 2))
    model = pml.fit(X, RNG.normal(size=80), effort=0.01, progress=False)
    with pytest.raises(ValueError, match=r"formula: expected a model of an error below 0.01, got one of"):
        model.formula()


def test_a_model_without_a_box_says_so():
    model = Reduced(polynomial([[1]], [1.0], [0.0], [1.0]), variables_of(["sum"], [[1.0, 1.0]], [0.0, 0.0]))
    with pytest.raises(ValueError, match="formula: expected a model that knows the box of its rows"):
        model.formula()


def test_without_sympy_the_error_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("pml_native.formulas")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ImportError, match=r'pip install "pml_native\[formula\]"'):
        network().formula()


def test_a_series_that_ends_somewhere_is_no_formula():
    # On so short an interval seven terms are exact to 1e-16.
    with pytest.raises(ValueError, match="formula of few terms"):
        fitted(lambda X: np.array([math.lgamma(v) for v in X[:, 0]]), [1.0], [1.3], n=100).formula()


def test_numbers_that_are_needed_to_the_last_digit():
    formula = fitted(lambda X: 10.0 ** (8.07131 - 1730.63 / (233.426 + X[:, 0])), [1.0], [30.0], n=100).formula()
    value = float(formula.subs(sympy.Symbol("x0"), sympy.Float(20.0)))
    assert abs(value / 10.0 ** (8.07131 - 1730.63 / 253.426) - 1.0) < 1e-13


# What families are made of


def series(function, low, high, degree=24, n_outputs=1):
    """The polynomial of one input through the function at Chebyshev points of an interval."""
    inputs = pml.Normalization.of_box(np.array([[low], [high]]))
    z = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    values = function(inputs.invert(z[:, None])[:, 0])
    coefficients = np.polynomial.chebyshev.chebfit(z, values, degree)
    coefficients[np.abs(coefficients) < 1e-16 * np.abs(coefficients).max()] = 0.0
    return pml.Polynomial(np.arange(degree + 1)[:, None], coefficients, inputs=inputs)


def relation(parts, low, high):
    """The root of a relation of the powers of y, of whose monomials in x `parts` has the coefficients."""
    d = len(low)
    indices = sorted({powers for part in parts for powers in part} | {(0,) * d})
    # Without a box z = x, and T_0 = 1, T_1 = x.
    # Newton's method starts from 1.
    coefficients = [[*(part.get(powers, 0.0) for part in parts), float(not any(powers))] for powers in indices]
    model = pml.Algebraic(pml.Polynomial(indices, coefficients))
    model.near = Near.all_of(np.array(low), np.array(high))
    return model


def test_a_quadratic_relation_is_solved_for_y():
    # y^2 + x0 y - x1 / 4 = 0
    model = relation([{(0, 1): -0.25}, {(1, 0): 1.0}, {(0, 0): 1.0}], [0.1, 0.1], [0.5, 0.5])
    assert equal(model.formula(), sympy.sympify("(sqrt(x0**2 + x1) - x0)/2"))


def test_a_cubic_relation_that_is_a_cube_is_solved_for_y():
    # (y - x0 / 2)^3 = x1, which has x0^2 = (T_2 + 1) / 2 and x0^3 = (T_3 + 3 T_1) / 4
    parts = [
        {(3, 0): -1 / 32, (1, 0): -3 / 32, (0, 1): -1.0},
        {(2, 0): 3 / 8, (0, 0): 3 / 8},
        {(1, 0): -3 / 2},
        {(0, 0): 1.0},
    ]
    formula = relation(parts, [0.1, 0.05], [0.5, 0.2]).formula()
    assert equal(formula, sympy.sympify("x0/2 + cbrt(x1)"))


def test_a_relation_that_is_not_solved_for_y_says_so():
    # y^3 + y / 10 = x0 x1
    model = relation([{(1, 1): -1.0}, {(0, 0): 0.1}, {}, {(0, 0): 1.0}], [0.1, 0.2], [0.5, 0.5])
    with pytest.raises(ValueError, match="the root of a relation of degree 3 in y and 3 terms, an implicit equation"):
        model.formula()


def test_a_wave_of_a_learned_phase():
    box = pml.Normalization.of_box(np.array([[0.0, 1.0], [4.0, 2.0]]))
    # x0 x1 + x0 = (2 + 2 z0) (2.5 + z1 / 2); amplitudes of 1, cos and sin, and of cos 2 phi = T_2(cos)
    phase = pml.Polynomial([(0, 0), (1, 0), (0, 1), (1, 1)], [5.0, 5.0, 1.0, 1.0], inputs=box)
    amplitudes = pml.Polynomial([(0, 1), (2, 0), (1, 1)], [0.5, 2.0, 3.0])
    model = pml.Waves(amplitudes, phase, bounds=[[0.0, 1.0], [4.0, 2.0]])
    p = sympy.sympify("x0*(x1 + 1)")
    assert equal(model.formula(), sympy.sin(p) / 2 + 2 * sympy.cos(2 * p) + 3 * sympy.sin(2 * p) / 2)


def graph_of_modules():
    """exp(-x0 / x1) sin(x2) + x2 / 4, its variable a sum of logarithms, its functions shifted and scaled."""
    box = np.array([[1.0, 1.0, 0.5], [2.0, 2.0, 1.5]])
    inputs = pml.Normalization.of_box(box)
    z = [pml.Normalization.of_box(box[:, j : j + 1]) for j in range(3)]

    def of(j, function):
        own = series(lambda v: function(z[j].invert(v[:, None])[:, 0]), -1.0, 1.0)
        return own.coefficients[:, 0]

    logs = of(0, lambda x: np.log(x) / 2.0), of(1, lambda x: -np.log(x) / 2.0)
    indices = [(k, 0) for k in range(25)] + [(0, k) for k in range(1, 25)]
    first = np.concatenate([[logs[0][0] + logs[1][0]], logs[0][1:], logs[1][1:]])
    product = series(lambda u: 2.0 * np.exp(-np.exp(2.0 * u)) - 1.0, -1.0, 1.0, degree=30)
    wave = np.column_stack([of(2, lambda x: np.sin(x) + 0.25), of(2, lambda x: x - np.sin(x))])
    modules = [
        pml.Module((0, 1), pml.Polynomial(indices, first)),
        pml.Module((3,), pml.Polynomial(product.indices, product.coefficients)),
        pml.Module((2,), pml.Polynomial(np.arange(25)[:, None], wave)),
        # (f + 1) / 2 * (g - 1 / 4) + (g - 1 / 4 + h) / 4
        pml.Module(
            (4, 5, 6),
            pml.Polynomial([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1)], [-0.1875, -0.125, 0.75, 0.5, 0.25]),
        ),
    ]
    return pml.ModularPolynomial(modules, inputs)


def test_functions_in_a_graph_of_modules_are_told_apart(report):
    model = graph_of_modules()
    model.report = replace(report, error=2e-14)
    assert equal(model.formula(), sympy.sympify("exp(-x0/x1)*sin(x2) + x2/4"))


def test_factors_may_be_powers_of_any_exponent():
    one = series(lambda x: x**0.758, 1.0, 2.0), series(lambda x: 3.0 * x**-0.3, 1.0, 2.0)
    other = series(lambda x: x, 1.0, 2.0, degree=1), series(np.exp, 1.0, 2.0)
    both = [
        pml.Polynomial(
            np.arange(25)[:, None],
            np.column_stack([a.coefficients, np.pad(b.coefficients, ((0, 25 - len(b.indices)), (0, 0)))]),
            inputs=a.inputs,
        )
        for a, b in zip(one, other, strict=True)
    ]
    formula = pml.Separable(both).formula()
    assert equal(formula, sympy.sympify("3*x0**(379/500)*x1**(-3/10) + x0*exp(x1)", rational=True))


def test_sums_of_models_and_of_outputs():
    box = [-1.0, -1.0], [1.0, 1.0]
    stages = [polynomial([[1, 0], [0, 2]], [1.0, 0.5], *box), polynomial([[1, 1]], [4.0], *box)]
    x, y = symbols("x0 x1")
    assert equal(pml.Boosted(stages, [2.0, 0.125]).formula(), 2 * x + 2 * y**2 - 1 + x * y / 2)
    two = polynomial([[1, 0], [0, 1]], [[1.0, 0.0], [0.0, 1.0]], *box)
    assert Mixed(two, [[0.5, 1.0], [0.25, 0.0]]).formula() == (x / 2 + y / 4, x)


def test_the_root_of_a_square_is_an_absolute_value():
    x, y = sympy.symbols("x y", real=True)
    root = sympy.sqrt(x**4 - 2 * x**2 * y + y**2)
    assert simplified(root / 2 + y / 2, lambda e: e) == y / 2 + sympy.Abs(x**2 - y) / 2


def test_a_model_may_be_worse_in_a_corner_than_it_says():
    x = sympy.Symbol("x", positive=True)
    X = np.random.default_rng(0).uniform(1.0, 2.0, (200, 1))
    y = 1.0 / np.expm1(0.7 / X[:, 0])
    y[np.argmin(X[:, 0])] *= 1.0 + 1e-9
    guess = 1 / (sympy.exp(sympy.Float(0.7001) / x) - sympy.Float(0.9999))
    assert equal(fitted_numbers(guess, [x], Samples(X, y, 1e-15)), 1 / (sympy.exp(sympy.Rational(7, 10) / x) - 1))
    # Many such are no corners.
    y[X[:, 0] < 1.3] *= 1.0 + 1e-9
    assert fitted_numbers(guess, [x], Samples(X, y, 1e-15)) is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("1/2 - cos(2*x)/2", "sin(x)**2"),
        ("sqrt(y + y*cos(2*x) + 3)", "sqrt(2*y*cos(x)**2 + 3)"),
        ("1 - cos(x)", "1 - cos(x)"),
        ("3 - cos(2*x)", "3 - cos(2*x)"),
    ],
)
def test_waves_of_twice_an_angle_are_squares_where_that_is_shorter(given, wanted):
    names = {"x": sympy.Symbol("x", real=True), "y": sympy.Symbol("y", positive=True)}
    assert simplified(sympy.sympify(given, names), lambda e: e) == sympy.sympify(wanted, names)
