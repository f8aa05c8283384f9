"""What a fit keeps of the models it is offered, and what its report says of them."""

from types import SimpleNamespace

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting.session import MOST_JUDGED, Session
from pml_native.report import Errors


@pytest.fixture
def session(monkeypatch):
    x = np.linspace(0.0, 1.0, 20)
    samples = as_samples(x, x)
    # These polynomials fit nothing: they stand for models of the errors that they are offered with.
    monkeypatch.setattr(Session, "judged", lambda self, model, errors: errors.rmse)
    return Session(samples, samples, 60.0, None, 1, SimpleNamespace(requested=False), None)


def offered(session, n_terms, rmse, **options):
    """A polynomial of so many terms, offered and put on record with this error."""
    model = pml.Polynomial(np.arange(n_terms)[:, None], np.ones(n_terms))
    errors = Errors(rmse, rmse, rmse)
    session.offer(lambda: model, errors, **options)
    session.record("polynomial", model, f"{n_terms} terms", errors, 0.0, "")
    return model


def test_near_rounding_fewer_parameters_win_and_the_report_says_so(session):
    offered(session, 9, 3e-16)
    simple = offered(session, 2, 5e-15, simpler=True)
    assert session.best is simple
    assert session.chosen.description == "2 terms"


def test_more_parameters_or_larger_errors_than_rounding_do_not_win(session):
    first = offered(session, 5, 3e-16)
    offered(session, 9, 5e-15, simpler=True)
    offered(session, 2, 1e-12, simpler=True)
    offered(session, 2, 5e-15)
    assert session.best is first
    assert session.chosen.description == "5 terms"


def test_a_session_within_another_hands_its_models_on(session):
    inner = session.part(0.5)
    model = offered(inner, 3, 1e-9)
    assert session.best is model
    other = offered(session, 2, 1e-30)
    inner.exchange(model)  # refitted, but no longer the best
    assert session.best is other


def test_rows_that_models_are_judged_by_have_weight_even_if_every_second_has_none():
    n = 4 * MOST_JUDGED
    x = np.linspace(0.0, 1.0, n)
    samples = as_samples(x, x, np.arange(n) % 2)
    session = Session(samples, samples.take(np.arange(10)), 60.0, None, 1, SimpleNamespace(requested=False), None)
    model = pml.Polynomial([[0]], [1.0])
    errors = Errors(0.1, 0.1, 0.1)
    assert session.judged(model, errors) == pytest.approx(1.0, rel=0.05)  # the RMS of 1 - x is that of x
