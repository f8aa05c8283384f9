"""Structures of graphs as fits on their way: which modules they have, where their series start, and on which rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..arrays import Array
from ..models.chebyshev import index_set
from .angles import Pair
from .coordinates import Link
from .graphs import LATER_DAMPING, REFIT_DAMPING, Fit, Graphs, spans
from .modular_descent import FIRST_DAMPING, Descent, Layout, Problem, Terms, Wanted
from .search import Rows
from .structure import Structure

# Rows for each parameter, at least.
ROWS_PER_PARAMETER = 2
# Terms of the core, at most.
MOST_TERMS = 600
# Links of y that are tried, the cheapest first.
LINKS = ("identity", "log", "reciprocal")

# Of a module: a variable "u" or a function "f", its group's columns, and its number there.
Name = tuple[str, tuple[int, ...], int]
Angles = Mapping[tuple[int, ...], Pair]


@dataclass(frozen=True)
class Trial(Fit):
    """A structure on its way, and which module is which."""

    structure: Structure = field(kw_only=True)
    names: tuple[Name, ...] = field(kw_only=True)


class Trials(Graphs):
    """Makes trials on `rows` of one output. With `as_given` no column is taken in logarithms."""

    def __init__(self, rows: Rows, *, as_given: bool = False) -> None:
        super().__init__(rows, LINKS, (lambda column: False) if as_given else spans)

    def of(
        self, structure: Structure, link: Link, old: Trial | None, angles: Angles, *, with_all_rows: bool = False
    ) -> Trial | None:
        """The structure, its series as those of `old` where it has them, as long as the rows carry them; else None."""
        d, highest = self.rows.n_inputs, self.frame.highest
        wanted = self.wanted[link.name]
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
                return self.of(shorter, link, old, angles, with_all_rows=with_all_rows)
            if old is not None:
                return None
        if old is not None:
            layout = old.descent.problem.layout
            for name, module, c in zip(names, modules, starts, strict=True):
                if name in old.names:
                    k = old.names.index(name)
                    _carry(c, module, old.descent.params[layout.slices[k]], layout.modules[k])
        layout = Layout(d, modules, core)
        n = len(wanted.t) if with_all_rows else self.n_rows(layout)
        damping = FIRST_DAMPING if old is None else LATER_DAMPING
        descent = Descent(Problem(layout, wanted.first(n)), np.concatenate(starts), damping=damping)
        return Trial(link, descent, structure=structure, names=tuple(names))

    def with_core(self, one: Trial, core: Terms) -> Trial:
        """The same modules with other terms of the core, to go on with, on all rows."""
        layout = one.descent.problem.layout
        problem = Problem(Layout(layout.n_inputs, layout.modules, core), self.wanted[one.link.name])
        return replace(one, descent=Descent(problem, one.descent.params, damping=REFIT_DAMPING))

    def _start(self, group: tuple[int, ...], position: int, j: int, angles: Angles, wanted: Wanted) -> Array:
        """The series of a column in a variable: by the angles of its pair, or a line, of the sign that y has."""
        if len(group) == 2 and group in angles:
            return angles[group].s if position == 0 else angles[group].t
        n = min(1000, len(wanted.t))
        return np.array([0.0, float(np.corrcoef(wanted.Z[:n, j], wanted.t[:n])[0, 1])])


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
