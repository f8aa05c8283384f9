"""Levenberg and Marquardt's method with geodesic acceleration, and the linear systems it solves."""

import math

import mpmath
import numpy as np
import pytest

import pml_native as pml
from pml_native import memory
from pml_native.optimize import LeastSquares, LevenbergMarquardt, Status, minimize
from pml_native.optimize.levenberg_marquardt import (
    LEAST_DAMPING_OF_ONE_FACTOR,
    MOST_DAMPING,
    Graded,
    Normal,
    Shifted,
)

EPS = float(np.finfo(float).eps)
OPTIMIZERS = [LevenbergMarquardt(), LevenbergMarquardt(bold=False), LevenbergMarquardt(acceleration=False)]
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["full", "not bold", "not accelerated"])


class Residuals:
    """r'r for residuals r(p) with Jacobian J(p) and second derivative r''(p, v)."""

    def __init__(self, r, J, second):
        self.r, self.J, self.second = r, J, second

    def loss(self, params):
        r = self.r(params)
        return float(r @ r)

    def loss_and_gradient(self, params):
        r, J = self.residuals_and_jacobian(params)
        return float(r @ r), 2 * r @ J

    def residuals_and_jacobian(self, params):
        return self.r(params), self.J(params)

    def gauss_newton(self, params):
        r, J = self.residuals_and_jacobian(params)
        return float(r @ r), 2 * r @ J, 2 * J.T @ J

    def second_derivative(self, params, v):
        return self.second(params, v)

    def vector_jacobian_product(self, params, u):
        return u @ self.J(params)


def linear(A, b):
    """A p - b."""
    return Residuals(lambda p: A @ p - b, lambda p: A.copy(), lambda p, v: np.zeros(len(b)))


def random_linear(n, n_params):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, n_params)), rng.normal(size=n)


def decay(target):
    """c exp(-k x) against the target, a function of x; parameters k, c."""
    x = np.linspace(0, 1, 30)
    e = lambda p: np.exp(-p[0] * x)  # noqa: E731
    return Residuals(
        lambda p: p[1] * e(p) - target(x),
        lambda p: np.stack([-p[1] * x * e(p), e(p)], axis=1),
        lambda p, v: (v[0] ** 2 * p[1] * x - 2 * v[0] * v[1]) * x * e(p),
    )


ROSENBROCK = Residuals(
    lambda p: np.array([10 * (p[1] - p[0] ** 2), 1 - p[0]]),
    lambda p: np.array([[-20 * p[0], 10.0], [-1.0, 0.0]]),
    lambda p, v: np.array([-20 * v[0] ** 2, 0.0]),
)
ROSENBROCK_START = np.array([-1.2, 1.0])


def teacher_student(n=500, width=20, seed=0):
    """A 1-3-3-1 teacher on [-1, 1], of mean 0 and variance 1, and a student of one hidden layer."""
    teacher, student = pml.MLP((1, 3, 3, 1)), pml.MLP((1, width, 1))
    X = np.random.default_rng(seed).uniform(-1, 1, size=(n, 1))
    y = teacher.forward(teacher.initialize(seed + 1000), X)
    return LeastSquares(student, X, (y - y.mean()) / y.std(), n_threads=1), student.initialize(seed)


