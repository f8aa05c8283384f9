"""Columns in each other's place: groups of permutations, as those of identical atoms, and what they leave the same.

A permutation p takes x to (x_p1, ..., x_pd). Of all images of a point under a group the first is the one that is the
least in lexicographic order: a function of it has the same bits at all images.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Permutations = NDArray[np.intp]

# Images of a point at most: those of six identical columns. A model looks at all of them for each of its values.
MOST_IMAGES = 720


@dataclass(frozen=True, eq=False)
class Exchanges:
    """A group of permutations of d columns, `images` (g, d), that of nothing first."""

    images: Permutations

    @classmethod
    def generated(cls, permutations: Sequence[Sequence[int]], d: int) -> Exchanges:
        """The group that some `permutations` of d columns make together; ValueError for more than MOST_IMAGES."""
        known = {tuple(range(d))}
        new = list(known)
        steps = [tuple(int(j) for j in one) for one in permutations]
        while new:
            found = {tuple(one[j] for j in step) for one in new for step in steps} - known
            known |= found
            new = sorted(found)
            if len(known) > MOST_IMAGES:
                raise ValueError(
                    f"exchange: expected columns with up to {MOST_IMAGES} images of a point, those of six identical "
                    f"ones, got more"
                )
        return cls(np.array(sorted(known), dtype=np.intp))

    @classmethod
    def of_groups(cls, groups: Sequence[Sequence[int]], d: int) -> Exchanges:
        """That of groups of columns, of as many each, of which any two may be exchanged."""
        swaps = []
        for one, other in itertools.pairwise(groups):
            swap = np.arange(d)
            swap[list(one)], swap[list(other)] = list(other), list(one)
            swaps.append(swap.tolist())
        return cls.generated(swaps, d)

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def orbits(self) -> list[list[int]]:
        """The columns that come into each other's place, by their numbers; those that stay are alone."""
        return [list(one) for one in dict.fromkeys(tuple(np.unique(column).tolist()) for column in self.images.T)]

    @cached_property
    def moved(self) -> list[int]:
        """The columns that don't stay, by number."""
        return [j for one in self.orbits if len(one) > 1 for j in one]

    def is_full(self, orbit: Sequence[int]) -> bool:
        """Whether the columns of an orbit may be exchanged at will, whatever the others do."""
        others = [j for j in self.moved if j not in orbit]
        stays = (self.images[:, others] == np.array(others, dtype=np.intp)).all(axis=1)
        return int(np.sum(stays)) == np.prod(np.arange(1, len(orbit) + 1))

    def places(self, X: Array) -> NDArray[np.intp]:
        """Which image of each point of `X` (n, d) is the first, (n,)."""
        first = np.zeros(len(X), dtype=np.intp)
        least = X
        for k, image in enumerate(self.images[1:], start=1):
            is_less, is_decided = np.zeros((2, len(X)), dtype=bool)
            for j in self.moved:
                a, b = X[:, image[j]], least[:, j]
                below = (a < b) & ~is_decided
                is_less |= below
                is_decided |= below | (a > b)
            if is_less.any():
                first[is_less] = k
                least = np.where(is_less[:, None], X[:, image], least)
        return first

    def first(self, X: Array) -> Array:
        """The first image of each point of `X` (n, d)."""
        return np.ascontiguousarray(np.take_along_axis(X, self.images[self.places(X)], axis=1))

    def all_of(self, X: Array) -> Array:
        """All images of the points of `X` (n, d), one permutation after the other: (g n, d)."""
        return np.concatenate([X[:, image] for image in self.images])

    def canonical(self, indices: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of the images of each row of `indices` (p, d), integers from 0 on, the last one: (p, d)."""
        order = indices[:, self.images]  # (p, g, d)
        rank = np.zeros(order.shape[:2], dtype=bool)
        rank[:] = True
        for j in range(order.shape[2]):
            column = np.where(rank, order[:, :, j], -1)
            rank &= column == column.max(axis=1, keepdims=True)
        found: NDArray[np.intp] = np.take_along_axis(order, np.argmax(rank, axis=1)[:, None, None], axis=1)[:, 0]
        return found

    def are_canonical(self, indices: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which rows of `indices` (p, d) are their own `canonical` ones, (p,)."""
        are: NDArray[np.bool_] = (self.canonical(indices) == indices).all(axis=1)
        return are
