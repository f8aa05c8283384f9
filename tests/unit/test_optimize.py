"""The loop, the optimizers and the line search, on problems small enough to know the answer."""

import math
import os
import signal
import threading

import numpy as np
import pytest

import pml_native as pml
from pml_native.optimize import (
    BFGS,
    LBFGS,
    SSBFGS,
    Adam,
    ConjugateGradient,
    LeastSquares,
    LevenbergMarquardt,
    LogLoss,
    LowCurvature,
    Newton,
    SSBroyden,
    Status,
    VariableProjection,
    minimize,
)
from pml_native.optimize.bfgs import bfgs_update
from pml_native.optimize.broyden import Secant
from pml_native.optimize.line_search import CURVATURE, SUFFICIENT_DECREASE, strong_wolfe
from pml_native.optimize.objective import rounding_noise
from pml_native.optimize.ss_broyden import ss_bfgs_update, ss_broyden_update

FIRST_ORDER = [Adam(learning_rate=0.05), BFGS(), LBFGS(), SSBFGS(), SSBroyden(), ConjugateGradient()]
SECOND_ORDER = [Newton(), LowCurvature(direction="newton"), LevenbergMarquardt(), VariableProjection()]
OPTIMIZERS = [*FIRST_ORDER, *SECOND_ORDER]


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


def weighted(objective, sample_weight):
    return LeastSquares(objective.network, objective.X, objective.y, sample_weight=sample_weight, n_threads=1)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_every_optimizer_lowers_the_loss_of_a_network(optimizer):
    objective, params = teacher_student()
    before = params.copy()
    n_steps = 300 if optimizer in FIRST_ORDER else 30
    result = minimize(objective, params, optimizer, max_steps=n_steps)
    assert result.loss < 1e-2 * result.history.loss[0]
    assert result.loss == min(result.history.loss)
    # Sums of squares are added up in another order than by the gradient's kernel.
    assert result.loss == pytest.approx(objective.loss_and_gradient(result.params)[0], rel=1e-9)
    np.testing.assert_array_equal(params, before)
    assert result.n_steps == n_steps
    assert result.n_evaluations >= n_steps
    assert len(result.history.loss) == len(result.history.seconds) == len(result.history.gradient_norm) == n_steps + 1


@pytest.mark.parametrize("optimizer", FIRST_ORDER[1:], ids=lambda o: type(o).__name__)
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


def secant_of(B, s, y):
    """What a step s = -a H g along the direction teaches, where B is the inverse of the inverse Hessian H."""
    return Secant(s, y, np.linalg.solve(B, y), float(s @ y), float(s @ B @ s))


def updated(H, update):
    return update.scale * H + np.outer(update.u, update.p) + np.outer(update.v, update.q)


def random_secant(n, seed):
    """An inverse Hessian and a step between two random positive definite matrices, of eigenvalues over two orders."""
    rng = np.random.default_rng(seed)
    H, A = (Q @ np.diag(10 ** rng.uniform(-1, 1, n)) @ Q.T for Q in np.linalg.qr(rng.normal(size=(2, n, n)))[0])
    s = rng.normal(size=n)
    return H, secant_of(np.linalg.inv(H), s, A @ s)


SELF_SCALED = [ss_bfgs_update, ss_broyden_update]


@pytest.mark.parametrize("rule", SELF_SCALED)
def test_a_self_scaled_update_knows_its_step_and_stays_positive_definite(rule):
    for n in (1, 2, 5):
        for seed in range(100):
            H, secant = random_secant(n, seed)
            H_new = updated(H, rule(secant))
            rounding = 1e-12 * np.linalg.norm(H_new) * np.linalg.norm(secant.y)
            np.testing.assert_allclose(H_new @ secant.y, secant.s, rtol=0, atol=rounding)
            np.testing.assert_allclose(H_new, H_new.T, rtol=0, atol=1e-12 * np.abs(H_new).max())
            assert np.linalg.eigvalsh(0.5 * (H_new + H_new.T))[0] > 0


