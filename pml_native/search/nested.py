"""Finds variables of few columns of which y is a plain polynomial, and learns them with it.

    y = P(u_1, ..., u_r, z_j, ...),   u = s(z_i) + t(z_j),   or s(z_i) + b(z_j, z_k), where P may have z_k beside, or a
    direction sum_j a_j z_j, which is the logarithm of a product of powers where columns are in logarithms.
With the right variables P has fewer of them, so that as many terms are of a higher degree.

1. The gradient of the best model proposes (angles.py): pairs of values that count as one, of a third column perhaps;
   and the span of gradients, directions. Few rows and terms decide, on the rows held out, step by step: of what one
   merge leaves, another may be one.
2. The best is learned with more and more terms on all rows. That polynomial need not be good anywhere but at rows,
   since variables fill no box; but the variables are known to the residual that is left, and are columns of a new table.
Sources: Hokanson and Constantine (2018) for polynomials of learned directions; Udrescu et al. (2020) for level sets.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from ..arrays import Array
from ..models.chebyshev import Indices, index_set, largest_index_set, unique_rows
from ..singular_values import svd
from .angles import level_set, nested, pair
from .coordinates import Link
from .graphs import Fit, GraphSearch, error_of, gradient_in
from .modular_descent import FIRST_DAMPING, Descent, Layout, Problem, Terms
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, Found

LINKS = ("identity",)
# Terms of P while structures are compared, and when the best is learned: total degrees 14, 20, 26, 32 of two values.
TRIAL_TERMS, STAGES = 120, (120, 231, 378, 561)
# Degrees of blocks of one column, and of more, to begin with; by what they grow, and to what.
SINGLE_DEGREE, BLOCK_DEGREE, LONGER, MOST_DEGREE = 6, 6, 1.5, 24
# A degree counts if its coefficients are above this part of the error: 1 is the largest value of a variable.
NEGLIGIBLE = 1e-2
# Sines below which a merge is proposed, and proposals of each kind.
LIKELY, MERGES = 0.3, 6
# Directions that gradients span: as few as leave this part of them, and this many at most.
OUTSIDE, MOST_DIRECTIONS = 0.2, 4
GRADIENTS = 1000
# Steps of heats, and how many go on; steps of each stage.
HEATS = ((5, 4), (12, 2))
STAGE_STEPS = 12
# A merge must bring the error to this part of the one before; a stage the residual to this part, or it was the last.
USEFUL, FURTHER = 0.7, 0.5
LATER_DAMPING = 1e-8

# The part of the errors at rows held out that structures are compared by, the smallest.
INNER = 0.9
# Rows that are spread evenly down to 0 have a least value below this over their number, with all but e^-5 certainty:
# the logarithm of such a column has no end.
NEAR_ZERO = 5.0

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
        return cls(
            tuple(blocks), tuple((SINGLE_DEGREE if len(b) == 1 else BLOCK_DEGREE,) * len(b) for b in blocks)
        )

    def having(self, block: tuple[int, ...]) -> Variable:
        other = Variable.of([block])
        return Variable((*self.blocks, *other.blocks), (*self.tops, *other.tops))


@dataclass(frozen=True)
class Nest:
    """What y is a polynomial of: `variables`, and `columns` as they are. With `has_power` the last one counts linearly."""

    variables: tuple[Variable, ...]
    columns: tuple[int, ...]
    has_power: bool = False

    @property
    def n_values(self) -> int:
        return len(self.variables) + len(self.columns)


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
    link_names = LINKS

    def _spans(self, column: Array) -> bool:
        reaches_zero = column.min() < NEAR_ZERO / len(column) * column.max() and np.median(column) > 0.1 * column.max()
        return not reaches_zero and super()._spans(column)

    @cached_property
    def _unit(self) -> float:
        return float(np.sqrt(np.mean(self.rows.held_out.y**2))) or 1.0

    def steps(self) -> Steps:
        """The whole search."""
        plain = Nest((), tuple(self.columns))
        first = yield from self._run([self._trial(plain, link, TRIAL_TERMS, []) for link in self.links], 1)
        first = sorted((one for one in first if math.isfinite(one.error)), key=error_of)
        yield from self._offered(first)
        beam = first[:1]
        best = None
        while beam:
            best = beam[0]
            beam = yield from self._moved(beam)
        if best is not None and best.nest.variables:
            yield from self._polished(best)

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
            heat = sorted(heat, key=error_of)[:survivors]
        least = min(one.error for one in beam)
        return [one for one in heat if one.error < USEFUL * least]

    def _proposals(self, one: Trial, worker: Worker) -> list[Proposal]:
        """Nests one merge away, with what their variables start from."""
        W, G, places = self._outer(one)
        known = np.isfinite(G).all(axis=1)
        W, G = W[known], G[known]
        Z = self.frame.Z[: len(known)][known]
        variables, columns = one.nest.variables, one.nest.columns
        r, own = len(variables), one.coefficients()
        likely: list[tuple[float, Proposal]] = []
        kinds: list[list[tuple[float, Proposal]]] = [[], [], []]

        def joined(p: int, q: int, block: tuple[int, ...], of_p: Coefficients, of_block: Coefficients) -> Proposal:
            """The block that has the place of column q is added to the value at p, times its slope there."""
            if p < r:
                variable = variables[p].having(block)
            else:
                variable = Variable.of([(columns[p - r],), block])
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
                if self._is_bounded(columns[p - r]) or True:
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
                    of_block = {(a, c): float(b[a, c]) for a, c in np.ndindex(*b.shape) if a > 0}
                    kinds[1].append((sine, joined(p, q, (columns[q - r], k), of_p, of_block)))
        for kind in kinds:
            likely += sorted(kind, key=lambda pair: pair[0])[:MERGES]
        proposals = [proposal for _, proposal in likely]
        if r == 0:
            proposals += self._directions(W, G, one.link)
        return proposals

    def _is_bounded(self, j: int) -> bool:
        return self.frame.names[j] == "identity"

    def _general(self, one: Trial, p: int, q: int, c: Array, indices: Indices) -> Proposal:
        columns, r = one.nest.columns, len(one.nest.variables)
        block = (columns[p - r], columns[q - r])
        rest = tuple(j for j in columns if j not in block)
        order = tuple(sorted(block))
        start = _moved_to(dict(zip(map(tuple, indices.tolist()), c.tolist(), strict=True)), block, order)
        return Nest((*one.nest.variables, Variable.of([block])), rest), [*one.coefficients(), start]

    def _directions(self, W: Array, G: Array, link: Link) -> list[Proposal]:
        """Nests of the directions that most of the gradient is in, from one on; of y in logarithms with a power."""
        d, made = len(self.columns), []
        columns = tuple(self.columns)
        line = Variable(tuple((j,) for j in columns), ((1,),) * d)
        middle = G.mean(axis=0)
        for has_power in (False, True) if link.name == "log" else (False,):
            size, rows = svd(G - middle if has_power else G, full_matrices=False)[1:]
            left = np.sqrt(np.maximum(0.0, 1.0 - np.cumsum(size**2) / np.sum(size**2)))
            for r in range(1, min(MOST_DIRECTIONS, d - 1 - has_power) + 1):
                if left[r - 1] < OUTSIDE:
                    directions = [*rows[:r], *([middle] if has_power else [])]
                    starts = [
                        {tuple(int(i == j) for i in range(d)): float(a) for j, a in enumerate(one)}
                        for one in directions
                    ]
                    made.append((Nest((line,) * len(starts), (), has_power), starts))
        return made

    def _outer(self, one: Trial) -> tuple[Array, Array, list[int]]:
        """The values that P is of at some rows, (n, r), and the derivatives of y by each."""
        layout = one.descent.problem.layout
        Z = self.frame.Z[:GRADIENTS]
        V, _ = layout.values(Z, one.descent.params)
        places = list(layout.core.sources)
        if not one.nest.variables and self.known is not None and self.known.error < one.error:
            G = gradient_in(self.frame, self.known.model, Z)[:, places]
            slope = 1.0
            if one.link.name == "log":
                with np.errstate(all="ignore"):
                    slope = 1.0 / self.known.model.evaluate(self.rows.train.X[:GRADIENTS])
            if np.isfinite(G).all(axis=1).mean() > 0.5:
                return V[:, places], G * slope, places
        assert one.descent.core is not None
        return V[:, places], layout.core_slopes(V, one.descent.core), places

    # --- fits

    def _error(self, fit: Fit) -> float:
        """Without the largest errors: variables fill no box, so that P is anything at some rows held out."""
        descent, held_out = fit.descent, self.rows.held_out
        if descent.core is None:
            return math.inf
        with np.errstate(all="ignore"):
            t = descent.problem.layout.value(self.frame.held_out_Z, descent.params, descent.core)
            error = np.abs(fit.link.values(t[:, None], clipped=True) - held_out.y)[:, 0]
            if held_out.sample_weight is not None:
                error = error * np.sqrt(held_out.sample_weight)
            error = np.sort(np.where(np.isfinite(error), error, np.inf))[: max(1, int(INNER * len(error)))]
            rms = float(np.sqrt(np.mean((error / self._unit) ** 2)))
        return rms if math.isfinite(rms) else math.inf

    def _trial(
        self, nest: Nest, link: Link, n_terms: int, starts: Sequence[Coefficients], *, with_all_rows: bool = False
    ) -> Trial | None:
        d, wanted = self.rows.n_inputs, self._wanted[link.name]
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
        highest = [self.frame.highest[j] for j in nest.columns]
        n_free = len(variables) - nest.has_power
        indices, _ = largest_index_set("total", (*(MOST_DEGREE * 4,) * n_free, *highest), n_terms)
        if nest.has_power:
            indices = np.column_stack([indices, np.zeros(len(indices), dtype=np.intp)])
            indices = np.concatenate([indices, np.eye(n_free + 1, dtype=np.intp)[-1:]])
        sources = (*range(d, d + len(variables)), *nest.columns)
        layout = Layout(d, modules, Terms(sources, indices), np.concatenate(kept) if kept else None)
        n = len(wanted.t) if with_all_rows else self._n_rows(layout)
        if len(indices) + layout.n_params > n / 1.5:
            return None
        damping = FIRST_DAMPING if n_terms == TRIAL_TERMS else LATER_DAMPING
        descent = Descent(Problem(layout, wanted.first(n)), np.concatenate([np.empty(0), *params]), damping=damping)
        return Trial(link, descent, nest=nest, n_terms=n_terms)

    def _cut(self, variable: Variable) -> Variable:
        """With no degrees that a column of few values does not know."""
        highest = self.frame.highest
        tops = tuple(
            tuple(min(top, highest[j]) for j, top in zip(block, own, strict=True))
            for block, own in zip(variable.blocks, variable.tops, strict=True)
        )
        return replace(variable, tops=tops)

    def _polished(self, one: Trial) -> Steps:
        """Learned with more terms on all rows, as long as that leaves less at them."""
        residual = math.inf
        for n_terms in STAGES:
            nest = self._fitting(one)
            trial = self._trial(nest, one.link, n_terms, one.coefficients(), with_all_rows=True)
            if trial is None:
                return
            [one] = yield from self._run([trial], STAGE_STEPS)
            yield from self._offered([one])
            before, residual = residual, self._residual(one)
            if not residual < FURTHER * before:
                return

    def _residual(self, one: Trial) -> float:
        rows = one.descent.problem.rows
        scale = float(np.sum((rows.root_weight * rows.t) ** 2))
        return math.sqrt(one.descent.losses[-1] / scale) if one.descent.losses else math.inf

    def _fitting(self, one: Trial) -> Nest:
        """The nest with series as long as their coefficients ask for."""
        if not one.descent.losses:
            return one.nest
        least = NEGLIGIBLE * self._residual(one)
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
