"""boost, and the descent of one network on growing rows. Little effort: accuracy is held in bench."""

import math
import os
import signal

import numpy as np
import pytest

import pml_native as pml
from pml_native.optimize import Status
from pml_native.search.boosting import StageData, frequency, train_stage
from pml_native.search.descent import Descent, Table
from pml_native.search.scheduler import Crew, Run, Worker
from pml_native.search.search import WHOLE_WORK

RNG = np.random.default_rng(0)
X = RNG.uniform(0.0, 6.0, size=(600, 1))
Y = np.sin(X[:, 0])


def relative_rmse(model, X, y):
    return np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2))


def constant(value):
    """A trainer whose model is a constant."""

    def train(data):
        mlp = pml.MLP((data.X.shape[1], data.y.shape[1]))
        params = np.zeros(mlp.n_params)
        mlp.layers(params)[0][1][...] = value(data)
        return pml.NetworkModel(mlp, params)

    return train


def test_two_small_stages_reach_the_rounding_of_y():
    model = pml.boost(X, Y, effort=0.025, time_limit=None)
    X_new = RNG.uniform(0.0, 6.0, size=(2000, 1))
    assert len(model.stages) == 2
    assert model.n_params <= 250
    assert relative_rmse(model, X_new, np.sin(X_new[:, 0])) < 1e-15
    assert relative_rmse(model.truncated(1), X_new, np.sin(X_new[:, 0])) < 1e-12
    assert model(X_new).shape == (2000,)


def test_a_stage_that_does_not_lower_the_held_out_error_is_left_out():
    mean = constant(lambda data: np.mean(data.y, axis=0))
    far_off = constant(lambda data: np.full(data.y.shape[1], 100.0))
    model = pml.boost(X, Y, stages=3, trainer=[mean, far_off, mean])
    assert len(model.stages) == 1


def test_stages_of_any_family_see_the_residual_in_units_of_its_own_size():
    seen = []

    def train(data):
        seen.append((data.number, float(np.sqrt(np.mean(data.y**2))), data.X.shape))
        return constant(lambda data: np.mean(data.y, axis=0) + 0.1)(data)

    model = pml.boost(X, Y + 7.0, stages=3, trainer=train)
    assert len(model.stages) == 3
    assert [number for number, _, _ in seen] == [0, 1, 2]
    assert seen[1][1] == pytest.approx(1.0)
    assert seen[2][1] == pytest.approx(1.0)


def test_a_first_model_can_be_given():
    first = pml.boost(X, Y, stages=1, effort=0.002).stages[0]
    model = pml.boost(X, Y, stages=2, first=first, effort=0.005)
    assert model.stages[0] is first


def test_data_that_the_first_stage_meets_exactly_need_no_second():
    model = pml.boost(X, np.full(len(X), 3.0), stages=2, trainer=constant(lambda data: np.mean(data.y, axis=0)))
    assert len(model.stages) == 1
    np.testing.assert_array_equal(model(X), 3.0)


def test_several_outputs_have_a_scale_each():
    both = np.column_stack([Y, 1e-6 * Y + 1e-6])
    model = pml.boost(X, both, stages=2, effort=0.004)
    assert model(X).shape == (600, 2)
    assert model.scales.shape[1] == 2


def test_a_sum_repeats_itself_bit_for_bit_with_any_number_of_threads():
    one, two = (pml.boost(X, Y, effort=0.004, time_limit=None, n_threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one(X), two(X))
    assert [stage.params.tolist() for stage in one.stages] == [stage.params.tolist() for stage in two.stages]


def test_a_trainer_is_told_its_part_of_the_work():
    works = []

    def train(data):
        works.append(data.work)
        assert data.deadline == math.inf
        return constant(lambda data: np.mean(data.y, axis=0) + 0.1)(data)

    pml.boost(X, Y, stages=2, trainer=train, effort=0.5, time_limit=None)
    assert works == [0.25 * WHOLE_WORK] * 2


def test_given_rows_are_chosen_by():
    held_out = (np.linspace(0.0, 6.0, 50), np.sin(np.linspace(0.0, 6.0, 50)))
    seen = []

    def train(data):
        seen.append((len(data.X), len(data.held_out_X)))
        return constant(lambda data: 0.0)(data)

    pml.boost(X, Y, stages=1, trainer=train, validation=held_out)
    assert seen == [(600, 50)]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"stages": 0}, "stages: expected an integer >= 1, got 0"),
        ({"effort": -1.0}, "effort: expected a number >= 0, got -1.0"),
        ({"time_limit": -1.0}, "time_limit: expected a number of seconds >= 0 or None, got -1.0"),
        ({"stages": 3, "trainer": [constant(lambda data: 0.0)]}, "trainer: expected 3 of them, one for each stage"),
    ],
)
def test_bad_options_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        pml.boost(X, Y, **keywords)


