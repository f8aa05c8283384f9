"""The search for networks, beyond what all searches hold: its rounds, widths, second networks, and prospect."""

import math

import numpy as np
import pytest

from pml_native.arrays import as_samples
from pml_native.hold_out import split
from pml_native.models import Transformed
from pml_native.problems import equations
from pml_native.search import descent, network
from pml_native.search.network import NetworkSearch, hope
from pml_native.search.scheduler import Crew, Run, Step, Worker
from pml_native.search.search import Found, Rows, run_alone
from pml_native.search.training import candidate_coordinates


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
    """A fifteenth of the work in each round, in steps of a quarter."""
    monkeypatch.setattr(network, "FIRST_WORK", network.FIRST_WORK / 15.0)
    monkeypatch.setattr(descent, "LOOK_WORK", descent.LOOK_WORK / 4.0)


def test_wider_and_second_networks_come_once_coordinates_are_chosen(short_rounds):
    x = np.random.default_rng(2).uniform(0.0, 6.0, (300, 1))
    found = step_by_step(NetworkSearch(rows_of(x, np.exp(x[:, 0])), np.random.default_rng(0)), 25)
    wider = [one for one in found if one.description.startswith("1-40-1 tanh")]
    sums = [one for one in found if one.description.startswith("sum of 2 networks")]
    single = [one for one in found[: found.index(sums[0])] if one.maker == sums[0].maker]
    assert wider
    assert sums[0].error < min(one.error for one in single)


def test_the_same_rows_and_seed_give_the_same_bits_for_any_number_of_threads(short_rounds):
    one, two = (found_by(SMALL, effort=0.006, n_threads=n) for n in (1, 2))
    assert one.errors == two.errors
    assert one.description == two.description
    np.testing.assert_array_equal(one.model(X2), two.model(X2))


def test_it_can_be_dropped_after_any_step_and_what_was_found_is_kept(short_rounds):
    whole = [one.error for one in step_by_step(NetworkSearch(SMALL, np.random.default_rng(0)), 9)]
    for n_steps in (1, 4, 8):
        part = [one.error for one in step_by_step(NetworkSearch(SMALL, np.random.default_rng(0)), n_steps)]
        assert part == whole[: len(part)] != []


def test_several_outputs_are_fitted_together():
    y = np.column_stack([Y2, -3.0 * X2[:, 1], np.sin(X2[:, 0])])
    found = found_by(rows_of(X2, y), effort=0.005)
    assert found.model(X2).shape == (400, 3)
    assert found.error < 1e-2


def test_an_output_that_is_constant_is_met():
    assert found_by(rows_of(X2, np.full(400, 7.0))).error < 1e-12


@pytest.mark.parametrize("n", [3, 10])
def test_few_rows_have_a_small_network(n):
    x = np.linspace(-1.0, 1.0, n)[:, None]
    found = found_by(rows_of(x, np.exp(x[:, 0])))
    assert found.model.n_params <= 20
    assert np.isfinite(found.model(x)).all()


def test_logarithms_are_tried_of_what_is_positive_and_spans_enough():
    X = np.column_stack([X2[:, 0], X2[:, 0] + 100.0, X2[:, 1] - 1.0])
    names = [(one.inputs, one.outputs) for one in candidate_coordinates(rows_of(X, Y2))]
    given, logarithms = ("identity",) * 3, ("log", "identity", "identity")
    links = ("identity",), ("log",)
    assert names == [(given, links[0]), (logarithms, links[0]), (logarithms, links[1]), (given, links[1])]
    # Where a model may be asked at 0, there is no logarithm.
    rows = rows_of(X2, Y2)
    corners = Rows(rows.train, rows.held_out, np.zeros((1, 2)))
    assert all(one.inputs == ("identity",) * 2 for one in candidate_coordinates(corners))


def test_models_in_logarithms_are_of_x_and_y():
    X = np.exp(RNG.uniform(-5.0, 5.0, (300, 2)))
    found = found_by(rows_of(X, X[:, 0] ** 2 / X[:, 1]), effort=0.003)
    assert isinstance(found.model, Transformed)
    assert found.description.endswith("log X log y")
    assert found.error < 1e-4


def test_what_further_rounds_bring_follows_from_how_the_error_fell():
    assert hope([]) == hope([1e-3]) == hope([math.inf, 1e-3]) == 0.0
    # A digit a round, for two rounds and half as many again.
    assert hope([1e-2, 1e-3]) == pytest.approx(1e-3)
    assert hope([1e-2, 1e-3, 1e-3]) == pytest.approx(1e-3)
    assert hope([1e-2, 1e-3, 1e-3, 1e-3]) == pytest.approx(1.0)


def test_its_prospect_is_never_above_what_it_has_found(short_rounds):
    search = NetworkSearch(SMALL, np.random.default_rng(0))
    assert search.prospect == 0.0
    found = run_alone(search, effort=0.006, time_limit=None, n_threads=1)
    assert 0.0 < search.prospect <= found.error
