"""Quotients of exponentials and of waves: found in rows to rounding, with their rates, and not where y is none."""

import functools

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.hold_out import split
from pml_native.search.exponentials import ExponentialsSearch
from pml_native.search.scheduler import Crew
from pml_native.search.search import Alone, Rows

LAWS = {
    "a relaxation": (lambda x: 2.0 - 3.0 * np.exp(-x / 7.0), -1.0 / 7.0),
    "a hyperbolic tangent": (lambda x: np.tanh(0.8 * x - 2.0), -1.6),
    "a step of Fermi and Dirac": (lambda x: 4.0 / (np.exp((x - 3.0) / 0.7) + 1.0) + 1.0, -1.0 / 0.7),
    "a hyperbolic cotangent": (lambda x: 1.0 / np.tanh(1.3 * x), -2.6),
    "a soliton": (lambda x: np.cosh(x - 2.0) ** -2, -1.0),
    "Planck's spectrum": (lambda x: x**3 / np.expm1(1.7 * x), -1.7),
    "a specific heat": (lambda x: (x / np.sinh(x)) ** 2, -2.0),
    "Langevin's function": (lambda x: 1.0 / np.tanh(x) - 1.0 / x, -2.0),
    "Arrhenius' law": (lambda x: 5.0 - 3.0 * np.exp(-2.5 / x), -2.5),
    "quanta in an oscillator": (lambda x: 1.0 / np.expm1(0.9 / x), -0.9),
    "a tangent": (lambda x: np.tan(0.2 * x), 0.2),
    "the square of a sine": (lambda x: np.sin(4.0 * x + 0.3) ** 2, 8.0),
}


def rows(n=300, seed=0):
    """Few of them are near the upper end, as of a product of columns."""
    rng = np.random.default_rng(seed)
    return 0.2 + 7.0 * rng.uniform(size=n) * rng.uniform(size=n)


@functools.cache
def searched(name, only_if_shown=True):
    x = rows()
    return searched_in(x, LAWS[name][0](x), only_if_shown)


def searched_in(x, y, only_if_shown=True, sample_weight=None):
    rng = np.random.default_rng(1)
    search = ExponentialsSearch(
        Rows.of(*split(as_samples(x, y, sample_weight), None, rng), rng), only_if_shown=only_if_shown
    )
    alone = Alone(search, np.inf)
    Crew(1, np.inf, needed=lambda: False).run(alone)
    return alone.best


@pytest.mark.parametrize("name", LAWS)
def test_laws_of_few_exponentials_are_found_to_rounding_far_from_all_rows(name):
    law, rate = LAWS[name]
    found = searched(name)
    x = np.linspace(0.2, 7.2, 500)
    assert np.max(np.abs(found.model(x) - law(x))) < 3e-13 * np.max(np.abs(law(x)))
    assert f"{rate:.6g}" in found.description or f"{abs(rate):.6g}" in found.description


def test_what_is_not_needed_is_left_out():
    assert searched("a soliton").description == "1 over 3 terms of exp(-2 x)"
    assert searched("Planck's spectrum").model.n_params <= 5


@pytest.mark.parametrize(
    "law", [lambda x: np.exp(-(x**2)), np.sqrt, np.log, lambda x: np.exp(-x) + np.exp(-2.3 * x)], ids="gsl2"
)
def test_what_is_no_such_law_shows_none(law):
    assert searched_in(rows(), law(rows())) is None


def test_by_itself_the_search_always_has_a_model():
    found = searched_in(rows(), np.exp(-(rows() ** 2)), only_if_shown=False)
    assert found.error < 1e-3
    few = searched_in(rows(7), np.sqrt(rows(7)), only_if_shown=False)
    assert np.isfinite(few.error)


def test_a_denominator_has_no_zero_between_the_rows():
    x = np.concatenate([np.linspace(-3.0, -0.2, 100), np.linspace(0.2, 3.0, 100)])
    assert searched_in(x, 1.0 / np.tanh(x)) is None


@pytest.mark.parametrize(("origin", "scale"), [(0.0, 1e-200), (0.0, 1e200), (1e6, 1.0), (-40.0, 1.0)])
def test_units_and_places_of_the_column_do_not_matter(origin, scale):
    x = rows()
    found = searched_in(origin + scale * x, 3.0 * np.tanh(0.8 * x - 2.0))
    assert found.error < (1e-9 if origin == 1e6 else 1e-14)  # x itself has 10 digits there
    assert found.model.n_params <= (8 if origin == 1e6 else 6)


def test_weights_choose_what_is_met():
    x = rows()
    y = np.tanh(x) + np.where(x > 5.0, 0.1, 0.0)
    found = searched_in(x, y, sample_weight=np.where(x > 5.0, 1e-20, 1.0))
    assert np.max(np.abs(found.model(x[x < 5.0]) - np.tanh(x[x < 5.0]))) < 1e-9


def test_fit_takes_them_of_what_a_symmetry_leaves(tmp_path):
    """As in the flow between plates: only one variable is left, and rows are few where it is largest."""
    rng = np.random.default_rng(4)
    low, high = [0.5, 1.0, 1.0], [2.0, 4.0, 3.0]
    X, X_new = rng.uniform(low, high, (800, 3)), rng.uniform(low, high, (4000, 3))

    def flow(X):
        return X[:, 0] / np.tanh(X[:, 1] * X[:, 2])

    model = pml.fit(X, flow(X), effort=0.1, time_limit=None, n_threads=1, progress=False)
    assert model.report.family == "exponentials"
    assert np.max(np.abs(model(X_new) - flow(X_new))) < 1e-14
    assert str(model.formula()) == "x0/tanh(x1*x2)"
    model.save(tmp_path / "flow.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "flow.pml")(X_new), model(X_new))


def test_a_formula_of_a_large_rate_takes_no_minutes():
    T = np.random.default_rng(0).uniform(200.0, 900.0, 300)
    model = pml.fit(T, 3.0 + 2e3 * np.exp(-1234.5 / T), effort=0.1, n_threads=1, progress=False)
    assert str(model.formula()) == "3 + 2000*exp(-2469/(2*x0))"


def test_other_tables_than_of_one_column_are_refused():
    X = np.random.default_rng(0).uniform(size=(50, 2))
    with pytest.raises(ValueError, match="method 'exponentials' takes one column, got 2"):
        pml.fit(X, X[:, 0], method="exponentials")
