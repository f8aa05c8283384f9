"""What may be changed of a structure: proposals, by a gradient and by what a fit leaves over. None of them decides."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from ..arrays import Array
from .angles import Pair, pairs
from .graphs import gradient_in
from .modular_descent import Terms
from .modular_trial import MOST_TERMS, Angles, Trial, Trials
from .search import Found
from .structure import Group, Structure

# By how much series grow that are too short, and the highest degree.
LONGER, MOST_DEGREE = 1.5, 120
# Series that are long enough are tried at this part of their degree, as often as that is as good.
SHORTER = 0.85
# Groups whose functions are multiplied, at last.
MOST_ORDER = 4
# Degrees of variables that are tried where longer series are no better: a sum or difference of columns, or nearly.
SHORT = (1, 4)
# Part of the squares left over above which longer series, which would explain it, are one move of several.
DOUBTFUL = 0.05
# Proposals of each kind, and the sine of an angle below which a pair of columns may be a sum.
MERGES, FUNCTIONS = 4, 3
LIKELY = 0.03
# Of so few columns all pairs are tried.
FEW_COLUMNS = 4
# The powers that are added in a round, as a part of the terms.
GROWTH, FEWEST_ADDED = 0.4, 10
# Rows at which a gradient is looked at.
GRADIENT_ROWS = 2000

Proposal = tuple[Structure, Angles]


def proposals(trials: Trials, one: Trial, known: Found | None) -> list[Proposal]:
    """Structures one move away from `one`, with the series that sums start from."""
    structure, columns = one.structure, trials.columns
    groups = structure.groups
    Z, slopes = _sloped(trials, one, known)
    gradient = slopes(Z)
    finite = np.isfinite(gradient).all(axis=1)
    angles = pairs(Z[finite], gradient[finite], columns)
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
    made += _parts(columns, structure, Z, slopes, gradient)
    if len(columns) <= FEW_COLUMNS:
        made += _blind(trials, structure, [next(iter(starts)) for _, starts in made if len(starts) == 1])
        made += [(_with_long_functions(proposed, structure), starts) for proposed, starts in made]
    gains = _gains(one)
    best = sorted(range(len(gains)), key=lambda g: -gains[g])[:FUNCTIONS]
    made += [(structure.with_functions(some), angles) for some in [(g,) for g in best[:2]]]
    made += [(structure.with_functions((best[0], g)), angles) for g in best[1:]]
    singles = {group.columns for group in groups}
    within = [(j,) for group in groups if len(group.columns) > 1 for j in group.columns]
    made += [(structure.having(Group(column)), angles) for column in within if column not in singles]
    if structure.order < min(MOST_ORDER, len(groups)):
        made.append((replace(structure, order=structure.order + 1), angles))
    if (longer := stretched(one, DOUBTFUL)) != structure:
        made.append((longer, angles))
    return made


def simpler(structure: Structure) -> list[Structure]:
    """Without a group whose columns are all in another one, a function, or variables' long series."""
    groups = structure.groups
    sets = [set(group.columns) for group in groups]
    made = [structure.without(g) for g, own in enumerate(sets) if any(own < other for other in sets)]
    for g, group in enumerate(groups):
        fewer = [replace(group, rank=group.rank - 1)] if group.rank > 1 else []
        if len(group.columns) > 1:
            fewer += [replace(group, variable_degree=k) for k in SHORT if k < group.variable_degree]
        made += [replace(structure, groups=(*groups[:g], one, *groups[g + 1 :])) for one in fewer]
    return made


def shortened(structure: Structure, places: Sequence[int]) -> Structure:
    """With shorter series of the functions of these groups."""
    return replace(
        structure,
        groups=tuple(
            replace(group, degree=max(group.rank, int(SHORTER * group.degree))) if g in places else group
            for g, group in enumerate(structure.groups)
        ),
    )


def stretched(one: Trial, part: float) -> Structure:
    """The structure with longer series where these would explain this part of the squares left over."""
    problem, d = one.descent.problem, one.descent.problem.layout.n_inputs
    point = problem.point(one.descent.params)
    if point is None:
        return one.structure
    layout = problem.layout
    V = point.V
    slopes = layout.slopes(problem.rows.Z, point.params, point.core) * problem.rows.root_weight[:, None]
    left = point.loss

    def explained(places: Sequence[int], sources: Sequence[int], degree: int) -> float:
        """By the next degrees of series of `sources` in the modules at these places, beyond what chance explains."""
        most = longer_degree(degree)
        columns = [chebvander(V[:, source], most)[:, degree + 1 :] for source in sources]
        C = np.column_stack([slopes[:, [d + k]] * column for k in places for column in columns])
        if C.shape[1] == 0 or not left > 0.0:
            return 0.0
        C = point.projection.without(C)
        Q, _ = np.linalg.qr(C)
        share: float = np.sum((Q.T @ point.residuals) ** 2) / left - C.shape[1] / len(C)
        return share

    groups = []
    for group in one.structure.groups:
        places = [one.names.index(("f", group.columns, q)) for q in range(group.rank)]
        module = layout.modules[places[0]]
        top = len(module) - 1
        if top >= group.degree and explained(places, module.sources, top) > part:
            group = replace(group, degree=longer_degree(top))
        if len(group.columns) > 1:
            place = one.names.index(("u", group.columns, 0))
            top = int(layout.modules[place].indices.max())
            if top >= group.variable_degree and explained([place], group.columns, top) > part:
                group = replace(group, variable_degree=longer_degree(top))
        groups.append(group)
    return replace(one.structure, groups=tuple(groups))


