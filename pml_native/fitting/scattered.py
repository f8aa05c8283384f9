"""How `fit` trains the families for scattered points: each by its own search on the session."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from ..arrays import Array
from ..models import Signature, SimplexInterpolator
from ..search import random_features as features
from ..search.coordinates import Found, Search
from ..search.polynomial import PolynomialSearch
from ..search.products import ProductSearch
from ..search.radial import CHOICES, choose_kernel
from ..search.rational import RationalSearch
from .session import Measured, Session


def train_polynomial(
    session: Session, rng: np.random.Generator, *, share: float = 1.0, most_seconds: float = math.inf
) -> None:
    """Offers polynomials in several coordinates, in a share of the time limit."""
    search = partial(
        PolynomialSearch,
        corners=session.corners,
        n_threads=session.n_threads,
        should_stop=lambda: session.should_stop,
    )
    _train_by(search, session, rng, "polynomial", share, most_seconds)


def train_rational(
    session: Session,
    rng: np.random.Generator,
    *,
    share: float = 1.0,
    most_seconds: float = math.inf,
    only_simpler: bool = False,
) -> None:
    """Offers quotients of polynomials in several coordinates, in a share of the time limit.

    `only_simpler` for one of fewer terms than an exact model has: that there is one already is no reason to stop.
    """
    should_stop = (lambda: session.is_over) if only_simpler else (lambda: session.should_stop)
    search = partial(RationalSearch, corners=session.corners, n_threads=session.n_threads, should_stop=should_stop)
    _train_by(search, session, rng, "rational", share, most_seconds)


def train_products(
    session: Session, rng: np.random.Generator, *, share: float = 1.0, most_seconds: float = math.inf
) -> None:
    """Offers sums of products of functions of one input each, in a share of the time limit; for one output alone.

    Raises ValueError for data that have none where nothing else has been tried.
    """
    m = session.train.y.shape[1]
    if m > 1 or not np.ptp(session.train.y) > 0:
        if session.best is None:
            raise ValueError(f"y: method 'separable' takes one output, got {m}; fit them one by one")
        return
    search = partial(ProductSearch, should_stop=lambda: session.should_stop)
    _train_by(search, session, rng, "separable", share, most_seconds)


def _train_by(
    make_search: Callable[..., Search],
    session: Session,
    rng: np.random.Generator,
    family: str,
    share: float,
    most_seconds: float,
) -> None:
    """Offers what a search finds, and records the best in each of the coordinates that it looks in."""
    found: dict[str, Found] = {}

    def offer(one: Found) -> None:
        found[one.coordinates] = one
        session.offer(lambda: one.model, one.errors, simpler=True)
        session.show(f"{family} of {one.description}", one.errors)

    search = make_search(
        session.train,
        session.validation,
        rng=rng,
        seconds=min(share * session.time_limit, most_seconds, session.remaining),
        offer=offer,
    )
    search.run()
    if search.best is not None and session.best is search.best.model and not session.validation_is_given:
        session.exchange(search.best_model(refit=True))
    for one in found.values():
        status = "best in its coordinates"
        maker = f"{family} {one.coordinates}"
        session.record(family, one.model, one.description, one.errors, one.seconds, status, maker)


def train_random_features(session: Session, rng: np.random.Generator) -> None:
    """Offers networks with frozen hidden layers."""

    def offer(one: features.Found) -> None:
        session.offer(lambda: one.model, one.errors)
        session.show(one.description, one.errors)
        session.record("random_features", one.model, one.description, one.errors, session.elapsed, "solved")

    features.search_features(
        session.train,
        session.validation,
        features.choices(),
        n_features=None,
        seconds=session.remaining,
        rng=rng,
        offer=offer,
        should_stop=lambda: session.should_stop,
        n_threads=session.n_threads,
    )


def train_rbf(session: Session, rng: np.random.Generator) -> None:
    """Offers the radial basis functions that suit best."""
    start = time.perf_counter()
    found = choose_kernel(
        session.train,
        session.validation,
        list(CHOICES),
        None,
        session.remaining,
        rng,
        should_stop=lambda: session.should_stop,
        n_threads=session.n_threads,
    )
    session.offer(lambda: found.model, found.errors)
    seconds = time.perf_counter() - start
    session.record("rbf", found.model, repr(found.model), found.errors, seconds, "solved")


def train_simplex(session: Session, rng: np.random.Generator) -> None:
    """Offers the interpolant of all rows, with the errors that the one of the training rows has on those held out."""
    start = time.perf_counter()
    train, held_out = session.train, session.validation
    model = _interpolant(train.X, train.y, session)
    errors = session.validation_errors(model)
    X, y = (
        (train.X, train.y)
        if session.validation_is_given
        else (
            np.concatenate([train.X, held_out.X]),
            np.concatenate([train.y, held_out.y]),
        )
    )
    measured = Measured(model, held_out.X, held_out.y)
    session.offer(lambda: _interpolant(X, y, session), errors, measured=measured)
    session.record("simplex", model, repr(model), errors, time.perf_counter() - start, "interpolated")


def _interpolant(X: Array, y: Array, session: Session) -> SimplexInterpolator:
    # Rows that contradict each other have been warned about, and a model must answer everywhere.
    model = SimplexInterpolator(X, y, outside="linear", duplicates="average", n_threads=session.n_threads)
    model.signature = Signature.of(session.train)
    return model
