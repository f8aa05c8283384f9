"""The search for networks: what it finds with little effort, and that it repeats itself. Work is counted, not seconds."""

import math
import warnings

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.hold_out import split
from pml_native.problems import equations
from pml_native.search import network
from pml_native.search.network import NetworkSearch, prospect
from pml_native.search.scheduler import Crew, Run, Step, Worker
from pml_native.search.search import Found, Rows, run_alone


def rows_of(X, y, sample_weight=None):
    rng = np.random.default_rng(0)
    train, held_out = split(as_samples(X, y, sample_weight), None, rng)
    return Rows.of(train, held_out, rng)


def found_by(rows, effort=0.002, n_threads=1):
    search = NetworkSearch(rows, np.random.default_rng(0))
    return run_alone(search, effort=effort, time_limit=None, n_threads=n_threads)


def step_by_step(search, n_steps):
    """The models that a search has yielded when it is dropped after so many steps."""
    worker, found, value = Worker(Crew(1, math.inf), Run(None, None)), [], None
    steps = search.steps()
    while n_steps > 0:
        command = steps.send(value)
        value = None
        if isinstance(command, Found):
            found.append(command)
        else:
            assert all(isinstance(step, Step) and step.work > 0 for step in command)
            value = [step.function(worker) for step in command]
            n_steps -= 1
    while isinstance(command := steps.send(value), Found):
        found.append(command)
        value = None
    steps.close()
    return found


def relative_rmse(model, X, y):
    return np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2))


RNG = np.random.default_rng(1)
X2 = RNG.uniform(0.5, 2.0, (400, 2))
Y2 = np.exp(-X2[:, 0]) * X2[:, 1] ** 2
SMALL = rows_of(X2, Y2)


def test_a_relativistic_mass_is_met_with_little_effort():
    equation = equations["I.10.7"]
    found = found_by(rows_of(*equation.sample(1000, 0)), effort=0.006)
    assert relative_rmse(found.model, *equation.sample(1000, 1)) < 3e-4
    assert found.family == "network"
    assert found.error < 3e-4


@pytest.fixture
def short_rounds(monkeypatch):
    """A tenth of the work in each round."""
    monkeypatch.setattr(network, "FIRST_WORK", 0.1 * network.FIRST_WORK)


def test_a_second_network_takes_what_the_first_leaves(short_rounds):
    x = np.random.default_rng(2).uniform(-1.0, 1.0, (300, 1))
    found = found_by(rows_of(x, np.exp(x[:, 0])), effort=0.008)
    assert found.description.startswith("sum of 2 networks")
    assert found.error < 1e-13


def test_wider_networks_come_once_coordinates_are_chosen(short_rounds):
    x = np.random.default_rng(2).uniform(-1.0, 1.0, (400, 1))
    rows = rows_of(x, np.sin(40.0 * x[:, 0]))
    found = step_by_step(NetworkSearch(rows, np.random.default_rng(0)), 30)
    assert {"1-20-1 tanh", "1-40-1 tanh"} <= {one.description for one in found}


def test_the_same_rows_and_seed_give_the_same_bits_for_any_number_of_threads(short_rounds):
    one, two = (found_by(SMALL, effort=0.006, n_threads=n) for n in (1, 2))
    assert one.errors == two.errors
    assert one.description == two.description
    np.testing.assert_array_equal(one.model(X2), two.model(X2))


@pytest.mark.parametrize("n_steps", [1, 2, 3, 10])
def test_it_can_be_dropped_after_any_step_and_what_was_found_is_kept(n_steps):
    found = step_by_step(NetworkSearch(SMALL, np.random.default_rng(0)), n_steps)
    assert found
    assert min(one.error for one in found) < 1.0
    again = step_by_step(NetworkSearch(SMALL, np.random.default_rng(0)), n_steps + 1)
    assert [one.error for one in again[: len(found)]] == [one.error for one in found]


def test_a_search_without_work_finds_a_model():
    assert np.isfinite(found_by(SMALL, effort=0.0).model(X2)).all()


def test_several_outputs_are_fitted_together():
    y = np.column_stack([Y2, -3.0 * X2[:, 1], np.sin(X2[:, 0])])
    found = found_by(rows_of(X2, y), effort=0.005)
    assert found.model(X2).shape == (400, 3)
    assert found.error < 1e-2


def test_rows_of_weight_0_are_not_heard():
    weight = np.where(X2[:, 0] < 1.5, 1.0, 0.0)
    found = found_by(rows_of(X2, np.where(weight > 0, Y2, -7.0), weight), effort=0.004)
    heard = weight > 0
    assert relative_rmse(found.model, X2[heard], Y2[heard]) < 1e-3


def test_a_column_that_is_constant_does_no_harm():
    found = found_by(rows_of(np.column_stack([X2, np.full(400, 5.0)]), Y2), effort=0.003)
    assert found.error < 1e-2


def test_an_output_that_is_constant_is_met():
    assert found_by(rows_of(X2, np.full(400, 7.0))).error < 1e-12


@pytest.mark.parametrize("n", [3, 10])
def test_few_rows_have_a_small_network(n):
    x = np.linspace(-1.0, 1.0, n)[:, None]
    found = found_by(rows_of(x, np.exp(x[:, 0])))
    assert found.model.n_params <= 20
    assert np.isfinite(found.model(x)).all()


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_extreme_scales_make_no_warning(size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = found_by(rows_of(X2 * size, Y2 * size), effort=0.003)
    assert found.error < 1e-2


def test_the_prospect_is_0_until_two_rounds_tell_how_the_error_falls():
    assert prospect([]) == prospect([1e-3]) == 0.0
    # A digit a round, for two rounds and half as many again.
    assert prospect([1e-2, 1e-3]) == pytest.approx(1e-6)
    assert prospect([1e-2, 1e-3, 1e-3]) == pytest.approx(1e-6)
    assert prospect([1e-3, 1e-3, 1e-3]) == pytest.approx(1e-3)
    assert prospect([math.inf, math.inf]) == 0.0


def test_its_prospect_is_beyond_what_it_has_found(short_rounds):
    search = NetworkSearch(SMALL, np.random.default_rng(0))
    found = run_alone(search, effort=0.008, time_limit=None, n_threads=1)
    assert 0.0 < search.prospect <= found.error


def test_models_can_be_saved_and_evaluate_on_one_thread(tmp_path):
    found = found_by(SMALL)
    assert found.model.n_threads == 1
    found.model.save(tmp_path / "model")
    np.testing.assert_array_equal(pml.load(tmp_path / "model")(X2), found.model(X2))
