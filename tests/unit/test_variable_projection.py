"""Variable projection on sums of functions whose weights enter linearly."""

import math

import numpy as np
import pytest

import pml_native as pml
from pml_native.optimize import BFGS, LeastSquares, Status, VariableProjection, minimize

OPTIMIZERS = [VariableProjection(), VariableProjection(penalty=0.0)]
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["penalty", "plain"])


class Residuals:
    """An objective from a function params -> (r, J) that is affine in params[linear]."""

    def __init__(self, residuals_and_jacobian, linear):
        self.residuals_and_jacobian, self.linear = residuals_and_jacobian, linear

    def loss_and_gradient(self, params):
        r, J = self.residuals_and_jacobian(params)
        return float(r @ r), 2 * r @ J


class OneHiddenLayer(Residuals):
    """Mean square error of sum_i c_i tanh(w_i x + b_i) + c_0; parameters w, b, c, c_0, as those of MLP((1, W, 1))."""

    def __init__(self, X, y, width):
        self.X, self.y, self.width = X, y, width
        self.linear = slice(2 * width, 3 * width + 1)

    def residuals_and_jacobian(self, params):
        w, b, c = params[: 3 * self.width].reshape(3, -1)
        a = np.tanh(self.X * w + b)
        d = (1 - a * a) * c
        J = np.hstack([d * self.X, d, a, np.ones_like(self.X)])
        return (a @ c + params[-1] - self.y) / np.sqrt(len(self.X)), J / np.sqrt(len(self.X))


def teacher_student(n=500, width=20, seed=0):
    """A 1-3-3-1 teacher on [-1, 1], of mean 0 and variance 1, and a student of one hidden layer."""
    teacher = pml.MLP((1, 3, 3, 1))
    X = np.random.default_rng(seed).uniform(-1, 1, size=(n, 1))
    y = teacher.forward(teacher.initialize(seed + 1000), X)[:, 0]
    return OneHiddenLayer(X, (y - y.mean()) / y.std(), width), pml.MLP((1, width, 1)).initialize(seed)


def decay(target):
    """c exp(-v x) against the target, a function of x; parameters v, c."""
    x = np.linspace(0, 1, 30)

    def residuals_and_jacobian(params):
        v, c = params
        return c * np.exp(-v * x) - target(x), np.stack([-c * x * np.exp(-v * x), np.exp(-v * x)], axis=1)

    return Residuals(residuals_and_jacobian, slice(1, 2))


def test_smooth_functions_are_fitted_down_to_rounding():
    errors = []
    for seed in range(6):
        objective, params = teacher_student(seed=seed)
        before = params.copy()
        result = minimize(objective, params, VariableProjection(), max_steps=400)
        errors.append(math.sqrt(result.loss))
        np.testing.assert_array_equal(params, before)
        assert result.loss == objective.loss_and_gradient(result.params)[0]
        if result.status is not Status.MAX_STEPS:
            assert result.status is Status.AT_FLOOR
            assert "rounding noise" in result.message
    assert np.median(errors) < 5e-15
    assert max(errors) < 1e-12


def test_the_penalty_keeps_the_weights_small_and_the_fit_exact():
    objective, params = teacher_student(seed=1)
    kept, plain = (minimize(objective, params, optimizer, max_steps=400) for optimizer in OPTIMIZERS)
    assert np.linalg.norm(kept.params[objective.linear]) < 1e-3 * np.linalg.norm(plain.params[objective.linear])
    assert kept.loss < 1e-4 * plain.loss


def test_a_compiled_network_is_fitted_down_to_rounding():
    slow, params = teacher_student(seed=4)
    mlp = pml.MLP((1, 20, 1))
    objective = LeastSquares(mlp, slow.X, slow.y, n_threads=1)
    result = minimize(objective, params, VariableProjection(), max_steps=400)
    assert math.sqrt(result.loss) < 1e-14
    assert math.sqrt(np.mean((mlp.forward(result.params, slow.X)[:, 0] - slow.y) ** 2)) < 1e-14
    assert result.status is Status.AT_FLOOR


@each_optimizer
def test_few_steps_do_what_takes_bfgs_many(optimizer):
    objective, params = teacher_student()
    assert minimize(objective, params, optimizer, max_steps=15).loss < 1e-20
    assert minimize(objective, params, BFGS(), max_steps=300).loss > 1e-10


@each_optimizer
def test_what_is_linear_alone_is_the_solution_of_least_squares(optimizer):
    rng = np.random.default_rng(0)
    A, y = rng.normal(size=(40, 5)), rng.normal(size=40)
    objective = Residuals(lambda params: (A @ params - y, A), slice(0, 5))
    result = minimize(objective, np.ones(5), optimizer)
    np.testing.assert_allclose(result.params, np.linalg.lstsq(A, y)[0], rtol=1e-12)
    assert result.status is Status.AT_FLOOR


def test_the_start_solves_the_linear_part_whatever_it_was():
    objective, params = teacher_student(width=3)
    _, J = objective.residuals_and_jacobian(params)
    target = objective.y / math.sqrt(len(objective.y))
    best = np.linalg.lstsq(J[:, objective.linear], target)[1][0]
    for c in (0.0, 7.0):
        params[objective.linear] = c
        result = minimize(objective, params, VariableProjection(penalty=0.0), max_steps=0)
        assert result.loss == pytest.approx(best, rel=1e-9)


