"""Finds the radial basis function, its width and the scales of columns that interpolate scattered points best."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from ..arrays import Array, Samples
from ..memory import available_memory
from ..models import RBF, Normalization, Signature
from ..models.rbf import KERNELS, NEAR_COPY, SCALE_FREE
from ..options import number, one_of, whole_number_or_none
from .elimination import elimination_work, solved_by_steps
from .gaussian_process import likelier
from .scheduler import Part, Step, Steps, Worker
from .search import MOST_STEP, ROUNDED, Found, Rows, errors_at, extrapolated, searched

# Epsilon in units of the density, (points in the box)^(1/d): flat kernels are the exact ones until the system is
# singular to float64.
CHOICES = (
    ("cubic", 1.0),
    ("quintic", 1.0),
    *(("gaussian", e) for e in (0.1, 0.2, 0.4, 0.8)),
    *(("inverse_multiquadric", e) for e in (0.05, 0.1, 0.2, 0.4)),
)
# What is tried of a kernel that is not among them.
EPSILONS = (0.1, 0.2, 0.4)
# Kernels whose columns are scaled: as those of a Gaussian process of the kernel, or of the other one, by which its rows
# are likeliest. So many rows tell, in so many rounds of evaluations of the likelihood: 3 rounds come within 1 % of the
# errors of 25 on a magnetic field, the luminance of colours and implied volatilities.
SCALED = {"matern": "matern", "gaussian": "gaussian", "cubic": "matern", "quintic": "matern"}
LIKELIHOOD_ROWS, LIKELIHOOD_ROUNDS, EVALUATIONS = 500, 3, 8
# A model that misses its own points by more than this part of the error at rows held out has a kernel too flat for
# float64: both are the rounding of its large weights then, and another BLAS kernel makes them others. On Planck's
# function from 60 rows the likeliest Gaussian of scaled columns has 0.2 to 0.6, of errors of 2e-7 to 4e-6 by luck;
# others have 3e-5.
MOST_MISSED = 0.01
# Points that the choice is made on: their system takes as long as evaluating it at the rows.
TRIAL_POINTS = 1000
# Points that a value is made of where not all are taken, and the rows that kernels are compared at then.
NEIGHBORS, COMPARED = 80, 100
# Multiply-adds of one value of a kernel when a model is evaluated, 1 to 3 ns in the core, and when its system is made,
# 10 to 25 ns in NumPy; of a system of k nearest points beside its k^3 / 3, k^2 times the last: 0.35 ms for 80.
KERNEL_WORK, ENTRY_WORK, LOCAL_WORK = 20.0, 200.0, 500.0
# A model of all points is made again with those held out where that takes less than a second: the deadline is over.
MOST_REFITTED = 1500
# Share of the free memory that a system may take.
MEMORY_SHARE = 0.5


def fit_rbf(
    X: ArrayLike,
    y: ArrayLike,
    *,
    kernel: str | None = None,
    epsilon: float | None = None,
    neighbors: int | None = None,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> RBF:
    """The kernel and epsilon with the smallest error on held-out rows, `X` (n, d), `y` (n,) or (n, m).

    kernel, epsilon : as for `RBF`; None tries some.
    neighbors : None takes all points, or as many as effort and memory allow, or each value from the 80 nearest of all,
        whatever has the smallest error.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    Raises ValueError for bad options, and for points that no system tells apart.
    """
    one_of(kernel, "kernel", KERNELS, or_none=True)
    number(epsilon, "epsilon", above=0.0, or_none=True)
    neighbors = whole_number_or_none(neighbors, "neighbors", 0)
    model = searched(
        lambda rows: RadialSearch(rows, kernel=kernel, epsilon=epsilon, neighbors=neighbors),
        X,
        y,
        sample_weight=None,
        validation=validation,
        effort=effort,
        time_limit=time_limit,
        random_state=random_state,
        n_threads=n_threads,
    )
    assert isinstance(model, RBF)
    return model


@dataclass(frozen=True)
class Choice:
    """A kernel, and its epsilon, in units of the density of the points or as it is; and the scales of columns."""

    kernel: str
    epsilon: float
    of_density: bool = True
    scales: tuple[float, ...] | None = None

    def made(self, samples: Samples, neighbors: int | None = None, weights: Array | None = None) -> RBF:
        """The model of these points."""
        n, d = samples.X.shape
        return RBF(
            samples.X,
            samples.y,
            kernel=self.kernel,
            epsilon=self.epsilon * n ** (1.0 / d) if self.of_density else self.epsilon,
            scales=self.scales,
            neighbors=neighbors,
            signature=Signature.of(samples),
            weights=weights,
            is_checked=False,
            n_threads=1,
        )


def choices(kernel: str | None, epsilon: float | None) -> list[Choice]:
    """What to try where kernel or epsilon is not given."""
    if kernel is not None and (epsilon is not None or kernel in SCALE_FREE):
        return [Choice(kernel, 1.0 if epsilon is None else epsilon, False)]
    if epsilon is not None:
        return [Choice(name, epsilon, False) for name in dict.fromkeys(name for name, _ in CHOICES)]
    some = [Choice(name, e) for name, e in CHOICES if kernel in (None, name)]
    return some or [Choice(str(kernel), e) for e in EPSILONS]


@dataclass(frozen=True)
class Tried:
    """A choice, and what it came to."""

    choice: Choice
    found: Found

    @property
    def is_too_flat(self) -> bool:
        return is_off(self.found.train_rmse, self.found.errors.rmse)


class RadialSearch:
    """Tries kernels on some points, then the best on more and more, and on the nearest points of all.

    Copies of a point and near copies, which no system tells apart, are taken as one point, their mean. A system of n
    points takes n^3 / 3 multiply-adds, so that the sizes double. `neighbors` has only models of so many nearest points
    tried. Raises ValueError while it runs where no kernel has a system that can be solved. With `most_scaled` it tries
    kernels of scaled columns alone, of so many points at most, and finds nothing where none of them does.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        kernel: str | None = None,
        epsilon: float | None = None,
        neighbors: int | None = None,
        most_scaled: int | None = None,
    ) -> None:
        self.rows, self.points = rows, apart(rows.train)
        if most_scaled is not None:
            self.points = self.points.first(min(most_scaled, len(self.points.X)))
        self.choices = choices(kernel, epsilon) if most_scaled is None else []
        self.scaled = [] if epsilon is not None else [name for name in SCALED if kernel in (None, name)]
        self.neighbors, self.only_scaled = neighbors, most_scaled is not None
        self.prospect = 0.0
        self._best: Found | None = None
        self._failure = ValueError(
            "X: expected points that systems of radial basis functions can tell apart, got a singular one"
        )

    def steps(self) -> Steps:
        n = len(self.points.X)
        if n == 1:
            raise self._failure
        if self.neighbors is not None:
            yield from self._nearest(self.neighbors)
        else:
            size = min(n, TRIAL_POINTS)
            rows = self.rows.fewer(2 * TRIAL_POINTS, self.rows.n_held_out)
            ranked = yield from self._tried(self.choices, size, None, rows)
            yield from self._offered(ranked)  # before scales are looked for, so that a deadline soon has a model
            scaled = yield from self.scaled_choices()
            also = yield from self._tried(scaled, size, None, rows)
            ranked = sorted([*ranked, *also], key=_rank)
            yield from self._offered(ranked)
            if n > size:
                if not self.only_scaled:
                    yield from self._nearest(NEIGHBORS)
                yield from self._growing(ranked)
        if self._best is None and not self.only_scaled:
            raise self._failure

    def scaled_choices(self) -> Part[list[Choice]]:
        """Kernels of columns that are scaled as Gaussian processes have them."""
        points = self.points.first(min(LIKELIHOOD_ROWS, len(self.points.X)))
        n, d = points.X.shape
        if d == 1 or n <= d:
            return []
        Z, y = Normalization.of_box(points.X).apply(points.X), points.y - points.y.mean(axis=0)
        y = y / np.where(np.ptp(y, axis=0) > 0.0, np.max(np.abs(y), axis=0), 1.0)
        y = y[:, np.ptp(y, axis=0) > 0.0]
        if not y.size:
            return []
        found = {process: np.full(d, d**-0.5) for process in dict.fromkeys(SCALED[kernel] for kernel in self.scaled)}
        work = EVALUATIONS * (4.0 * elimination_work(n) + ENTRY_WORK * n**2)
        for _ in range(LIKELIHOOD_ROUNDS):
            likeliest = yield [
                Step(work, partial(_likelier, process, scales, Z, y)) for process, scales in found.items()
            ]
            found = dict(zip(found, likeliest, strict=True))
        return [Choice(kernel, 1.0, False, tuple(found[SCALED[kernel]].tolist())) for kernel in self.scaled]

    def _offered(self, ranked: list[Tried]) -> Steps:
        """Offers the first where it is better than all before."""
        if ranked and (self._best is None or ranked[0].found.score < self._best.score):
            self._best = ranked[0].found
            yield self._best

    def _tried(self, choices: list[Choice], size: int, neighbors: int | None, rows: Rows) -> Part[list[Tried]]:
        """What those choices come to on the first points that have a system that can be solved, the best first."""
        points = self.points.first(size)
        n_rows = rows.n + rows.n_held_out

        def tried(choice: Choice, worker: Worker) -> Tried | Exception:
            try:
                return Tried(choice, self._found(choice.made(points, neighbors), choice, rows))
            except (ValueError, np.linalg.LinAlgError) as failure:
                return failure

        work = elimination_work(size) + size * (ENTRY_WORK * size + KERNEL_WORK * n_rows)
        if neighbors is not None:
            work = n_rows * self._local_work(neighbors)
        results = yield [Step(work, partial(tried, choice)) for choice in choices]
        solved = [one for one in results if isinstance(one, Tried)]
        failed = [one for one in results if isinstance(one, ValueError)]
        if failed and not solved:
            self._failure = failed[0]
        return sorted(solved, key=_rank)

    def _found(self, model: RBF, choice: Choice, rows: Rows) -> Found:
        """The model measured at these of the rows."""

        def nearby(samples: Samples) -> RBF | None:
            try:
                return choice.made(apart(samples), model.neighbors)
            except ValueError:  # with other rows the system may be singular
                return None

        def refit(samples: Samples) -> RBF:
            made = nearby(samples)
            if made is None:
                return model
            own = apart(samples)  # more points are nearer to each other, and their system worse
            missed = errors_at(own, made.evaluate(own.X)).rmse
            return model if is_off(missed, found.errors.rmse) else made

        whole = len(model.X) == len(self.points.X)
        can_follow = whole and (model.neighbors is not None or len(model.X) <= MOST_REFITTED)
        found = rows.found(
            model,
            RBF.family,
            repr(model),
            coordinates=choice.kernel,
            status="solved",
            refit=refit if can_follow else None,
            nearby=nearby if can_follow else None,
        )
        return found if rows.n_held_out == self.rows.n_held_out else replace(found, measured_at=rows.held_out)

    def _local_work(self, neighbors: int) -> float:
        """Of a value by a system of nearest points."""
        k = min(neighbors, len(self.points.X)) + self.rows.n_inputs + 1
        return elimination_work(k) + LOCAL_WORK * k**2

    def _nearest(self, neighbors: int) -> Steps:
        """Offers the best choice for models of nearest points."""
        n = len(self.points.X)
        few = self.rows.fewer(COMPARED, COMPARED)
        ranked = yield from self._tried(self.choices, n, neighbors, few)
        most = max(COMPARED, int(MOST_STEP / self._local_work(neighbors)))
        more = self.rows.fewer(COMPARED, most)
        if ranked and more.n_held_out > few.n_held_out:
            ranked = yield from self._tried([ranked[0].choice], n, neighbors, more)
        yield from self._offered(ranked)

    def _growing(self, ranked: list[Tried]) -> Steps:
        """Offers the best choice for more and more points; another where its system can't be solved for so many."""
        n, left = len(self.points.X), [one.choice for one in ranked]
        sizes, errors = [float(TRIAL_POINTS)], [one.found.error for one in ranked[:1]]
        for size in doubled(n):
            found = None
            while found is None:
                if not left or not fits(size):
                    return
                found = yield from self._solved(left[0], size)
                if found is None:  # more points are nearer to each other
                    del left[0]
            yield from self._offered([Tried(left[0], found)])
            sizes.append(float(size))
            errors.append(found.error)
            self.prospect = extrapolated(sizes, errors, float(n), self.rows.n_inputs)

    def _solved(self, choice: Choice, size: int) -> Part[Found | None]:
        """What a choice comes to on the first `size` points, all of them in one system; None where it is singular."""
        points = self.points.first(size)
        blank = choice.made(points, neighbors=len(points.X))  # has the equations, but solves none
        n = blank.n_equations
        system = np.empty((n, n + self.rows.n_outputs))

        def fill(rows: slice, worker: Worker) -> None:
            system[rows] = blank.equations(rows)

        height = max(1, int(MOST_STEP / (ENTRY_WORK * n)))
        parts = [slice(first, min(first + height, n)) for first in range(0, n, height)]
        yield [Step(ENTRY_WORK * n * (part.stop - part.start), partial(fill, part)) for part in parts]
        weights: Array | None = yield from solved_by_steps(system, self.rows.n_outputs)
        if weights is None or not np.isfinite(weights).all():
            return None
        rows = self.rows.fewer(int(MOST_STEP / (KERNEL_WORK * n)), self.rows.n_held_out)

        def measured(worker: Worker) -> Found:
            model = choice.made(points, weights=weights)
            model.use_threads(worker.n_threads)
            found = self._found(model, choice, rows)
            model.use_threads(1)
            return found

        found: list[Found] = yield [Step(KERNEL_WORK * n * (rows.n + rows.n_held_out), measured)]
        return found[0]