@pytest.mark.parametrize("rule", SELF_SCALED)
def test_a_self_scaled_update_is_invariant_under_linear_changes_of_parameters_and_multiples_of_the_loss(rule):
    rng = np.random.default_rng(0)
    for seed in range(20):
        H, secant = random_secant(4, seed)
        H_new = updated(H, rule(secant))
        # params -> T params, loss -> 1e6 loss
        T = rng.normal(size=(4, 4))
        H_changed = T @ H @ T.T / 1e6
        y = 1e6 * np.linalg.solve(T.T, secant.y)
        changed = updated(H_changed, rule(secant_of(np.linalg.inv(H_changed), T @ secant.s, y)))
        expected = T @ H_new @ T.T / 1e6
        np.testing.assert_allclose(changed, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def test_self_scaling_forgets_curvature_that_was_too_large():
    """Where every curvature falls by 1e6, a self-scaled update shrinks them all at once, BFGS one direction only."""
    H, n = np.eye(6), 6
    s = np.arange(1.0, n + 1)
    secant = secant_of(np.eye(n), s, 1e-6 * s)
    for rule in SELF_SCALED:
        np.testing.assert_allclose(updated(H, rule(secant)), 1e6 * np.eye(n), rtol=1e-9, atol=1e-3)
    assert np.linalg.eigvalsh(updated(H, bfgs_update(secant)))[0] == pytest.approx(1.0)


@pytest.mark.parametrize("optimizer", [SSBFGS(), SSBroyden()], ids=lambda o: type(o).__name__)
def test_self_scaling_falls_further_than_bfgs_in_as_many_steps(optimizer):
    objective, params = teacher_student()
    plain = minimize(objective, params, BFGS(), max_steps=1500)
    assert minimize(objective, params, optimizer, max_steps=1500).loss < 0.01 * plain.loss


def test_conjugate_gradients_end_after_as_many_steps_as_a_quadratic_has_curvatures():
    quadratic = Quadratic(30)
    quadratic.c = np.repeat([1.0, 10.0, 100.0], 10)
    result = minimize(quadratic, np.zeros(30), ConjugateGradient(), max_steps=5)
    # 3 steps with exact searches; those of 3 % leave a little.
    assert result.loss < 1e-12 * result.history.loss[0]


def test_a_restart_of_conjugate_gradients_is_a_step_of_steepest_descent():
    objective, params = teacher_student()
    result = minimize(objective, params, ConjugateGradient(restart=1), max_steps=objective.n_params)
    np.testing.assert_array_equal(result.state.direction, -result.state.gradient)
    assert result.state.since_reset == 0


@pytest.mark.parametrize("optimizer", FIRST_ORDER, ids=lambda o: type(o).__name__)
def test_a_constant_loss_is_converged_at_once(optimizer):
    class Constant:
        def loss_and_gradient(self, params):
            return 3.0, np.zeros_like(params)

    result = minimize(Constant(), np.ones(4), optimizer)
    assert (result.status, result.n_steps, result.loss) == (Status.CONVERGED, 0, 3.0)


@pytest.mark.parametrize("optimizer", FIRST_ORDER[1:], ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_parameters_and_losses_down_to_the_smallest_number_are_no_trouble(optimizer, n):
    class Bowl:
        def loss_and_gradient(self, params):
            return float(params @ params + params**2 @ params**2), 2 * params + 4 * params**3

    result = minimize(Bowl(), np.arange(1.0, n + 1), optimizer, max_steps=200)
    assert result.loss < 1e-300


@pytest.mark.parametrize("optimizer", [BFGS, SSBroyden])
def test_matrix_methods_are_bitwise_the_same_for_any_number_of_threads(optimizer):
    objective, params = teacher_student(n=3000)
    results = []
    for n_threads in (1, 2):
        objective.n_threads = n_threads
        results.append(minimize(objective, params, optimizer(n_threads), max_steps=200))
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


@pytest.mark.parametrize("with_weights", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_all_forms_of_a_sum_of_squares_agree(n_outputs, with_weights):
    rng = np.random.default_rng(0)
    mlp, n = pml.MLP((2, 5, n_outputs)), 30
    X, y, weight = rng.normal(size=(n, 2)), rng.normal(size=(n, n_outputs)), rng.uniform(0, 2, size=n)
    weight[3] = 0.0
    objective = LeastSquares(mlp, X, y, sample_weight=weight if with_weights else None, n_threads=1)
    params, v, u = mlp.initialize(0), rng.normal(size=mlp.n_params), rng.normal(size=n * n_outputs)
    assert (objective.n_samples, objective.n_params, objective.linear) == (n, mlp.n_params, mlp.linear)

    def residuals(p):  # Written out, row by row and in a row output by output.
        w = weight if with_weights else np.ones(n)
        return (np.sqrt(w)[:, None] * (mlp.forward(p, X) - y)).ravel() / math.sqrt(n * n_outputs)

    r, J = objective.residuals_and_jacobian(params)
    np.testing.assert_allclose(r, residuals(params), rtol=1e-13, atol=1e-16)
    h = 1e-4
    differences = np.stack([residuals(params + h * e) - residuals(params - h * e) for e in np.eye(len(params))], axis=1)
    np.testing.assert_allclose(J, differences / (2 * h), atol=1e-8)

    loss, gradient = objective.loss_and_gradient(params)
    assert r @ r == pytest.approx(loss, rel=1e-13)
    assert objective.loss(params) == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(2 * J.T @ r, gradient, rtol=1e-11, atol=1e-14)
    newton_loss, newton_gradient, matrix = objective.gauss_newton(params)
    assert newton_loss == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(newton_gradient, gradient, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(J.T @ J, matrix / 2, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(objective.vector_jacobian_product(params, u), J.T @ u, rtol=1e-11, atol=1e-13)
    second = residuals(params + h * v) - 2 * r + residuals(params - h * v)
    np.testing.assert_allclose(objective.second_derivative(params, v), second / h**2, atol=1e-5)

    # The Hessian is 2 J'J + 2 sum r r''.
    hessian = objective.hessian(params)
    np.testing.assert_allclose(hessian @ v, objective.hessian_vector_product(params, v), rtol=1e-10, atol=1e-12)
    exact = v @ matrix @ v + 2 * r @ objective.second_derivative(params, v)
    assert v @ hessian @ v == pytest.approx(exact, rel=1e-10)

    # A batch goes round, and is a sum of squares of its own, even where all its weights are 0.
    rows = [28, 29, 0, 1, 2, 3]
    batch = objective.batch(28, 6)
    scale = math.sqrt(n / 6)
    np.testing.assert_allclose(
        batch.residuals_and_jacobian(params)[0], scale * r.reshape(n, -1)[rows].ravel(), rtol=1e-13, atol=1e-16
    )
    assert objective.batch(3, 1).loss(params) == 0.0 or not with_weights


def test_the_parameters_called_linear_have_no_second_derivative():
    objective, params = teacher_student()
    v = np.zeros(objective.n_params)
    v[objective.linear] = np.random.default_rng(0).normal(size=9)
    assert objective.linear == slice(objective.n_params - 9, objective.n_params)
    np.testing.assert_array_equal(objective.second_derivative(params, v), 0.0)


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
    # The loss is flat there: it knows its minimum to the square root of eps.
    np.testing.assert_allclose(result.params, np.polyfit(X[:, 0], noise, 1), rtol=1e-6)
    if result.status is not Status.CONVERGED:  # the gradient may happen to become 0
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


@pytest.mark.parametrize("optimizer", FIRST_ORDER, ids=lambda o: type(o).__name__)
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


@pytest.mark.parametrize("optimizer", SECOND_ORDER, ids=lambda o: type(o).__name__)
def test_an_objective_without_what_an_optimizer_needs_is_refused(optimizer):
    objective, params = teacher_student()
    for name, without, start in (("LogLoss", LogLoss(objective), params), ("Rosenbrock", Rosenbrock(), np.zeros(2))):
        with pytest.raises(TypeError, match=f"objective: expected one with a method [a-z_]+, got {name}"):
            minimize(without, start, optimizer)


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
        (lambda o, p: ConjugateGradient(restart=0), "restart: expected a positive integer"),
        (lambda o, p: LeastSquares(o.network, o.X, o.y[:-1]), "y: expected 400 rows, as many as X, got 399"),
        (lambda o, p: LeastSquares(o.network, o.X, np.hstack([o.y, o.y])), r"y: expected \(n, 1\), got \(400, 2\)"),
        (lambda o, p: weighted(o, np.ones(399)), r"sample_weight: expected \(400,\), got \(399,\)"),
        (lambda o, p: weighted(o, np.ones((400, 2))), r"sample_weight: expected \(400,\), got \(400, 2\)"),
        (lambda o, p: weighted(o, 2.0), r"sample_weight: expected an array of 1 or 2 dimensions, got 0"),
        (lambda o, p: weighted(o, -np.ones(400)), "sample_weight: expected values >= 0, got a minimum of -1"),
        (lambda o, p: weighted(o, np.full(400, np.nan)), "sample_weight: expected finite numbers, got 400 NaN"),
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
