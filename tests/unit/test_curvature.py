"""The optimizers that use the exact Hessian, on objectives whose Hessian is known in closed form."""

import math

import numpy as np
import pytest

import pml_native as pml
from pml_native.optimize import BFGS, LeastSquares, LowCurvature, Newton, Status, minimize
from pml_native.optimize.low_curvature import N_POINTS, N_ROUNDS, logarithmic_search

SADDLE_FREE = [Newton(), LowCurvature(direction="newton")]
EVERY = [*SADDLE_FREE, LowCurvature(tau=1e9)]


def name(optimizer):
    return f"{type(optimizer).__name__}-{getattr(optimizer, 'direction', '')}"


class Function:
    """loss, gradient and Hessian from three functions of the parameters."""

    def __init__(self, loss, gradient, hessian):
        self.loss, self.gradient, self.second = loss, gradient, hessian

    def loss_and_gradient(self, params):
        return float(self.loss(params)), np.asarray(self.gradient(params), float)

    def hessian(self, params):
        return np.asarray(self.second(params), float)


def quadratic(n=20, condition=1e8, offset=1.0, seed=0):
    """(p - s)'A(p - s) + offset for a full matrix A, and its solution s."""
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    A = (Q * np.geomspace(1.0, 1.0 / condition, n)) @ Q.T
    A = 0.5 * (A + A.T)
    s = rng.normal(size=n)
    return Function(lambda p: (p - s) @ A @ (p - s) + offset, lambda p: 2 * A @ (p - s), lambda p: 2 * A), s


ROSENBROCK = Function(
    lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2,
    lambda p: [-2 * (1 - p[0]) - 400 * p[0] * (p[1] - p[0] ** 2), 200 * (p[1] - p[0] ** 2)],
    lambda p: [[2 - 400 * (p[1] - 3 * p[0] ** 2), -400 * p[0]], [-400 * p[0], 200.0]],
)

# Minima at (+-1, 0), a saddle at the origin.
DOUBLE_WELL = Function(
    lambda p: p[0] ** 4 / 4 - p[0] ** 2 / 2 + p[1] ** 2,
    lambda p: [p[0] ** 3 - p[0], 2 * p[1]],
    lambda p: [[3 * p[0] ** 2 - 1, 0], [0, 2.0]],
)


class ShallowNetwork(LeastSquares):
    """v . tanh(w x + b) + c on one input, with its Hessian written out."""

    def __init__(self, width, X, y):
        super().__init__(pml.MLP((1, width, 1)), X, y, n_threads=1)

    def hessian(self, params):
        n_w = self.network.widths[1]
        w, b, v = params[:n_w], params[n_w : 2 * n_w], params[2 * n_w : 3 * n_w]
        x = self.X
        u = np.tanh(x * w + b)
        slope, bend = 1 - u**2, -2 * u * (1 - u**2)
        J = np.hstack((v * slope * x, v * slope, u, np.ones_like(x)))
        r = (u @ v + params[-1] - self.y[:, 0])[:, None]
        H = J.T @ J
        at = np.arange(n_w)
        for rows, columns, values in (
            (at, at, v * bend * x**2),
            (at, n_w + at, v * bend * x),
            (n_w + at, n_w + at, v * bend),
            (at, 2 * n_w + at, slope * x),
            (n_w + at, 2 * n_w + at, slope),
        ):
            second = np.sum(r * values, axis=0)
            H[rows, columns] += second
            if rows[0] != columns[0]:
                H[columns, rows] += second
        return 2.0 / len(x) * H


def shallow_network(width=6, n=60):
    X = np.linspace(-1, 1, n)[:, None]
    objective = ShallowNetwork(width, X, np.sin(3 * X))
    return objective, objective.network.initialize(0)


def test_the_hessian_of_the_tests_own_network_is_right():
    objective, params = shallow_network()
    h = 1e-5
    differences = [
        (objective.loss_and_gradient(params + h * e)[1] - objective.loss_and_gradient(params - h * e)[1]) / (2 * h)
        for e in np.eye(len(params))
    ]
    np.testing.assert_allclose(objective.hessian(params), differences, atol=1e-8)


