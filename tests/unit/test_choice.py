"""Which of the models found is taken, where the best at the rows is in doubt."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.coverage import Coverage
from pml_native.facts import Facts
from pml_native.fitting.agreement import Box
from pml_native.fitting.choice import Choice
from pml_native.fitting.clock import Clock
from pml_native.fitting.expected import Witnesses
from pml_native.fitting.race import Race
from pml_native.hold_out import split
from pml_native.report import Errors
from pml_native.search.search import Found, Rows

LITTLE = 0.01


class Line:
    """x0 + `wrong` where x0 > `start`; no value where both inputs are above `ends`."""

    n_params = n_params_of_a_value = 1

    def __init__(self, wrong, start=-np.inf, ends=np.inf):
        self.wrong, self.start, self.ends = wrong, start, ends

    def evaluate(self, X):
        values = X[:, 0] + np.where(X[:, 0] > self.start, self.wrong, 0.0)
        return np.where(X.min(axis=1) > self.ends, np.nan, values)[:, None]

    def undecided(self, X):
        return np.zeros((len(X), 1))

    def made(self, samples):
        return self


def found(maker, error, *line):
    model = Line(*line)
    errors = Errors(error, error, error)
    return Found(model, errors, error, maker, maker, maker, "", refit=model.made, nearby=model.made)


def taken(*models, is_settled=False, n=400):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.uniform(0.0, 0.5, size=(n, 2)), np.eye(2)])
    samples = as_samples(X, X[:, 0])
    rows = Rows.of(samples, samples, rng)
    race = Race(rows, (), rng, 1e9)
    for one in models:
        race.consider(one)
    facts = Facts.of(samples)
    box, coverage = Box(samples, rng, 1), Coverage.of(X, facts)
    witnesses = Witnesses(box, facts, coverage, rng, len(X), work=1e9, clock=Clock())
    choice = Choice(race, samples, samples, samples, witnesses, is_final=True, is_settled=is_settled)
    return choice.of(race.best), race


def test_a_model_without_a_value_in_the_box_loses_its_place():
    result, race = taken(found("a", 1e-12, 1e-12, -np.inf, 0.6), found("b", 1e-9, 1e-9), found("c", 1e-8, -1e-8))
    assert result.found.maker == "b"
    assert result.known.without_value == 0.0
    assert "is taken" in race.path[-1]


def test_a_model_with_the_only_values_stays():
    result, race = taken(found("a", 1e-9, 1e-9), found("b", 1e-3, 1e-3, -np.inf, 0.6))
    assert result.found.maker == "a"
    assert race.path == []


def test_what_the_user_has_settled_stays():
    result, _ = taken(found("a", 1e-12, 1e-12, -np.inf, 0.6), found("b", 1e-9, 1e-9), is_settled=True)
    assert result.found.maker == "a"
    assert result.known.without_value > 0.1


@pytest.mark.parametrize("seed", range(4))
def test_a_model_of_few_rows_has_a_value_wherever_it_is_asked(seed):
    X = np.random.default_rng(seed).uniform(size=(12, 3))
    y = np.cos(X.sum(axis=1)) + X[:, 0] ** 3
    model = pml.fit(X, y, effort=LITTLE, random_state=seed)
    low, high = X.min(axis=0), X.max(axis=0)
    values = model(low + (high - low) * np.random.default_rng(5).uniform(size=(20_000, 3)))
    assert np.isfinite(values).all() or "NaN" in " ".join(model.report.warnings)


def test_all_rows_of_a_large_table_are_gone_through_once_and_those_refitted_to_lie_near_its_faces():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.0, 1.0, size=(30_000, 2))
    samples = as_samples(X, X[:, 0])
    train, held_out = split(samples, None, rng)
    race = Race(Rows.of(train, held_out, rng), (), rng, 1e9)
    seen, refitted_to = [], []

    class Counted(Line):
        def evaluate(self, X):
            seen.append(len(X))
            return super().evaluate(X)

    def made(samples):
        refitted_to.append(samples.X)
        return Counted(1e-13)

    errors = Errors(1e-12, 1e-12, 1e-12)
    race.consider(Found(Counted(1e-12), errors, 1e-12, "a", "a", "a", "", refit=made, refit_rows=2000))
    facts = Facts.of(samples)
    box = Box(samples, rng, 1)
    witnesses = Witnesses(box, facts, Coverage.of(X, facts), rng, held_out.n, work=0.0, clock=Clock())
    taken = Choice(race, samples, train, held_out, witnesses, is_final=False, is_settled=True).of(race.best)
    assert taken.whole.model.wrong == 1e-13
    assert taken.found.errors.rmse == pytest.approx(1e-12 / np.sqrt(np.mean(held_out.y**2)))
    assert len(refitted_to[0]) == 2000
    assert np.mean(np.any((refitted_to[0] < 0.01) | (refitted_to[0] > 0.99), axis=1)) > 0.08
    assert sum(seen) <= samples.n + held_out.n + 2 * len(box.points)
