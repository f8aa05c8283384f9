"""The loop, the optimizers and the line search, on problems small enough to know the answer."""

import math
import os
import signal
import threading

import numpy as np
import pytest

import pml_native as pml
from pml_native.optimize import BFGS, LBFGS, Adam, LeastSquares, LogLoss, Status, minimize
from pml_native.optimize.line_search import CURVATURE, SUFFICIENT_DECREASE, strong_wolfe
from pml_native.optimize.objective import rounding_noise

OPTIMIZERS = [Adam(learning_rate=0.05), BFGS(), LBFGS()]


class Quadratic:
    """sum of c_i (p_i - i)^2, with curvatures c over six orders."""

    def __init__(self, n=12):
        self.c = np.logspace(0, 6, n)
        self.solution = np.arange(n, dtype=float)

    def loss_and_gradient(self, params):
        r = params - self.solution
        return float(self.c @ r**2), 2 * self.c * r


class Rosenbrock:
    def loss_and_gradient(self, params):
        x, y = params
        loss = (1 - x) ** 2 + 100 * (y - x * x) ** 2
        return loss, np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])


def teacher_student(n=400, seed=0):
    teacher, student = pml.MLP((1, 3, 3, 1)), pml.MLP((1, 8, 8, 1))
    X = np.random.default_rng(seed).uniform(-1, 1, size=(n, 1))
    y = teacher.forward(teacher.initialize(seed + 1), X)
    return LeastSquares(student, X, y, n_threads=1), student.initialize(seed + 2)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_every_optimizer_lowers_the_loss_of_a_network(optimizer):
    objective, params = teacher_student()
    before = params.copy()
    result = minimize(objective, params, optimizer, max_steps=300)
    assert result.loss < 1e-2 * result.history.loss[0]
    assert result.loss == objective.loss_and_gradient(result.params)[0] == min(result.history.loss)
    np.testing.assert_array_equal(params, before)
    assert result.n_steps == 300
    assert result.n_evaluations >= 300
    assert len(result.history.loss) == len(result.history.seconds) == len(result.history.gradient_norm) == 301


@pytest.mark.parametrize("optimizer", OPTIMIZERS[1:], ids=lambda o: type(o).__name__)
def test_quasi_newton_solves_badly_scaled_problems(optimizer):
    quadratic = Quadratic()
    result = minimize(quadratic, np.zeros(12), optimizer, max_steps=2000)
    np.testing.assert_allclose(result.params, quadratic.solution, rtol=1e-6, atol=1e-6)
    result = minimize(Rosenbrock(), np.array([-1.2, 1.0]), optimizer)
    np.testing.assert_allclose(result.params, 1.0, rtol=1e-7)


def test_bfgs_agrees_with_the_textbook_formula():
    objective, params = teacher_student(n=60)
    textbook = params.copy()
    loss, gradient = objective.loss_and_gradient(textbook)
    H, fresh = None, True
    for _ in range(15):
        direction = -gradient if H is None else -H @ gradient
        first = min(1.0, 1.0 / np.linalg.norm(gradient)) if fresh else 1.0
        point = strong_wolfe(objective, textbook, loss, gradient, direction, first_step=first).point
        s, y = point.params - textbook, point.gradient - gradient
        if H is None:
            H = (s @ y) / (y @ y) * np.eye(len(s))
        rho = 1 / (s @ y)
        V = np.eye(len(s)) - rho * np.outer(s, y)
        H = V @ H @ V.T + rho * np.outer(s, s)
        textbook, loss, gradient, fresh = point.params, point.loss, point.gradient, False
    result = minimize(objective, params, BFGS(), max_steps=15)
    # Two orders of the same operations: rounding, amplified over 15 steps.
    np.testing.assert_allclose(result.params, textbook, rtol=1e-7, atol=1e-9)


def test_bfgs_is_bitwise_the_same_for_any_number_of_threads():
    objective, params = teacher_student(n=3000)
    results = []
    for n_threads in (1, 2):
        objective.n_threads = n_threads
        results.append(minimize(objective, params, BFGS(), max_steps=200))
    np.testing.assert_array_equal(results[0].params, results[1].params)
    assert results[0].loss == results[1].loss


def test_the_logarithm_of_the_loss_is_a_monotone_change_with_its_own_gradient():
    objective, params = teacher_student()
    loss, gradient = objective.loss_and_gradient(params)
    log_loss, log_gradient = LogLoss(objective).loss_and_gradient(params)
    assert log_loss == math.log(loss)
    np.testing.assert_allclose(log_gradient, gradient / loss)
    student = objective.network
    exact = LeastSquares(student, objective.X, student.forward(params, objective.X))
    assert LogLoss(exact).loss_and_gradient(params)[0] == -math.inf


def test_an_exact_fit_is_convergence():
    objective, params = teacher_student()
    exact = LeastSquares(objective.network, objective.X, objective.network.forward(params, objective.X))
    for wrapped in (exact, LogLoss(exact)):
        assert minimize(wrapped, params, BFGS()).status is Status.CONVERGED


def test_the_floor_is_called_by_its_name_where_scipy_says_precision_loss():
    X = np.linspace(-1, 1, 50)[:, None]
    mlp = pml.MLP((1, 2, 1), activation="square")
    objective = LeastSquares(mlp, X, X**2 + 0.3)
    result = minimize(objective, mlp.initialize(0), BFGS(), max_steps=5000)
    assert result.loss < 1e-28
    assert result.status is Status.AT_FLOOR
    assert "rounding noise" in result.message


