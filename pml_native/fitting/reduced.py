"""How `fit` uses symmetries: what they leave is a function of fewer variables, which is fitted like any other.

A model of lower dimension is far more exact for the same rows, so whether a symmetry was real shows on the held-out
rows. In the new variables there may be further symmetries: differences first, their squares' sum next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..arrays import Array, Samples
from ..models import Reduced, Signature
from ..models.reduced import Variables
from ..search.polynomial import PolynomialSearch
from .session import Session
from .symmetry import Evidence, find_variables

# Rows that symmetries are read off, away from the edges of the box, where a model's gradient is least exact.
MOST_ROWS, FEWEST_ROWS, INNER_SHARE = 1000, 50, 0.9
# How much surer symmetries must be, should those at first sight not lead to a better model.
STRICTNESS = (1.0, 10.0)
# Other choices of products that are tried, each for a share of the time.
MOST_ORDERS, TRIAL_SHARE = 6, 0.02
# Rows nearer than this part of the range in all variables are the same; so many of those held out may be known.
CELLS, MOST_KNOWN = 2.0**30, 0.1
# Errors of the best model so far from which on its gradient says nothing.
USELESS = 0.2


def train_reduced(session: Session, rng: np.random.Generator, train: Callable[[Session], None], share: float) -> bool:
    """Trains on the variables that the best model's symmetries leave, if any, within `share` of the time left.

    Returns whether a model of fewer variables is now the best.
    """
    if session.best is None or not session.error < USELESS:
        return False
    evidence = _evidence(session, rng)
    if evidence is None:
        return False
    tried: list[Variables] = []
    for strictness in STRICTNESS:
        inner = _most_promising(session, evidence, strictness, tried, rng, share)
        if inner is None:
            continue
        before = session.error
        session.tell(f"it seems to be a function {inner.prefix.removesuffix(': ')}, which is tried")
        train(inner)
        if session.error < before:
            return True
        if session.finished:
            break
    return False


def _most_promising(
    session: Session,
    evidence: Evidence,
    strictness: float,
    tried: list[Variables],
    rng: np.random.Generator,
    share: float,
) -> Session | None:
    """A session of the variables that symmetries leave, of several choices the one that a first polynomial fits best.

    What is returned is added to `tried`, of which nothing is returned again.
    """
    d = evidence.X.shape[1]
    orders = [np.arange(d), np.arange(d)[::-1], *(rng.permutation(d) for _ in range(MOST_ORDERS))]
    choices: list[Variables] = []
    for order in orders:
        variables = find_variables(evidence, strictness, order)
        if variables is None:
            break
        if not any(_same(variables, other) for other in [*tried, *choices]):
            choices.append(variables)
    sessions = [(choice, inner) for choice in choices if (inner := _within(session, choice, share)) is not None]
    if not sessions:
        return None
    errors = [_first_error(inner, rng) for _, inner in sessions] if len(sessions) > 1 else [0.0]
    chosen, _ = sessions[int(np.argmin(errors))]
    tried.append(chosen)
    return _within(session, chosen, share)


def _first_error(session: Session, rng: np.random.Generator) -> float:
    """The held-out error of a polynomial found within TRIAL_SHARE of the time."""
    search = PolynomialSearch(
        session.train,
        session.validation,
        rng=rng,
        seconds=TRIAL_SHARE * session.time_limit,
        n_threads=session.n_threads,
    )
    search.run()
    assert search.best is not None
    return search.best.errors.rmse


def _evidence(session: Session, rng: np.random.Generator) -> Evidence | None:
    X, model = session.train.X, session.best
    assert model is not None
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.5 * (1.0 - INNER_SHARE) * (high - low)
    inner = np.flatnonzero(np.all((low + margin <= X) & (high - margin >= X), axis=1))
    rows = inner if len(inner) >= FEWEST_ROWS else np.arange(len(X))
    rows = rng.permutation(rows)[:MOST_ROWS]
    gradient = model.evaluate_gradient(X[rows])
    known = np.isfinite(gradient).all(axis=(1, 2))
    if np.count_nonzero(known) < FEWEST_ROWS:
        return None
    return Evidence(X[rows][known], session.train.y[rows][known], gradient[known], session.error)


def _within(session: Session, variables: Variables, share: float) -> Session | None:
    """A session of the reduced rows; None where those held out would test nothing."""
    train, held_out = _reduced(session.train, variables), _reduced(session.validation, variables)
    if train is None or held_out is None or _share_known(train.X, held_out.X) > MOST_KNOWN:
        return None
    names = session.train.input_names or [f"x{i}" for i in range(session.train.X.shape[1])]
    signature = Signature.of(session.train)
    return replace(
        session.part(share),
        train=train,
        validation=held_out,
        corners=_corners(session, variables),
        wrap=lambda model: Reduced(model, variables, signature),
        prefix=f"of {variables.described(names)}: ",
    )


def _corners(session: Session, variables: Variables) -> Array:
    """The least and the largest values that the variables have in the box of the inputs, (2, r).

    Rows come near to few corners of a box, but a model is asked there as well.
    """
    rows = session.train.X if session.corners is None else np.concatenate([session.train.X, session.corners])
    low, high = rows.min(axis=0), rows.max(axis=0)
    ends = np.empty((2, len(variables.kinds)))
    for j, (kind, row) in enumerate(zip(variables.kinds, variables.coefficients, strict=True)):
        # Monotone in each input: rising with those of positive coefficient, or falling where t itself falls.
        rises = (row > 0) != (kind == "reciprocals")
        top, bottom = np.where(rises, high, low), np.where(rises, low, high)
        values = variables.apply(np.stack([bottom, top]))[0][:, j]
        seen = variables.apply(session.train.X)[0][:, j]
        ends[:, j] = min(values.min(), seen.min()), max(values.max(), seen.max())
    return ends


def _share_known(train: Array, held_out: Array) -> float:
    """The part of the rows held out that are training rows, too: on a grid, many rows have the same differences."""
    low, width = train.min(axis=0), np.ptp(train, axis=0)
    cells = [np.round((X - low) / np.where(width > 0, width, 1.0) * CELLS) for X in (train, held_out)]
    known = set(map(bytes, np.ascontiguousarray(cells[0])))
    return float(np.mean([bytes(row) in known for row in np.ascontiguousarray(cells[1])]))


def _reduced(samples: Samples, variables: Variables) -> Samples | None:
    """The samples in the new variables; None where these are not finite. Rows keep their weights."""
    U, power = variables.apply(samples.X)
    with np.errstate(all="ignore"):
        v: Array = samples.y / power[:, None]
    if not (np.isfinite(U).all() and np.isfinite(v).all()):
        return None
    return replace(samples, X=np.ascontiguousarray(U), y=np.ascontiguousarray(v), input_names=None)


def _same(a: Variables, b: Variables) -> bool:
    return a.kinds == b.kinds and np.array_equal(a.coefficients, b.coefficients) and np.array_equal(a.factor, b.factor)
