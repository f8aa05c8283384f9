"""Finds radial basis functions that meet values and slopes: the kernel, its width and the scales of columns.

Of n rows of d inputs with slopes there are n (d + 1) equations. Kernels are compared on as many rows as a system of
TRIAL_EQUATIONS takes, then the best goes on to more. Before and after, kernels of y alone are tried as if no slope were
known: see radial.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.spatial import KDTree

from ..arrays import Array, Samples
from ..models import HermiteRBF, Normalization, Signature
from ..models.rbf import NEAR_COPY, SCALE_FREE
from .elimination import elimination_work
from .radial import ENTRY_WORK, KERNEL_WORK, RadialSearch, apart
from .scheduler import Part, Search, Step, Steps, Worker
from .search import ROUNDED, Found, Rows, errors_at

# Kernels, and epsilon in units of the density of equations, (equations in the box)^(1/d).
CHOICES = (
    ("cubic", 1.0),
    ("quintic", 1.0),
    *(("gaussian", e) for e in (0.1, 0.14, 0.2, 0.4)),
    *(("multiquadric", e) for e in (0.035, 0.05, 0.07, 0.1, 0.2, 0.4)),
)
# The best one is tried with epsilon times these.
NEARBY = (0.7, 0.85, 1.2, 1.4)
# Kernels of columns that are scaled as a process of the first has them, and epsilon.
SCALED = {"gaussian": ("gaussian", 1.0), "quintic": ("quintic", 1.0), "matern": ("multiquadric", 0.5)}
# Equations of the choice, and of the largest system, which takes a second or two: a deadline has to wait for it.
TRIAL_EQUATIONS, MOST_EQUATIONS = 1000, 3000
# A model may miss its own points by this part of its error at rows held out, where rounding is no more than that of it.
MOST_MISSED = 0.1
# A model is made again with the rows held out where that takes no more than half a second.
MOST_REFITTED = 2000


@dataclass(frozen=True)
class Choice:
    """A kernel, its epsilon, of the density of equations or as it is, and the scales of columns."""

    kernel: str
    epsilon: float
    scales: tuple[float, ...] | None = None

    def made(self, samples: Samples) -> HermiteRBF:
        """The model of these rows, which have slopes; ValueError where its system is singular."""
        points = apart(samples)
        places, gradients = slopes_of(samples)
        n, d = points.X.shape
        density = 1.0 if self.scales is not None else (n + int(np.isfinite(gradients[:, 0]).sum())) ** (1.0 / d)
        return HermiteRBF(
            points.X,
            points.y,
            places,
            gradients,
            kernel=self.kernel,
            epsilon=self.epsilon * density,
            scales=self.scales,
            signature=Signature.of(samples),
            n_threads=1,
        )


def has_slopes(samples: Samples) -> bool:
    """Whether derivatives by single columns are known."""
    known = samples.derivatives
    return known is not None and bool(np.any(known.is_along_axis & (known.order == 1)))


def slopes_of(samples: Samples) -> tuple[Array, Array]:
    """The places (k, d) of those derivatives, without near copies, and the gradients there (k, m, d), NaN where
    unknown."""
    assert samples.derivatives is not None
    known = samples.derivatives.some(samples.derivatives.is_along_axis & (samples.derivatives.order == 1))
    assert known is not None
    _, first, place = np.unique(known.numbers, return_index=True, return_inverse=True)
    axis = np.argmax(np.abs(known.directions), axis=1)
    along = np.take_along_axis(known.directions, axis[:, None], axis=1)
    gradients = np.full((len(first), known.values.shape[1], known.X.shape[1]), np.nan)
    gradients[place, :, axis] = known.values / along
    places = known.X[first]
    pairs = KDTree(Normalization.of_box(places).apply(places)).query_pairs(NEAR_COPY, output_type="ndarray")
    kept = np.setdiff1d(np.arange(len(places)), pairs[:, 1])
    return np.ascontiguousarray(places[kept]), gradients[kept]


def radial_search(rows: Rows, *, most_scaled: int | None = None) -> Search:
    """The search for radial basis functions that these rows ask for."""
    if has_slopes(rows.train):
        return HermiteSearch(rows, most_scaled=most_scaled)
    return RadialSearch(rows, most_scaled=most_scaled)


class HermiteSearch:
    """Tries kernels that meet values and slopes, then those of values alone: see `RadialSearch`."""

    def __init__(self, rows: Rows, *, most_scaled: int | None = None) -> None:
        self.rows, self.alone = rows, RadialSearch(rows, most_scaled=most_scaled)
        self.prospect = 0.0
        self._best: Found | None = None

    def steps(self) -> Steps:
        yield from self._of_slopes()
        try:
            yield from self.alone.steps()
        except ValueError:
            if self._best is None:
                raise

    def _of_slopes(self) -> Steps:
        size = min(self.rows.n, max(2, int(TRIAL_EQUATIONS / self.rows.per_row)))
        ranked = yield from self._tried([Choice(*one) for one in CHOICES], size)
        yield from self._offered(ranked)
        if ranked and ranked[0][0].kernel not in SCALE_FREE and ranked[0][0].scales is None:
            best = ranked[0][0]
            also = yield from self._tried([replace(best, epsilon=factor * best.epsilon) for factor in NEARBY], size)
            ranked = sorted([*ranked, *also], key=_rank)
            yield from self._offered(ranked)
        scaled = yield from self.alone.scaled_choices()
        choices = [Choice(*SCALED[one.kernel], one.scales) for one in scaled if one.kernel in SCALED]
        also = yield from self._tried(choices, size)
        ranked = sorted([*ranked, *also], key=_rank)
        yield from self._offered(ranked)
        while ranked and size < self.rows.n:
            size = min(2 * size, self.rows.n)
            if size * self.rows.per_row > MOST_EQUATIONS:
                return
            solved = yield from self._tried([ranked[0][0]], size)
            if not solved:  # more points are nearer to each other
                del ranked[0]
                size //= 2
                continue
            yield from self._offered(solved)

    def _tried(self, choices: list[Choice], size: int) -> Part[list[tuple[Choice, Found]]]:
        """What those choices come to on the first rows that have a system that can be solved, the best first."""
        samples = self._first(size)

        def tried(choice: Choice, worker: Worker) -> tuple[Choice, Found] | None:
            try:
                return choice, self._found(choice, samples)
            except ValueError:
                return None

        n = size * self.rows.per_row
        work = elimination_work(n) + n * (ENTRY_WORK * n + 2.0 * KERNEL_WORK * (self.rows.n + self.rows.n_held_out))
        results = yield [Step(work, partial(tried, choice)) for choice in choices]
        return sorted([one for one in results if one is not None], key=_rank)

    def _first(self, size: int) -> Samples:
        """The first rows, and of the places apart from rows the like part."""
        samples = self.rows.train
        if size >= samples.n or samples.derivatives is None:
            return samples
        known = samples.derivatives
        every = np.unique(known.numbers[known.is_apart])
        return samples.take(np.arange(size), apart=np.isin(known.numbers, every[:: math.ceil(samples.n / size)]))

    def _found(self, choice: Choice, samples: Samples) -> Found:
        model = choice.made(samples)

        def nearby(samples: Samples) -> HermiteRBF | None:
            try:
                return choice.made(samples) if has_slopes(samples) else None
            except ValueError:  # with other rows the system may be singular
                return None

        def refit(samples: Samples) -> HermiteRBF:
            made = nearby(samples)
            if made is None:
                return model
            missed = errors_at(samples, made.evaluate(samples.X)).rmse  # more points are nearer to each other
            return model if is_too_flat(missed, found.errors.rmse) else made

        can_follow = samples.n == self.rows.n and model.n_params <= MOST_REFITTED
        found = self.rows.found(
            model,
            HermiteRBF.family,
            repr(model),
            coordinates=choice.kernel,
            status="solved",
            refit=refit if can_follow else None,
            nearby=nearby if can_follow else None,
            uses_derivatives=True,
        )
        return found

    def _offered(self, ranked: list[tuple[Choice, Found]]) -> Steps:
        """Offers the first where it is better than all before."""
        if ranked and (self._best is None or ranked[0][1].score < self._best.score):
            self._best = ranked[0][1]
            yield self._best


def _rank(one: tuple[Choice, Found]) -> tuple[bool, float]:
    """What choices are put in order by: those too flat for float64 come last."""
    found = one[1]
    return is_too_flat(found.train_rmse, found.errors.rmse), found.score


def is_too_flat(missed: float, held_out: float) -> bool:
    """Whether a model misses its own points by so much that much of its error is the rounding of large weights."""
    return missed > max(ROUNDED, MOST_MISSED * held_out)