@pytest.mark.parametrize("optimizer", SADDLE_FREE, ids=name)
def test_badly_scaled_problems_are_solved_in_few_steps(optimizer):
    objective, solution = quadratic()
    result = minimize(objective, np.zeros(20), optimizer, max_steps=60)
    np.testing.assert_allclose(result.params, solution, atol=1e-5)
    result = minimize(ROSENBROCK, np.array([-1.2, 1.0]), optimizer, max_steps=60)
    np.testing.assert_allclose(result.params, 1.0, rtol=1e-7)


@pytest.mark.parametrize("optimizer", SADDLE_FREE, ids=name)
def test_they_go_lower_than_bfgs_on_a_network_in_the_same_number_of_steps(optimizer):
    objective, params = shallow_network()
    result = minimize(objective, params, optimizer, max_steps=100)
    assert result.loss < 0.1 * minimize(objective, params, BFGS(), max_steps=100).loss
    assert result.loss == objective.loss_and_gradient(result.params)[0] == min(result.history.loss)
    assert np.all(np.diff(result.history.loss) <= result.state.noise)


@pytest.mark.parametrize("optimizer", EVERY, ids=name)
def test_a_saddle_is_left_where_newtons_own_step_would_end_on_it(optimizer):
    start = np.array([1e-3, 1.0])
    H, g = DOUBLE_WELL.hessian(start), DOUBLE_WELL.loss_and_gradient(start)[1]
    assert abs((start - np.linalg.solve(H, g))[0]) < 1e-8
    result = minimize(DOUBLE_WELL, start, optimizer, max_steps=100)
    np.testing.assert_allclose(result.params, [1.0, 0.0], atol=1e-7)


@pytest.mark.parametrize("optimizer", EVERY, ids=name)
def test_one_parameter_is_enough(optimizer):
    # Newton's own step diverges from more than 1 away.
    hyperbola = Function(
        lambda p: math.hypot(1.0, p[0] - 3),
        lambda p: (p - 3) / np.hypot(1.0, p - 3),
        lambda p: np.hypot(1.0, p - 3)[None] ** -3,
    )
    result = minimize(hyperbola, np.array([-2.0]), optimizer, max_steps=100)
    np.testing.assert_allclose(result.params, 3.0, atol=1e-7)


@pytest.mark.parametrize("optimizer", EVERY, ids=name)
def test_no_gradient_is_convergence_and_no_step(optimizer):
    objective, solution = quadratic()
    result = minimize(objective, solution, optimizer)
    assert (result.status, result.n_steps) == (Status.CONVERGED, 0)
    state = optimizer.start(objective, solution)
    assert optimizer.step(objective, state).status is Status.AT_FLOOR


@pytest.mark.parametrize("optimizer", EVERY, ids=name)
def test_a_minimum_of_high_loss_is_the_floor(optimizer):
    objective, _ = quadratic(condition=10.0)
    result = minimize(objective, np.zeros(20), optimizer, max_steps=500)
    assert result.status in (Status.AT_FLOOR, Status.CONVERGED)
    assert result.n_steps < 500
    assert result.loss == pytest.approx(1.0, abs=1e-14)
    if result.status is Status.AT_FLOOR:
        assert "noise" in result.message


@pytest.mark.parametrize("optimizer", EVERY, ids=name)
def test_a_gradient_that_contradicts_the_loss_is_a_stall_and_not_the_floor(optimizer):
    objective, _ = quadratic()
    wrong = Function(objective.loss, lambda p: -objective.gradient(p), objective.second)
    result = minimize(wrong, np.zeros(20), optimizer)
    assert result.status is Status.STALLED
    np.testing.assert_array_equal(result.params, 0.0)


@pytest.mark.parametrize("optimizer", EVERY, ids=name)
def test_a_hessian_of_nan_is_a_status_and_one_of_the_wrong_shape_an_error(optimizer):
    objective, _ = quadratic()
    result = minimize(
        Function(objective.loss, objective.gradient, lambda p: np.full((20, 20), np.nan)), np.zeros(20), optimizer
    )
    assert result.status is Status.NONFINITE
    assert "the Hessian" in result.message
    with pytest.raises(ValueError, match=r"hessian: expected \(20, 20\), got \(2, 2\)"):
        minimize(Function(objective.loss, objective.gradient, lambda p: np.eye(2)), np.zeros(20), optimizer)


@pytest.mark.parametrize("optimizer", EVERY, ids=name)
def test_an_objective_without_a_hessian_is_misuse(optimizer):
    class Bare:
        def loss_and_gradient(self, params):
            return 0.0, params

    with pytest.raises(TypeError, match="objective: expected one with a method hessian, got Bare"):
        minimize(Bare(), np.ones(2), optimizer)


