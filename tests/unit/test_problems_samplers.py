"""Samplers, the test box, and the problems that are not equations."""

import numpy as np
import pytest
from scipy.special import eval_legendre
from scipy.stats import kstest

from pml_native import MLP, problems
from pml_native.problems import SAMPLERS, FunctionProblem, get, grid_axes, random_polynomial, teacher_student

NAMES = [
    "I.10.7",
    "exp(xy)",
    "teacher:1-3-3-1:0",
    "teacher:2-4-1:7:relu",
    "polynomial:3:5:0",
    "legendre:12",
    "legendre:3-4",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_problem_is_sampled_in_its_bounds_and_reproducibly(name, sampler):
    problem = get(name)
    assert problem.name == name
    assert problem.formula
    X, y = problem.sample(100, 5, sampler=sampler)
    low, high = np.array(problem.bounds).T
    assert X.shape == (len(y), problem.n_inputs)
    assert np.all((low <= X) & (high >= X))
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(problem(X), y)
    np.testing.assert_array_equal(get(name).sample(100, np.random.default_rng(5), sampler)[0], X)
    assert problem.sample(0, 5, sampler)[0].shape == (0, problem.n_inputs)


def test_arcsine_points_have_the_distribution_of_a_cosine():
    X, _ = problems.equations["Z.008"].sample(20_000, 0, "arcsine")
    assert kstest((X[:, 0] - 3.0) / 2.0, lambda t: 0.5 + np.arcsin(t) / np.pi).pvalue > 0.01


@pytest.mark.parametrize("n", [1, 7, 64, 100])
def test_sobol_points_are_as_many_as_asked_and_one_in_each_cell(n):
    X, _ = get("legendre:3-4").sample(n, 0, "sobol")
    assert len(X) == n
    if n == 64:
        for column in X.T:
            np.testing.assert_array_equal(np.sort(np.floor((column + 1.0) * 32)), np.arange(64))
    assert not np.array_equal(X, get("legendre:3-4").sample(n, 1, "sobol")[0])


@pytest.mark.parametrize(("n", "d", "expected"), [(100, 2, 10), (23, 1, 23), (70, 3, 4), (1, 2, 2), (1000, 3, 10)])
def test_a_grid_has_as_near_to_n_points_as_it_can(n, d, expected):
    axes = grid_axes(n, [(0.0, 2.0)] * d)
    assert [len(axis) for axis in axes] == [expected] * d
    assert (axes[0][0], axes[0][-1]) == (0.0, 2.0)
    assert len(get("legendre:" + "-".join(["1"] * d)).sample(n, sampler="grid")[0]) == expected**d


def test_the_test_box_is_eighty_percent_of_every_width():
    equation = problems.equations["I.10.7"]
    X, y = equation.test_box(50_000, 0)
    low, high = np.array(equation.bounds).T
    share = (X - low) / (high - low)
    np.testing.assert_allclose(share.min(axis=0), 0.1, atol=1e-3)
    np.testing.assert_allclose(share.max(axis=0), 0.9, atol=1e-3)
    np.testing.assert_array_equal(equation(X), y)


def test_values_are_those_of_the_definitions():
    x = np.linspace(-1, 1, 31)
    np.testing.assert_allclose(get("legendre:12")(x), eval_legendre(12, x), atol=1e-14)
    X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    np.testing.assert_allclose(get("legendre:3-4")(X), eval_legendre(3, X[:, 0]) * eval_legendre(4, X[:, 1]))
    mlp = MLP((2, 4, 1))
    (W, b), (v, c) = mlp.layers(mlp.initialize(7))
    np.testing.assert_allclose(get("teacher:2-4-1:7")(X), np.tanh(X @ W.T + b) @ v[0] + c[0])


def test_a_random_polynomial_has_its_degree_and_unit_size():
    polynomial = random_polynomial(2, 3, 4)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    X = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    assert np.isclose(np.sum(np.outer(weights, weights).ravel() * polynomial(X) ** 2) / 4, 1.0)
    along = polynomial(np.array([[0.1, -0.3]]) + np.linspace(-0.5, 0.5, 9)[:, None] * np.array([[1.0, 0.7]]))
    np.testing.assert_allclose(np.diff(along, 4), 0.0, atol=1e-13)
    assert np.abs(np.diff(along, 3)).max() > 1e-6


def test_a_function_of_ones_own_is_a_problem():
    problem = FunctionProblem("mine", "x + y", ((0.0, 1.0), (0.0, 2.0)), lambda X: X.sum(axis=1))
    X, y = problem.test_box(10, 0)
    np.testing.assert_array_equal(y, X.sum(axis=1))


def test_wrong_input_is_answered_with_what_is_wanted():
    with pytest.raises(KeyError, match=r"did you mean .*I\.10\.7"):
        get("I.10.8")
    with pytest.raises(ValueError, match=r"expected teacher:WIDTHS:SEED.* as in teacher:1-3-3-1:0, got 'teacher:1-3'"):
        get("teacher:1-3")
    with pytest.raises(ValueError, match=r"expected legendre:DEGREES.* got 'legendre:x'"):
        get("legendre:x")
    with pytest.raises(ValueError, match="at most 100000 terms"):
        get("polynomial:9:20:0")
    with pytest.raises(ValueError, match="sampler: expected one of uniform, arcsine, sobol, grid, got 'latin'"):
        get("Z.001").sample(5, 0, "latin")
    with pytest.raises(ValueError, match="expected one output"):
        teacher_student((1, 2, 2), 0)