def test_columns_that_depend_on_each_other_are_no_trouble():
    objective, params = teacher_student()
    params[:20], params[20:40] = 1.0, 0.5  # 20 equal units
    result = minimize(objective, params, VariableProjection(), max_steps=5)
    assert math.isfinite(result.loss)
    assert np.abs(result.params).max() < 100


@each_optimizer
def test_a_single_term_is_found_exactly(optimizer):
    result = minimize(decay(lambda x: 3 * np.exp(-2 * x)), np.array([5.0, 1.0]), optimizer)
    np.testing.assert_allclose(result.params, [2.0, 3.0], rtol=1e-14)


@each_optimizer
def test_a_minimum_of_high_loss_is_the_floor_too(optimizer):
    objective = decay(lambda x: np.cos(9 * x) + 1)
    result = minimize(objective, np.array([1.0, 1.0]), optimizer)
    assert result.status is Status.AT_FLOOR
    _, gradient = objective.loss_and_gradient(result.params)
    assert np.abs(gradient).max() < 1e-6
    assert result.loss > 1


@each_optimizer
def test_a_target_of_zero_is_fitted_at_once(optimizer):
    result = minimize(decay(np.zeros_like), np.array([5.0, 1.0]), optimizer)
    assert (result.status, result.loss, result.n_steps) == (Status.CONVERGED, 0.0, 0)


@each_optimizer
@pytest.mark.parametrize("linear", [slice(0, 1), slice(1, 1)], ids=["linear", "nonlinear"])
def test_one_parameter_of_either_kind_is_enough(optimizer, linear):
    x = np.linspace(0, 1, 30)
    if linear == slice(0, 1):
        objective = Residuals(lambda p: ((p[0] - 2) * x, x[:, None]), linear)
    else:
        objective = Residuals(lambda p: (np.exp(-p[0] * x) - np.exp(-2 * x), (-x * np.exp(-p[0] * x))[:, None]), linear)
    np.testing.assert_allclose(minimize(objective, np.array([5.0]), optimizer).params, 2.0, rtol=1e-15)


@each_optimizer
def test_fewer_samples_than_parameters_are_interpolated(optimizer):
    objective, params = teacher_student(n=10)
    assert minimize(objective, params, optimizer).loss < 1e-29


@each_optimizer
def test_a_constant_loss_is_converged_at_once(optimizer):
    objective = Residuals(lambda params: (np.ones(30), np.zeros((30, 2))), slice(1, 2))
    assert minimize(objective, np.ones(2), optimizer).status is Status.CONVERGED


@each_optimizer
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_a_loss_that_is_not_finite_at_once_is_a_status(optimizer, value):
    objective = Residuals(lambda params: (np.full(30, value), np.zeros((30, 2))), slice(1, 2))
    assert minimize(objective, np.ones(2), optimizer).status is Status.NONFINITE


@each_optimizer
def test_steps_back_off_from_nan(optimizer):
    inner = decay(lambda x: 3 * np.exp(-2 * x))

    def cliff(params):
        r, J = inner.residuals_and_jacobian(params)
        return (r, J) if params[0] > 1.99 else (r * np.nan, J)

    result = minimize(Residuals(cliff, inner.linear), np.array([50.0, 1.0]), optimizer)
    np.testing.assert_allclose(result.params, [2.0, 3.0], rtol=1e-12)


@each_optimizer
def test_a_resumed_minimization_is_the_same_as_an_undisturbed_one(optimizer):
    objective, params = teacher_student()
    whole = minimize(objective, params, optimizer, max_steps=14)
    part = minimize(objective, params, optimizer, max_steps=5)
    rest = minimize(objective, params, optimizer, max_steps=9, resume=part)
    np.testing.assert_array_equal(whole.params, rest.params)
    assert whole.loss == rest.loss


@pytest.mark.parametrize("scale", [1e-10, 1e10])
def test_the_unit_of_the_target_makes_no_difference(scale):
    objective, params = teacher_student()
    objective.y = scale * objective.y
    result = minimize(objective, params, VariableProjection(), max_steps=400)
    assert math.sqrt(result.loss) < 1e-13 * scale


def test_a_penalty_that_is_no_number_from_0_on_is_refused():
    for penalty in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="penalty: expected a number >= 0"):
            VariableProjection(penalty=penalty)


def test_a_network_is_affine_in_its_linear_parameters():
    mlp = pml.MLP((2, 4, 3))
    rng = np.random.default_rng(0)
    X, params, change = rng.normal(size=(5, 2)), mlp.initialize(0), np.zeros(mlp.n_params)
    change[mlp.linear] = rng.normal(size=15)
    at = [mlp.forward(params + t * change, X) for t in (0.0, 1.0, 2.0)]
    np.testing.assert_allclose(at[2] - at[1], at[1] - at[0], rtol=0, atol=1e-14)
    assert LeastSquares(mlp, X, mlp.forward(params, X)).linear == mlp.linear == slice(12, 27)
