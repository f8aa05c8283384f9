"""Finds graphs of polynomial modules in scattered data: which columns belong together, by trial fits on few rows.

1. Each column is a group of one function, with all products of at most three of them, for y and some links of it.
2. Moves, of which the best by the rows held out is made, as long as that helps: two groups become one of a sum
   s(x_i) + t(x_j), proposed by the gradient; a group has one function more, proposed by what is left over; products of
   more groups; a column of a group stands by itself as well. Trials go through heats of a few steps each.
3. With all rows, and longer series, while that helps; then powers of the functions, by what is left over.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import ArrayLike

from ..arrays import Array
from ..models import Model
from ..models.chebyshev import index_set
from .angles import Pair, pairs
from .coordinates import Link
from .graphs import REFIT_DAMPING, Fit, GraphSearch, gradient_in
from .modular_descent import FIRST_DAMPING, Descent, Layout, Problem, Terms, Wanted
from .scheduler import Part, Step, Steps, Worker
from .search import FLOOR, searched
from .structure import Group, Structure

# None of these numbers has been varied by itself: they were settled together on three functions (flow through a
# borehole, an OTL circuit, a sum of a product of two inputs and one of a third), of up to four tables each.
# By how much series grow that are too short, and the highest degree.
LONGER, MOST_DEGREE = 1.5, 120
# Rows for each parameter, at least.
ROWS_PER_PARAMETER = 2
# Groups whose functions are multiplied, at first and at last.
FIRST_ORDER, MOST_ORDER = 3, 4
# Terms of the core, at most.
MOST_TERMS = 600
# Links of y that are tried, the cheapest first.
LINKS = ("identity", "log", "reciprocal")
# Steps of the trials' heats, and how many go on to the next.
HEATS = ((5, 3), (8, 1))
SETTLED_STEPS, POLISH_STEPS = 25, 40
# Structures are compared by their error times this power of the number of parameters: more functions nearly always
# lower the error a little, what is there really does so with few.
COMPLEXITY = 2.0
# A structure of fewer parameters is taken if its error is no more than this part of the one before.
AS_GOOD = 1.5
# Degrees of variables that are tried where longer series are no better: a sum or difference of columns, or nearly.
SHORT = (1, 4)
# Parts of the squares left over that longer series would explain: above the first, nothing else can be said of a
# structure; above the second they are one move of several; below the last they are long enough.
TOO_SHORT, DOUBTFUL, RESOLVED = 0.3, 0.05, 0.02
# Damping of what goes on from another fit.
LATER_DAMPING = 1e-7
# A move must bring the error to this part; a link so many times worse than the best one is left.
USEFUL, FAR_BEHIND = 0.8, 300.0
# Proposals of each kind.
MERGES, FUNCTIONS = 4, 3
LIKELY = 0.03
# Of so few columns all pairs are tried.
FEW_COLUMNS = 4
# Multiply-adds after which a graph that is no more exact than the model its search started beside is given up. On
# Voigt's profile, which has no such parts, 2e11 came to nothing.
TRIAL_WORK = 6e10
# Below this error no part of the structure is missing: series are too short, or rows too few.
SETTLED = 1e-9
# The powers that are added in a round, as a part of the terms, and rounds that may go by without a gain.
GROWTH, FEWEST_ADDED, PATIENCE = 0.4, 10, 2


def fit_modular(
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    error: Literal["absolute", "relative"] = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Model:
    """The graph of polynomial modules with the smallest error on held-out rows.

    X : (n, d).
    y : (n,).
    sample_weight : (n,), weights of the squared errors.
    error : "absolute", or "relative" for errors that count relative to each y, of one output that is 0 nowhere.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    Raises ValueError for data or options that can't be fitted.
    """
    return searched(
        ModularSearch,
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


# Of a module: a variable "u" or a function "f", its group's columns, and its number there.
Name = tuple[str, tuple[int, ...], int]
Angles = Mapping[tuple[int, ...], Pair]


Proposal = tuple[Structure, Angles]


@dataclass(frozen=True)
class Trial(Fit):
    """A structure on its way, and which module is which."""

    structure: Structure = field(kw_only=True)
    names: tuple[Name, ...] = field(kw_only=True)


class ModularSearch(GraphSearch):
    """One search in `rows` of one output that varies; the gradient of `known` may propose what to merge.

    With `as_given` no column is taken in logarithms.
    """

    link_names = LINKS

    def steps(self) -> Steps:
        """The whole search."""
        n = len(self.columns)
        first = Structure(tuple(Group((j,)) for j in self.columns), min(FIRST_ORDER, n))
        beam = yield from self._run([self._trial(first, link, None, {}) for link in self.links[:1]], 1)
        yield from self._offered(beam)  # there is always one model
        others = [self._trial(first, link, None, {}) for link in self.links[1:]]
        beam = yield from self._run([*beam, *others], SETTLED_STEPS)
        beam = [one for one in beam if math.isfinite(one.error)]
        yield from self._offered(beam)
        spent = {one.link.name: 0.0 for one in beam}
        while beam and not self._is_exact and not self._is_hopeless(beam):
            # Links go on by turns of equal work: what a step of one costs is ten times that of another.
            one = min(beam, key=lambda one: spent[one.link.name])
            before = self._work
            moved = yield from self._moved(one)
            beam.remove(one)
            if moved is not one:
                beam.append(moved)
                yield from self._offered([moved])
            elif all(one.error <= other.error for other in beam):
                yield from self._polished(one)
            spent[one.link.name] += self._work - before
            least = min((one.error for one in beam), default=0.0)
            beam = [one for one in beam if one.error <= FAR_BEHIND * least]

    def _is_hopeless(self, beam: Sequence[Trial]) -> bool:
        """Whether nothing has come near the model known after so much work: the function has no such parts."""
        least = min(one.error for one in beam)
        return self.known is not None and self._work > TRIAL_WORK and not least < self.known.error

    @property
    def _is_exact(self) -> bool:
        return self.best is not None and self.best.is_exact

    # --- structures

    def _moved(self, one: Trial) -> Part[Trial]:
        """A structure that does better, or as well with fewer parameters; the same where none is found."""
        # Nothing can be said of a structure whose series are too short.
        longer = yield from self._longer(one, TOO_SHORT)
        if longer is not None:
            [tried] = yield from self._run([longer], SETTLED_STEPS)
            if tried.error < USEFUL * one.error:
                return tried
        simpler = yield from self._simplified(one, SETTLED_STEPS)
        if simpler is not None:
            return simpler
        if one.error < SETTLED:
            return one
        [proposals] = yield [Step(one.descent.problem.layout.work(2000), partial(self._proposals, one))]
        trials = [self._trial(structure, one.link, one, starts) for structure, starts in proposals]

        def cost(trial: Trial) -> tuple[bool, float]:
            helps = trial.error < USEFUL * one.error
            return not helps, trial.error * trial.size ** (COMPLEXITY if helps else 0.0)

        heat: list[Trial] = yield from self._run(trials, HEATS[0][0])
        if not heat:
            return one
        for (_, survivors), (steps, _) in itertools.pairwise((*HEATS, (SETTLED_STEPS, 1))):
            best_first = sorted(heat, key=cost)[:survivors]
            # The same structure from a plain start is often better than what has grown.
            plain = self._trial(best_first[0].structure, one.link, None, {}) if steps == SETTLED_STEPS else None
            heat = yield from self._run([*best_first, plain], steps)
        best = min(heat, key=cost)
        return best if best.error < USEFUL * one.error else one

    def _longer(self, one: Trial, part: float, *, with_all_rows: bool = False) -> Part[Trial | None]:
        """With longer series where they are too short; None where they aren't, or the rows carry no longer ones."""
        work = 2.0 * one.descent.problem.layout.work(len(one.descent.problem.rows.t))
        [wanted] = yield [Step(work, lambda worker: _stretched(one, part))]
        longer = self._trial(wanted, one.link, one, {}, with_all_rows=with_all_rows)
        return longer if longer is not None and wanted == longer.structure != one.structure else None

    def _simplified(self, one: Trial, most: int, *, with_all_rows: bool = False) -> Part[Trial | None]:
        """Of the simpler structures that are as good the simplest; None if there is none."""
        trials = [
            self._trial(structure, one.link, one, {}, with_all_rows=with_all_rows)
            for structure in self._simpler(one.structure)
        ]
        good = [trial for trial in (yield from self._run(trials, most)) if trial.error < AS_GOOD * one.error]
        return min(good, key=lambda trial: trial.error * trial.size**COMPLEXITY, default=None)

    def _simpler(self, structure: Structure) -> list[Structure]:
        """Without a group whose columns are all in another one, a function, or variables' long series."""
        groups = structure.groups
        sets = [set(group.columns) for group in groups]
        simpler = [structure.without(g) for g, own in enumerate(sets) if any(own < other for other in sets)]
        for g, group in enumerate(groups):
            fewer = [replace(group, rank=group.rank - 1)] if group.rank > 1 else []
            if len(group.columns) > 1:
                fewer += [replace(group, variable_degree=k) for k in SHORT if k < group.variable_degree]
            simpler += [replace(structure, groups=(*groups[:g], one, *groups[g + 1 :])) for one in fewer]
        return simpler

    def _proposals(self, one: Trial, worker: Worker) -> list[Proposal]:
        """Structures one move away, with the series that sums start from."""
        structure = one.structure
        groups = structure.groups
        Z, slopes = self._sloped(one)
        gradient = slopes(Z)
        known = np.isfinite(gradient).all(axis=1)
        angles = pairs(Z[known], gradient[known], self.columns)
        likely = []
        for a, b in itertools.combinations(range(len(groups)), 2):
            one_group, other = groups[a].columns, groups[b].columns
            if not set(one_group) & set(other):
                sine = max(angles[min(i, j), max(i, j)].sine for i in one_group for j in other)
                likely.append((sine, a, b))
        likely = sorted(pair for pair in likely if pair[0] < LIKELY)
        made: list[Proposal] = [(structure.merged(a, b), angles) for _, a, b in likely[:MERGES]]
        for (_, a, b), (_, e, f) in itertools.combinations(likely[:MERGES], 2):
            if not {a, b} & {e, f}:
                both = structure.merged(a, b)
                again = [[group.columns for group in both.groups].index(groups[g].columns) for g in (e, f)]
                made.append((both.merged(*again), angles))
        made += self._parts(structure, Z, slopes, gradient)
        if len(self.columns) <= FEW_COLUMNS:
            made += self._blind(structure, [next(iter(starts)) for _, starts in made if len(starts) == 1])
        gains = self._gains(one)
        best = sorted(range(len(gains)), key=lambda g: -gains[g])[:FUNCTIONS]
        made += [(structure.with_functions(some), angles) for some in [(g,) for g in best[:2]]]
        made += [(structure.with_functions((best[0], g)), angles) for g in best[1:]]
        singles = {group.columns for group in groups}
        within = [(j,) for group in groups if len(group.columns) > 1 for j in group.columns]
        made += [(structure.having(Group(column)), angles) for column in within if column not in singles]
        if structure.order < min(MOST_ORDER, len(groups)):
            made.append((replace(structure, order=structure.order + 1), angles))
        if (stretched := _stretched(one, DOUBTFUL)) != structure:
            made.append((stretched, angles))
        return made

    def _parts(
        self, structure: Structure, Z: Array, slopes: Callable[[Array], Array], gradient: Array
    ) -> list[Proposal]:
        """Pairs that enter as a sum in the part of f that depends on a third column: a difference in that column
        leaves nothing else. They become a group beside those of their columns."""
        likely = []
        for k in self.columns:
            other = Z.copy()
            other[:, k] = np.roll(Z[:, k], 1)
            difference = slopes(other) - gradient
            known = np.isfinite(difference).all(axis=1)
            for (i, j), one in pairs(Z[known], difference[known], [j for j in self.columns if j != k]).items():
                if one.sine < LIKELY and not any({i, j} <= set(group.columns) for group in structure.groups):
                    likely.append((one.sine, i, j, one))
        likely.sort(key=lambda part: part[0])
        made: dict[tuple[int, int], Pair] = {}
        for _, i, j, one in likely:
            if len(made) < MERGES:
                made.setdefault((i, j), one)
        return [(structure.having(Group(columns)), {columns: one}) for columns, one in made.items()]

    def _blind(self, structure: Structure, proposed: Sequence[tuple[int, ...]]) -> list[Proposal]:
        """All other sums and differences of two columns, besides: no gradient may be known that would propose them."""
        own = self.frame.normalization
        half = np.ldexp(own.scale, own.exponent)
        made: list[Proposal] = []
        known = [*proposed, *(group.columns for group in structure.groups)]
        for i, j in itertools.combinations(self.columns, 2):
            if not any({i, j} <= set(columns) for columns in known):
                for sign in (1.0, -1.0):
                    start = Pair(1.0, np.array([0.0, half[i]]), np.array([0.0, sign * half[j]]))
                    made.append((structure.having(Group((i, j))), {(i, j): start}))
        return made

    def _sloped(self, one: Trial) -> tuple[Array, Callable[[Array], Array]]:
        """Some rows, and the derivatives by z (n, d) of the model that tells more, at any z."""
        Z = self.frame.Z[: min(2000, self.rows.n)]
        known = self.known

        def of_known(Z: Array) -> Array:
            assert known is not None
            return gradient_in(self.frame, known.model, Z)

        def of_own(Z: Array) -> Array:
            descent, layout = one.descent, one.descent.problem.layout
            V, designs = layout.values(Z, descent.params)
            assert descent.core is not None
            return layout.slopes(V, designs, descent.params, descent.core)[:, : layout.n_inputs]

        is_clearer = known is not None and known.error < one.error
        return Z, of_known if is_clearer and np.isfinite(of_known(Z)).all(axis=1).mean() > 0.5 else of_own

    def _gains(self, one: Trial) -> list[float]:
        """For each group the part of what is left over that the square of its last function would explain."""
        problem, descent = one.descent.problem, one.descent
        layout, d = problem.layout, problem.layout.n_inputs
        point = problem.point(descent.params)
        if point is None:
            return [0.0] * len(one.structure.groups)
        F = point.V[:, list(layout.core.sources)]
        gains = []
        for group in one.structure.groups:
            last = one.names.index(("f", group.columns, group.rank - 1))
            column = layout.core.sources.index(d + last)
            squares = layout.core.indices[layout.core.indices[:, column] == 1].copy()
            squares[:, column] = 2
            C = problem.rows.root_weight[:, None] * Terms(range(F.shape[1]), squares).design(F)
            C = C - point.Q @ (point.Q.T @ C)
            Q, _ = np.linalg.qr(C)
            gains.append(float(np.linalg.norm(Q.T @ point.residuals)))
        return gains

    # --- fits

    def _trial(
        self, structure: Structure, link: Link, old: Trial | None, angles: Angles, *, with_all_rows: bool = False
    ) -> Trial | None:
        """The structure, its series as those of `old` where it has them, as long as the rows carry them; else None."""
        d, highest = self.rows.n_inputs, self.frame.highest
        wanted = self._wanted[link.name]
        names: list[Name] = []
        modules, starts = [], []
        variables = [group for group in structure.groups if len(group.columns) > 1]
        for group in variables:
            tops = [min(group.variable_degree, highest[j]) for j in group.columns]
            found = index_set("axes", max(tops), tops, 1 + sum(tops))
            assert found is not None
            indices = found[0]
            c = np.zeros(len(indices))
            for position, j in enumerate(group.columns):
                start = self._start(group.columns, position, j, angles, wanted)
                for k, value in enumerate(start[1:], 1):
                    c[(indices[:, position] == k) & (indices.sum(axis=1) == k)] = value
            names.append(("u", group.columns, 0))
            modules.append(Terms(group.columns, indices))
            starts.append(c)
        functions: list[list[int]] = []
        for group in structure.groups:
            source, top = group.columns[0], group.degree
            if len(group.columns) == 1:
                top = min(top, highest[source])
            else:
                source = d + variables.index(group)
            if group.rank > top:
                return None
            functions.append([])
            for q in range(group.rank):
                c = np.zeros(top + 1)
                c[q + 1] = 1.0
                if q > 0:
                    c[1] = 0.2
                functions[-1].append(d + len(modules))
                names.append(("f", group.columns, q))
                modules.append(Terms((source,), np.arange(top + 1)[:, None]))
                starts.append(c)
        core = _core_terms(functions, structure.order)
        n_params = len(core) + sum(map(len, modules))
        if len(core) > MOST_TERMS or n_params > len(wanted.t) / ROWS_PER_PARAMETER:
            shorter = structure.shorter() if len(core) <= MOST_TERMS else None
            if shorter is None and structure.order > 1:
                shorter = replace(structure, order=structure.order - 1)
            if shorter is not None:
                return self._trial(shorter, link, old, angles, with_all_rows=with_all_rows)
            if old is not None:
                return None
        if old is not None:
            layout = old.descent.problem.layout
            for name, module, c in zip(names, modules, starts, strict=True):
                if name in old.names:
                    k = old.names.index(name)
                    _carry(c, module, old.descent.params[layout.slices[k]], layout.modules[k])
        layout = Layout(d, modules, core)
        n = len(wanted.t) if with_all_rows else self._n_rows(layout)
        damping = FIRST_DAMPING if old is None else LATER_DAMPING
        descent = Descent(Problem(layout, wanted.first(n)), np.concatenate(starts), damping=damping)
        return Trial(link, descent, structure=structure, names=tuple(names))

    def _start(self, group: tuple[int, ...], position: int, j: int, angles: Angles, wanted: Wanted) -> Array:
        """The series of a column in a variable: by the angles of its pair, or a line, of the sign that y has."""
        if len(group) == 2 and group in angles:
            return angles[group].s if position == 0 else angles[group].t
        n = min(1000, len(wanted.t))
        return np.array([0.0, float(np.corrcoef(wanted.Z[:n, j], wanted.t[:n])[0, 1])])

    # --- the best structure, with all that helps

    def _polished(self, one: Trial) -> Steps:
        """Longer series on more rows, as long as that helps, then powers of the functions."""
        whole = self._trial(one.structure, one.link, one, {}, with_all_rows=True)
        [best] = yield from self._run([whole or one], POLISH_STEPS)
        yield from self._offered([best])
        while (simpler := (yield from self._simplified(best, POLISH_STEPS, with_all_rows=True))) is not None:
            best = simpler
            yield from self._offered([best])
        while not best.error <= FLOOR:
            longer = yield from self._longer(best, RESOLVED, with_all_rows=True)
            if longer is None:
                break
            [longer] = yield from self._run([longer], POLISH_STEPS)
            if not longer.error < USEFUL * best.error:
                break
            best = longer
            yield from self._offered([best])
        yield from self._offered([best])
        waiting = 0
        while waiting < PATIENCE and not self._is_exact:
            [grown] = yield [Step(best.descent.problem.layout.work(self.rows.n), partial(self._grown, best))]
            if grown is None:
                break
            [grown] = yield from self._run([grown], SETTLED_STEPS)
            waiting = 0 if grown.error < USEFUL * best.error else waiting + 1
            if grown.error < best.error:
                best = grown
                yield from self._offered([best])

    def _grown(self, one: Trial, worker: Worker) -> Trial | None:
        """With more powers and products of the functions in the core, those that go best with what is left over."""
        problem = one.descent.problem
        layout, core = problem.layout, problem.layout.core
        point = problem.point(one.descent.params)
        if point is None:
            return None
        owner = [one.names[source - layout.n_inputs][1] for source in core.sources]
        F = point.V[:, list(core.sources)]
        have = {tuple(index) for index in core.indices.tolist()}
        candidates = set()
        for index in have:
            for j in range(len(index)):
                more = (*index[:j], index[j] + 1, *index[j + 1 :])
                used = [owner[i] for i in range(len(index)) if more[i]]
                if more in have or len(set(used)) < len(used):
                    continue
                lower = ((*more[:i], more[i] - 1, *more[i + 1 :]) for i in range(len(more)) if more[i])
                if all(one in have for one in lower):
                    candidates.add(more)
        if not candidates:
            return None
        terms = np.array(sorted(candidates), dtype=np.intp)
        C = problem.rows.root_weight[:, None] * Terms(range(F.shape[1]), terms).design(F)
        C = C - point.Q @ (point.Q.T @ C)
        sizes = np.sqrt(np.einsum("ij,ij->j", C, C))
        gains = np.abs(C.T @ point.residuals) / np.maximum(sizes, 1e-10)
        room = int(min(MOST_TERMS, self.rows.n / 4) - len(core))
        chosen = np.sort(np.argsort(-gains)[: min(room, max(FEWEST_ADDED, int(GROWTH * len(core))))])
        if room <= 0:
            return None
        grown = Layout(
            layout.n_inputs, layout.modules, Terms(core.sources, np.concatenate([core.indices, terms[chosen]]))
        )
        descent = Descent(Problem(grown, self._wanted[one.link.name]), one.descent.params, damping=REFIT_DAMPING)
        return replace(one, descent=descent)

    def _described(self, trial: Trial) -> str:  # type: ignore[override]
        groups = ", ".join(
            "+".join(self.names[j] for j in group.columns) + (f" ({group.rank})" if group.rank > 1 else "")
            for group in trial.structure.groups
        )
        return f"{len(trial.descent.problem.layout.core)} products of functions of {groups}"