@pytest.mark.parametrize("optimizer", OPTIMIZERS[1:], ids=lambda o: type(o).__name__)
def test_a_minimum_of_high_loss_is_the_floor_too(optimizer):
    rng = np.random.default_rng(0)
    X, noise = rng.uniform(-1, 1, size=(100, 1)), rng.normal(size=100)
    mlp = pml.MLP((1, 1))
    result = minimize(LeastSquares(mlp, X, noise), mlp.initialize(0), optimizer, max_steps=500)
    np.testing.assert_allclose(result.params, np.polyfit(X[:, 0], noise, 1), rtol=1e-7)
    assert result.status is Status.AT_FLOOR
    assert "rounding noise" in result.message


def test_rounding_noise_is_of_the_size_of_eps_times_the_values():
    objective, params = teacher_student()
    loss, _ = objective.loss_and_gradient(params)
    noise = rounding_noise(objective, params, loss)
    assert 0 < noise < 1e3 * np.finfo(float).eps * loss
    assert noise == rounding_noise(objective, params, loss)


def test_the_line_search_meets_the_strong_wolfe_conditions():
    rosenbrock = Rosenbrock()
    for start in ([-1.2, 1.0], [3.0, -4.0], [0.1, 5.0]):
        params = np.array(start)
        loss, gradient = rosenbrock.loss_and_gradient(params)
        for first_step in (1e-8, 1e-3, 1.0, 1e3):
            point = strong_wolfe(rosenbrock, params, loss, gradient, -gradient, first_step=first_step).point
            slope = -(gradient @ gradient)
            assert point.loss <= loss + SUFFICIENT_DECREASE * point.a * slope
            assert abs(point.slope) <= CURVATURE * abs(slope)


class Cliff:
    """Infinite beyond p = 1, NaN beyond 2."""

    def loss_and_gradient(self, params):
        if params[0] > 2:
            return math.nan, np.array([math.nan])
        if params[0] > 1:
            return math.inf, np.array([math.inf])
        return float((params[0] - 0.9) ** 2), 2 * (params - 0.9)


def test_the_line_search_backs_off_from_infinity_and_nan():
    result = minimize(Cliff(), np.array([-30.0]), BFGS())
    np.testing.assert_allclose(result.params, 0.9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_a_loss_that_is_nan_at_once_is_a_status(optimizer):
    result = minimize(Cliff(), np.array([5.0]), optimizer)
    assert result.status is Status.NONFINITE
    np.testing.assert_array_equal(result.params, [5.0])


def test_budgets_tolerances_and_callbacks_end_the_loop():
    objective, params = teacher_student()
    assert minimize(objective, params, BFGS(), max_steps=0).n_steps == 0
    assert minimize(objective, params, BFGS(), max_steps=3).status is Status.MAX_STEPS
    assert minimize(objective, params, BFGS(), max_seconds=0.0).status is Status.MAX_SECONDS
    assert minimize(objective, params, BFGS(), loss_tolerance=1e-4).loss <= 1e-4
    assert minimize(objective, params, BFGS(), gradient_tolerance=1e-3).status is Status.CONVERGED
    seen = []
    result = minimize(objective, params, BFGS(), callback=lambda p: seen.append(p.step) or p.step == 5)
    assert result.status is Status.STOPPED
    assert seen == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_a_resumed_minimization_is_the_same_as_an_undisturbed_one(optimizer):
    objective, params = teacher_student()
    whole = minimize(objective, params, optimizer, max_steps=60)
    part = minimize(objective, params, optimizer, max_steps=25)
    rest = minimize(objective, params, optimizer, max_steps=35, resume=part)
    np.testing.assert_array_equal(whole.params, rest.params)
    assert whole.loss == rest.loss


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda o, p: minimize(o, p, BFGS(), max_steps=-1), "max_steps: expected an integer >= 0, got -1"),
        (lambda o, p: minimize(o, p, BFGS(), max_seconds=math.nan), "max_seconds: expected a number >= 0"),
        (lambda o, p: minimize(o, p[None], BFGS()), r"params: expected \(P,\), got \(1, 97\)"),
        (lambda o, p: minimize(o, p * np.nan, BFGS()), "params: expected finite numbers"),
        (lambda o, p: minimize(o, p[:-1], BFGS()), r"params: expected \(97,\), got \(96,\)"),
        (lambda o, p: Adam(learning_rate=0.0), "learning_rate: expected a number > 0"),
        (lambda o, p: Adam(batch_size=0), "batch_size: expected a positive integer"),
        (lambda o, p: LBFGS(memory=0), "memory: expected a positive integer"),
        (lambda o, p: LeastSquares(o.network, o.X, o.y[:-1]), "y: expected 400 rows, as many as X, got 399"),
    ],
)
def test_misuse_raises(call, message):
    with pytest.raises(ValueError, match=message):
        call(*teacher_student())


def test_adam_takes_batches_in_order_and_wraps_around():
    objective, params = teacher_student(n=25)
    seen = []
    batch = LeastSquares.batch

    def recorded(self, begin, size):
        part = batch(self, begin, size)
        seen.append(part.X[:, 0].copy())
        return part

    LeastSquares.batch = recorded
    try:
        result = minimize(objective, params, Adam(batch_size=10), max_steps=5)
    finally:
        LeastSquares.batch = batch
    rows = np.concatenate(seen)
    np.testing.assert_array_equal(rows, np.concatenate([objective.X[:, 0]] * 2))
    assert result.loss == objective.loss_and_gradient(result.params)[0]


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_returns_the_best_so_far_and_gives_the_signal_back():
    objective, params = teacher_student()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    result = minimize(objective, params, BFGS(), max_steps=10**9, max_seconds=20)
    assert result.status is Status.INTERRUPTED
    assert result.loss < result.history.loss[0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
