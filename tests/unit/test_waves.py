"""Sums of waves with a learned phase: what the search finds, and what the model is."""

import functools

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.hold_out import split
from pml_native.models import Signature
from pml_native.search.scheduler import Crew, Next, Start, State
from pml_native.search.search import Rows, errors_at, run_alone
from pml_native.search.waves import WavesSearch
from pml_native.search.waves_descent import CLASSES, Shape, phase_design, phase_slopes

EFFORT = 0.02


def chirp(X):
    return np.cos(X[:, 1] * X[:, 0] + X[:, 2] * X[:, 0] ** 2)


def damped(X):
    return np.exp(-0.3 * X[:, 0]) * np.cos((3.0 + X[:, 1] ** 2) * X[:, 0])


def spectrum(X):
    return 1.0 / (2.0 + np.cos(7.0 * X[:, 0] * np.sqrt(X[:, 1]) + 1.0))


CASES = {
    "chirp": (chirp, [(0.0, 5.0), (2.0, 6.0), (0.1, 1.0)]),
    "damped": (damped, [(0.0, 6.0), (0.2, 1.5)]),
    "spectrum": (spectrum, [(0.5, 3.0), (1.0, 3.0)]),
}


def rows_of(f, bounds, n=1000):
    rng = np.random.default_rng(0)
    X = rng.uniform(*np.transpose(bounds), size=(n, len(bounds)))
    return Rows.of(*split(as_samples(X, f(X)), None, rng), rng)


@functools.cache
def found_in(name):
    return run_alone(WavesSearch(rows_of(*CASES[name])), effort=EFFORT, time_limit=None, n_threads=1)


def shape(**options):
    plain = Shape(0, -1.0, 3, CLASSES, (2, 2), (2, 1), (None, None))
    return plain._replace(**options)


@pytest.mark.parametrize("name", CASES)
def test_waves_are_found_to_rounding_or_nearly(name):
    f, bounds = CASES[name]
    found = found_in(name)
    X = np.random.default_rng(1).uniform(*np.transpose(bounds), size=(1000, len(bounds)))
    assert np.sqrt(np.mean((found.model(X) - f(X)) ** 2) / np.mean(f(X) ** 2)) < 1e-9


def test_a_chirp_ends_as_one_term():
    found = found_in("chirp")
    assert found.model.model.n_params == 1
    assert found.is_exact


def test_it_is_made_again_of_all_rows():
    found, rows = found_in("damped"), rows_of(*CASES["damped"])
    again = found.refit(rows.held_out)
    assert errors_at(rows.train, again.evaluate(rows.train.X)).rmse < 1e-6


def test_a_search_that_waits_for_waves_ends_where_there_are_none():
    class Watched:
        prospect, state, found = 0.0, State.RUNNING, ()

        def steps(self):
            rows = rows_of(lambda X: np.exp(X[:, 0] * X[:, 1]), [(0.0, 1.0)] * 2)
            [run] = yield Start([WavesSearch(rows, only_if_shown=True)])
            run.allow(np.inf)
            while self.state is State.RUNNING:
                event = yield Next(run)
                self.state, self.found = event.state, (*self.found, event.found)

    watch = Watched()
    Crew(1, np.inf).run(watch)
    assert watch.state is State.ENDED
    assert not any(watch.found)


def test_the_phase_is_0_at_the_origin_and_its_derivatives_are_right():
    one = shape(origin=-0.7)
    z = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 2))
    assert np.max(np.abs(phase_design(one, np.column_stack([np.full(20, -0.7), z[:, 1]])))) < 1e-15
    step = 1e-6
    for j in range(2):
        moved = step * np.eye(2)[j]
        difference = (phase_design(one, z + moved) - phase_design(one, z - moved)) / (2.0 * step)
        assert np.allclose(phase_slopes(one, z)[:, :, j], difference, atol=1e-8)


def test_mirrored_inputs_have_every_second_degree():
    odd = shape(parities=(None, 1))
    assert set(odd.amplitude_terms()[:, 3]) == {1, 3, 5}
    assert set(odd.phase_terms()[:, 1]) <= {0, 2, 4}


def test_classes_of_harmonics_are_those_named():
    cosines = shape(classes=(0,)).amplitude_terms()
    assert set(cosines[:, 0]) == {1, 3}
    assert not cosines[:, 1].any()


def test_one_output_that_varies_is_needed():
    rows = rows_of(lambda X: np.ones(len(X)), [(0.0, 1.0)])
    with pytest.raises(ValueError, match="y: expected values that vary"):
        WavesSearch(rows)


def line(d, m=1):
    return pml.Polynomial(np.eye(d, dtype=int)[:1], np.ones((1, m)))


def test_a_model_refuses_parts_that_do_not_fit():
    with pytest.raises(ValueError, match=r"columns: expected numbers of 2 inputs, got \[2\]"):
        pml.Waves(line(3), line(2), [2])
    with pytest.raises(ValueError, match=r"model: expected a model of 3, two for each phase .* got 2 inputs"):
        pml.Waves(line(2), line(2), [0])
    with pytest.raises(ValueError, match=r"bounds: expected \(2, 2\), got \(2,\)"):
        pml.Waves(line(2), line(2), bounds=[0.0, 1.0])
    with pytest.raises(ValueError, match="signature: expected 2 inputs"):
        pml.Waves(line(2), line(2), signature=Signature(3, 1))


def test_fit_takes_waves():
    f, bounds = CASES["spectrum"]
    X = np.random.default_rng(0).uniform(*np.transpose(bounds), size=(400, 2))
    model = pml.fit(X, f(X), method="waves", effort=0.005, progress=False)
    assert model.report.family == "waves"
    assert model.report.error < 1e-3


def test_columns_of_few_values_show_no_waves():
    X = np.stack(np.meshgrid([0.0, 1.0, 2.0, 3.0, 4.0], np.arange(60.0), indexing="ij"), axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(0)
    rows = Rows.of(*split(as_samples(X, X[:, 0] * np.sqrt(X[:, 1])), None, rng), rng)
    assert np.isfinite(run_alone(WavesSearch(rows), effort=0.001, time_limit=None, n_threads=1).error)
