"""How formulas are written: roots and logarithms as by hand, and text that can be read again."""

import numpy as np
import pytest

import pml_native as pml

sympy = pytest.importorskip("sympy")
from pml_native.formulas.writing import plain, text_of  # noqa: E402

a, b, c, v = sympy.symbols("a b c v", positive=True)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (sympy.sqrt(a) * sympy.sqrt(b) / sympy.sqrt(c), "sqrt(a*b/c)"),
        (a * sympy.sqrt(c + v) / sympy.sqrt(c - v), "a*sqrt((c + v)/(c - v))"),
        (a / sympy.sqrt(c + v) / sympy.sqrt(c - v), "a/sqrt(c**2 - v**2)"),
        (-a * sympy.log(b / c), "a*log(c/b)"),
        (-a * sympy.log(b), "-a*log(b)"),
        (a / sympy.sqrt(2 * sympy.pi), "a/sqrt(2*pi)"),
        (-sympy.sqrt(2) * sympy.exp(-(a**2) / 2) / 2, "-exp(-a**2/2)/sqrt(2)"),
        (2 * sympy.sqrt(3) * a, "2*sqrt(3)*a"),
        (sympy.sqrt(2) / 2, "sqrt(2)/2"),
        (b - a, "b - a"),
        (a * (c**2 - 1), "a*(c**2 - 1)"),
        (a**-2 - b**-2, "1/a**2 - 1/b**2"),
        (1 / (a + b), "1/(a + b)"),
        (1 / (a * b + c) ** 3, "1/(a*b + c)**3"),
        (a**-1.5, "a**(-1.5)"),
    ],
)
def test_formulas_are_written_as_by_hand(expression, wanted):
    written = plain(expression)
    assert text_of(written) == wanted
    values = {a: 1.5, b: 2.5, c: 3.5, v: 0.5}
    for same in (written, sympy.sympify(text_of(written))):
        there = same.subs({symbol.name: value for symbol, value in values.items()})
        assert float(there) == pytest.approx(float(expression.subs(values)), rel=1e-14)


def test_names_that_are_no_identifiers_stand_between_backticks():
    speed, odd = sympy.Symbol("v (m/s)"), sympy.Symbol("lambda")
    assert text_of(speed**2 / (odd - a)) == "`v (m/s)`**2/(`lambda` - a)"
    assert text_of(sympy.Symbol("pi") * sympy.pi) == "pi*`pi`"
    assert text_of(sympy.Symbol("E") ** 2 * sympy.Symbol("S") * sympy.pi) == "pi*E**2*S"


NAMES = (("S", "I", "E"), ("lambda", "x y", "T [K]"), ("$\\alpha$", "x_{1}^2", "a-b"), ("pi", "beta", "0"))


@pytest.mark.parametrize("names", NAMES)
def test_columns_of_any_name_have_formulas(names):
    X = np.random.default_rng(0).uniform(1.0, 3.0, (200, 3))
    y = np.pi * X[:, 0] * X[:, 1] ** 2 / X[:, 2]
    model = pml.fit(X, y, input_names=names, effort=0.02, time_limit=None, progress=False)
    formula = model.formula()
    first, second, third = (sympy.Symbol(name) for name in names)
    assert sympy.simplify(formula - sympy.pi * first * second**2 / third) == 0
    # What stands between backticks, or is the name of a column, is found again in the text.
    text = model.report.formulas[0].text
    for number, name in enumerate(names):
        for quoted in (f"`{name}`", name):
            if quoted in text:
                text = text.replace(quoted, f"column{number}", 1)
                break
    columns = {f"column{j}": X[:, j] for j in range(3)}
    assert np.allclose(eval(text, {"pi": np.pi, **columns}), y, rtol=1e-13)


@pytest.mark.parametrize("size", [1e-310, 1e-300, 1e304])
def test_reports_of_y_at_the_ends_of_float64_can_be_printed(size):
    X = np.random.default_rng(0).uniform(1.0, 3.0, (200, 2))
    model = pml.fit(X, size * X[:, 0] * X[:, 1], effort=0.02, time_limit=None, progress=False)
    first = str(model.report).splitlines()[0]
    assert first.startswith(f"y = {sympy.Float(size) * a}"[:-1] + "x0*x1") or size < 1e-307


def test_a_formula_whose_numbers_are_beyond_float64_says_so():
    X = np.random.default_rng(0).uniform(1e200, 3e200, (300, 3))
    model = pml.fit(X, np.hypot(X[:, 0] - X[:, 1], X[:, 2]), effort=0.02, time_limit=None, progress=False)
    with pytest.raises(ValueError, match="formula: "):
        model.formula()