@pytest.mark.parametrize("optimizer", SADDLE_FREE, ids=name)
def test_trials_beyond_a_cliff_are_refused(optimizer):
    def cliff(p, value):
        return value if p[0] <= 1 else np.full_like(value, math.inf if p[0] <= 2 else math.nan)

    objective = Function(
        lambda p: cliff(p, (p[0] - 0.9) ** 2), lambda p: cliff(p, 2 * (p - 0.9)), lambda p: [[1e-3]]
    )  # a Hessian far too small, so that its steps are far too long
    result = minimize(objective, np.array([-30.0]), optimizer, max_steps=200)
    np.testing.assert_allclose(result.params, 0.9, atol=1e-6)


@pytest.mark.parametrize("optimizer", EVERY, ids=name)
def test_a_resumed_minimization_is_the_same_as_an_undisturbed_one(optimizer):
    objective, params = shallow_network()
    whole = minimize(objective, params, optimizer, max_steps=20)
    part = minimize(objective, params, optimizer, max_steps=8)
    rest = minimize(objective, params, optimizer, max_steps=12, resume=part)
    np.testing.assert_array_equal(whole.params, rest.params)


def test_newton_converges_quadratically_near_a_minimum():
    result = minimize(ROSENBROCK, np.array([1.05, 1.1]), Newton(), gradient_tolerance=1e-12)
    norms = np.array(result.history.gradient_norm)
    close = np.flatnonzero((norms < 1e-3) & (norms > 0))[0]
    assert result.status is Status.CONVERGED
    assert len(norms) - close <= 4


def test_newton_goes_by_the_gradient_where_the_loss_has_no_digits_left():
    objective, solution = quadratic(condition=10.0)
    # By the loss alone, 1 + |p - s|^2, an error below sqrt(eps) = 1e-8 can't be seen.
    result = minimize(objective, solution + 1e-10, Newton(), max_steps=100)
    np.testing.assert_allclose(result.state.params, solution, rtol=0, atol=1e-13)


def test_newton_asks_for_the_noise_where_steps_fail():
    # A Hessian three times too large lowers the gradient by a third a step only.
    noisy = Function(
        lambda p: (p[0] - 1) ** 2 + 1e-10 * math.sin(1e17 * p[0]), lambda p: 2 * (p - 1), lambda p: [[6.0]]
    )
    result = minimize(noisy, np.zeros(1), Newton(), max_steps=1000)
    assert result.status is Status.AT_FLOOR
    assert abs(result.params[0] - 1) < 1e-4


def test_newton_measures_the_noise_afresh_before_it_calls_a_step_idle():
    objective, _ = quadratic()
    optimizer = Newton()
    state = optimizer.start(objective, np.zeros(20))
    state.noise, state.idle = 1e3, 19
    assert optimizer.step(objective, state) is None
    assert state.noise < 1e-12
    assert state.idle == 0


def test_low_curvature_steps_that_gain_by_luck_only_are_the_floor():
    # A loss of noise: the best of many trials is lower, but by no more than the noise.
    noise = Function(lambda p: 1 + 1e-12 * math.sin(1e17 * p[0]), lambda p: [1e-6], lambda p: [[0.0]])
    optimizer = LowCurvature()
    state = optimizer.start(noise, np.ones(1))
    state.idle = 19
    stop = optimizer.step(noise, state)
    assert stop.status is Status.AT_FLOOR
    assert state.idle == 20


def protocol_step(objective, params, tau):
    """One step as the paper describes it, an eigenvector and a trial at a time."""
    loss, g = objective.loss_and_gradient(params)
    eigenvalues, eigenvectors = np.linalg.eigh(objective.hessian(params))
    direction = np.zeros_like(params)
    for value, e in zip(eigenvalues, eigenvectors.T, strict=True):
        if abs(value) < tau:
            direction = direction - e * (e @ g)
    low, high = 1e-12, 1e12
    for _ in range(4):
        sizes = np.exp(np.linspace(math.log(low), math.log(high), 15))
        losses = [objective.loss_and_gradient(params + a * direction)[0] for a in sizes]
        best = int(np.argmin(losses))
        spacing = sizes[1] / sizes[0]
        low, high = sizes[best] / spacing, sizes[best] * spacing
    if losses[best] < loss:
        params = params + sizes[best] * direction
    return params, sizes[best]