@pytest.mark.parametrize("omega", [3.0, 20.0])
def test_the_frequency_of_a_sine_is_found(omega):
    rows = np.random.default_rng(1).uniform(-2.0, 2.0, size=(3000, 1))
    assert frequency(rows, np.sin(omega * rows + 0.3)) == pytest.approx(omega, rel=0.5)


def test_the_frequency_of_what_cannot_turn_is_zero():
    assert frequency(np.zeros((10, 2)), RNG.normal(size=(10, 1))) == 0.0
    assert frequency(RNG.normal(size=(10, 2)), np.zeros((10, 1))) == 0.0


def worker():
    return Worker(Crew(1, math.inf), Run(None, None))


def descent_of(mlp, held_out_y=Y):
    rows = np.random.default_rng(0).permutation(len(X))
    held_out = Table(X[:100] / 3.0 - 1.0, held_out_y[:100, None])
    return Descent(mlp, mlp.initialize(0), Table(X[rows] / 3.0 - 1.0, Y[rows, None]), held_out)


def test_a_descent_ends_at_the_floor_on_all_rows():
    mlp = pml.MLP((1, 6, 1))
    descent = descent_of(mlp)
    first, works = descent.params, []
    while not descent.ended:
        works.append(descent.work)
        descent.advance(worker())
        assert len(works) < 100
    assert descent.status in (Status.AT_FLOOR, Status.STALLED)
    assert descent.n_rows == len(X)
    assert descent.loss < 1e-16
    assert max(works) < 2e9
    np.testing.assert_array_equal(first, mlp.initialize(0))


def test_held_out_rows_far_worse_than_those_trained_on_ask_for_more():
    descent = descent_of(pml.MLP((1, 6, 1)), held_out_y=Y + 1.0)
    assert descent.n_rows < len(X)
    before, work = descent.n_rows, 0.0
    while descent.n_rows == before:
        work += descent.work
        descent.advance(worker())
    assert work < 1e10


def test_many_parameters_are_left_to_quasi_newton_methods():
    descent = descent_of(pml.MLP((1, 50, 50, 1)))
    descent.advance(worker())
    before = descent.loss
    descent.advance(worker())
    assert descent.n_rows == 600
    assert descent.loss < before


def test_a_descent_that_is_told_to_stop_does_no_step():
    descent = descent_of(pml.MLP((1, 6, 1)))
    run = Run(None, None)
    run.ended = True
    descent.advance(Worker(Crew(1, math.inf), run))
    assert descent.n_steps == 0
    assert not descent.ended


def test_the_default_trainer_takes_sines_for_a_residual_that_turns_fast():
    fast = np.sin(40.0 * X)
    data = StageData(X, fast, X, fast, 1, 0.0, np.random.default_rng(0), 1)
    assert train_stage(data).mlp.activation == "sin"
    slow = StageData(X, np.sin(X), X, np.sin(X), 1, 0.0, np.random.default_rng(0), 1)
    assert train_stage(slow).mlp.activation == "tanh"


def test_weights_reach_every_stage_and_the_choice():
    weight = np.where(X[:, 0] < 3.0, 1.0, 0.0)
    y = np.where(X[:, 0] < 3.0, Y, 5.0)  # the rows without weight tell another story
    model = pml.boost(X, y, sample_weight=weight, effort=0.008)
    left = X[X[:, 0] < 3.0]
    assert relative_rmse(model, left, np.sin(left[:, 0])) < 1e-9


def test_ctrl_c_ends_the_sum_with_the_stages_there_are():
    def interrupted(data):
        os.kill(os.getpid(), signal.SIGINT)
        return constant(lambda data: np.mean(data.y, axis=0))(data)

    assert len(pml.boost(X, Y, stages=5, trainer=interrupted).stages) == 1