def _rank(one: Tried) -> tuple[bool, float]:
    """What choices are put in order by."""
    return one.is_too_flat, one.found.score


def is_off(missed: float, held_out: float) -> bool:
    """Whether a model misses its own points by so much that its weights are rounding, beside an error at others."""
    return missed > max(ROUNDED, MOST_MISSED * held_out)


def _likelier(process: str, scales: Array, Z: Array, y: Array, worker: Worker) -> Array:
    return likelier(process, scales, Z, y, EVALUATIONS)


def apart(samples: Samples) -> Samples:
    """The samples with the mean of points that are near copies, X and y, in place of the first of them."""
    n = len(samples.X)
    pairs = KDTree(Normalization.of_box(samples.X).apply(samples.X)).query_pairs(NEAR_COPY, output_type="ndarray")
    if not len(pairs):
        return samples
    group = connected_components(coo_array((np.ones(len(pairs)), pairs.T), shape=(n, n)), directed=False)[1]
    _, first, group, size = np.unique(group, return_index=True, return_inverse=True, return_counts=True)

    def mean(table: Array) -> Array:
        """Of differences, so that equal values stay what they are."""
        total = np.zeros((len(first), table.shape[1]))
        np.add.at(total, group, table - table[first][group])
        return (table[first] + total / size[:, None])[order]

    order = np.argsort(first)
    return samples.take(first[order]).changed(mean(samples.X), mean(samples.y))


def doubled(n: int) -> list[int]:
    """n and its halves that are more than the points of the trial, ascending."""
    sizes = [n]
    while sizes[0] // 2 > TRIAL_POINTS:
        sizes.insert(0, sizes[0] // 2)
    return sizes


def fits(n: int) -> bool:
    """Whether the system of n points, in float64, fits into its share of the memory."""
    available = available_memory()
    return available is None or 8.0 * n * n <= MEMORY_SHARE * available
