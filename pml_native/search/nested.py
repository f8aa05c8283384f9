"""Finds variables of few columns of which y is a plain polynomial, and learns them with it.

    y = P(u_1, ..., u_r, z_j, ...),   u = s(z_i) + t(z_j),  s(z_i) + b(z_j, z_k), or u(z_i, z_j),
where P may have z_k beside. With the right variables P has fewer of them, and as many terms are of a higher degree.

1. The gradient of the best model proposes which two values count as one (angles.py). Trials on few rows, with few
   terms, decide by the rows held out; of what one merge leaves, another may be one.
2. The best is learned with more and more terms on all rows, but for those that P can't describe, as variables fill no
   box. So P need not be good anywhere; but the variables are known to what is left over at the others, and are columns
   of a new table, for other searches.
Sources: Golub and Pereyra (1973) for the elimination of P; Udrescu et al. (2020) for tests of level sets.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from ..arrays import Array, contiguous
from ..models.chebyshev import Indices, index_set, largest_index_set, unique_rows
from .angles import level_set, nested, pair
from .coordinates import Link
from .graphs import LATER_DAMPING, Fit, Graphs, GraphSearch, error_of, gradient_in, reaches_zero, spans
from .modular_descent import FIRST_DAMPING, Descent, Layout, Problem, Terms
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, Found, Rows

# Links of y that are tried. Logarithms of y were better at first on Black and Scholes' price, and led nowhere.
LINKS = ("identity",)
# Terms of P while structures are compared, and when the best is learned: total degrees 14, 20, 26 of two values.
TRIAL_TERMS, STAGES = 120, (120, 231, 378)
# Terms of polynomials of the variables at all rows, where many are worse.
WHOLE_TERMS = (45, 120, 231)
# Rows for each term of P at least, and for each parameter.
ROWS_PER_TERM, ROWS_PER_PARAMETER = 3, 1.5
# Degrees of blocks of one column, and of more, to begin with; by what they grow, and to what.
SINGLE_DEGREE, BLOCK_DEGREE, LONGER, MOST_DEGREE = 6, 6, 1.5, 24
# A degree counts if its coefficients are above this part of the error: 1 is the largest value of a variable.
NEGLIGIBLE = 1e-2
# Sines below which a merge is proposed, and proposals of each kind.
LIKELY, MERGES = 0.3, 6
# Rows at which gradients are looked at.
GRADIENTS = 1000
# Steps of heats, and how many go on; steps of each stage, and how many of them may bring less than a fifth together.
HEATS = ((5, 4), (12, 2))
STAGE_STEPS, PATIENCE = 12, 2
# A merge must bring the error to this part of the one before; a stage the residual to this part, or it was the last.
USEFUL, FURTHER = 0.7, 0.5
# A simpler nest is taken if its error is no more than this part of the one before.
AS_GOOD = 2.0
# Stages that two nests go through side by side.
SIDE_BY_SIDE = 1
# The part of the rows, those of the smallest residuals, that variables are learned from once they are known a little:
# a polynomial of 378 terms leaves 1e-4 of Black and Scholes' price at the kink of short times, 4e-8 at these rows.
KEPT = 0.75
# A sum s + b of a third column must be so many times better than one of two, and a variable of a single block than a
# sum: any function of a variable is one, and of these P likes other ones better than the simplest.
FREEDOM_OF_THIRD, FREEDOM_OF_PAIR = 2.0, 10.0
# How many times the error of the model known that of the best nest may be with few terms. It must be below it once two
# nests have gone side by side.
HOPEFUL = 10.0
# The part of the errors at rows held out that structures are compared by, the smallest.
INNER = 0.9

Index = tuple[int, ...]
Coefficients = Mapping[Index, float]


@dataclass(frozen=True)
class Variable:
    """A sum of polynomials of `blocks` of columns; block b has degrees up to tops[b][k] in its k-th column."""

    blocks: tuple[tuple[int, ...], ...]
    tops: tuple[tuple[int, ...], ...]

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(sorted({j for block in self.blocks for j in block}))

    def indices(self) -> Indices:
        """(p, k), for its columns, the constant first."""
        columns, sets = self.columns, []
        for block, tops in zip(self.blocks, self.tops, strict=True):
            found = index_set("total", max(tops), tops, 10**6)
            assert found is not None
            own = np.zeros((len(found[0]), len(columns)), dtype=np.intp)
            own[:, [columns.index(j) for j in block]] = found[0]
            sets.append(own)
        rows, _ = unique_rows(np.concatenate(sets))
        order: Indices = rows[np.lexsort((*rows.T[::-1], rows.sum(axis=1)))]
        return order

    @classmethod
    def of(cls, blocks: Sequence[tuple[int, ...]]) -> Variable:
        """With the degrees that a block begins with."""
        return cls(tuple(blocks), tuple((SINGLE_DEGREE if len(b) == 1 else BLOCK_DEGREE,) * len(b) for b in blocks))

    def having(self, block: tuple[int, ...]) -> Variable:
        other = Variable.of([block])
        return Variable((*self.blocks, *other.blocks), (*self.tops, *other.tops))


@dataclass(frozen=True)
class Nest:
    """What y is a polynomial of: `variables`, and `columns` as they are."""

    variables: tuple[Variable, ...]
    columns: tuple[int, ...]

    @property
    def freedom(self) -> float:
        """What its error is multiplied with before it is compared with others'."""
        return math.prod(
            FREEDOM_OF_PAIR
            if len(variable.blocks) == 1
            else FREEDOM_OF_THIRD ** sum(len(b) > 1 for b in variable.blocks)
            for variable in self.variables
        )


