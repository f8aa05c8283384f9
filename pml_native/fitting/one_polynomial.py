"""How `fit` uses that y is some function of one polynomial of the inputs: that function, of one variable, is fitted.

What a search has found of the polynomial (search/one_polynomial.py) is known to some digits. The race of one variable
leads to a model F; then all parameters, of F and of the polynomial, are moved by least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ..arrays import Array, Samples, contiguous
from ..models import Composed, Model, Normalization, Polynomial, Reduced
from ..models.adjusting import jacobian_of, parameters_of, with_parameters
from ..models.chebyshev import ChebyshevTerms
from ..models.reduced import Variables, variables_of
from ..search.least_squares import least_squares
from ..search.one_polynomial import OnePolynomialSearch
from ..search.scheduler import Step, Steps, Worker
from ..search.search import CALL, Found, Rows, own_rng
from ..singular_values import lstsq
from .race import Race, Row
from .reduced import REDUCED_SHARE, TRIAL_WORK, Within, raced_within, reduced, whole_of

SEARCH = "one polynomial"
# The series of y must leave this part of the error of the best model, and no more than that, relative: where y is such
# a function it mostly leaves far less, and elsewhere mostly far more.
BETTER, SHOWN = 0.3, 1e-5
# Terms of the series of the polynomial that is the first model. Races of one variable end elsewhere where powers of the
# distance from a singular point fall slowly: of the cycle of a piston at 3e-11, where 80 terms come to 1e-13.
SERIES = (6, 9, 13, 20, 30, 45, 60, 80, 110, 150)
# Points of the box that the polynomial is looked at, how many of their coordinates are ends, and the part of its range
# by which that may be larger there: the cycle of a piston came to 1e-9 only where series had to reach the corners, half
# of the range beyond all rows.
N_POINTS, AT_ENDS, MARGIN = 2000, 0.5, 0.1
# Parameters that are moved together at most, rows for each, steps, and the part of the error that they must leave.
MOST_PARAMETERS, ROWS_A_PARAMETER, STEPS, GAIN = 200, 3, 2, 0.7


class OnePolynomialRace:
    """The search for models of y as a function of one polynomial; `known` is the best model so far."""

    def __init__(self, race: Race, known: Found, table: Sequence[Row]) -> None:
        self.race, self.rows, self.known, self.table = race, race.rows, known, table
        self.rng, self.prospect = own_rng(race.rng), 0.0
        self.prefix = "of one polynomial: "

    def steps(self) -> Steps:
        found = yield from OnePolynomialSearch(self.rows).found()
        if found is None or not found.error < min(BETTER * self.known.error, SHOWN):
            return
        d = self.rows.n_inputs
        front = variables_of(["sum"] * d, np.eye(d), found.power) if any(found.power) else None
        train, held_out = (_of(samples, found.alpha, front) for samples in (self.rows.train, self.rows.held_out))
        if train is None or held_out is None:
            return
        rows, whole = Rows(train, held_out, self._ends(found.alpha)), partial(self._whole, found.alpha, front)
        work = 2.0 * rows.n * sum(k**2 for k in SERIES) + self._most_work + 50.0 * CALL
        [first] = yield [Step(work, lambda worker: whole(_best_series(rows), worker))]
        yield first
        other = Within(
            rows,
            f"it seems to be a function of one polynomial, up to {found.error:.1e}, which is tried",
            self.prefix,
            whole,
            work=self._work,
        )
        work, trials = REDUCED_SHARE * self.race.work, [(TRIAL_WORK, self.known.score)]
        yield from raced_within(self.race, [other], self.table, self.rng, work, trials=trials)

    def _ends(self, alpha: Model) -> Array:
        """The least and the largest value that the polynomial has in the box, as far as some of its points tell, and
        not far from those at rows."""
        X = self.rows.train.X if self.rows.corners is None else np.concatenate([self.rows.train.X, self.rows.corners])
        low, high = X.min(axis=0), X.max(axis=0)
        rng = np.random.default_rng(0)  # they decide on nothing but the range of series
        points = rng.uniform(0.0, 1.0, (N_POINTS, X.shape[1]))
        points = np.where(rng.random(points.shape) < AT_ENDS, np.round(points), points)
        values = alpha.evaluate(contiguous(low + (high - low) * points))
        values = values[np.isfinite(values)]
        own = alpha.evaluate(contiguous(self.rows.train.X))
        low, high, margin = own.min(), own.max(), MARGIN * np.ptp(own)
        ends = np.clip([values.min(), values.max()], [low - margin, high], [low, high + margin])
        return np.asarray(ends)[:, None]

    def _work(self, inner: Found) -> float:
        p = len(parameters_of(inner.model))
        return self._most_work * (p / MOST_PARAMETERS) ** 2 if p <= MOST_PARAMETERS else 0.0

    @property
    def _most_work(self) -> float:
        """That of moving as many parameters as may be."""
        return STEPS * 4.0 * self.rows.n * MOST_PARAMETERS**2 + 20.0 * CALL

    def _whole(self, alpha: Model, front: Variables | None, inner: Found, worker: Worker) -> Found:
        """F of the polynomial, with the parameters of both moved, if they leave less then."""
        signature = self.rows.signature

        def whole(model: Model, *, alpha: Model = alpha) -> Model:
            if front is None:
                return Composed(model, alpha, signature=signature)
            return Reduced(Composed(model, alpha), front, signature)

        made = self._moved(whole(inner.model))
        if made is not None:
            composed = made if front is None else made.adjustable_parts[0]
            model, alpha = composed.adjustable_parts
            inner, whole = replace(inner, model=model), partial(whole, alpha=alpha)
        return whole_of(self.rows, inner, self.prefix, whole, lambda samples: _of(samples, alpha, front))

    def _moved(self, model: Model) -> Model | None:
        """With parameters that least squares have moved; None where that leaves no less."""
        train, best, made = self.rows.train, None, model
        parameters = parameters_of(model)
        if not 0 < len(parameters) <= min(MOST_PARAMETERS, self.rows.n / ROWS_A_PARAMETER):
            return None
        root = np.ones((self.rows.n, 1)) if train.sample_weight is None else np.sqrt(train.sample_weight)[:, None]
        X = contiguous(train.X)
        with np.errstate(all="ignore"):
            left = (train.y - model.evaluate(X)) * root
            least = float(np.sum(left**2))
            for _ in range(STEPS):
                J = jacobian_of(made, X)[:, 0, :] * root
                scale = np.max(np.abs(J), axis=0)
                scale = np.where(scale > 0.0, scale, 1.0)
                change = lstsq(J / scale, left)[0][:, 0] / scale
                made = with_parameters(made, parameters_of(made) + change)
                left = (train.y - made.evaluate(X)) * root
                error = float(np.sum(left**2))
                if not error < GAIN**2 * least:
                    break
                best, least = made, error
        return best


def _best_series(rows: Rows) -> Found:
    """The Chebyshev series of the one column whose error at the rows held out is least."""
    corners = np.empty((0, 1)) if rows.corners is None else rows.corners
    inputs = Normalization.of_box(np.concatenate([rows.train.X, rows.held_out.X, corners]))

    def series(samples: Samples, k: int) -> Polynomial:
        indices = np.arange(k)[:, None]
        design = ChebyshevTerms(indices).design(inputs.apply(samples.X))
        root = 1.0 if samples.sample_weight is None else np.sqrt(samples.sample_weight)[:, None]
        c = least_squares(design * root, samples.y * root, indices[:, 0])
        return Polynomial(indices, c, inputs=inputs, signature=rows.signature, n_threads=1)

    tried = [(series(rows.train, k), k) for k in SERIES if k == SERIES[0] or ROWS_A_PARAMETER * k <= rows.n]
    model, k = min(tried, key=lambda one: rows.held_out_rmse(one[0].evaluate(rows.held_out.X)))
    return rows.found(model, Polynomial.family, f"{k} terms", refit=partial(series, k=k), status="best series")


def _of(samples: Samples, alpha: Model, front: Variables | None) -> Samples | None:
    """The samples with the polynomial for X, and y over the power in `front`; None where that is not finite."""
    U = alpha.evaluate(contiguous(samples.X))
    changed = samples if front is None else reduced(samples, front)
    if changed is None:
        return None
    samples = changed
    return replace(samples.changed(contiguous(U)), input_names=None) if np.isfinite(U).all() else None


def may_be_of_one_polynomial(race: Race) -> bool:
    """Whether y, of one output and several inputs, may be some function of a polynomial."""
    y = race.rows.train.y
    return race.rows.n_inputs > 1 and y.shape[1] == 1 and bool(np.ptp(y) > 0)
