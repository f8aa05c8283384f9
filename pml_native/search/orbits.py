"""Terms of polynomials that are the same under exchanges of columns: the means of a term over all images of a point.

Symmetric polynomials are sums of these, one for each set of terms that exchanges take into each other (for potentials
of molecules: Braams and Bowman 2009, Int. Rev. Phys. Chem. 28, "permutationally invariant polynomials"). Of k columns
there are up to k! times fewer of them than terms, and rows determine as many more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ..arrays import Array
from ..exchanges import Exchanges
from ..models.chebyshev import ChebyshevTerms, Indices, largest_index_set, unique_rows

# Terms of which those of some degree are taken, at most.
MOST_TERMS = 100_000


class OrbitTerms:
    """The means over `exchanges` of the products T_a(z) for the rows a of `indices` (p, d)."""

    def __init__(self, indices: Indices, exchanges: Exchanges) -> None:
        self.indices, self.exchanges, self._terms = indices, exchanges, ChebyshevTerms(indices)

    def design(self, Z: Array, n_threads: int = 1) -> Array:
        """At `Z` (n, d), Fortran-contiguous (n, p)."""
        total = self._terms.design(Z, n_threads)
        for image in self.exchanges.images[1:]:
            total += self._terms.design(Z[:, image], n_threads)
        total /= len(self.exchanges)
        return total

    def derivatives(self, Z: Array, directions: Array, order: Indices, bends: Array) -> Array:
        """See `ChebyshevTerms.derivatives`."""
        total = np.zeros((len(Z), len(self.indices)), order="F")
        for image in self.exchanges.images:
            total += self._terms.derivatives(Z[:, image], directions[:, image], order, bends[:, image])
        total /= len(self.exchanges)
        return total


Terms = ChebyshevTerms | OrbitTerms
Sizes = TypeVar("Sizes", Array, Indices)


def terms_of(indices: Indices, exchanges: Exchanges | None) -> Terms:
    """The terms of `indices`, or their means over `exchanges`."""
    return ChebyshevTerms(indices) if exchanges is None else OrbitTerms(indices, exchanges)


def expanded(indices: Indices, coefficients: Array, exchanges: Exchanges | None) -> tuple[Indices, Array]:
    """The terms and coefficients (p, m) of single products that a sum of `terms_of` is."""
    if exchanges is None:
        return indices, coefficients
    members, place = unique_rows(indices[:, exchanges.images].reshape(-1, indices.shape[1]))
    found = np.zeros((len(members), coefficients.shape[1]))
    np.add.at(found, place, np.repeat(coefficients / len(exchanges), len(exchanges), axis=0))
    return members, found


def largest_set(
    basis: str, highest: Sequence[int], budget: int, exchanges: Exchanges | None
) -> tuple[Indices, Indices]:
    """`largest_index_set` of at most `budget` terms that `exchanges` don't take into each other."""
    if exchanges is None:
        return largest_index_set(basis, highest, budget)
    indices, sizes = largest_index_set(basis, highest, min(MOST_TERMS, budget * len(exchanges)))
    return of_budget(indices, sizes, budget, exchanges)


def of_budget(indices: Indices, sizes: Sizes, budget: int, exchanges: Exchanges) -> tuple[Indices, Sizes]:
    """Of `indices` and their `sizes`, ascending, one for each orbit: all up to a size, `budget` at most."""
    kept = exchanges.are_canonical(indices)
    indices, sizes = indices[kept], sizes[kept]
    if len(indices) > budget:
        count = max(1, int(np.searchsorted(sizes, sizes[budget], side="left")))
        indices, sizes = indices[:count], sizes[:count]
    return indices, sizes
