"""What a graph of modules is made of, before it has numbers: groups of columns, and which of them are multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

# Degrees of the series of variables and of functions that a group begins with.
VARIABLE_DEGREE, FUNCTION_DEGREE = 12, 16


@dataclass(frozen=True)
class Group:
    """Columns with so many functions of their sum, or of the only one; the sum's series are of `variable_degree`."""

    columns: tuple[int, ...]
    rank: int = 1
    degree: int = FUNCTION_DEGREE
    variable_degree: int = VARIABLE_DEGREE


@dataclass(frozen=True)
class Structure:
    """Groups, and of how many of them functions are multiplied."""

    groups: tuple[Group, ...]
    order: int

    def without(self, *away: int) -> Structure:
        groups = tuple(group for g, group in enumerate(self.groups) if g not in away)
        return Structure(groups, min(self.order, len(groups)))

    def having(self, group: Group) -> Structure:
        return replace(self, groups=(*self.groups, group))

    def merged(self, a: int, b: int) -> Structure:
        one, other = self.groups[a], self.groups[b]
        columns = tuple(sorted({*one.columns, *other.columns}))
        rank, degree = max(one.rank, other.rank), max(one.degree, other.degree)
        rest = self.without(a, b).having(Group(columns, rank, degree))
        return replace(rest, order=min(self.order, len(rest.groups)))

    def with_functions(self, more: Sequence[int]) -> Structure:
        groups = (replace(group, rank=group.rank + (g in more)) for g, group in enumerate(self.groups))
        return replace(self, groups=tuple(groups))

    def shorter(self) -> Structure | None:
        """With shorter series, None where they are lines already."""
        groups = tuple(
            replace(group, degree=max(1, group.degree * 2 // 3), variable_degree=max(1, group.variable_degree * 2 // 3))
            for group in self.groups
        )
        return None if groups == self.groups else replace(self, groups=groups)
