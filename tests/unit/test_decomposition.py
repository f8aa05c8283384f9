"""The terms of Eq. 6: their sum, and tasks where it is known which of them is large."""

import math

import numpy as np
import pytest

import pml_native as pml
from pml_native import MLP, LeastSquares, problems
from pml_native.models import (
    Boosted,
    NetworkModel,
    Polynomial,
    SimplexInterpolator,
    SplineInterpolator,
    Transformed,
)
from pml_native.optimize import Adam, LevenbergMarquardt, minimize
from pml_native.scaling import decompose
from pml_native.scaling.decomposition import TERMS


def trained(problem, widths, n, optimizer, steps, seed=0):
    X, y = problem.sample(n, seed)
    mlp = MLP(widths)
    result = minimize(LeastSquares(mlp, X, y), mlp.initialize(seed), optimizer, max_steps=steps)
    return NetworkModel(mlp, result.params), X, y


def assert_adds_up(found):
    terms = found.terms
    assert list(terms) == list(TERMS)
    largest = max(map(abs, terms.values()))
    assert math.fsum(terms.values()) == pytest.approx(found.loss, abs=4 * np.spacing(largest))
    assert found.optimization_error >= 0
    assert found.generalization_gap >= 0
    assert found.architecture_error >= 0


def test_a_student_of_its_teacher_has_no_architecture_error():
    teacher = problems.get("teacher:1-3-1:0")
    model, X, y = trained(teacher, (1, 3, 1), 100, Adam(learning_rate=1e-2), 200)
    found = decompose(model, X, y, teacher, restarts=1)
    assert_adds_up(found)
    assert found.architecture_error < 1e-12
    assert abs(found.sampling_luck) < 1e-12
    assert found.dominant == "optimization_error"
    assert found.optimization_error == pytest.approx(found.loss, rel=1e-6)


def test_a_network_too_small_for_its_target_has_architecture_error():
    problem = problems.FunctionProblem("sin(12x)", "sin(12 x)", ((-1.0, 1.0),), lambda X: np.sin(12 * X[:, 0]))
    model, X, y = trained(problem, (1, 2, 1), 400, LevenbergMarquardt(), 200)
    found = decompose(model, X, y, problem, restarts=2)
    assert_adds_up(found)
    assert found.dominant == "architecture_error"
    assert found.architecture_error > 0.5


def test_a_network_that_learned_few_rows_by_heart_has_a_generalization_gap():
    problem = problems.get("teacher:1-3-3-1:1")
    model, X, y = trained(problem, (1, 10, 1), 12, LevenbergMarquardt(), 300)
    found = decompose(model, X, y, problem, restarts=0)
    assert_adds_up(found)
    assert found.sampling_luck < 0
    assert found.dominant == "generalization_gap"


def test_of_a_table_the_further_rows_stand_for_the_distribution():
    problem = problems.get("teacher:1-3-1:0")
    model, X, y = trained(problem, (1, 3, 1), 100, Adam(learning_rate=1e-2), 200)
    found = decompose(model, X, y, problem.sample(60, 7), restarts=0)
    assert_adds_up(found)
    assert found.dominant == "optimization_error"
    assert "130 rows" in found.how["architecture_error"] or "130 rows" in found.how["generalization_gap"]
    assert "30" in found.how["architecture_error"]


def test_a_decomposition_is_the_same_each_time_and_says_how_it_was_made():
    problem = problems.get("x^2")
    model, X, y = trained(problem, (1, 3, 1), 50, Adam(), 10)
    first, second = (decompose(model, X, y, problem, restarts=1, max_steps=50) for _ in range(2))
    assert first.terms == second.terms
    text = str(first)
    assert all(name.replace("_", " ") in text for name in TERMS)
    assert "lower bound" in first.how["optimization_error"]
    assert "upper bound" in first.how["architecture_error"]


