"""What holds for the second-order kernels of every network and batch, and how they agree with one another."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property.problems import ACTIVATIONS, EPS, LAYOUTS, Problem, make_problem, problems

from pml_native import MLP

QUICK = settings(max_examples=15, deadline=None)

# Around the blocks of the instruction sets and around one and two tiles (480 rows).
BATCHES = (0, 1, 2, 7, 39, 40, 41, 121, 240, 241, 479, 481, 961)
SOME_ROWS = tuple(n for n in BATCHES if n)
MAX_WIDTH = 10  # up to 440 parameters


@dataclass(frozen=True)
class CurvatureProblem(Problem):
    """With a direction v (P,) of length 1 in parameter space, and u (n, m) of size 1/n."""

    v: np.ndarray
    u: np.ndarray

    @property
    def arrays(self):
        return self.params, self.X, self.Y, self.weight, self.v, self.u

    def jacobian(self, rows=slice(None), *, n_threads=1):
        return self.mlp.jacobian(self.params, self.X[rows], n_threads=n_threads)

    def gauss_newton(self, rows=slice(None), *, weight=None, n_threads=1):
        return self.mlp.gauss_newton(self.params, self.X[rows], self.Y[rows], sample_weight=weight, n_threads=n_threads)

    def hessian(self, rows=slice(None), *, weight=None, n_threads=1):
        return self.mlp.hessian(self.params, self.X[rows], self.Y[rows], sample_weight=weight, n_threads=n_threads)

    def hessian_vector_product(self, rows=slice(None), *, weight=None, n_threads=1):
        return self.mlp.hessian_vector_product(
            self.params, self.X[rows], self.Y[rows], self.v, sample_weight=weight, n_threads=n_threads
        )

    def directional_derivatives(self, rows=slice(None), *, n_threads=1):
        return self.mlp.directional_derivatives(self.params, self.X[rows], self.v, n_threads=n_threads)

    def vector_jacobian_product(self, rows=slice(None), *, n_threads=1):
        return self.mlp.vector_jacobian_product(self.params, self.X[rows], self.u[rows], n_threads=n_threads)

    def means(self, rows=slice(None), *, weight=None, n_threads=1):
        """What is a mean over samples: loss, gradient, Gauss-Newton matrix, Hessian and its product with v."""
        options = {"weight": weight, "n_threads": n_threads}
        return (
            *self.gauss_newton(rows, **options),
            self.hessian(rows, **options),
            self.hessian_vector_product(rows, **options),
        )

    def per_row(self, rows=slice(None), *, n_threads=1):
        """What belongs to single rows, with the rows along the first axis: Jacobian, derivatives along v."""
        jacobian = self.jacobian(rows, n_threads=n_threads)
        first, second = self.directional_derivatives(rows, n_threads=n_threads)
        return jacobian.reshape(len(first), self.mlp.n_outputs * self.mlp.n_params), first, second

    def everything(self, n_threads=1):
        """All results as bytes."""
        results = (
            *self.per_row(n_threads=n_threads),
            *self.means(n_threads=n_threads),
            *self.means(weight=self.weight, n_threads=n_threads),
            self.vector_jacobian_product(n_threads=n_threads),
        )
        return b"".join(np.asarray(a).tobytes() for a in results)


def with_directions(problem, seed=0):
    rng = np.random.default_rng(seed)
    v, u = rng.normal(size=problem.mlp.n_params), rng.normal(size=problem.Y.shape)
    arrays = (problem.params, problem.X, problem.Y, problem.weight)
    return CurvatureProblem(problem.mlp, *arrays, v / np.linalg.norm(v), u / max(len(u), 1))


def make_curvature_problem(widths, activation, n, seed=0):
    return with_directions(make_problem(widths, activation, n, seed), seed)


def curvature_problems(batches=BATCHES):
    return st.builds(with_directions, problems(batches, max_width=MAX_WIDTH), st.integers(0, 2**32 - 1))


def assert_same_to_rounding(got, wanted, problem):
    """Two orders of n + P sums of size 1 (P counts those of all layers) differ by at most as many eps.

    Counted beside 1 where a sum cancels.
    """
    got, wanted = np.asarray(got), np.asarray(wanted)
    scale = 1 + np.max(np.abs(wanted), initial=0)
    assert got.shape == wanted.shape
    n_terms = len(problem.X) + problem.mlp.n_params + 10
    assert np.max(np.abs(got - wanted), initial=0) <= n_terms * EPS * scale


# How the kernels agree with one another


@QUICK
@given(curvature_problems())
def test_matrices_are_exactly_symmetric(isa, problem):
    for weight in (None, problem.weight):
        for matrix in (problem.gauss_newton(weight=weight)[2], problem.hessian(weight=weight)):
            np.testing.assert_array_equal(matrix, matrix.T)


@QUICK
@given(curvature_problems())
def test_gauss_newton_returns_the_loss_and_gradient(isa, problem):
    for weight in (None, problem.weight):
        loss, gradient, _ = problem.gauss_newton(weight=weight)
        wanted_loss, wanted_gradient = problem.loss_and_gradient(weight=weight)
        assert_same_to_rounding(loss, wanted_loss, problem)
        assert_same_to_rounding(gradient, wanted_gradient, problem)


@QUICK
@given(curvature_problems())
def test_gauss_newton_is_the_product_of_jacobians(isa, problem):
    jacobian = problem.jacobian()
    m, count = problem.mlp.n_outputs, max(problem.Y.size, 1)
    for weight in (None, problem.weight):
        weights = np.ones(len(problem.X)) if weight is None else weight
        wanted = 2 / count * (jacobian.T @ (np.repeat(weights, m)[:, None] * jacobian))
        assert_same_to_rounding(problem.gauss_newton(weight=weight)[2], wanted, problem)


@QUICK
@given(curvature_problems())
def test_the_gauss_newton_matrix_has_no_negative_curvature(isa, problem):
    matrix = problem.gauss_newton(weight=problem.weight)[2]
    bound = len(matrix) * EPS * (1 + np.abs(matrix).max()) * len(matrix)
    assert np.linalg.eigvalsh(matrix).min() >= -bound


@QUICK
@given(curvature_problems())
def test_the_hessian_is_gauss_newton_where_residuals_are_zero(isa, problem):
    fitted = problem.mlp.forward(problem.params, problem.X)
    arguments = (problem.params, problem.X, fitted)
    for weight in (None, problem.weight):
        hessian = problem.mlp.hessian(*arguments, sample_weight=weight)
        loss, gradient, matrix = problem.mlp.gauss_newton(*arguments, sample_weight=weight)
        assert_same_to_rounding(hessian, matrix, problem)
        assert_same_to_rounding(loss, 0.0, problem)
        assert_same_to_rounding(gradient, np.zeros_like(gradient), problem)


@QUICK
@given(curvature_problems())
def test_the_hessian_vector_product_is_the_hessian_times_the_vector(isa, problem):
    for weight in (None, problem.weight):
        wanted = problem.hessian(weight=weight) @ problem.v
        assert_same_to_rounding(problem.hessian_vector_product(weight=weight), wanted, problem)


@QUICK
@given(curvature_problems((1, 41)), st.data())
def test_the_product_with_a_unit_vector_is_a_column_of_the_hessian(isa, problem, data):
    column = data.draw(st.integers(0, problem.mlp.n_params - 1))
    unit = np.zeros(problem.mlp.n_params)
    unit[column] = 1.0
    got = problem.mlp.hessian_vector_product(problem.params, problem.X, problem.Y, unit)
    assert_same_to_rounding(got, problem.hessian()[:, column], problem)


@QUICK
@given(curvature_problems())
def test_the_first_directional_derivative_is_the_jacobian_times_the_direction(isa, problem):
    first, second = problem.directional_derivatives()
    assert first.shape == second.shape == problem.Y.shape
    assert_same_to_rounding(first.ravel(), problem.jacobian() @ problem.v, problem)


@QUICK
@given(curvature_problems())
def test_the_vector_jacobian_product_is_the_vector_times_the_jacobian(isa, problem):
    wanted = problem.u.ravel() @ problem.jacobian()
    assert_same_to_rounding(problem.vector_jacobian_product(), wanted, problem)


@QUICK
@given(curvature_problems())
def test_the_curvature_along_a_direction_follows_from_the_directional_derivatives(isa, problem):
    # Along v the loss is the mean of w r(t)^2: its second derivative is the mean of 2 w (r'^2 + r r'').
    first, second = problem.directional_derivatives()
    residual = problem.mlp.forward(problem.params, problem.X) - problem.Y
    for weight in (None, problem.weight):
        weights = np.ones(len(problem.X)) if weight is None else weight
        wanted = 2 * np.sum(weights[:, None] * (first**2 + residual * second)) / max(problem.Y.size, 1)
        assert_same_to_rounding(problem.hessian_vector_product(weight=weight) @ problem.v, wanted, problem)


@QUICK
@given(curvature_problems((1, 41)))
def test_products_are_linear_in_their_vector(isa, problem):
    mlp, arguments = problem.mlp, (problem.params, problem.X)
    # Powers of two are exact in every sum.
    doubled = mlp.hessian_vector_product(*arguments, problem.Y, 2 * problem.v)
    np.testing.assert_array_equal(doubled, 2 * problem.hessian_vector_product())
    first, second = mlp.directional_derivatives(*arguments, 2 * problem.v)
    np.testing.assert_array_equal(first, 2 * problem.directional_derivatives()[0])
    np.testing.assert_array_equal(second, 4 * problem.directional_derivatives()[1])
    doubled = mlp.vector_jacobian_product(*arguments, 2 * problem.u)
    np.testing.assert_array_equal(doubled, 2 * problem.vector_jacobian_product())


@QUICK
@given(curvature_problems((1, 41)))
def test_a_zero_vector_gives_zeros(isa, problem):
    mlp, zero = problem.mlp, np.zeros(problem.mlp.n_params)
    assert not mlp.hessian_vector_product(problem.params, problem.X, problem.Y, zero).any()
    assert not np.any(mlp.directional_derivatives(problem.params, problem.X, zero))
    assert not mlp.vector_jacobian_product(problem.params, problem.X, np.zeros_like(problem.u)).any()


# Threads


@QUICK
@given(curvature_problems())
def test_results_are_bitwise_the_same_for_any_number_of_threads_and_every_time(isa, problem):
    alone = problem.everything(1)
    for n_threads in (1, 2, 3, 17):
        assert problem.everything(n_threads) == alone


@pytest.mark.parametrize(("widths", "n"), [((2, 3, 1), 32_000), ((2, 24, 24, 1), 1500), ((3, 97, 2), 700)], ids=str)
def test_results_of_many_rows_and_of_wide_layers_are_bitwise_the_same_for_any_number_of_threads(isa, widths, n):
    problem = make_curvature_problem(widths, "tanh", n)
    alone = problem.everything(1)
    for n_threads in (2, 3, 17):
        assert problem.everything(n_threads) == alone


def test_calls_from_several_python_threads_at_once_agree(isa):
    names = ACTIVATIONS
    several = [make_curvature_problem((3, 7, 5, 2), name, 1000, seed) for seed, name in enumerate(names)]
    alone = [problem.everything(1) for problem in several]
    jobs = [(i, n_threads) for i in range(len(several)) for n_threads in (1, 2, 3)]
    with ThreadPoolExecutor(4) as executor:
        results = list(executor.map(lambda job: several[job[0]].everything(job[1]), jobs))
    assert all(result == alone[i] for (i, _), result in zip(jobs, results, strict=True))


@pytest.mark.parametrize("kernel", ["gauss_newton", "hessian"])
def test_other_python_threads_run_during_a_call(kernel):
    problem = make_curvature_problem((1, 20, 20, 1), "tanh", 30_000)  # some tenths of a second
    duration = 0.0

    def call():
        nonlocal duration
        start = time.perf_counter()
        getattr(problem, kernel)(n_threads=1)
        duration = time.perf_counter() - start

    worker = threading.Thread(target=call)
    worker.start()
    longest_wait, last_turn = 0.0, time.perf_counter()
    while worker.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        longest_wait, last_turn = max(longest_wait, now - last_turn), now
    assert longest_wait < duration / 2  # an interpreter locked by the call waits for all of it


# Rows


@QUICK
@given(curvature_problems(), st.data())
def test_a_row_gives_the_same_alone_and_in_any_batch(isa, problem, data):
    n = len(problem.X)
    whole = problem.per_row()
    rows = data.draw(st.lists(st.integers(0, max(n - 1, 0)), max_size=60 if n else 0))
    for several, all_of_them in zip(problem.per_row(np.array(rows, dtype=int)), whole, strict=True):
        np.testing.assert_array_equal(several, all_of_them[rows])
    for row in rows[:3]:
        for one, all_of_them in zip(problem.per_row(slice(row, row + 1)), whole, strict=True):
            np.testing.assert_array_equal(one[0], all_of_them[row])


@QUICK
@given(curvature_problems(), st.data())
def test_a_batch_is_the_weighted_mean_of_its_parts(isa, problem, data):
    n = len(problem.X)
    cut = data.draw(st.integers(0, n))
    parts = slice(0, cut), slice(cut, n)
    for weight in (None, problem.weight):
        first, second = (problem.means(rows, weight=None if weight is None else weight[rows]) for rows in parts)
        share = cut / max(n, 1)
        for got, a, b in zip(problem.means(weight=weight), first, second, strict=True):
            assert_same_to_rounding(got, share * a + (1 - share) * b, problem)
    first, second = (problem.vector_jacobian_product(rows) for rows in parts)
    assert_same_to_rounding(problem.vector_jacobian_product(), first + second, problem)


@QUICK
@given(curvature_problems(), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_only_rounding(isa, problem, seed):
    rows = np.random.default_rng(seed).permutation(len(problem.X))
    shuffled = problem.means(rows, weight=problem.weight[rows])
    for got, wanted in zip(shuffled, problem.means(weight=problem.weight), strict=True):
        assert_same_to_rounding(got, wanted, problem)
    assert_same_to_rounding(problem.vector_jacobian_product(rows), problem.vector_jacobian_product(), problem)


@QUICK
@given(curvature_problems((2, 39, 41, 481)), st.integers(0, 2**32 - 1))
def test_rows_of_zero_weight_do_not_count(isa, problem, seed):
    rng = np.random.default_rng(seed)
    kept = rng.random(len(problem.X)) < 0.5
    kept[0] = True
    weight = np.where(kept, problem.weight, 0.0)
    means = problem.means(weight=weight)
    # Means are over all rows, so that fewer rows count for more.
    for got, wanted in zip(means, problem.means(kept, weight=weight[kept]), strict=True):
        assert_same_to_rounding(got, wanted * (kept.sum() / len(kept)), problem)
    X, Y = problem.X.copy(), problem.Y.copy()
    X[~kept], Y[~kept] = rng.uniform(-1, 1, X[~kept].shape), rng.normal(size=Y[~kept].shape)
    other = CurvatureProblem(problem.mlp, problem.params, X, Y, weight, problem.v, problem.u)
    for got, wanted in zip(other.means(weight=weight), means, strict=True):
        np.testing.assert_array_equal(got, wanted)


@QUICK
@given(curvature_problems())
def test_weights_of_one_are_bitwise_no_weights(isa, problem):
    weighted = problem.means(weight=np.ones(len(problem.X)))
    for got, wanted in zip(weighted, problem.means(), strict=True):
        np.testing.assert_array_equal(got, wanted)


@QUICK
@given(curvature_problems((0,)), st.integers(1, 17))
def test_an_empty_batch_gives_zeros_and_empty_shapes(isa, problem, n_threads):
    P, m = problem.mlp.n_params, problem.mlp.n_outputs
    for weight in (None, np.empty(0)):
        loss, gradient, matrix, hessian, product = problem.means(weight=weight, n_threads=n_threads)
        assert loss == 0.0
        for vector in (gradient, product):
            np.testing.assert_array_equal(vector, np.zeros(P))
        for square in (matrix, hessian):
            np.testing.assert_array_equal(square, np.zeros((P, P)))
    assert problem.jacobian(n_threads=n_threads).shape == (0, P)
    for derivative in problem.directional_derivatives(n_threads=n_threads):
        assert derivative.shape == (0, m)
    np.testing.assert_array_equal(problem.vector_jacobian_product(n_threads=n_threads), np.zeros(P))


# Numbers


@QUICK
@given(curvature_problems(SOME_ROWS), st.data())
def test_a_nan_reaches_every_result_but_not_the_other_rows(isa, problem, data):
    row = data.draw(st.integers(0, len(problem.X) - 1))
    X = problem.X.copy()
    X[row, data.draw(st.integers(0, X.shape[1] - 1))] = np.nan
    spoilt = CurvatureProblem(problem.mlp, problem.params, X, *problem.arrays[2:])
    for n_threads in (1, 2):
        for result in (*spoilt.means(n_threads=n_threads), spoilt.vector_jacobian_product(n_threads=n_threads)):
            assert np.isnan(result).any()
        jacobian, first, second = spoilt.per_row(n_threads=n_threads)
        assert np.isnan(jacobian[row]).any()
        assert np.isnan(first[row]).all()
        others = np.delete(np.arange(len(X)), row)
        for got, wanted in zip((jacobian, first, second), problem.per_row(), strict=True):
            np.testing.assert_array_equal(got[others], wanted[others])


@QUICK
@given(curvature_problems(SOME_ROWS), st.data())
def test_infinite_and_huge_numbers_leave_the_other_rows_untouched(isa, problem, data):
    row = data.draw(st.integers(0, len(problem.X) - 1))
    X = problem.X.copy()
    X[row] = data.draw(st.sampled_from([np.inf, -np.inf, 1e300]))
    spoilt = CurvatureProblem(problem.mlp, problem.params, X, *problem.arrays[2:])
    spoilt.everything(2)
    others = np.delete(np.arange(len(X)), row)
    for got, wanted in zip(spoilt.per_row(), problem.per_row(), strict=True):
        np.testing.assert_array_equal(got[others], wanted[others])


# One hidden layer for all; more where values don't grow from layer to layer as powers of the inputs.
FAR_AWAY = [((2, 5, 1), name) for name in ACTIVATIONS]
FAR_AWAY += [((2, 5, 4, 3, 2), name) for name in ("relu", "tanh", "sigmoid", "sin", "softplus", "silu")]


@pytest.mark.parametrize(("widths", "activation"), FAR_AWAY, ids=str)
def test_inputs_far_from_zero_give_finite_results(isa, widths, activation):
    problem = make_curvature_problem(widths, activation, 41)
    for offset in (1e8, -1e8):
        far = CurvatureProblem(problem.mlp, problem.params, problem.X + offset, *problem.arrays[2:])
        for result in (*far.per_row(), *far.means(weight=far.weight), far.vector_jacobian_product()):
            assert np.isfinite(result).all()


# Memory


@pytest.mark.parametrize("layout", LAYOUTS)
@QUICK
@given(problem=curvature_problems((1, 2, 41, 481)))
def test_the_memory_layout_of_arrays_changes_nothing(isa, layout, problem):
    changed = CurvatureProblem(problem.mlp, *(LAYOUTS[layout](array) for array in problem.arrays))
    assert changed.everything(2) == problem.everything(1)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float32])
@QUICK
@given(problem=curvature_problems((1, 2, 41)), seed=st.integers(0, 2**32 - 1))
def test_numbers_of_other_types_are_taken_at_their_value(isa, dtype, problem, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(0, 2, array.shape).astype(dtype) for array in problem.arrays]
    narrow = CurvatureProblem(problem.mlp, *arrays)
    wide = CurvatureProblem(problem.mlp, *(array.astype(np.float64) for array in arrays))
    assert narrow.everything(2) == wide.everything(1)


def test_targets_and_u_of_one_output_may_be_vectors(isa):
    problem = make_curvature_problem((2, 3, 1), "tanh", 41)
    flat = CurvatureProblem(
        problem.mlp, problem.params, problem.X, problem.Y[:, 0], problem.weight, problem.v, problem.u[:, 0]
    )
    assert flat.everything() == problem.everything()


@QUICK
@given(curvature_problems(), st.integers(1, 3))
def test_the_arrays_of_the_caller_are_unchanged(isa, problem, n_threads):
    before = [array.tobytes() for array in problem.arrays]
    problem.everything(n_threads)
    assert [array.tobytes() for array in problem.arrays] == before


def test_results_are_new_arrays_that_may_be_written_to(isa):
    problem = make_curvature_problem((2, 3, 1), "tanh", 5)
    kernels = (
        problem.jacobian,
        lambda: problem.gauss_newton()[1],
        lambda: problem.gauss_newton()[2],
        problem.hessian,
        problem.hessian_vector_product,
        lambda: problem.directional_derivatives()[0],
        lambda: problem.directional_derivatives()[1],
        problem.vector_jacobian_product,
    )
    for kernel in kernels:
        first, second = kernel(), kernel()
        first[...] = 0.0
        assert not np.shares_memory(first, second)
        assert second.any()


# Errors


MLP_2_3_2 = MLP((2, 3, 2))  # 17 parameters
PARAMS, X, Y, V = np.zeros(17), np.zeros((4, 2)), np.zeros((4, 2)), np.zeros(17)
# The arguments of each kernel after params and X, each with wrong ones and what the error says of them.
WRONG_Y = [
    (Y[:3], "y: expected (4, 2), got (3, 2)"),
    (Y[:, :1], "y: expected (4, 2), got (4, 1)"),
    (Y[:, 0], "y: expected (4, 2), got (4"),
]
WRONG_V = [
    (V[:-1], "v: expected (17,), got (16,)"),
    (V[None], "v: expected (17,), got (1, 17)"),
    (1.0, "v: expected (17,), got"),
]
WRONG_U = [(value, message.replace("y:", "u:")) for value, message in WRONG_Y]
ARGUMENTS = {
    "jacobian": [],
    "gauss_newton": [(Y, WRONG_Y)],
    "hessian": [(Y, WRONG_Y)],
    "hessian_vector_product": [(Y, WRONG_Y), (V, WRONG_V)],
    "directional_derivatives": [(V, WRONG_V)],
    "vector_jacobian_product": [(Y, WRONG_U)],
}
WEIGHTED = ("gauss_newton", "hessian", "hessian_vector_product")
every_kernel = pytest.mark.parametrize("kernel", ARGUMENTS)


def assert_says(message, kernel, params, X, *arguments, **options):
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        getattr(MLP_2_3_2, kernel)(params, X, *arguments, **options)
    assert "got" in str(raised.value)


@every_kernel
def test_wrong_parameters_and_inputs_raise_an_error_that_says_expected_and_got(kernel):
    arguments = [right for right, _ in ARGUMENTS[kernel]]
    assert_says("params: expected (17,), got (16,)", kernel, PARAMS[:-1], X, *arguments)
    assert_says("params: expected (17,), got (1, 17)", kernel, PARAMS[None], X, *arguments)
    assert_says("X: expected (n, 2), got (4, 3)", kernel, PARAMS, np.zeros((4, 3)), *arguments)
    assert_says("X: expected (n, 2), got (4", kernel, PARAMS, np.zeros(4), *arguments)
    assert_says("X: expected an array of 1 or 2 dimensions", kernel, PARAMS, np.zeros((4, 2, 1)), *arguments)


@every_kernel
def test_wrong_vectors_and_targets_raise_an_error_that_says_expected_and_got(kernel):
    for i, (_, mistakes) in enumerate(ARGUMENTS[kernel]):
        for wrong, message in mistakes:
            arguments = [right for right, _ in ARGUMENTS[kernel]]
            arguments[i] = wrong
            assert_says(message, kernel, PARAMS, X, *arguments)


@every_kernel
def test_wrong_options_raise_an_error_that_says_expected_and_got(kernel):
    arguments = [right for right, _ in ARGUMENTS[kernel]]
    message = "n_threads: expected a positive integer or None, got 0"
    assert_says(message, kernel, PARAMS, X, *arguments, n_threads=0)
    if kernel in WEIGHTED:
        for wrong, shape in ((np.ones(3), "(3,)"), (np.ones((4, 1)), "(4, 1)")):
            message = f"sample_weight: expected (4,), got {shape}"
            assert_says(message, kernel, PARAMS, X, *arguments, sample_weight=wrong)


@pytest.mark.parametrize(
    ("kernel", "alternative"), [("hessian", "hessian_vector_product"), ("gauss_newton", "")], ids=str
)
def test_a_matrix_beyond_memory_is_refused_at_once_with_what_it_needs(kernel, alternative):
    mlp = MLP((100, 3000, 3000, 1))  # 9.3 million parameters: the matrix takes 693 TB (630 TiB)
    params, X, y = np.zeros(mlp.n_params), np.zeros((1, 100)), np.zeros((1, 1))
    start = time.perf_counter()
    with pytest.raises(MemoryError, match=r"\d ?([GT]i?B|bytes)") as raised:
        getattr(mlp, kernel)(params, X, y)
    assert time.perf_counter() - start < 5.0  # computing the matrix of one row would take longer
    assert alternative in str(raised.value)
