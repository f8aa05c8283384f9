"""What holds for every network and batch: threads, rows, memory layouts, splits, forks and errors change nothing."""

from __future__ import annotations

import multiprocessing
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.problems import (
    ACTIVATIONS,
    BATCHES,
    LAYOUTS,
    QUICK,
    Problem,
    assert_same_to_rounding,
    make_problem,
    off_alignment,
    problems,
)

from pml_native import MLP, _core
from pml_native.arrays import as_matrix

MANY_TILES = 32_000  # more tiles than the 64 chunks that gradients are summed in


# Threads


@QUICK
@given(problems())
def test_results_are_bitwise_the_same_for_any_number_of_threads(isa, problem):
    alone = problem.everything(1)
    for n_threads in (2, 3, 17):
        assert problem.everything(n_threads) == alone


@pytest.mark.parametrize(
    ("widths", "n"), [((2, 3, 1), MANY_TILES), ((2, 90, 90, 1), 1500), ((3, 370, 370, 2), 1500)], ids=str
)
def test_results_of_many_and_of_short_tiles_are_bitwise_the_same_for_any_number_of_threads(isa, widths, n):
    problem = make_problem(widths, "tanh", n)
    alone = problem.everything(1)
    for n_threads in (2, 3, 17):
        assert problem.everything(n_threads) == alone


def test_calls_from_several_python_threads_at_once_agree(isa):
    several = [make_problem((3, 7, 5, 2), name, 2000, seed) for seed, name in enumerate(ACTIVATIONS)]
    alone = [problem.everything(1) for problem in several]
    jobs = [(i, n_threads) for i in range(len(several)) for n_threads in (1, 2, 3, 17)] * 3
    with ThreadPoolExecutor(8) as executor:
        results = list(executor.map(lambda job: several[job[0]].everything(job[1]), jobs))
    assert all(result == alone[i] for (i, _), result in zip(jobs, results, strict=True))


def test_the_instruction_set_may_be_changed_while_other_threads_compute():
    # A call keeps the set it began with: results are those of one set or another, never a mixture.
    before = _core.isa_selected()
    problem = make_problem((3, 7, 5, 2), "tanh", 2000)
    possible = set()
    try:
        for name in _core.isa_available():
            _core.isa_select(name)
            possible.add(problem.mlp.forward(problem.params, problem.X, n_threads=2).tobytes())
        with ThreadPoolExecutor(3) as executor:
            results = [executor.submit(problem.mlp.forward, problem.params, problem.X, n_threads=2) for _ in range(200)]
            for i in range(200):
                _core.isa_select(_core.isa_available()[i % len(_core.isa_available())])
        assert {result.result().tobytes() for result in results} <= possible
    finally:
        _core.isa_select(before)


# Forks


def send_everything(problem, connection):
    connection.send([problem.everything(n_threads) for n_threads in (1, 2, 3)])


def results_of_forked_child(problem):
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=send_everything, args=(problem, sender))
    child.start()
    try:
        assert receiver.poll(60), "the forked child hangs"
        results = receiver.recv()
        child.join(60)
        assert child.exitcode == 0
        return results
    finally:
        child.kill()
        child.join()


needs_fork = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
# Python 3.12 warns of forks from processes with threads: this is what is tested.
may_fork = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@needs_fork
@may_fork
def test_a_forked_child_computes_the_same_after_its_parent_has_used_threads(isa):
    problem = make_problem((3, 7, 5, 2), "tanh", 2000)
    alone = problem.everything(1)
    assert problem.everything(3) == alone
    assert results_of_forked_child(problem) == [alone] * 3
    assert problem.everything(3) == alone  # and the parent's threads are still there


@needs_fork
@may_fork
def test_a_child_forked_while_threads_compute_does_not_hang():
    problem = make_problem((3, 7, 5, 2), "tanh", 2000)
    alone = problem.everything(1)
    stop = threading.Event()

    def keep_computing():
        while not stop.is_set():
            problem.everything(3)

    worker = threading.Thread(target=keep_computing)
    worker.start()
    try:
        for _ in range(10):
            assert results_of_forked_child(problem) == [alone] * 3
    finally:
        stop.set()
        worker.join()


