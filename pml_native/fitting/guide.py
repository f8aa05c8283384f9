"""The user's guide to precision: which families to try on these data, in which order, and why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import Samples
from ..facts import Facts
from ..search.network import train_networks
from ..search.spline import Grid, is_grid, train_splines
from .reduced import train_reduced
from .scattered import (
    train_polynomial,
    train_products,
    train_random_features,
    train_rational,
    train_rbf,
    train_simplex,
)
from .session import Session

Trainer = Callable[[Session, np.random.Generator], None]

# Each trainer offers its models to the session. A new family adds its line here.
TRAINERS: dict[str, Trainer] = {
    "network": train_networks,
    "polynomial": train_polynomial,
    "random_features": train_random_features,
    "rational": train_rational,
    "rbf": train_rbf,
    "separable": train_products,
    "simplex": train_simplex,
    "spline": train_splines,
}
# Of the time: polynomials at first; sums of products; quotients of polynomials, small ones at first; what symmetries
# leave; networks that are to show symmetries, and what is kept for a last look for some.
POLYNOMIAL_SHARE, POLYNOMIAL_SECONDS = 1 / 4, 12.0
PRODUCTS_SHARE, PRODUCTS_SECONDS = 1 / 12, 5.0
FIRST_RATIONAL_SHARE, FIRST_RATIONAL_SECONDS = 1 / 12, 5.0
RATIONAL_SHARE, RATIONAL_SECONDS = 1 / 4, 15.0
REDUCED_SHARE = 2 / 3
SCOUT_SHARE, LAST_SHARE = 1 / 3, 0.1
# Relative errors that are rounding, if not the least possible: no other family would do better.
SETTLED = 2e-14
# So many terms are few: one that is made of them goes on beyond the rows as well as any.
SIMPLE_TERMS = 12


def train_scattered(session: Session, rng: np.random.Generator) -> None:
    """Polynomials, as many a y is one in some coordinates; products; quotients of polynomials; symmetries; networks.

    Where models are too coarse to show a symmetry, larger quotients, then networks have a go at it, and may show one.
    """

    def reduce() -> bool:
        found = train_reduced(session, rng, lambda inner: train_scattered(inner, rng), REDUCED_SHARE)
        if not found:
            session.tell("no symmetry was found that leads to a better model of fewer variables")
        return found

    def quotients(share: float, most_seconds: float) -> bool:
        """Whether they are all that is needed."""
        before = session.error
        train_rational(session, rng, share=share, most_seconds=most_seconds)
        if session.error < before:
            session.tell(f"quotients of polynomials come to {session.error:.1e}")
        return session.finished or session.error <= SETTLED

    train_polynomial(session, rng, share=POLYNOMIAL_SHARE, most_seconds=POLYNOMIAL_SECONDS)
    if session.finished or session.error <= SETTLED:
        session.tell(f"polynomials come to {session.error:.1e}, {_why_enough(session)}")
        assert session.best is not None
        if session.best.n_params > SIMPLE_TERMS and not session.is_over:
            session.tell("a quotient of fewer terms, if there is one, goes further beyond the rows: it is looked for")
            seconds = FIRST_RATIONAL_SECONDS
            train_rational(session, rng, share=FIRST_RATIONAL_SHARE, most_seconds=seconds, only_simpler=True)
        return
    session.tell(
        f"polynomials come to {session.error:.1e}, which leaves room: next come products, quotients, symmetries"
    )
    if session.train.X.shape[1] > 1:
        before = session.error
        train_products(session, rng, share=PRODUCTS_SHARE, most_seconds=PRODUCTS_SECONDS)
        if session.error < before:
            session.tell(f"sums of products of functions of one input each come to {session.error:.1e}")
        if session.finished or session.error <= SETTLED:
            return
    if quotients(FIRST_RATIONAL_SHARE, FIRST_RATIONAL_SECONDS):
        return
    reduced = reduce()
    if not (reduced or session.finished):
        before = session.error
        if quotients(RATIONAL_SHARE, RATIONAL_SECONDS):
            return
        if session.error < before:
            reduced = reduce()
    if not (reduced or session.finished):
        before = session.error
        train_networks(session.part(SCOUT_SHARE), rng)
        _tell_of_networks(session, before)
        if not session.finished and session.error < before:
            session.tell("networks may show a symmetry that polynomials were too coarse for")
            reduced = reduce()
    if not (session.finished or session.error <= SETTLED):
        before = session.error
        train_networks(session.part(1.0 if reduced else 1.0 - LAST_SHARE), rng)
        _tell_of_networks(session, before)
        if not (reduced or session.finished) and session.error < before:
            reduce()


def _why_enough(session: Session) -> str:
    if session.error <= SETTLED:
        return "which is rounding: no other family can do better"
    return "with no time left for other families" if session.remaining <= 0.0 else "which is what was asked for"


def _tell_of_networks(session: Session, before: float) -> None:
    after = session.error
    session.tell(f"networks come to {after:.1e}" if after < before else f"networks do not come below {before:.1e}")


def _train_first(session: Session, rng: np.random.Generator) -> None:
    """On a grid, or in one dimension: a polynomial, if it is one, goes further beyond the last point than a spline."""
    train_polynomial(session, rng, share=POLYNOMIAL_SHARE / 4, most_seconds=POLYNOMIAL_SECONDS / 4)
    session.tell(
        f"the rows form a grid: a quick polynomial comes to {session.error:.1e}; "
        f"{'that is enough' if session.finished else 'next come splines'}"
    )


def choose(method: str, samples: Samples, facts: Facts) -> tuple[Trainer, ...]:
    """The trainers for `method` on these samples, best bets first."""
    if method == "auto":
        return (_train_first, train_splines, train_scattered) if is_grid(facts) else (train_scattered,)
    if method not in TRAINERS:
        raise ValueError(f"method: expected one of auto, {', '.join(TRAINERS)}, got {method!r}")
    if method == "spline":
        Grid.of(samples.X, samples.y, facts)  # says what is missing, before any row is held out
    return (TRAINERS[method],)