@pytest.mark.parametrize("tau", [3e-3, 0.1, 1.0])
def test_the_low_curvature_step_is_that_of_the_protocol(tau):
    objective, params = shallow_network()
    optimizer = LowCurvature(tau=tau)
    state = optimizer.start(objective, params)
    for _ in range(6):
        expected, size = protocol_step(objective, state.params, tau)
        before = state.loss
        assert optimizer.step(objective, state) is None
        assert state.loss < before
        # The same trials, but for the rounding of their logarithms.
        assert state.step_size == pytest.approx(size, rel=1e-9)
        np.testing.assert_allclose(state.params, expected, rtol=1e-7, atol=1e-9)


def test_walls_are_left_alone_by_the_paper_s_step_and_not_by_newtons():
    # A floor along the second parameter: its curvature is 0 to the last digit.
    canyon = Function(
        lambda p: 1e6 * p[0] ** 2 + 1e-9 * p[1],
        lambda p: [2e6 * p[0], 1e-9],
        lambda p: [[2e6, 0], [0, 0.0]],
    )
    start = np.array([1e-3, 0.0])
    for optimizer, moves in ((LowCurvature(), False), (LowCurvature(direction="newton"), True)):
        state = optimizer.start(canyon, start)
        assert optimizer.step(canyon, state) is None
        assert (state.params[0] != start[0]) == moves
        assert state.params[1] < -1e3
        assert state.n_directions == (2 if moves else 1)


def test_newton_s_direction_is_the_paper_s_where_all_curvature_is_low():
    objective, params = shallow_network()
    flat = Function(
        lambda p: 1e-15 * objective.loss_and_gradient(p)[0],
        lambda p: 1e-15 * objective.loss_and_gradient(p)[1],
        lambda p: 1e-15 * objective.hessian(p),
    )
    found = []
    for direction in ("gradient", "newton"):
        # Steps up to 1 / 1e3 in the units of the network, where its curvature is of order 1.
        optimizer = LowCurvature(tau=1e-13, direction=direction, largest_step=1e12)
        state = optimizer.start(flat, params)
        optimizer.step(flat, state)
        found.append(state.params - params)
    np.testing.assert_allclose(found[0], found[1], rtol=0.2, atol=0.2 * np.abs(found[0]).max())


def test_no_eigenvalue_below_tau_is_a_stall_that_says_so():
    objective, _ = quadratic(condition=10.0)
    result = minimize(objective, np.zeros(20), LowCurvature())
    assert result.status is Status.STALLED
    assert "no eigenvalue within 1e-15 of 0, the nearest is 2e-01" in result.message


def test_the_logarithmic_search_finds_the_minimum_to_its_last_spacing():
    for minimum in (3e-9, 0.7, 4e5):
        found = logarithmic_search(lambda a, m=minimum: (math.log(a / m) ** 2, np.zeros(1)), 1e12)
        spacing = 1e24 ** (1 / 14 / 7**3)
        assert abs(math.log(found.a / minimum)) <= 0.51 * math.log(spacing)
        assert found.loss == min(loss for _, loss in found.trials)
        assert len(found.trials) == N_POINTS + (N_ROUNDS - 1) * (N_POINTS - 1)


def test_the_logarithmic_search_bears_trials_that_are_not_finite():
    nowhere = logarithmic_search(lambda a: (math.nan, np.zeros(1)), 1e12)
    assert (nowhere.a, nowhere.loss, len(nowhere.trials)) == (0.0, math.inf, N_POINTS)
    found = logarithmic_search(lambda a: (-a, np.zeros(1)) if a < 1 else (-math.inf, np.full(1, np.nan)), 1e12)
    assert 0.98 < found.a < 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 0.0}, "tau: expected a number > 0, got 0"),
        ({"tau": math.nan}, "tau: expected a number > 0, got nan"),
        ({"direction": "down"}, "direction: expected 'gradient' or 'newton', got 'down'"),
        ({"largest_step": 1e-12}, "largest_step: expected a finite number > 1e-12, got 1e-12"),
        ({"largest_step": math.inf}, "largest_step: expected a finite number > 1e-12, got inf"),
    ],
)
def test_misuse_raises(options, message):
    with pytest.raises(ValueError, match=message):
        LowCurvature(**options)