# Rows


@QUICK
@given(problems(), st.data())
def test_a_row_gives_bitwise_the_same_alone_and_in_any_batch(isa, problem, data):
    n = len(problem.X)
    forward = problem.mlp.forward(problem.params, problem.X)
    input_gradient = problem.mlp.input_gradient(problem.params, problem.X)
    rows = data.draw(st.lists(st.integers(0, max(n - 1, 0)), max_size=60 if n else 0))
    X = problem.X[np.array(rows, dtype=int)]
    assert problem.mlp.forward(problem.params, X).tobytes() == forward[rows].tobytes()
    assert problem.mlp.input_gradient(problem.params, X).tobytes() == input_gradient[rows].tobytes()
    for row in rows[:3]:
        alone = problem.X[row : row + 1]
        assert problem.mlp.forward(problem.params, alone).tobytes() == forward[row].tobytes()
        assert problem.mlp.input_gradient(problem.params, alone).tobytes() == input_gradient[row].tobytes()


@QUICK
@given(problems([n for n in BATCHES if n]), st.data())
def test_a_nan_or_infinite_row_leaves_the_other_rows_untouched(isa, problem, data):
    row = data.draw(st.integers(0, len(problem.X) - 1))
    X = problem.X.copy()
    X[row] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e300]))
    others = np.delete(np.arange(len(X)), row)
    for kernel in (problem.mlp.forward, problem.mlp.input_gradient):
        clean, spoilt = kernel(problem.params, problem.X), kernel(problem.params, X)
        assert spoilt[others].tobytes() == clean[others].tobytes()


@QUICK
@given(problems([n for n in BATCHES if n]), st.data())
def test_a_nan_reaches_the_values_and_the_loss(isa, problem, data):
    row = data.draw(st.integers(0, len(problem.X) - 1))
    X = problem.X.copy()
    X[row, data.draw(st.integers(0, X.shape[1] - 1))] = np.nan
    assert np.isnan(problem.mlp.forward(problem.params, X)[row]).all()
    assert np.isnan(problem.mlp.loss_and_gradient(problem.params, X, problem.Y)[0])


@QUICK
@given(problems(), st.data())
def test_the_loss_of_a_batch_is_the_weighted_mean_of_its_parts(isa, problem, data):
    n = len(problem.X)
    cut = data.draw(st.integers(0, n))
    loss, gradient = problem.loss_and_gradient(weight=problem.weight)
    mean_loss, mean_gradient = 0.0, np.zeros_like(gradient)
    for rows in (slice(0, cut), slice(cut, n)):
        part_loss, part_gradient = problem.loss_and_gradient(rows, weight=problem.weight[rows])
        share = len(problem.X[rows]) / max(n, 1)
        mean_loss += share * part_loss
        mean_gradient += share * part_gradient
    assert_same_to_rounding(loss, mean_loss, n)
    assert_same_to_rounding(gradient, mean_gradient, n)


@QUICK
@given(problems((1, 2, 39, 41, 481)), st.integers(0, 2**32 - 1))
def test_whole_sample_weights_are_repeated_rows(isa, problem, seed):
    n = len(problem.X)
    repeats = np.random.default_rng(seed).integers(0, 4, n)
    repeats[0] = 1  # at least one row
    loss, gradient = problem.loss_and_gradient(weight=repeats.astype(float))
    rows = np.repeat(np.arange(n), repeats)
    repeated_loss, repeated_gradient = problem.loss_and_gradient(rows)
    # Both are means: over n rows the first, over sum of weights the second.
    assert_same_to_rounding(n * loss / len(rows), repeated_loss, len(rows))
    assert_same_to_rounding(n * gradient / len(rows), repeated_gradient, len(rows))


@QUICK
@given(problems())
def test_weights_of_one_are_bitwise_no_weights(isa, problem):
    loss, gradient = problem.loss_and_gradient()
    weighted_loss, weighted_gradient = problem.loss_and_gradient(weight=np.ones(len(problem.X)))
    assert weighted_loss == loss
    assert weighted_gradient.tobytes() == gradient.tobytes()