def test_two_outputs_of_different_size_count_the_same():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (200, 1))
    y = np.column_stack([X[:, 0] ** 2, 1e6 * np.abs(X[:, 0])])
    model = NetworkModel(MLP((1, 4, 2)), MLP((1, 4, 2)).initialize(0))
    found = decompose(model, X[:150], y[:150], (X[150:], y[150:]), restarts=1, max_steps=100)
    assert_adds_up(found)


def linear_models():
    x = np.linspace(0, 1, 12)
    y = np.exp(3 * x)
    X = x[:, None]
    yield pml.fit_polynomial(X, y, degree=3, inputs="identity", outputs="identity", validation=(X, y))
    yield SplineInterpolator([x], y, degree=3)
    yield SimplexInterpolator(X, y)
    yield pml.fit_random_features(X, y, n_features=4, activation="tanh", scale=1.0, validation=(X, y))


@pytest.mark.parametrize("model", list(linear_models()), ids=lambda model: model.family)
def test_families_linear_in_their_parameters_have_no_optimization_error(model):
    problem = problems.FunctionProblem("exp(3x)", "exp(3 x)", ((0.0, 1.0),), lambda X: np.exp(3 * X[:, 0]))
    X = np.linspace(0, 1, 12)[:, None]
    found = decompose(model, X, problem(X), problem)
    assert_adds_up(found)
    assert found.optimization_error < 1e-12
    assert "rounding" in found.how["optimization_error"]
    assert 1e-8 < found.architecture_error < 0.1
    # Least squares on the distribution is better than what goes through the rows.
    assert found.architecture_error <= found.loss_of_best_on_sample


def test_a_family_of_ones_own_brings_its_training():
    problem = problems.get("x^2")
    X, y = problem.sample(50, 0)

    def train(X, y):
        return pml.fit_polynomial(X, y, degree=1, inputs="identity", outputs="identity")

    found = decompose(train(X, y), X, y, problem, train=train)
    assert_adds_up(found)
    assert found.dominant == "architecture_error"


def test_a_sum_of_networks_is_decomposed_as_one_network():
    problem = problems.get("teacher:1-3-1:0")
    X, y = problem.sample(80, 0)
    stages = [NetworkModel(MLP((1, 2, 1)), MLP((1, 2, 1)).initialize(seed)) for seed in range(2)]
    found = decompose(Boosted(stages, [1.0, 0.1]), X, y, problem, restarts=0, max_steps=300)
    assert_adds_up(found)
    assert found.dominant == "optimization_error"
    other = NetworkModel(MLP((1, 2, 1), "sin"), MLP((1, 2, 1)).initialize(0))
    with pytest.raises(TypeError, match="train="):
        decompose(Boosted([stages[0], other], [1.0, 0.1]), X, y, problem)


def test_a_model_in_other_coordinates_is_decomposed_in_them():
    problem = problems.FunctionProblem("x^2.5", "x^2.5", ((1.0, 5.0),), lambda X: X[:, 0] ** 2.5)
    X, y = problem.sample(80, 0)
    line = Polynomial([[0], [1]], [0.0, 2.0])
    found = decompose(Transformed(line, ["log"], ["log"]), X, y, problem)
    assert_adds_up(found)
    assert found.dominant == "optimization_error"
    assert found.architecture_error < 1e-14


def test_wrong_arguments_are_told():
    problem = problems.get("x^2")
    model = NetworkModel(MLP((2, 3, 1)), np.zeros(MLP((2, 3, 1)).n_params))
    X, y = problem.sample(50, 0)
    with pytest.raises(ValueError, match="expected 2 and 1 columns"):
        decompose(model, X, y, problem)
    small = NetworkModel(MLP((1, 3, 1)), np.zeros(10))
    with pytest.raises(ValueError, match="at least 40 rows"):
        decompose(small, X, y, (X[:10], y[:10]))
    with pytest.raises(ValueError, match="restarts"):
        decompose(small, X, y, problem, restarts=-1)
