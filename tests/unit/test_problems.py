"""The table of equations."""

import numpy as np
import pytest

from pml_native.problems import equations


def test_there_are_the_papers_109_equations():
    assert len(equations) == 109
    assert max(equation.n_inputs for equation in equations.values()) == 9


@pytest.mark.parametrize("name", equations)
def test_every_equation_gives_finite_values_in_its_bounds(name):
    equation = equations[name]
    X, y = equation.sample(2000, 0)
    low, high = np.array(equation.bounds).T
    assert X.shape == (2000, equation.n_inputs)
    assert np.all((low <= X) & (high >= X))
    assert np.all(np.isfinite(y))
    np.testing.assert_array_equal(equation(X), y)


def test_values_are_those_of_the_formula():
    np.testing.assert_allclose(equations["I.10.7"]([[2.0, 1.5, 5.0]]), [2 / np.sqrt(1 - 0.3**2)])
    np.testing.assert_allclose(equations["I.11.19"]([[1.0, 2, 3, 4, 5, 6]]), [1 * 4 + 2 * 5 + 3 * 6])
    np.testing.assert_allclose(equations["I.8.14"]([[1.0, 4.0, 1.0, 5.0]]), [5.0])
    np.testing.assert_allclose(equations["I.44.4"]([[2.0, 3.0, 5.0, 1.0, np.e]]), [30.0])


def test_sampling_is_reproducible_and_accepts_a_generator():
    first = equations["Z.008"].sample(5, 3)
    second = equations["Z.008"].sample(5, np.random.default_rng(3))
    np.testing.assert_array_equal(first[0], second[0])
    assert equations["Z.008"].sample(0)[1].shape == (0,)


def test_a_wrong_name_is_answered_with_near_ones():
    with pytest.raises(KeyError, match=r"did you mean .*I\.10\.7"):
        equations["I.10.8"]
    with pytest.raises(ValueError, match="n: expected an integer >= 0"):
        equations["Z.001"].sample(-1)
    with pytest.raises(ValueError, match=r"X: expected \(n, 2\)"):
        equations["Z.008"](np.ones((4, 3)))