@dataclass(frozen=True)
class Trial(Fit):
    """A nest on its way, with so many terms."""

    nest: Nest = field(kw_only=True)
    n_terms: int = field(kw_only=True)

    def coefficients(self) -> list[Coefficients]:
        """Of each variable, by the indices of its columns."""
        layout, params = self.descent.problem.layout, self.descent.params
        return [
            dict(zip(map(tuple, module.indices.tolist()), params[own].tolist(), strict=True))
            for module, own in zip(layout.modules, layout.slices, strict=True)
        ]


Proposal = tuple[Nest, Sequence[Coefficients]]


class NestedSearch(GraphSearch):
    """One search in `rows` of one output that varies; the gradient of `known` may propose what to try first."""

    family = "nested"
    status = "best polynomial of learned variables"

    def __init__(self, rows: Rows, known: Found | None = None) -> None:
        rows.require_one_output()
        super().__init__(rows, known, Graphs(rows, LINKS, _spans_above_zero))
        self.columns = self.graphs.columns

    def steps(self) -> Steps:
        """The whole search."""
        plain = Nest((), tuple(self.columns))
        beam = yield from self._run([self._trial(plain, link, TRIAL_TERMS, []) for link in self.graphs.links], 1)
        beam = sorted((one for one in beam if math.isfinite(one.error)), key=error_of)
        if self.known is None:
            yield from self._offered(beam)  # there is always one model
        beam = beam[:1]
        best = None
        while beam:
            best = beam[0]
            beam = yield from self._moved(beam)
        if best is not None and best.nest.variables and best.error < HOPEFUL * self._known_error:
            simpler = yield from self._simplified(best)
            yield from self._polished([best, simpler] if simpler is not best else [best])

    def _moved(self, beam: Sequence[Trial]) -> Part[list[Trial]]:
        """The best of what is one merge away, if it is better."""
        trials: list[Trial | None] = []
        for one in beam:
            work = 20.0 * CALL * len(self.columns) ** 3
            [proposals] = yield [Step(work, partial(self._proposals, one))]
            trials += [self._trial(nest, one.link, TRIAL_TERMS, starts) for nest, starts in proposals]
        heat: list[Trial] = [one for one in trials if one is not None]
        for steps, survivors in HEATS:
            heat = yield from self._run(heat, steps)
            heat = sorted(heat, key=lambda one: one.error * one.nest.freedom)[:survivors]
        least = min(one.error for one in beam)
        return [one for one in heat if one.error < USEFUL * least]

    def _simplified(self, one: Trial) -> Part[Trial]:
        """With lines instead of series, and with fewer columns in blocks, where that is as good."""
        error = AS_GOOD * one.error
        waiting = [(v, b) for v, variable in enumerate(one.nest.variables) for b in range(len(variable.blocks))]
        for v, b in waiting:
            nests = list(_simpler(one.nest, v, b))
            trials = [self._trial(nest, one.link, one.n_terms, self._starts(one, nest)) for nest in nests]
            for trial in (yield from self._run(trials, HEATS[1][0])):
                if trial.error < error:
                    one = trial
                    break
        return one

    def _starts(self, one: Trial, nest: Nest) -> list[Coefficients]:
        """What the variables of another nest start from: terms that they have as well."""
        return [
            _without(c, old.columns, new.columns)
            for c, old, new in zip(one.coefficients(), one.nest.variables, nest.variables, strict=True)
        ]

    def _proposals(self, one: Trial, worker: Worker) -> list[Proposal]:
        """Nests one merge away, with what their variables start from."""
        W, G = self._outer(one)
        known = np.flatnonzero(np.isfinite(G).all(axis=1))
        W, G, Z = W[known], G[known], self.graphs.frame.Z[known]
        variables, columns = one.nest.variables, one.nest.columns
        r, own = len(variables), one.coefficients()
        kinds: list[list[tuple[float, Proposal]]] = [[], [], []]

        def joined(p: int, q: int, block: tuple[int, ...], of_p: Coefficients, of_block: Coefficients) -> Proposal:
            """The block that has the place of column q is added to the value at p, times its slope there."""
            variable = variables[p].having(block) if p < r else Variable.of([(columns[p - r],), block])
            coefficients = _moved_to(of_p, variables[p].columns if p < r else (columns[p - r],), variable.columns)
            for index, value in _moved_to(of_block, block, variable.columns).items():
                coefficients[index] = coefficients.get(index, 0.0) + value
            rest = tuple(j for place, j in enumerate(columns) if place + r not in (p, q))
            before = tuple(v for place, v in enumerate(variables) if place != p)
            starts = [c for place, c in enumerate(own) if place != p]
            return Nest((*before, variable), rest), [*starts, coefficients]

        for p, q in itertools.permutations(range(r + len(columns)), 2):
            if q < r:
                continue
            if p >= r and p < q:
                angle = pair(W, G, p, q)
                if angle.sine < LIKELY:
                    made = joined(p, q, (columns[q - r],), _series(angle.s), _series(angle.t))
                    kinds[0].append((angle.sine, made))
                value, c, indices = level_set(W, G, p, q)
                if value < LIKELY:
                    kinds[2].append((value, self._general(one, p, q, c, indices)))
            elif p < r:
                sine, s, b = nested(W, G, p, q, np.zeros(len(W)), is_sum=False)
                if sine < LIKELY:
                    scaled = {index: s[1] * value for index, value in own[p].items()}
                    kinds[0].append((sine, joined(p, q, (columns[q - r],), scaled, _series(b[:, 0]))))
            for k in self.columns:
                if k == columns[q - r] or (p >= r and k == columns[p - r]):
                    continue
                sine, s, b = nested(W, G, p, q, Z[:, k], is_sum=p >= r)
                if sine < LIKELY:
                    of_p = _series(s) if p >= r else {index: s[1] * value for index, value in own[p].items()}
                    of_block: Coefficients = {(a, c): float(b[a, c]) for a, c in np.ndindex(b.shape) if a > 0}
                    kinds[1].append((sine, joined(p, q, (columns[q - r], k), of_p, of_block)))
        return [proposal for kind in kinds for _, proposal in sorted(kind, key=lambda one: one[0])[:MERGES]]

    def _general(self, one: Trial, p: int, q: int, c: Array, indices: Indices) -> Proposal:
        """With a polynomial of two columns as a variable."""
        columns, r = one.nest.columns, len(one.nest.variables)
        block = (columns[p - r], columns[q - r])
        rest = tuple(j for j in columns if j not in block)
        order = tuple(sorted(block))
        start = _moved_to(dict(zip(map(tuple, indices.tolist()), c.tolist(), strict=True)), block, order)
        return Nest((*one.nest.variables, Variable.of([block])), rest), [*one.coefficients(), start]

    def _outer(self, one: Trial) -> tuple[Array, Array]:
        """The values that P is of at some rows, (n, r), and the derivatives of y by each."""
        layout = one.descent.problem.layout
        Z = self.graphs.frame.Z[:GRADIENTS]
        V = layout.graph.values(contiguous(Z), one.descent.params)
        places = list(layout.core.sources)
        if not one.nest.variables and self.known is not None and self.known.error < one.error:
            # A function of y has the same level sets, so that it does not matter of which link this is the gradient.
            G = gradient_in(self.graphs.frame, self.known.model, Z)[:, places]
            if np.isfinite(G).all(axis=1).mean() > 0.5:
                return V[:, places], G
        assert one.descent.core is not None
        return V[:, places], layout.core_slopes(V, one.descent.core)

    # --- fits

    def _error(self, fit: Fit) -> float:
        descent = fit.descent
        if descent.core is None:
            return math.inf
        with np.errstate(all="ignore"):
            t = descent.problem.layout.value(self.graphs.frame.held_out_Z, descent.params, descent.core)
            return self._inner_error(fit.link.values(t[:, None], clipped=True))

    def _inner_error(self, y: Array) -> float:
        """Of values (n, 1) at the rows held out, without the largest errors: where no rows are near, P is anything."""
        held_out = self.rows.held_out
        error = np.abs(y - held_out.y)[:, 0]
        if held_out.sample_weight is not None:
            error = error * np.sqrt(held_out.sample_weight)
        inner = np.sort(np.where(np.isfinite(error), error, np.inf))[: max(1, int(INNER * len(error)))]
        size = float(np.sqrt(np.mean(held_out.y**2))) or 1.0
        return float(np.sqrt(np.mean((inner / size) ** 2)))

    @cached_property
    def _known_error(self) -> float:
        """The same of the model known; infinite without one."""
        if self.known is None:
            return math.inf
        with np.errstate(all="ignore"):
            return self._inner_error((self.known.measured or self.known.model).evaluate(self.rows.held_out.X))

    def _trial(
        self, nest: Nest, link: Link, n_terms: int, starts: Sequence[Coefficients], *, with_all_rows: bool = False
    ) -> Trial | None:
        """The nest with a polynomial of so many terms, or as many as rows carry; None where they don't carry it."""
        if len({variable.columns for variable in nest.variables}) < len(nest.variables):
            return None  # two variables of the same columns are not told apart
        n_terms = min(n_terms, max(1, self.rows.n // ROWS_PER_TERM))
        d, wanted = self.rows.n_inputs, self.graphs.wanted[link.name]
        modules, params, kept = [], [], []
        variables = [self._cut(variable) for variable in nest.variables]
        nest = replace(nest, variables=tuple(variables))
        for variable, start in zip(variables, starts, strict=True):
            indices, columns = variable.indices(), variable.columns
            modules.append(Terms(columns, indices))
            params.append(np.array([start.get(tuple(index), 0.0) for index in indices.tolist()]))
            # What is a function of columns that P has as well is nothing of a variable.
            inside = [place for place, j in enumerate(columns) if j not in nest.columns]
            kept.append((indices[:, inside] == 0).all(axis=1) & (indices.sum(axis=1) > 0))
        highest = [self.graphs.frame.highest[j] for j in nest.columns]
        indices, _ = largest_index_set("total", (*(n_terms,) * len(variables), *highest), n_terms)
        sources = (*range(d, d + len(variables)), *nest.columns)
        layout = Layout(d, modules, Terms(sources, indices), np.concatenate(kept) if kept else None)
        n = len(wanted.t) if with_all_rows else self.graphs.n_rows(layout)
        if variables and len(indices) + layout.n_params > n / ROWS_PER_PARAMETER:
            return None
        damping = LATER_DAMPING if with_all_rows else FIRST_DAMPING
        initial = np.concatenate([np.empty(0), *params])
        descent = Descent(Problem(layout, wanted.first(n)), initial, damping=damping, patience=PATIENCE)
        return Trial(link, descent, nest=nest, n_terms=n_terms)

    def _cut(self, variable: Variable) -> Variable:
        """With no degrees that a column of few values does not know."""
        highest = self.graphs.frame.highest
        tops = tuple(
            tuple(min(top, highest[j]) for j, top in zip(block, own, strict=True))
            for block, own in zip(variable.blocks, variable.tops, strict=True)
        )
        return replace(variable, tops=tops)

    def _polished(self, some: Sequence[Trial]) -> Steps:
        """Learned with more terms on all rows, as long as that leaves less at those that it can describe.

        A nest and a simpler one, which is not much worse with few terms, go through the first stages side by side.
        """
        going, ended = list(some), set[int]()
        for stage, n_terms in enumerate(STAGES):
            for place, one in enumerate(going):
                nest = self._fitting(one) if stage else one.nest
                trial = self._trial(nest, one.link, n_terms, self._starts(one, nest), with_all_rows=True)
                if trial is None or place in ended:
                    ended.add(place)
                    continue
                [going[place]] = yield from self._run([_on(trial, self._kept(one)) if stage else trial], STAGE_STEPS)
                if stage and not _residual(going[place]) < FURTHER * _residual(one):
                    ended.add(place)
            if stage == SIDE_BY_SIDE:
                going = [min(going, key=lambda one: one.error * one.descent.problem.layout.n_params)]
                ended = ended if len(some) == 1 else set()
                if not going[0].error < self._known_error:
                    return
            if len(ended) == len(going):
                break
        one = min(going, key=error_of)
        work = sum(self.rows.n * 4.0 * n_terms**2 + 30.0 * CALL for n_terms in WHOLE_TERMS)
        [found] = yield [Step(work, partial(self._whole, one))]
        if found is not None and (self.best is None or found.score <= self.best.score):
            yield found

    def _whole(self, one: Trial, worker: Worker) -> Found | None:
        """A polynomial of the variables as they are, by least squares at all rows, of as many terms as do best."""
        wholes = []
        for n_terms in WHOLE_TERMS:
            trial = self._trial(one.nest, one.link, n_terms, one.coefficients(), with_all_rows=True)
            point = None if trial is None else trial.descent.problem.point(trial.descent.params)
            if trial is not None and point is not None:
                descent = replace(trial.descent, params=point.params, core=point.core)
                wholes.append(self._found(replace(trial, descent=descent), worker))
        return min(wholes, key=lambda found: found.score, default=None)

    def _kept(self, one: Trial) -> Array:
        """Which rows, 1 or 0, it describes best."""
        wanted, descent = self.graphs.wanted[one.link.name], one.descent
        assert descent.core is not None
        t = descent.problem.layout.value(wanted.Z, descent.params, descent.core)
        left = np.abs(wanted.root_weight * (wanted.t - t))
        return np.asarray(left <= np.quantile(left, KEPT), np.float64)

    def _fitting(self, one: Trial) -> Nest:
        """The nest with series as long as their coefficients ask for."""
        if not one.descent.losses:
            return one.nest
        least = NEGLIGIBLE * _residual(one)
        variables = []
        for variable, c in zip(one.nest.variables, one.coefficients(), strict=True):
            columns, blocks = variable.columns, []
            for block, tops in zip(variable.blocks, variable.tops, strict=True):
                own = []
                for j, top in zip(block, tops, strict=True):
                    place = columns.index(j)
                    used = max((index[place] for index, value in c.items() if abs(value) > least), default=1)
                    longer = min(MOST_DEGREE, math.ceil(LONGER * top)) if top > 1 else top
                    own.append(longer if used >= top else max(1, min(top, used + 1)))
                blocks.append(tuple(own))
            variables.append(replace(variable, tops=tuple(blocks)))
        return replace(one.nest, variables=tuple(variables))

    def _described(self, trial: Trial) -> str:  # type: ignore[override]
        names = [
            "+".join("*".join(self.names[j] for j in block) for block in variable.blocks)
            for variable in trial.nest.variables
        ]
        values = ", ".join([*names, *(self.names[j] for j in trial.nest.columns)])
        return f"{len(trial.descent.problem.layout.core)} terms of {values}"


def _spans_above_zero(column: Array) -> bool:
    """Whether a column (n,) > 0 is taken in logarithms: not if its rows go down to 0."""
    return not reaches_zero(column) and spans(column)


def _residual(one: Trial) -> float:
    """What is left over at its rows, relative."""
    rows = one.descent.problem.rows
    scale = float(np.sum((rows.root_weight * rows.t) ** 2))
    return math.sqrt(one.descent.losses[-1] / scale) if one.descent.losses else math.inf


def _simpler(nest: Nest, v: int, b: int) -> Iterator[Nest]:
    """With one block of a variable of fewer columns, or of lines, the simplest first."""
    variable = nest.variables[v]
    block, tops = variable.blocks[b], variable.tops[b]

    def having(block: tuple[int, ...], tops: tuple[int, ...]) -> Nest:
        blocks = (*variable.blocks[:b], block, *variable.blocks[b + 1 :])
        other = Variable(blocks, (*variable.tops[:b], tops, *variable.tops[b + 1 :]))
        return replace(nest, variables=(*nest.variables[:v], other, *nest.variables[v + 1 :]))

    if len(block) > 1 and len(variable.blocks) > 1:
        yield having(block[:1], (1,))
        yield having(block[:1], tops[:1])
    for lines in sorted(itertools.product((True, False), repeat=len(block)), key=lambda some: -sum(some)):
        fewer = tuple(1 if is_line else top for is_line, top in zip(lines, tops, strict=True))
        if fewer != tops:
            yield having(block, fewer)


def _on(trial: Trial, kept: Array) -> Trial:
    """On these rows only."""
    problem = trial.descent.problem
    rows = replace(problem.rows, root_weight=problem.rows.root_weight * kept)
    return replace(trial, descent=replace(trial.descent, problem=Problem(problem.layout, rows)))


def _without(c: Coefficients, columns: Sequence[int], fewer: Sequence[int]) -> dict[Index, float]:
    """The terms of fewer columns, by the indices of these."""
    places = [columns.index(j) for j in fewer]
    others = [place for place, j in enumerate(columns) if j not in fewer]
    return {tuple(index[p] for p in places): value for index, value in c.items() if not any(index[p] for p in others)}


def _series(c: Array) -> Coefficients:
    """Of one column."""
    return {(k,): float(value) for k, value in enumerate(c) if k > 0}


def _moved_to(c: Coefficients, columns: Sequence[int], among: Sequence[int]) -> dict[Index, float]:
    """The same coefficients by the indices of more columns."""
    places = [among.index(j) for j in columns]
    moved = {}
    for index, value in c.items():
        longer = [0] * len(among)
        for place, k in zip(places, index, strict=True):
            longer[place] = k
        moved[tuple(longer)] = value
    return moved