@given(problems((0,)), st.integers(1, 17))
@QUICK
def test_an_empty_batch_gives_zero_zeros_and_empty_shapes(isa, problem, n_threads):
    d, m = problem.mlp.n_inputs, problem.mlp.n_outputs
    for weight in (None, np.empty(0)):
        loss, gradient = problem.loss_and_gradient(weight=weight, n_threads=n_threads)
        assert loss == 0.0
        np.testing.assert_array_equal(gradient, np.zeros(problem.mlp.n_params))
    assert problem.mlp.forward(problem.params, problem.X, n_threads=n_threads).shape == (0, m)
    assert problem.mlp.input_gradient(problem.params, problem.X, n_threads=n_threads).shape == (0, m, d)


# Memory


@pytest.mark.parametrize("layout", LAYOUTS)
@QUICK
@given(problem=problems((1, 2, 41, 481)))
def test_the_memory_layout_of_arrays_changes_nothing(isa, layout, problem):
    change = LAYOUTS[layout]
    changed = Problem(problem.mlp, *(change(a) for a in (problem.params, problem.X, problem.Y, problem.weight)))
    assert changed.everything(2) == problem.everything(1)


def test_arrays_off_alignment_are_copied_before_the_core_reads_them():
    # Found by UBSan in the test above: np.ascontiguousarray and astype(copy=False) pass such arrays on as they are.
    assert as_matrix(off_alignment(np.ones((5, 3))), "X").flags.aligned
    assert MLP((1, 1))._params(off_alignment(np.ones(2))).flags.aligned


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, np.bool_, np.float32])
@QUICK
@given(problem=problems((1, 2, 41)), seed=st.integers(0, 2**32 - 1))
def test_numbers_of_other_types_are_taken_at_their_value(isa, dtype, problem, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(0, 2, a.shape).astype(dtype) for a in (problem.params, problem.X, problem.Y, problem.weight)]
    narrow = Problem(problem.mlp, *arrays)
    wide = Problem(problem.mlp, *(a.astype(np.float64) for a in arrays))
    assert narrow.everything(2) == wide.everything(1)


@QUICK
@given(problems(), st.integers(1, 3))
def test_the_arrays_of_the_caller_are_unchanged(isa, problem, n_threads):
    arrays = (problem.params, problem.X, problem.Y, problem.weight)
    before = [a.tobytes() for a in arrays]
    problem.everything(n_threads)
    assert [a.tobytes() for a in arrays] == before


def test_results_are_new_arrays_that_may_be_written_to(isa):
    problem = make_problem((2, 3, 1), "tanh", 5)
    first, second = (problem.mlp.forward(problem.params, problem.X) for _ in range(2))
    first[...] = 0.0
    assert not np.shares_memory(first, second)
    assert second.any()


# Errors