def _stretched(one: Trial, part: float) -> Structure:
    """The structure with longer series where these would explain this part of the squares left over."""
    problem, d = one.descent.problem, one.descent.problem.layout.n_inputs
    point = problem.point(one.descent.params)
    if point is None:
        return one.structure
    layout = problem.layout
    V, designs = problem.values(point.params)
    slopes = layout.slopes(V, designs, point.params, point.core) * problem.rows.root_weight[:, None]
    left = point.loss

    def explained(places: Sequence[int], sources: Sequence[int], degree: int) -> float:
        """By the next degrees of series of `sources` in the modules at these places, beyond what chance explains."""
        most = _longer_degree(degree)
        columns = [chebvander(V[:, source], most)[:, degree + 1 :] for source in sources]
        C = np.column_stack([slopes[:, [d + k]] * column for k in places for column in columns])
        if C.shape[1] == 0 or not left > 0.0:
            return 0.0
        C = C - point.Q @ (point.Q.T @ C)
        Q, _ = np.linalg.qr(C)
        share: float = np.sum((Q.T @ point.residuals) ** 2) / left - C.shape[1] / len(C)
        return share

    groups = []
    for group in one.structure.groups:
        places = [one.names.index(("f", group.columns, q)) for q in range(group.rank)]
        module = layout.modules[places[0]]
        top = len(module) - 1
        if top >= group.degree and explained(places, module.sources, top) > part:
            group = replace(group, degree=_longer_degree(top))
        if len(group.columns) > 1:
            place = one.names.index(("u", group.columns, 0))
            top = int(layout.modules[place].indices.max())
            if top >= group.variable_degree and explained([place], group.columns, top) > part:
                group = replace(group, variable_degree=_longer_degree(top))
        groups.append(group)
    return replace(one.structure, groups=tuple(groups))


def _longer_degree(degree: int) -> int:
    return max(degree, min(MOST_DEGREE, math.ceil(LONGER * degree)))


def _core_terms(functions: Sequence[Sequence[int]], order: int) -> Terms:
    """All products of functions of at most so many groups, one function of each."""
    sources = [place for own in functions for place in own]
    terms = []
    for size in range(order + 1):
        for some in itertools.combinations(functions, size):
            terms += [[int(place in chosen) for place in sources] for chosen in itertools.product(*some)]
    return Terms(sources, np.array(terms, dtype=np.intp))


def _carry(c: Array, terms: Terms, old: Array, old_terms: Terms) -> None:
    """Writes the coefficients of the old series where the new one has the same terms."""
    place = {tuple(index): i for i, index in enumerate(terms.indices.tolist())}
    c[:] = 0.0
    for index, value in zip(old_terms.indices.tolist(), old, strict=True):
        if (i := place.get(tuple(index))) is not None:
            c[i] = value
