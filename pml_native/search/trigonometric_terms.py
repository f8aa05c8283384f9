"""Cosines and sines of angles times Chebyshev polynomials: sets of such terms, their values, and sums as models."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, contiguous
from ..models import Model, Normalization, Polynomial, Waves
from ..models.chebyshev import ChebyshevTerms, Indices, index_set
from .along import Along
from .coordinates import Link
from .pursuit import with_divisors
from .search import Rows

# Waves cos(k u) and sin(k u): |k_1| + ... up to this, and up to as much as so many waves allow. Sums of four angles
# need four, harmonics of one many.
MOST_TURNS, MOST_WAVES = 16, 1600
# Products of Chebyshev polynomials beside them: total degrees up to this, if all terms are no more than so many.
MOST_DEGREE, MOST_CANDIDATES = 4, 200_000


@dataclass(frozen=True)
class Dictionary:
    """The waves of the angles x_j `units`_j of `columns`, and the products of Chebyshev polynomials beside them.

    turns : (l, q), the k of each wave; the first, (0, ..., 0), is 1.
    is_sine : (l,).
    powers : (r, d).
    free : those of the columns whose units are known from their ranges only.

    Terms are pairs (wave, power), rows of (p, 2).
    """

    columns: tuple[int, ...]
    units: Array
    turns: Indices
    is_sine: NDArray[np.bool_]
    powers: Indices
    free: tuple[int, ...] = ()

    @classmethod
    def of(cls, angles: dict[int, float], highest: Sequence[int], free: Sequence[int] = ()) -> Dictionary:
        """That of these columns with their units, and of powers of all columns up to their `highest`."""
        columns = tuple(angles)
        top = max(t for t in range(1, MOST_TURNS + 1) if t == 1 or _n_waves(len(columns), t) <= MOST_WAVES)
        turns = _lattice(len(columns), top)
        both = np.repeat(turns, 2, axis=0)[1:]
        is_sine = np.arange(len(both)) % 2 == 0
        is_sine[0] = False
        most = max(1, MOST_CANDIDATES // len(both))
        powers = next(
            found[0]
            for degree in range(MOST_DEGREE, -1, -1)
            if (found := index_set("total", degree, highest, most)) is not None
        )
        return cls(columns, np.array([angles[j] for j in columns]), both, is_sine, powers, tuple(free))

    @classmethod
    def of_box(cls, angles: dict[int, float], powers: Sequence[int], top: Sequence[int], d: int) -> Dictionary:
        """That of all |k_j| up to the first numbers of `top`, and powers of these columns up to the others."""
        q = len(angles)
        widths = [2 * t + 1 for t in top[:q]]
        k = np.indices(widths).reshape(q, math.prod(widths)).T - np.array(top[:q])
        half = k[len(k) // 2 :]  # of k and -k one
        heights = [t + 1 for t in top[q:]]
        products = np.zeros((math.prod(heights), d), dtype=np.intp)
        products[:, list(powers)] = np.indices(heights).reshape(len(heights), math.prod(heights)).T
        both = np.repeat(half, 2, axis=0)[1:]
        is_sine = np.arange(len(both)) % 2 == 0
        is_sine[0] = False
        return cls(tuple(angles), np.array(list(angles.values())), both, is_sine, products)

    def lowest(self, most: int) -> tuple[Indices, Indices]:
        """The terms (p, 2) up to a total degree, `most` at most, and their degrees (p,), ascending."""
        degrees = self.degrees_of_all.reshape(-1)
        order = np.argsort(degrees, kind="stable")
        ends = np.searchsorted(degrees[order], np.unique(degrees), side="right")
        order = order[: max(1, *ends[ends <= most], 1)]
        return np.column_stack(np.divmod(order, len(self.powers))), degrees[order]

    @property
    def all_terms(self) -> Indices:
        """(l r, 2)."""
        return np.column_stack(np.divmod(np.arange(self.n_terms), len(self.powers)))

    @property
    def n_terms(self) -> int:
        return len(self.turns) * len(self.powers)

    def angles(self, X: Array) -> Array:
        """(n, q)."""
        return X[:, list(self.columns)] * self.units

    def waves(self, X: Array, which: Indices | None = None) -> Array:
        """Those waves, or all: (n, l)."""
        which = np.arange(len(self.turns)) if which is None else which
        phases = self.angles(X) @ self.turns[which].T.astype(np.float64)
        is_sine = self.is_sine[which]
        phases[:, is_sine] = np.sin(phases[:, is_sine])
        phases[:, ~is_sine] = np.cos(phases[:, ~is_sine])
        return phases

    def design(self, X: Array, Z: Array, terms: Indices) -> Array:
        """The `terms` (p, 2) at the rows `X`, whose z are `Z` (n, d): (n, p)."""
        waves, wave_of = np.unique(terms[:, 0], return_inverse=True)
        powers, power_of = np.unique(terms[:, 1], return_inverse=True)
        products = ChebyshevTerms(self.powers[powers]).design(contiguous(Z))
        return np.asfortranarray(self.waves(X, waves)[:, wave_of] * products[:, power_of])

    def derivatives(self, X: Array, Z: Array, terms: Indices, along: Along) -> Array:
        """First derivatives of the `terms` (p, 2) `along` z at points that are `X` and `Z` (k, d), by the unit of z:
        (k, p)."""
        waves, powers = terms[:, 0], terms[:, 1]
        speed = (along.known.directions[:, list(self.columns)] * self.units) @ self.turns[waves].T * along.per_unit
        signed = np.where(self.is_sine[waves], 1.0, -1.0) * speed
        by_angles = self.design(X, Z, np.column_stack([self.partners(waves), powers])) * signed
        found: Array = by_angles + self.waves(X, waves) * along.design(ChebyshevTerms(self.powers[powers]))
        return found

    @property
    def degrees_of_all(self) -> Indices:
        """The total degree of each term: (l, r)."""
        degrees: Indices = np.abs(self.turns).sum(axis=1)[:, None] + self.powers.sum(axis=1)
        return degrees

    def partners(self, waves: Indices) -> Indices:
        """The other wave of the same k, sine for cosine, of each of the `waves` (p,); 1 has itself."""
        return np.where(waves == 0, 0, waves + 1 - 2 * ((waves - 1) % 2))

    def by_units(self, X: Array, Z: Array, terms: Indices, coefficients: Array) -> Array:
        """The derivatives of `terms` (p, 2) times `coefficients` (p,) by the logarithms of free units: (n, f)."""
        waves = terms[:, 0]
        other = self.design(X, Z, np.column_stack([self.partners(waves), terms[:, 1]]))
        signed = coefficients * np.where(self.is_sine[waves], 1.0, -1.0)
        turns, angles = self.turns[waves], self.angles(X)
        places = [self.columns.index(j) for j in self.free]
        return np.column_stack([angles[:, place] * (other @ (signed * turns[:, place])) for place in places])

    def degrees(self, terms: Indices) -> Indices:
        return self.degrees_of_all[terms[:, 0], terms[:, 1]]

    def with_partners(self, term: tuple[int, int]) -> list[tuple[int, int]]:
        """The term with all that a change of where angles and z begin would make of it: the other wave of the same k,
        and all lower powers."""
        wave, power = term
        waves = sorted({wave, int(self.partners(np.array([wave]))[0])})
        lower = with_divisors(self.powers[[power]])
        places = np.flatnonzero((self.powers[:, None, :] == lower[None]).all(axis=2).any(axis=1))
        return [(one, int(place)) for one in waves for place in places]


def _n_waves(q: int, top: int) -> int:
    """Points of whole numbers with |k_1| + ... + |k_q| <= top."""
    return sum(2**i * math.comb(q, i) * math.comb(top, i) for i in range(min(q, top) + 1))


def _lattice(q: int, top: int) -> Indices:
    """The k (l, q) with |k_1| + ... <= top, of k and -k the one whose first number is above 0; 0 is the first."""
    sizes = index_set("total", top, (top,) * q, MOST_WAVES)
    assert sizes is not None
    found = []
    for row in sizes[0]:
        here = np.flatnonzero(row)
        for signs in itertools.product((1, -1), repeat=max(0, len(here) - 1)):
            k = row.copy()
            k[here[1:]] *= np.array(signs, dtype=np.intp)
            found.append(k)
    return np.array(found, dtype=np.intp)


def trigonometric_polynomial(
    dictionary: Dictionary, terms: Indices, coefficients: Array, inputs: Normalization, link: Link, rows: Rows
) -> Model:
    """The sum of the `terms` (p, 2) times `coefficients` (p, m), whose z are `inputs`, as a model."""
    d, signature = rows.n_inputs, rows.signature
    turns, is_sine, powers = (
        dictionary.turns[terms[:, 0]],
        dictionary.is_sine[terms[:, 0]],
        dictionary.powers[terms[:, 1]],
    )
    phases = np.unique(turns[turns.any(axis=1)], axis=0)
    if len(phases) == 0:
        return Polynomial(
            powers,
            coefficients,
            inputs=inputs,
            output_exponents=link.inner_exponents,
            signature=signature,
            n_threads=1,
        )
    k, columns = len(phases), np.flatnonzero(powers.any(axis=0)).tolist()
    indices = np.zeros((len(terms), 2 * k + len(columns)), dtype=np.intp)
    for row, (turn, sine) in enumerate(zip(turns, is_sine, strict=True)):
        if turn.any():
            [place] = np.flatnonzero((phases == turn).all(axis=1))
            indices[row, place + (k if sine else 0)] = 1
    indices[:, 2 * k :] = powers[:, columns]
    own = Normalization(
        np.concatenate([np.zeros(2 * k, dtype=np.intc), inputs.exponent[columns]]).astype(np.intc),
        np.concatenate([np.zeros(2 * k), inputs.shift[columns]]),
        np.concatenate([np.ones(2 * k), inputs.scale[columns]]),
    )
    amplitudes = Polynomial(indices, coefficients, inputs=own, output_exponents=link.inner_exponents, n_threads=1)
    scale = np.ones(d)
    scale[list(dictionary.columns)] = 1.0 / dictionary.units
    phase = Polynomial(
        np.eye(d, dtype=np.intp)[list(dictionary.columns)],
        phases.T.astype(np.float64),
        inputs=Normalization(np.zeros(d, dtype=np.intc), np.zeros(d), scale),
        n_threads=1,
    )
    X = rows.train.X
    return Waves(amplitudes, phase, columns, bounds=np.stack([X.min(axis=0), X.max(axis=0)]), signature=signature)