def relative_error(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


def test_velocity_and_bend_are_those_of_qr_where_singular_values_fall_below_rounding():
    objective, params = teacher_student(n=80, width=14)
    params = minimize(objective, params, LevenbergMarquardt(), max_steps=60).params
    r, J = objective.residuals_and_jacobian(params)
    sigma = np.linalg.svd(J, compute_uv=False)
    assert sigma[-1] < 1e-16 * sigma[0]
    second = objective.second_derivative(params, np.random.default_rng(0).normal(size=len(params)))
    normal = Normal(objective, params)
    graded = Graded(objective, params, Shifted(normal))
    with mpmath.workdps(60):
        exact_J = mpmath.matrix(J.tolist())
        JJ = exact_J.T * exact_J
        right = [exact_J.T * mpmath.matrix(u.tolist()) for u in (r, second)]
    for damping in (1e-2, 1e-6, 1e-10, 1e-13, 1e-15, 1e-18, 1e-21, 1e-24):
        d = damping * normal.largest
        with mpmath.workdps(60):
            damped = JJ + mpmath.mpf(d) * mpmath.eye(len(params))
            exact = [np.array([-float(x) for x in mpmath.cholesky_solve(damped, b)]) for b in right]
        Q, R = np.linalg.qr(np.vstack([J, math.sqrt(d) * np.eye(len(params))]))
        by_qr = [-np.linalg.solve(R, Q[: len(J)].T @ u) for u in (r, second)]
        qr_errors = [relative_error(found, e) for found, e in zip(by_qr, exact, strict=True)]
        factored = graded.factored(d)
        for found, e, qr_error in zip((factored.velocity(), factored.bend(second)), exact, qr_errors, strict=True):
            assert relative_error(found, e) < 1e-7 + 10 * qr_error
        assert qr_errors[0] < 1e-3
        if damping >= 1e-13:  # The rounding of J'J.
            factored = normal.factored(d)
            for found, e in zip((factored.velocity(), factored.bend(second)), exact, strict=True):
                assert relative_error(found, e) < 10 * EPS / damping


def test_small_dampings_are_met_with_two_factors():
    objective, params = teacher_student()
    optimizer = LevenbergMarquardt(first_damping=1.01 * LEAST_DAMPING_OF_ONE_FACTOR)
    assert isinstance(optimizer.start(objective, params).system, Normal)
    optimizer = LevenbergMarquardt(first_damping=0.99 * LEAST_DAMPING_OF_ONE_FACTOR)
    state = optimizer.start(objective, params)
    assert isinstance(state.system, Graded)
    assert state.loss == pytest.approx(objective.loss(params), rel=1e-13)
    np.testing.assert_allclose(state.gradient, objective.loss_and_gradient(params)[1], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_smooth_functions_are_fitted_down_to_rounding(seed):
    objective, params = teacher_student(seed=seed)
    before = params.copy()
    result = minimize(objective, params, LevenbergMarquardt(), max_steps=500)
    np.testing.assert_array_equal(params, before)
    assert math.sqrt(result.loss) < 5e-15
    assert result.loss == pytest.approx(objective.loss(result.params), rel=0.1)  # The loss is rounding here.
    assert result.status is Status.AT_FLOOR
    assert "rounding noise" in result.message


@each_optimizer
def test_a_linear_problem_is_solved_in_a_few_steps(optimizer):
    A, b = random_linear(40, 5)
    result = minimize(linear(A, b), np.ones(5), optimizer, max_steps=8)
    np.testing.assert_allclose(result.params, np.linalg.lstsq(A, b)[0], rtol=1e-9)


@each_optimizer
def test_a_minimum_of_high_loss_is_the_floor_too(optimizer):
    A, b = random_linear(40, 5)
    objective = decay(lambda x: np.cos(9 * x) + 1)
    for result in (
        minimize(linear(A, b), np.ones(5), optimizer),
        minimize(linear(A[:, :1], b), np.ones(1), optimizer),
        minimize(objective, np.ones(2), optimizer),
    ):
        assert result.status is Status.AT_FLOOR
        assert result.n_steps < 100
        assert result.loss > 1
    assert np.abs(objective.loss_and_gradient(result.params)[1]).max() < 1e-6


@each_optimizer
def test_a_single_term_is_found_exactly(optimizer):
    result = minimize(decay(lambda x: 3 * np.exp(-2 * x)), np.array([5.0, 1.0]), optimizer)
    np.testing.assert_allclose(result.params, [2.0, 3.0], rtol=1e-14)


def test_the_first_step_is_that_of_the_definition():
    params, optimizer = np.array([1.9, 2.8]), LevenbergMarquardt(first_damping=0.3)
    objective = decay(lambda x: 3 * np.exp(-2 * x))
    r, J = objective.residuals_and_jacobian(params)
    damped = J.T @ J + 0.3 * np.max(np.diag(J.T @ J)) * np.eye(2)
    velocity = -np.linalg.solve(damped, J.T @ r)
    bend = -np.linalg.solve(damped, J.T @ objective.second_derivative(params, velocity))
    state = optimizer.start(objective, params)
    assert optimizer.step(objective, state) is None
    np.testing.assert_allclose(state.params, params + velocity + 0.5 * bend, rtol=1e-13)
    np.testing.assert_allclose(state.velocity, velocity, rtol=1e-11)
    assert state.damping == pytest.approx(0.3 / 3 * np.max(np.diag(J.T @ J)))


def test_a_step_is_refused_without_a_look_at_its_loss_where_the_bend_is_long():
    A, b = random_linear(40, 5)
    objective, trials = linear(A, b), []
    objective.second = lambda p, v: 10.0 * A @ v  # The bend is then -10 velocities at no damping.
    objective.loss = lambda p: trials.append(p) or float(np.sum((A @ p - b) ** 2))
    optimizer = LevenbergMarquardt(first_damping=1e-6)
    state = optimizer.start(objective, np.ones(5))
    assert optimizer.step(objective, state) is None
    assert len(trials) == 1
    assert state.damping > state.system.largest  # Until the bend was short.
    trials.clear()
    optimizer = LevenbergMarquardt(first_damping=1e-6, acceleration=False)
    state = optimizer.start(objective, np.ones(5))
    assert optimizer.step(objective, state) is None
    assert len(trials) == 1
    assert state.damping < 1e-6 * state.system.largest


def test_bold_steps_raise_the_loss_and_the_best_point_is_returned():
    objective, params = teacher_student()
    result = minimize(objective, params, LevenbergMarquardt(), max_steps=60)
    losses = np.array(result.history.loss)
    raised = np.flatnonzero(np.diff(losses) > 0.1 * losses[:-1])
    assert len(raised) > 0
    assert losses[raised[0] :].min() < 0.1 * losses[raised[0]]  # It was worth it.
    assert result.loss == losses.min()
    # The loss of the last step but one is not the best: what is returned is.
    after = raised[0] + 1
    part = minimize(objective, params, LevenbergMarquardt(), max_steps=after)
    assert part.history.loss[-1] == losses[after] > part.loss == losses[: after + 1].min()
    np.testing.assert_array_equal(part.params, part.state.best_params)

    careful = minimize(objective, params, LevenbergMarquardt(bold=False), max_steps=60)
    assert np.all(np.diff(careful.history.loss) <= 1e-9 * np.array(careful.history.loss[:-1]))


class RefusingAfterARise(LeastSquares):
    """The loss until a higher one was accepted; infinite from then on."""

    def __init__(self, objective):
        super().__init__(objective.network, objective.X, objective.y, n_threads=1)
        self.smallest, self.risen, self.n_refused = math.inf, False, 0

    def gauss_newton(self, params):  # Called at points accepted.
        loss, gradient, matrix = super().gauss_newton(params)
        self.risen |= loss > self.smallest
        self.smallest = min(loss, self.smallest)
        return loss, gradient, matrix

    def loss(self, params):
        self.n_refused += self.risen
        assert self.n_refused < 1000, "an endless loop"
        return math.inf if self.risen else super().loss(params)


def test_a_dead_end_leads_back_to_the_best_point_and_a_second_one_ends():
    objective, params = teacher_student()
    refusing = RefusingAfterARise(objective)
    result = minimize(refusing, params, LevenbergMarquardt())
    assert refusing.risen
    assert np.max(np.diff(result.history.loss)) > 0
    assert result.status is Status.STALLED
    state = result.state
    assert state.loss == state.best_loss == result.loss == refusing.smallest
    np.testing.assert_array_equal(state.params, result.params)
    np.testing.assert_allclose(state.gradient, objective.loss_and_gradient(result.params)[1], atol=1e-14)
    # All dampings were tried from there.
    assert state.damping > MOST_DAMPING * state.system.largest


def test_a_walk_that_would_be_repeated_ends():
    def residuals(params):  # Downhill, the first derivative says; but there is a plateau, a cliff and the end.
        return np.array([1.0 if params[0] > -1.5 else 2.0 if params[0] > -3 else math.nan])

    objective = Residuals(residuals, lambda p: np.ones((1, 1)), lambda p, v: np.zeros(1))
    result = minimize(objective, np.zeros(1), LevenbergMarquardt(), max_steps=500)
    assert max(result.history.loss) == 4.0
    assert (result.status, result.loss, result.params) == (Status.STALLED, 1.0, 0.0)


@each_optimizer
def test_residuals_that_do_not_depend_on_the_parameters_are_a_stall_at_once(optimizer):
    objective = Residuals(lambda p: np.ones(30), lambda p: np.zeros((30, 2)), lambda p, v: np.zeros(30))
    result = minimize(objective, np.ones(2), optimizer)
    assert (result.status, result.n_steps) == (Status.CONVERGED, 0)  # There is no gradient.
    stop = optimizer.step(objective, optimizer.start(objective, np.ones(2)))
    assert stop.status is Status.STALLED
    assert "don't depend" in stop.detail


@pytest.mark.parametrize("first_damping", [1e-2, 1e-20])
@pytest.mark.parametrize("scale", [1e-146, 1e-157, 1e-161])
def test_dampings_that_would_underflow_are_a_stall(scale, first_damping):
    A, b = random_linear(40, 5)
    A[:, 4] = A[:, 3]
    optimizer = LevenbergMarquardt(first_damping=first_damping)
    assert minimize(linear(scale * A, b), np.ones(5), optimizer).status is Status.STALLED


@each_optimizer
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_a_loss_that_is_not_finite_at_once_is_a_status(optimizer, value):
    objective = Residuals(lambda p: np.full(30, value), lambda p: np.ones((30, 2)), lambda p, v: np.zeros(30))
    with np.errstate(over="ignore"):
        result = minimize(objective, np.ones(2), optimizer)
    assert (result.status, result.n_steps) == (Status.NONFINITE, 0)
    np.testing.assert_array_equal(result.params, [1.0, 1.0])


@pytest.mark.parametrize("first_damping", [1e-2, 1e-20])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_a_jacobian_whose_square_is_not_finite_is_a_status(value, first_damping):
    objective = Residuals(lambda p: np.ones(30), lambda p: np.full((30, 2), value), lambda p, v: np.zeros(30))
    with np.errstate(over="ignore", invalid="ignore"):
        result = minimize(objective, np.ones(2), LevenbergMarquardt(first_damping=first_damping))
    assert result.status is Status.NONFINITE
    assert result.loss == 30


@each_optimizer
def test_steps_back_off_from_nan(optimizer):
    inner = decay(lambda x: 3 * np.exp(-2 * x))
    cliff = Residuals(lambda p: inner.r(p) if p[0] > 1.99 else inner.r(p) * np.nan, inner.J, inner.second)
    result = minimize(cliff, np.array([5.0, 1.0]), optimizer)
    np.testing.assert_allclose(result.params, [2.0, 3.0], rtol=1e-12)


@each_optimizer
def test_nan_wherever_a_step_leads_is_a_stall(optimizer):
    A, b = random_linear(40, 5)
    alone = Residuals(lambda p: A @ p - b if (p == 1).all() else np.full(40, np.nan), lambda p: A.copy(), None)
    alone.second = lambda p, v: np.zeros(40)
    result = minimize(alone, np.ones(5), optimizer)
    assert (result.status, result.n_steps) == (Status.STALLED, 1)
    np.testing.assert_array_equal(result.params, 1.0)


def test_a_second_derivative_of_nan_refuses_the_step():
    A, b = random_linear(40, 5)
    objective = linear(A, b)
    objective.second = lambda p, v: np.full(40, np.nan)
    assert minimize(objective, np.ones(5), LevenbergMarquardt()).status is Status.STALLED


@each_optimizer
def test_residuals_of_zero_at_the_start_are_convergence(optimizer):
    A, _ = random_linear(40, 5)
    result = minimize(linear(A, A @ np.ones(5)), np.ones(5), optimizer)
    assert (result.status, result.loss, result.n_steps) == (Status.CONVERGED, 0.0, 0)


@each_optimizer
def test_a_target_of_zero_is_reached_though_steps_underflow(optimizer):
    result = minimize(decay(np.zeros_like), np.array([5.0, 1.0]), optimizer)
    assert result.loss == 0.0
    assert result.status in (Status.CONVERGED, Status.AT_FLOOR)


@each_optimizer
@pytest.mark.parametrize(("n", "n_params"), [(40, 1), (1, 1), (1, 5), (3, 5), (5, 5)])
def test_few_residuals_or_parameters_are_no_trouble(optimizer, n, n_params):
    A, _ = random_linear(n, n_params)
    b = A @ np.arange(1.0, n_params + 1)
    result = minimize(linear(A, b), np.zeros(n_params), optimizer)
    assert result.loss < (10 * EPS * np.linalg.norm(b)) ** 2
    assert result.status in (Status.CONVERGED, Status.AT_FLOOR)
    if n < n_params:  # Of all solutions the nearest.
        np.testing.assert_allclose(result.params, np.linalg.lstsq(A, b)[0], rtol=1e-7)


@each_optimizer
def test_no_parameters_are_convergence(optimizer):
    A, b = random_linear(40, 0)
    assert minimize(linear(A, b), np.zeros(0), optimizer).status is Status.CONVERGED


def test_fewer_samples_than_parameters_are_interpolated():
    objective, params = teacher_student(n=10)
    assert minimize(objective, params, LevenbergMarquardt()).loss < 1e-29


def test_parameters_without_influence_stay_where_they_are():
    A, b = random_linear(40, 5)
    A[:, 1] = 0.0
    result = minimize(linear(A, b), np.full(5, 7.0), LevenbergMarquardt())
    assert result.params[1] == 7.0
    np.testing.assert_allclose(result.params[[0, 2, 3, 4]], np.linalg.lstsq(A[:, [0, 2, 3, 4]], b)[0], rtol=1e-9)


def test_several_outputs_are_fitted_together():
    teacher, student = pml.MLP((2, 3, 3)), pml.MLP((2, 5, 3))
    X = np.random.default_rng(0).uniform(-1, 1, size=(150, 2))
    objective = LeastSquares(student, X, teacher.forward(teacher.initialize(1), X), n_threads=1)
    result = minimize(objective, student.initialize(2), LevenbergMarquardt(), max_steps=600)
    assert math.sqrt(result.loss) < 1e-14


def test_weights_say_which_samples_count():
    objective, params = teacher_student(n=200, width=2)
    weight = np.where(objective.X[:, 0] < 0, 2.0, 0.0)
    weighted = LeastSquares(objective.network, objective.X, objective.y, sample_weight=weight, n_threads=1)
    left = objective.X[:, 0] < 0
    alone = LeastSquares(objective.network, objective.X[left], objective.y[left], n_threads=1)
    results = [minimize(o, params, LevenbergMarquardt(), max_steps=10) for o in (weighted, alone)]
    assert results[0].loss == pytest.approx(results[1].loss * 2 * left.mean(), rel=1e-6)
    np.testing.assert_allclose(results[0].params, results[1].params, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-10, 1e10])
def test_the_unit_of_the_target_makes_no_difference(scale):
    A, b = random_linear(40, 5)
    objective = linear(scale * A, scale * b)
    result = minimize(objective, np.ones(5), LevenbergMarquardt(), max_steps=100)
    # Over a distance of the root of eps the loss, which isn't 0 here, is flat to its last digit.
    np.testing.assert_allclose(result.params, np.linalg.lstsq(A, b)[0], rtol=1e-7)
    assert result.status is Status.AT_FLOOR


@pytest.mark.parametrize("steps", [5, 40, 55])
def test_a_resumed_minimization_is_the_same_as_an_undisturbed_one(steps):
    objective, params = teacher_student()
    whole = minimize(objective, params, LevenbergMarquardt(), max_steps=90)
    part = minimize(objective, params, LevenbergMarquardt(), max_steps=steps)
    rest = minimize(objective, params, LevenbergMarquardt(), max_steps=90 - steps, resume=part)
    np.testing.assert_array_equal(whole.params, rest.params)
    assert whole.loss == rest.loss
    assert list(whole.history.loss) == [*part.history.loss, *rest.history.loss[1:]]


def test_the_same_start_gives_bitwise_the_same_walk():
    objective, params = teacher_student()
    first, second = (minimize(objective, params, LevenbergMarquardt(), max_steps=150) for _ in range(2))
    np.testing.assert_array_equal(first.params, second.params)
    assert list(first.history.loss) == list(second.history.loss)
    assert first.n_evaluations == second.n_evaluations


def test_what_does_not_fit_into_memory_is_refused_at_the_start(monkeypatch):
    A, b = random_linear(40, 200)
    monkeypatch.setattr(memory, "available_memory", lambda: 4 * 200**2 * 8 - 1)
    with pytest.raises(MemoryError, match=r"a Jacobian \(40, 200\) and four matrices for 200 parameters"):
        LevenbergMarquardt().start(linear(A, b), np.ones(200))
    monkeypatch.setattr(memory, "available_memory", lambda: 4 * 200**2 * 8)
    LevenbergMarquardt().start(linear(A, b), np.ones(200))


def test_misuse_raises():
    objective, params = teacher_student()
    for first_damping in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="first_damping: expected a finite number > 0"):
            LevenbergMarquardt(first_damping=first_damping)
    with pytest.raises(ValueError, match=r"params: expected \(61,\), got \(60,\)"):
        minimize(objective, params[:-1], LevenbergMarquardt())
