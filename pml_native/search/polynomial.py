"""Finds coordinates and terms in which scattered data are a polynomial, cheapest first; held-out rows choose.

1. Total degrees with few terms, inputs as given and in logarithms; all links of the outputs share one factorization.
   Sums of functions of one input each, up to high degrees: with a link, products and others of such.
2. Of many inputs, total degrees of 2 to 4: all terms where they are few, else those that a sum of few is made of
   (pursuit.py).
3. A race of sets that grow term by term (polynomial_growth.py), in these coordinates and then in mixed ones
   (coordinates.py). Few go on to many terms.
4. The best one is polished: terms of no size are dropped, rows weigh by how y follows the link.

Where degrees and coordinates are compared, fits take five rows a term, which rank them as all rows do; what is best
there is fitted to all (least_squares.py).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, Samples
from ..models import Model, Polynomial
from ..models.chebyshev import BASES, Indices, index_set
from ..models.transformed import TRANSFORMS, Transformed
from ..options import one_of, whole_number_or_none
from .coordinates import InputCoordinates, Link, in_coordinates, in_words, links
from .equations import Equations, held_out_design, held_out_rmse, input_frames
from .least_squares import TILE_NUMBERS, Solve, leading_least_squares, tiled_least_squares
from .orbits import Terms, expanded, largest_set, of_budget
from .polynomial_growth import Growth, constants_exact, next_terms, prune, rms
from .pursuit import Candidates
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, EPS, ROUNDED, Found, Rows, extrapolated, score, searched

# Relative errors below which other coordinates, or more terms, gain nothing: some roundings of y.
GOOD = 1e-15
# Terms of the first fits, and in each round of the race, with the number of those that go on to the next.
FIRST_TERMS, FIRST_TERMS_FEW_INPUTS, FEW_INPUTS = 150, 500, 2
SMALL_TERMS, MORE_TERMS = 60, 300
SUM_TERMS, MOST_SUMS = 1200, 2
ROUNDS = ((80, 6), (200, 3), (600, 2), (2000, 1))
# Sets of terms that are fitted to all rows, one after the other, where the better ones have no value at some of them.
MOST_OFFERED = 4
# Polynomials in other coordinates than those of the best one that are offered beside it.
MOST_WITNESSES = 2
# Coordinates of few inputs in which more terms follow, and those compared at once: a first group is often enough.
MOST_FIRST, GROUP = 3, 4
# A polynomial of at most so many terms extrapolates as well as any model, so no simpler one is looked for.
SIMPLE_TERMS = 12
# A term of no more than this, over the RMS of what is fitted, is rounding and left out: half the spacing of float64.
# What kernels of BLAS make of 4 terms that are not in ((x0 - x1)^2 + (x2 - x3)^2)^(1/2) is up to a third of that, and
# which of 15 terms and the 11 that count came out better was chance.
UNSEEN = 0.5 * EPS
# Degrees are tried whose numbers of terms differ by such a factor.
DEGREE_STEP = 1.1
# Five times the terms must bring the error to this part, or still more of them are not tried.
USEFUL = 0.5
# Rows that a fit takes are at most this many, or this many times its terms: more of them add nothing to smooth data.
MOST_ROWS, ROWS_PER_TERM = 4000, 5
# Rows that fits take which are only compared, at least. Five a term: the order of 98 to 126 fits of three equations is
# that of fits to all rows but for their first two places (Spearman 0.94 to 0.995; two a term 0.87 to 0.98).
FEWEST_COMPARED = 300
# Terms are added by this part of those there are, until so many additions in a row have gained less than a tenth.
GROWTH, PATIENCE = 0.4, 4
# A change of one column's coordinates must bring the error to this part.
BETTER = 0.95
# Multiply-adds of the last fit to all rows, which tells how many of them it takes: two seconds.
MOST_REFIT_WORK = 2e10
# Of so many inputs the first terms end at degree 2 or before: those of low total degree follow, up to LOW_DEGREE, as
# long as there are at most so many to choose from, of which at most so many are taken.
MANY_INPUTS, LOW_DEGREE, MOST_CANDIDATES, MOST_PURSUED = 8, 4, 12_000, 1000
# Sets of at most so many terms are fitted as a whole, 30 ms: a pursuit takes as long.
FULL_TERMS = 400
# A pursuit ends when so many choices in a row have gained less than a tenth. Sums of 10 to 40 products that are found
# gain at least a third with each.
PURSUIT_PATIENCE = 2


def fit_polynomial(
    X: ArrayLike,
    y: ArrayLike,
    *,
    degree: int | None = None,
    basis: Literal["auto", "total", "hyperbolic", "tensor", "axes"] = "auto",
    inputs: str | Sequence[str] | None = None,
    outputs: str | None = None,
    max_terms: int | None = None,
    sample_weight: ArrayLike | None = None,
    error: Literal["absolute", "relative"] = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Model:
    """The polynomial, in the coordinates that suit it, with the smallest error on held-out rows.

    X : (n, d), or (n,).
    y : (n,) or (n, m).
    degree : the largest, of what `basis` says; None chooses it.
    basis : which terms up to it. "total": degrees that sum to it at most, "hyperbolic": products of (a_j + 1) up to
        degree + 1, "tensor": all up to it, "axes": sums of functions of one input each;
        "auto" grows a set of terms where the function needs them, none of a higher total degree.
    inputs : the coordinates of the inputs, "identity", "log", "reciprocal" or "root", one or one for each; None
        chooses them.
    outputs : what is a polynomial in them: "identity" for y, "log", "square", "reciprocal", "reciprocal_square",
        "reciprocal_root", "exp", "sine", "cosine" or "tangent"; None chooses among those that y has.
    max_terms : at most this many, and at most half as many as rows are trained on.
    sample_weight : (n,), weights of the squared errors.
    error : "absolute", or "relative" for errors that count relative to each y, of one output that is 0 nowhere.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit. One set of terms
        is always solved for.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    Raises ValueError for data or options that can't be fitted.
    """
    one_of(outputs, "outputs", TRANSFORMS, or_none=True)
    return searched(
        partial(PolynomialSearch, degree=degree, basis=basis, max_terms=max_terms, inputs=inputs, outputs=outputs),
        X,
        y,
        sample_weight=sample_weight,
        error=error,
        validation=validation,
        effort=effort,
        time_limit=time_limit,
        random_state=random_state,
        n_threads=n_threads,
    )


class PolynomialSearch:
    """One search in `rows`; the options are those of `fit_polynomial`."""

    def __init__(
        self,
        rows: Rows,
        *,
        max_terms: int | None = None,
        degree: int | None = None,
        basis: str = "auto",
        inputs: str | Sequence[str] | None = None,
        outputs: str | None = None,
    ) -> None:
        degree = whole_number_or_none(degree, "degree", 0)
        max_terms = whole_number_or_none(max_terms, "max_terms", 1)
        one_of(basis, "basis", ("auto", *BASES))
        self.rows, self.basis, self.degree = rows, basis, degree
        self.max_terms = max(1, min(max_terms or rows.n_equations, rows.n_equations // 2))
        train, held_out = rows.train, rows.held_out
        self.frame = input_frames(rows, degree)
        self.choices = self.frame.alternatives(inputs)
        self.links = links(train.y, held_out.y, outputs)
        # Links that weigh rows alike share a factorization.
        self._alike = [[one] for one in self.links] if train.is_relative else [self.links]
        self.tried: dict[tuple[str, ...], list[Growth]] = {}
        self.tried_fully: set[tuple[str, ...]] = set()  # those of them with more than very few terms
        self.best: Found | None = None
        self.best_growth: Growth | None = None
        self.prospect = 0.0

    def steps(self) -> Steps:
        """The whole search."""
        given = tuple(choice[0] for choice in self.choices)
        logarithms = tuple("log" if "log" in choice else choice[0] for choice in self.choices)
        few = self._n_orbits <= FEW_INPUTS
        if self.basis != "auto":
            yield from self._scanned(self.frame.combinations(self.choices) if few else [given, logarithms])
            return
        firsts = list(self.frame.combinations(self.choices)) if few else [given, logarithms]
        if few:
            # All of them: of two that meet the rows to rounding, the simpler goes further beyond.
            yield from self._scanned(firsts, small=True)
            firsts = sorted(self.tried, key=self._error_in)[:MOST_FIRST]
        for some in (firsts[:1], firsts[1:]):
            if not self.is_settled:
                yield from self._scanned(some)
        sparse: list[Growth] = []
        if len(self.choices) >= MANY_INPUTS and self.rows.exchanges is None:
            for names in dict.fromkeys([given, min(self.tried, key=self._error_in)]):
                if not self.is_settled:
                    sparse += yield from self._sparse(names)
            sparse.sort(key=_held_out_error)
        sums: list[Growth] = []
        if len(self.choices) > 1 and not self.is_settled:
            sums = yield from self._sums([given, logarithms], MORE_TERMS)
        if not self.is_settled:
            growths = yield from self._mixed()
            if not self.is_good:
                growths = yield from self._grown([*growths, *sparse[:1], *sums[:MOST_SUMS]], ROUNDS[:2])
            yield from self._witnesses(growths)
            # Sums whose best sets were the larger ones may gain by still more terms.
            longer = [growth.frame.names for growth in sums if len(growth.indices) > MORE_TERMS / 2]
            if longer and not self.is_good:
                sums = yield from self._sums(longer, SUM_TERMS)
                growths = [*growths, *sums[:MOST_SUMS]]
            if not self.is_good:
                yield from self._grown(growths, ROUNDS[2:])
        yield from self._polished()

    @property
    def is_good(self) -> bool:
        """Whether more terms can't do much better."""
        best = self.best
        return best is not None and best.error <= GOOD

    @property
    def is_settled(self) -> bool:
        """Whether no other coordinates can do much better, or be much simpler.

        Of one column all are compared at once, and what is simpler than an exact one is no polynomial.
        """
        if self.best is None or not self.best.is_exact:
            return False
        return self.is_good or len(self.choices) == 1 or is_simple(self.best.model)

    @property
    def _n_orbits(self) -> int:
        """Inputs whose coordinates are chosen one by one."""
        return len(self.choices) if self.rows.exchanges is None else len(self.rows.exchanges.orbits)

    def first_step(self) -> Step:
        """One step whose result is the error that very few terms come to, the inputs as given or in logarithms."""
        logarithms = tuple("log" if "log" in choice else choice[0] for choice in self.choices)
        every = dict.fromkeys([tuple(choice[0] for choice in self.choices), logarithms])

        def error(worker: Worker) -> float:
            found = [step.function(worker) for step in steps]
            return min(_held_out_error(growth) for growths in found for growth in growths)

        steps = []
        for names in every:
            frame = self.frame(names)
            steps.append(self._scan_step(frame, *self._indices(frame), (SMALL_TERMS,)))
        return Step(sum(step.work for step in steps), error)

    # --- sets of terms up to a degree

    def _scanned(self, names: Iterable[tuple[str, ...]], *, small: bool = False) -> Steps:
        """Tries total degrees of few terms in these coordinates, `small` for very few, group by group."""
        known = self.tried if small else self.tried_fully
        left = [one for one in dict.fromkeys(names) if one not in known]
        for start in range(0, len(left), GROUP):
            group = left[start : start + GROUP]
            steps = []
            for one in group:
                frame = self.frame(one)
                indices, sizes = self._indices(frame)
                steps.append(
                    self._scan_step(frame, indices, sizes, (SMALL_TERMS,) if small else self._budgets(indices))
                )
            for one, growths in zip(group, (yield steps), strict=True):
                self.tried[one] = growths
                if not small:
                    self.tried_fully.add(one)
            yield from self._offered([growth for one in group for growth in self.tried[one]])
            if small and self.is_settled:
                break

    def _sums(self, names: Iterable[tuple[str, ...]], most: int) -> Part[list[Growth]]:
        """For each of these coordinates and each link the best sum of functions of one input each, the best first."""
        steps = []
        for one in dict.fromkeys(names):
            frame = self.frame(one)
            indices, sizes = largest_set("axes", frame.highest, min(most, self.max_terms), frame.exchanges)
            steps.append(self._scan_step(frame, indices, sizes, self._budgets(indices)))
        growths = [growth for found in (yield steps) for growth in found]
        yield from self._offered(growths)
        return sorted(growths, key=_held_out_error)

    # --- many inputs

    def _sparse(self, names: tuple[str, ...]) -> Part[list[Growth]]:
        """Terms of low total degrees in these coordinates, degree by degree; what they come to."""
        frame, firsts = self.frame(names), self.tried[names]
        n_known, top = len(self._indices(frame)[0]), LOW_DEGREE if self.degree is None else self.degree
        found: list[Growth] = []
        for degree in range(2, top + 1):
            terms = index_set("total", degree, frame.highest, MOST_CANDIDATES)
            if terms is None:
                break
            indices, sizes = terms
            if len(indices) <= n_known:
                continue
            takes_all = len(indices) <= min(ROUNDS[-1][0], self.max_terms)
            if not takes_all or len(indices) > FULL_TERMS:
                candidates = Candidates(indices)
                pursued = yield from self._pursuits(firsts, candidates)
                found += pursued
                firsts = [_useful(first, pursued) for first in firsts]
                if takes_all and not self.is_settled:
                    [share] = yield [self._share_step(pursued[0], candidates)]
                    takes_all = share > USEFUL
            if takes_all and not self.is_settled:
                [full] = yield [self._scan_step(frame, indices, sizes, (len(indices),))]
                found += full
                yield from self._offered_if_exact(full)
            if self.is_settled:
                break
        if not self.is_settled:
            yield from self._offered(found)
        # What is taken on from here grows by neighbours, as sets of few terms do.
        return [replace(growth, waiting=0, ended=False) for growth in found]

    def _offered_if_exact(self, growths: Sequence[Growth]) -> Steps:
        """Others are offered once no more terms are tried, as a fit to all rows takes as long as a choice of terms."""
        yield from self._offered([growth for growth in growths if _held_out_error(growth) <= ROUNDED])

    def _pursuits(self, firsts: Sequence[Growth], candidates: Candidates) -> Part[list[Growth]]:
        """The first of these, which is of y itself, with the best of the `candidates`, and that of the best other link.

        Other links are compared by the terms that y itself has chosen, as well: by one factorization.
        """
        own = yield from self._pursuit(firsts[0], candidates)
        if self.is_settled or len(firsts) == 1:
            return [own]
        step = self._scan_step(own.frame, own.indices, np.zeros(len(own.indices), dtype=np.intp), (len(own.indices),))
        [alike] = yield [step]
        other = min([*firsts[1:], *alike[1:]], key=_held_out_error)
        return [own, (yield from self._pursuit(other, candidates))] if other.error < own.error else [own]

    def _pursuit(self, first: Growth, candidates: Candidates) -> Part[Growth]:
        """Its terms, and of the `candidates` those that go best with what is left over, until they gain nothing."""
        # The first fit takes more rows than it was compared by: others are to be better than what this comes to.
        growth = Growth(first.frame, first.link, first.indices, first.coefficients)
        growth.best = math.inf, first.indices, first.coefficients
        while not growth.ended:
            [growth] = yield [self._pursuit_step(growth, candidates)]
        assert growth.best is not None
        growth.error, growth.indices, growth.coefficients = growth.best
        yield from self._offered_if_exact([growth])
        return growth

    def _pursuit_step(self, growth: Growth, candidates: Candidates) -> Step:
        p = len(growth.indices)
        n = self._rows(p)
        work = 0.7 * n * p**2 + candidates.work(n) * self.rows.n_outputs + 50.0 * CALL
        return Step(work, partial(self._pursued, growth, candidates))

    def _share_step(self, growth: Growth, candidates: Candidates) -> Step:
        """How much of what the growth leaves over all candidates together may explain."""

        def share(worker: Worker) -> float:
            fitted, residual, weight, equations = self._fitted(growth)
            return candidates.share(fitted.frame.Z, residual[: equations.n_values], weight)

        return Step(self._pursuit_step(growth, candidates).work, share)

    def _pursued(self, growth: Growth, candidates: Candidates, worker: Worker) -> Growth:
        """The growth fitted, with those of the `candidates` that are to be fitted next."""
        growth, residual, weight, equations = self._fitted(growth)
        residual = residual[: equations.n_values]
        if growth.error <= ROUNDED or growth.waiting >= PURSUIT_PATIENCE:
            growth.ended = True
            return growth
        p = len(growth.indices)
        added = candidates.chosen(growth.frame.Z, growth.indices, residual, math.ceil(GROWTH * p), weight)
        growth.ended = len(added) == 0 or p + len(added) > min(MOST_PURSUED, self.max_terms)
        growth.indices = np.concatenate([growth.indices, added])
        return growth

    def _budgets(self, indices: Indices) -> tuple[int, ...]:
        return tuple(dict.fromkeys(min(budget, len(indices)) for budget in (SMALL_TERMS, MORE_TERMS, len(indices))))

    def _scan_step(self, frame: InputCoordinates, indices: Indices, sizes: Indices, budgets: tuple[int, ...]) -> Step:
        work = sum(self._scan_work(sizes, min(budget, len(indices))) for budget in budgets)
        return Step(work, partial(self._scan, frame, indices, sizes, budgets))

    def _scan_work(self, sizes: Indices, top: int) -> float:
        """A Gram matrix and its factor, or four times as much for QR; then all degrees, of a third of the terms."""
        k = len(self.links) * self.rows.n_outputs
        n, held_out = (self.rows.per_row * one for one in (self._compared(top), self.rows.n_held_out))
        n_degrees = len(_tried(sizes[:top]))
        return (
            2.0 * n * top**2 * len(self._alike)
            + n_degrees * (5.0 * CALL * k + top * k * (held_out + top) / 3.0)
            + 20.0 * CALL
        )

    def _scan(
        self, frame: InputCoordinates, indices: Indices, sizes: Indices, budgets: tuple[int, ...], worker: Worker
    ) -> list[Growth]:
        """For each link the best of the sets of `indices` (p, d) up to a size, `sizes` (p,) being theirs, ascending."""
        m = self.rows.n_outputs
        growths = [Growth(frame, link, indices[:1], np.zeros((1, m))) for link in self.links]
        best = [math.inf] * len(growths)
        tried = _tried(sizes)
        if self.degree is not None and self.basis != "auto":
            tried, budgets = tried[-1:], (len(indices),)
        done, before = 0, math.inf
        # One factorization serves all degrees up to its own, a small one first, which is often enough, and all links.
        for budget in budgets:
            top = min(len(indices), int(np.searchsorted(sizes, sizes[min(budget, len(indices)) - 1], side="right")))
            if top == done:
                continue
            n = self._compared(top)
            terms = frame.terms(indices[:top])
            held_out = held_out_design(terms, frame)
            solvers = self._solvers(frame, terms, n)
            for p in tried[np.searchsorted(tried, done, side="right") : np.searchsorted(tried, top, side="right")]:
                coefficients = np.concatenate([solve(p) for solve in solvers], axis=1)
                t = held_out[:, :p] @ coefficients
                for i, growth in enumerate(growths):
                    own = slice(i * m, (i + 1) * m)
                    error = held_out_rmse(self.rows, frame, growth.link, t[:, own])
                    if (one := score(error, p)) < best[i]:
                        best[i] = one
                        growth.best = error, indices[:p], coefficients[:, own]
                if worker.should_stop():
                    break
            done = top
            errors = [_held_out_error(growth) for growth in growths]
            if min(errors) <= ROUNDED or worker.should_stop() or not min(errors) < USEFUL * before:
                break
            before = min(errors)
        for growth in growths:
            if growth.best is None:  # not a finite value with any number of terms: the constant stands
                growth.best = math.inf, growth.indices, growth.coefficients
            growth.error, growth.indices, growth.coefficients = growth.best
        return growths

    def _solvers(self, frame: InputCoordinates, terms: Terms, n: int) -> list[Solve]:
        """Least squares of the first n rows, for each of the groups of links that weigh rows alike."""
        degrees, found, values = terms.indices.sum(axis=1), [], None
        for alike in self._alike:
            equations = self._equations(frame, alike, n, self._root_weight(alike[0]))
            if equations.along is not None:
                design = equations.design(terms)
            else:
                design = values = equations.design(terms) if values is None else values
            weight, T = equations.root_weight, equations.targets
            if weight is None:
                found.append(leading_least_squares(design, T, degrees))
            else:
                found.append(leading_least_squares(design * weight, T * weight, degrees))
        return found

    def _equations(self, frame: InputCoordinates, some: Sequence[Link], n: int, root_weight: Array | None) -> Equations:
        return Equations.of(frame, some, self.rows.train.y, n, root_weight)

    def _indices(self, frame: InputCoordinates) -> tuple[Indices, Indices]:
        """The largest set of terms without growth that is allowed, and their sizes."""
        basis = "total" if self.basis == "auto" else self.basis
        first = FIRST_TERMS_FEW_INPUTS if len(frame.highest) <= FEW_INPUTS else FIRST_TERMS
        budget = min(first, self.max_terms) if self.basis == "auto" else self.max_terms
        if self.degree is not None and self.basis != "auto":
            found = index_set(basis, self.degree, frame.highest, budget)
            if found is None:
                raise ValueError(
                    f"degree: expected at most {self.max_terms} terms, half of the rows trained on or max_terms, got "
                    f"more in the {basis} basis of degree {self.degree} and {len(frame.highest)} columns"
                )
            return found if frame.exchanges is None else of_budget(*found, budget, frame.exchanges)
        indices, sizes = largest_set(basis, frame.highest, budget, frame.exchanges)
        if self.degree is None:
            return indices, sizes
        count = int(np.searchsorted(sizes, self.degree, side="right"))
        return indices[:count], sizes[:count]

    # --- coordinates

    def _error_in(self, names: tuple[str, ...]) -> float:
        return min(growth.error for growth in self.tried[names])

    def _mixed(self) -> Part[list[Growth]]:
        """For each link the coordinates, changed one column after the other, in which few terms do best."""
        starts = [min(self.tried, key=lambda names: self.tried[names][i].error) for i in range(len(self.links))]
        now, made = list(starts), dict.fromkeys((names, i) for i, names in enumerate(starts))
        for j in 2 * list(range(len(self.choices))):
            changes = [[self.frame.with_column(names, j, name) for name in self.choices[j]] for names in now]
            yield from self._scanned(itertools.chain.from_iterable(changes), small=True)
            for i, own in enumerate(changes):
                for changed in own:
                    # Where the search is settled on the way, the last of them have not been tried.
                    if changed in self.tried and self.tried[changed][i].error < BETTER * self.tried[now[i]][i].error:
                        now[i] = changed
            if self.is_settled:
                break
        made |= dict.fromkeys((names, i) for i, names in enumerate(now))
        # What very few terms have chosen is compared by more.
        yield from self._scanned(names for names, _ in made)
        return sorted((self.tried[names][i] for names, i in made), key=_held_out_error)

    # --- growth

    def _grown(self, growths: list[Growth], rounds: Sequence[tuple[int, int]]) -> Part[list[Growth]]:
        """Adds terms to all, to few of them many, as long as that helps; those that are left."""
        for n_terms, survivors in rounds:
            n_terms = min(n_terms, self.max_terms)
            active = [i for i, growth in enumerate(growths) if not growth.ended]
            while active and not self.is_good:
                results = yield [self._growth_step(growths[i], n_terms) for i in active]
                for i, growth in zip(active, results, strict=True):
                    growths[i] = growth
                yield from self._offered([growths[i] for i in active])
                best = min(growths, key=_held_out_error)
                self.prospect = extrapolated(
                    best.n_terms, best.errors, min(ROUNDS[-1][0], self.max_terms), self.rows.n_inputs
                )
                active = [i for i in active if not (growths[i].ended or growths[i].n_terms[-1] >= n_terms)]
            if self.is_good:
                break
            growths = sorted(growths, key=_held_out_error)[:survivors]
        return growths

    def _growth_step(self, growth: Growth, n_terms: int) -> Step:
        p, n = len(growth.indices), self._rows(len(growth.indices))
        return Step(0.7 * n * self.rows.per_row * p**2 + 50.0 * CALL, partial(self._advanced, growth, n_terms))

    def _advanced(self, growth: Growth, n_terms: int, worker: Worker) -> Growth:
        """The growth one fit further, with the terms to be fitted next."""
        growth, residual, weight, equations = self._fitted(growth)
        if growth.waiting >= PATIENCE or len(growth.indices) >= self.max_terms:
            growth.ended = True
        elif len(growth.indices) < n_terms:
            prune(growth, residual)
            room = n_terms - len(growth.indices)
            room = min(room, max(8, math.ceil(GROWTH * len(growth.indices))))
            added = next_terms(growth, equations, residual, room, weight, self.degree)
            growth.ended = len(added) == 0
            growth.indices = np.concatenate([growth.indices, added])
        return growth

    def _fitted(self, growth: Growth) -> tuple[Growth, Array, Array | None, Equations]:
        """The growth with its terms fitted and its record kept, what is left over of the equations, what these weigh,
        and the equations."""
        growth = replace(growth)
        n = self._rows(len(growth.indices))
        equations = self._equations(growth.frame, [growth.link], n, self._root_weight(growth.link))
        residual, weight = self._fit(growth, equations), equations.root_weight
        if weight is not None:
            weight = weight / rms(weight)
            residual = residual * weight
        t = held_out_design(growth.frame.terms(growth.indices), growth.frame) @ growth.coefficients
        error = held_out_rmse(self.rows, growth.frame, growth.link, t)
        growth.n_terms, growth.errors = (*growth.n_terms, len(growth.indices)), (*growth.errors, error)
        gains = growth.best is None or error < 0.9 * growth.best[0]
        growth.waiting = 0 if gains else growth.waiting + 1
        if growth.best is None or error < growth.best[0]:
            growth.best = error, growth.indices, growth.coefficients
        growth.error = error
        return growth, residual, weight, equations

    # --- the best ones, fitted to all rows

    def _offered(self, growths: Sequence[Growth]) -> Steps:
        """Offers the best of these, if by the rows held out it is better than all before.

        A root has no value where its square is below 0, as it may be near a zero of y: then the next best has its turn.
        """
        ranked = sorted((self._score(growth), i) for i, growth in enumerate(growths) if growth.best is not None)
        for own, i in ranked[:MOST_OFFERED]:
            if self.best is not None and not own < self.best.score:
                break
            [(found, growth)] = yield [self._finish_step(growths[i])]
            yield from self._kept(found, growth)
            if math.isfinite(found.error):
                break

    def _witnesses(self, growths: Sequence[Growth]) -> Steps:
        """Offers polynomials in the coordinates that came next, too: where rows are not, they tell of the best one."""
        best: dict[str, Growth] = {}
        for growth in sorted(growths, key=_held_out_error):
            best.setdefault(in_words(growth.frame, growth.link), growth)
        known = None if self.best_growth is None else in_words(self.best_growth.frame, self.best_growth.link)
        others = [growth for name, growth in best.items() if name != known and growth.best is not None]
        for found, growth in (yield [self._finish_step(growth) for growth in others[:MOST_WITNESSES]]):
            if self.best is None or found.score < self.best.score:
                self.best, self.best_growth = found, growth
            yield found

    def _kept(self, found: Found, growth: Growth) -> Steps:
        if self.best is None or found.score < self.best.score:
            self.best, self.best_growth = found, growth
            yield found

    def _score(self, growth: Growth) -> float:
        """That of its best set of terms, by the rows held out."""
        assert growth.best is not None
        return score(_held_out_error(growth), len(growth.best[1]))

    def _finish_step(self, growth: Growth, steep: bool = False) -> Step:
        assert growth.best is not None
        p = len(growth.best[1])
        n = self._rows(p) * self.rows.per_row
        return Step(n * p * (p + 20.0) + 20.0 * CALL, partial(self._finished, growth, steep))

    def _finished(self, growth: Growth, steep: bool, worker: Worker) -> tuple[Found, Growth]:
        """The best terms of the growth with coefficients from all rows, `steep` with rows that weigh as y follows t."""
        assert growth.best is not None
        growth = replace(growth, indices=growth.best[1], coefficients=growth.best[2])
        weight = self._root_weight(growth.link, steep=steep)
        self._fit(growth, self._equations(growth.frame, [growth.link], self._rows(len(growth.indices)), weight))
        keep = _is_seen(growth, weight)
        growth.indices, growth.coefficients = growth.indices[keep], growth.coefficients[keep]
        growth.best = growth.error, growth.indices, growth.coefficients
        coordinates = in_words(growth.frame, growth.link)
        found = self.rows.found(
            self._model(growth),
            "polynomial",
            f"{len(growth.indices)} terms {coordinates}".rstrip(),
            coordinates=coordinates,
            refit=partial(self._refit, growth, steep),
            uses_derivatives=True,
        )
        growth.best = found.errors.rmse, growth.indices, growth.coefficients
        return found, growth

    def _polished(self) -> Steps:
        """Drops terms that are no larger than what is left over, and weighs rows by how steep y is in the link."""
        growth = self.best_growth
        if growth is None:
            return
        n = self._rows(2 * len(growth.indices))
        design = growth.frame.terms(growth.indices).design(growth.frame.Z[:n])
        left = rms(growth.link.t[:n] - design @ growth.coefficients)
        size = np.max(np.abs(growth.coefficients) / left, axis=1)
        steps = []
        for cutoff in (0.0, 0.03, 0.1, 0.3, 1.0, 3.0):
            keep = size > cutoff
            keep[0] |= not keep.any()
            if not (cutoff and keep.all()):
                trial = replace(growth, best=(math.inf, growth.indices[keep], growth.coefficients[keep]))
                steps.append(self._finish_step(trial, steep=True))
        for found in (yield steps):
            yield from self._kept(*found)

    def _model(self, growth: Growth) -> Model:
        frame, link = growth.frame, growth.link
        polynomial = Polynomial(
            *expanded(growth.indices, constants_exact(growth), frame.exchanges),
            inputs=frame.normalization,
            output_exponents=link.inner_exponents,
            signature=self.rows.signature,
            n_threads=1,
        )
        return in_coordinates(polynomial, frame, link)

    def _refit(self, growth: Growth, steep: bool, samples: Samples) -> Model:
        """The same terms with coefficients from all `samples`, or as many of them as MOST_REFIT_WORK allows."""
        frame, link, p = growth.frame, growth.link, len(growth.indices)
        m = self.rows.n_outputs
        terms = frame.terms(growth.indices)
        per_row = self.rows.per_row
        n = min(len(samples.X), math.ceil(max(MOST_ROWS, int(MOST_REFIT_WORK / p**2)) / per_row))
        chosen = np.linspace(0, len(samples.X) - 1, n).astype(np.intp)
        height = max(p, int(TILE_NUMBERS / (p * per_row)))

        def tiles() -> Iterator[tuple[Array, Array]]:
            for start in range(0, n, height):
                some = samples.take(chosen[start : start + height], apart=start == 0)
                Z, along = frame.of(some)
                t = Transformed.transform_outputs(some.y, (link.name,) * m, link.scales)
                t = np.ldexp(t, -link.inner_exponents)
                weight = link.root_weight(some, t, steep=steep)
                slopes = None if along is None else link.slopes(along, some.y)
                yield Equations(Z, t, along, frame.balance, slopes, weight).weighted(terms)

        coefficients = tiled_least_squares(tiles, growth.indices.sum(axis=1))
        return self._model(replace(growth, coefficients=coefficients))

    # --- rows

    def _rows(self, p: int) -> int:
        return min(self.rows.n, math.ceil(max(MOST_ROWS, ROWS_PER_TERM * p) / self.rows.per_row))

    def _compared(self, p: int) -> int:
        """Rows of fits of `p` terms that are only compared."""
        return min(self.rows.n, math.ceil(max(FEWEST_COMPARED, ROWS_PER_TERM * p) / self.rows.per_row))

    def _root_weight(self, link: Link, *, steep: bool = False) -> Array | None:
        return link.root_weight(self.rows.train, link.t, steep=steep)

    def _fit(self, growth: Growth, equations: Equations) -> Array:
        """Solves for the coefficients of the growth's terms, and returns what is left over of the equations."""
        terms, p, n = growth.frame.terms(growth.indices), len(growth.indices), len(equations)
        size = min(n, max(p, TILE_NUMBERS // p))
        tiles = [slice(start, min(start + size, n)) for start in range(0, n, size)]
        kept = equations.design(terms) if len(tiles) == 1 else None
        weight = equations.root_weight

        def design(some: slice) -> Array:
            return equations.design(terms, some) if kept is None else kept

        def weighted() -> Iterator[tuple[Array, Array]]:
            for some in tiles:
                A, t = design(some), equations.targets[some]
                yield (A, t) if weight is None else (A * weight[some], t * weight[some])

        growth.coefficients = tiled_least_squares(weighted, growth.indices.sum(axis=1))
        return np.concatenate([equations.targets[some] - design(some) @ growth.coefficients for some in tiles])


def is_simple(model: Model) -> bool:
    """Whether a polynomial that meets the rows to rounding goes beyond them as well as any model.

    Few terms do, and those of low degree in many inputs: a function that is no such polynomial would show.
    """
    if model.n_params <= SIMPLE_TERMS:
        return True
    inner = model.model if isinstance(model, Transformed) else model
    if not isinstance(inner, Polynomial) or inner.signature.n_inputs < MANY_INPUTS:
        return False
    return int(inner.indices.sum(axis=1).max(initial=0)) <= LOW_DEGREE


def _is_seen(growth: Growth, root_weight: Array | None) -> NDArray[np.bool_]:
    """Which terms any row shows: (p,). Least squares leaves some 1e-17 of those that the function has not."""
    t, most = growth.link.t, 1.0
    if root_weight is not None:
        t, most = t * root_weight, float(np.max(root_weight))
    seen: NDArray[np.bool_] = np.any(np.abs(growth.coefficients) * most > UNSEEN * rms(t), axis=1)
    seen[0] |= not seen.any()
    return seen


def _tried(sizes: Indices) -> list[int]:
    """How many of the first terms are tried, `sizes` (p,) being theirs, ascending: all of a size, DEGREE_STEP apart."""
    ends = (np.flatnonzero(np.diff(sizes)) + 1).tolist()
    tried: list[int] = []
    for p in [*ends[1:], len(sizes)]:
        if not tried or p >= DEGREE_STEP * tried[-1] or p == len(sizes):
            tried.append(p)
    return tried


def _useful(first: Growth, found: Sequence[Growth]) -> Growth:
    """What was `found` with the link of `first`, if it is so much better that more terms follow it; or `first`."""
    better = [one for one in found if one.link is first.link and one.error < USEFUL * first.error]
    return min(better, key=_held_out_error, default=first)


def _held_out_error(growth: Growth) -> float:
    return growth.best[0] if growth.best else math.inf