def grown(trials: Trials, one: Trial) -> Trial | None:
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
    C = point.projection.without(C)
    sizes = np.sqrt(np.einsum("ij,ij->j", C, C))
    gains = np.abs(C.T @ point.residuals) / np.maximum(sizes, 1e-10)
    room = int(min(MOST_TERMS, trials.rows.n / 4) - len(core))
    chosen = np.sort(np.argsort(-gains)[: min(room, max(FEWEST_ADDED, int(GROWTH * len(core))))])
    if room <= 0:
        return None
    return trials.with_core(one, Terms(core.sources, np.concatenate([core.indices, terms[chosen]])))


def _parts(
    columns: Sequence[int], structure: Structure, Z: Array, slopes: Callable[[Array], Array], gradient: Array
) -> list[Proposal]:
    """Pairs that enter as a sum in the part of f that depends on a third column: a difference in that column
    leaves nothing else. They become a group beside those of their columns."""
    likely = []
    for k in columns:
        other = Z.copy()
        other[:, k] = np.roll(Z[:, k], 1)
        difference = slopes(other) - gradient
        known = np.isfinite(difference).all(axis=1)
        for (i, j), one in pairs(Z[known], difference[known], [j for j in columns if j != k]).items():
            if one.sine < LIKELY and not any({i, j} <= set(group.columns) for group in structure.groups):
                likely.append((one.sine, i, j, one))
    likely.sort(key=lambda part: part[0])
    made: dict[tuple[int, int], Pair] = {}
    for _, i, j, one in likely:
        if len(made) < MERGES:
            made.setdefault((i, j), one)
    return [(structure.having(Group(pair)), {pair: one}) for pair, one in made.items()]


def _blind(trials: Trials, structure: Structure, proposed: Sequence[tuple[int, ...]]) -> list[Proposal]:
    """All other sums and differences of two columns, besides: no gradient may be known that would propose them."""
    own = trials.frame.normalization
    half = np.ldexp(own.scale, own.exponent)
    made: list[Proposal] = []
    known = [*proposed, *(group.columns for group in structure.groups)]
    for i, j in itertools.combinations(trials.columns, 2):
        if not any({i, j} <= set(columns) for columns in known):
            for sign in (1.0, -1.0):
                start = Pair(1.0, np.array([0.0, half[i]]), np.array([0.0, sign * half[j]]))
                made.append((structure.having(Group((i, j))), {(i, j): start}))
    return made


def _sloped(trials: Trials, one: Trial, known: Found | None) -> tuple[Array, Callable[[Array], Array]]:
    """Some rows, and the derivatives by z (n, d) of the model that tells more, at any z."""
    Z = trials.frame.Z[:GRADIENT_ROWS]

    def of_known(Z: Array) -> Array:
        assert known is not None
        return gradient_in(trials.frame, known.model, Z)

    def of_own(Z: Array) -> Array:
        descent, layout = one.descent, one.descent.problem.layout
        assert descent.core is not None
        return layout.slopes(Z, descent.params, descent.core)[:, : layout.n_inputs]

    is_clearer = known is not None and known.error < one.error
    return Z, of_known if is_clearer and np.isfinite(of_known(Z)).all(axis=1).mean() > 0.5 else of_own


def _with_long_functions(proposed: Structure, structure: Structure) -> Structure:
    """With longer series in the groups that are new: a wave has as many turns over x_1 x_2 as over both together."""
    old = {group.columns for group in structure.groups}
    groups = (
        group if group.columns in old else replace(group, degree=longer_degree(longer_degree(group.degree)))
        for group in proposed.groups
    )
    return replace(proposed, groups=tuple(groups))


def _gains(one: Trial) -> list[float]:
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
        C = point.projection.without(C)
        Q, _ = np.linalg.qr(C)
        gains.append(float(np.linalg.norm(Q.T @ point.residuals)))
    return gains


def longer_degree(degree: int) -> int:
    return max(degree, min(MOST_DEGREE, math.ceil(LONGER * degree)))