MLP_2_3_2 = MLP((2, 3, 2))  # 17 parameters
PARAMS, X, Y = np.zeros(17), np.zeros((4, 2)), np.zeros((4, 2))
WRONG_SHAPES = {
    "short params": (lambda: MLP_2_3_2.forward(PARAMS[:-1], X), "params: expected (17,), got (16,)"),
    "params as a matrix": (lambda: MLP_2_3_2.forward(PARAMS[None], X), "params: expected (17,), got (1, 17)"),
    "one number as params": (lambda: MLP_2_3_2.forward(1.0, X), "params: expected (17,), got"),
    "inputs of 3 columns": (lambda: MLP_2_3_2.forward(PARAMS, np.zeros((4, 3))), "X: expected (n, 2), got (4, 3)"),
    "inputs as a vector": (lambda: MLP_2_3_2.forward(PARAMS, np.zeros(4)), "X: expected (n, 2), got (4"),
    "inputs of 3 axes": (
        lambda: MLP_2_3_2.input_gradient(PARAMS, np.zeros((4, 2, 1))),
        "X: expected an array of 1 or 2 dimensions, got 3",
    ),
    "one number as inputs": (
        lambda: MLP_2_3_2.forward(PARAMS, 1.0),
        "X: expected an array of 1 or 2 dimensions, got 0",
    ),
    "inputs of the input gradient": (
        lambda: MLP_2_3_2.input_gradient(PARAMS, np.zeros((4, 1))),
        "X: expected (n, 2), got (4, 1)",
    ),
    "too few targets": (lambda: MLP_2_3_2.loss_and_gradient(PARAMS, X, Y[:3]), "y: expected (4, 2), got (3, 2)"),
    "targets of 1 column": (lambda: MLP_2_3_2.loss_and_gradient(PARAMS, X, Y[:, :1]), "y: expected (4, 2), got (4, 1)"),
    "targets as a vector": (lambda: MLP_2_3_2.loss_and_gradient(PARAMS, X, Y[:, 0]), "y: expected (4, 2), got (4"),
    "too few weights": (
        lambda: MLP_2_3_2.loss_and_gradient(PARAMS, X, Y, sample_weight=np.ones(3)),
        "sample_weight: expected (4,), got (3,)",
    ),
    "weights as a matrix": (
        lambda: MLP_2_3_2.loss_and_gradient(PARAMS, X, Y, sample_weight=np.ones((4, 1))),
        "sample_weight: expected (4,), got (4, 1)",
    ),
    "no threads": (
        lambda: MLP_2_3_2.forward(PARAMS, X, n_threads=0),
        "n_threads: expected a positive integer or None, got 0",
    ),
    "half a thread": (lambda: MLP_2_3_2.forward(PARAMS, X, n_threads=0.5), "n_threads: expected a positive integer"),
    "no layer": (lambda: MLP((2,)), "widths: expected at least 2 positive integers, got (2,)"),
    "an empty layer": (lambda: MLP((2, 0, 1)), "widths: expected at least 2 positive integers, got (2, 0, 1)"),
    "half a neuron": (lambda: MLP((2, 1.5, 1)), "widths: expected at least 2 positive integers, got (2, 1.5, 1)"),
    "an unknown activation": (lambda: MLP((2, 1), "step"), "activation: expected one of relu, tanh"),
    "an unknown instruction set": (lambda: _core.isa_select("mmx"), "isa: expected one of "),
    "the core's own door": (
        lambda: _core.mlp_loss_and_gradient((2, 3, 2), "tanh", PARAMS, X, Y[:, :1].copy(), None, 1),
        "y: expected (4, 2), got (4, 1)",
    ),
    "the core's own threads": (
        lambda: _core.mlp_forward((2, 3, 2), "tanh", PARAMS, X, -1),
        "n_threads: expected a positive integer, got -1",
    ),
    "the core's own widths": (
        lambda: _core.mlp_forward((2, 0, 2), "tanh", PARAMS, X, 1),
        "widths: expected positive integers, got 0",
    ),
    "points of an activation": (lambda: _core.activation_derivatives("tanh", X), "z: expected (n,), got (4, 2)"),
}


@pytest.mark.parametrize("mistake", WRONG_SHAPES)
def test_wrong_arguments_raise_an_error_that_says_expected_and_got(mistake):
    call, message = WRONG_SHAPES[mistake]
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        call()
    assert "got" in str(raised.value)


@pytest.mark.parametrize("wrong", [X.T, X.astype(np.float32), X.tolist()], ids=["transposed", "float32", "list"])
def test_the_core_makes_no_silent_copy(wrong):
    with pytest.raises(TypeError):
        _core.mlp_forward((4, 1), "tanh", np.zeros(5), wrong, 1)


# BUG in csrc/mlp/architecture.hpp: for widths[l + 1] > limit, `limit / widths[l + 1] - 1` is 0 - 1, which wraps round
# and lets every widths[l] pass; here (1023 + 1) * 2^54 wraps to n_params = 0.


@pytest.mark.parametrize("widths", [(2**31, 2**31, 1), (1, 2**60), (2**62, 1), (3, 2**40, 2**40, 1), (1023, 2**54)])
def test_widths_beyond_memory_are_refused(widths):
    with pytest.raises(ValueError, match="too many parameters"):
        _core.mlp_forward(widths, "tanh", np.zeros(0), np.zeros((0, 1)), 1)
