"""The equations that rows ask polynomials in some coordinates to meet: values of y, and derivatives where known.

A column of the least squares has the values of a term at rows, then its derivatives, multiplied so that both kinds
weigh alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, rms_of_columns
from .along import Along, Balance
from .coordinates import InputCoordinates, InputFrames, Link
from .orbits import Terms
from .search import Rows


def input_frames(rows: Rows, degree: int | None = None) -> InputFrames:
    """Coordinates of the rows, and of the derivatives known there."""
    train, held_out = rows.train, rows.held_out
    derivatives = train.derivatives, held_out.derivatives
    unit = rms_of_columns(train.y)
    return InputFrames(
        train.X,
        held_out.X,
        rows.corners,
        degree,
        rows.degrees,
        derivatives=derivatives,
        unit=unit,
        exchanges=rows.exchanges,
    )


class Equations:
    """At `Z` (n, d) values are to be `t` (n, k), at `along` derivatives times the `balance` are to be `slopes`.

    `root_weight` (n, 1) multiplies what is left over at rows, and at derivatives there; None for 1. Of `slopes`, those
    are left out which are not known for all of the k.
    """

    def __init__(
        self,
        Z: Array,
        t: Array,
        along: Along | None,
        balance: Balance | None,
        slopes: Array | None,
        root_weight: Array | None,
    ) -> None:
        self.Z, self.n_values, self.factors = Z, len(Z), np.ones((0, 1))
        self.along, self.targets, self.root_weight = None, t, root_weight
        if along is None or slopes is None or balance is None:
            return
        is_known = np.asarray(np.isfinite(slopes).all(axis=1))
        self.along = along.some(is_known)
        if self.along is None:
            return
        self.factors = balance.at(self.along)
        self.targets = np.concatenate([t, slopes[is_known] * self.factors])
        if root_weight is not None:
            rows = self.along.known.rows
            usual = np.sqrt(np.mean(root_weight**2))
            own = np.where((rows < 0)[:, None], usual, root_weight[rows])
            self.root_weight = np.concatenate([root_weight, own])

    @classmethod
    def of(
        cls,
        frame: InputCoordinates,
        links: Sequence[Link],
        y: Array,
        n: int,
        root_weight: Array | None,
        *,
        with_y: bool = False,
    ) -> Equations:
        """Those of the first n rows to train on, whose values are `y`, for the links side by side; `with_y` without
        derivatives at points where y is not known."""
        t = np.concatenate([link.t[:n] for link in links], axis=1) if len(links) > 1 else links[0].t[:n]
        weight = None if root_weight is None else root_weight[:n]
        along = frame.along
        if along is not None:
            rows = along.known.rows
            along = along.some((rows < n) & (rows >= 0) if with_y else rows < n)
        slopes = None if along is None else np.concatenate([link.slopes(along, y) for link in links], axis=1)
        return cls(frame.Z[:n], t, along, frame.balance, slopes, weight)

    def __len__(self) -> int:
        return len(self.targets)

    def design(self, terms: Terms, some: slice = slice(None)) -> Array:
        """What the terms have there, in `some` of the equations: (len, p)."""
        if self.along is None:
            return terms.design(self.Z[some])
        start, stop, _ = some.indices(len(self))
        n = self.n_values
        parts = [terms.design(self.Z[start : min(stop, n)])] if start < n else []
        if stop > n:
            own = np.zeros(len(self.along.Z), dtype=bool)
            own[max(0, start - n) : stop - n] = True
            there = self.along.some(own)
            if there is not None:
                parts.append(there.design(terms) * self.factors[own])
        return parts[0] if len(parts) == 1 else np.asfortranarray(np.concatenate(parts))

    @property
    def points(self) -> NDArray[np.intp]:
        """The row of values that is at the point of each equation, -1 for none: (len,)."""
        own = np.arange(self.n_values)
        return own if self.along is None else np.concatenate([own, self.along.known.rows])

    def products(self, design: Array, t: Array, weight: Array) -> Array:
        """What the terms of this `design` (len, q) times t have there, `t` (len,) being all that is known of it, times
        `weight` (len,). D(t f) = Dt f + t Df: equations at points without y have to be left out before.
        """
        n, points = self.n_values, self.points
        found = (weight * t[points])[:, None] * design
        found[n:] += (weight * t)[n:, None] * design[points[n:]]
        return found

    def weighted(self, terms: Terms, some: slice = slice(None)) -> tuple[Array, Array]:
        """The same and their targets, times the roots of the weights."""
        design, targets = self.design(terms, some), self.targets[some]
        if self.root_weight is None:
            return design, targets
        return design * self.root_weight[some], targets * self.root_weight[some]


def held_out_design(terms: Terms, frame: InputCoordinates) -> Array:
    """The terms at the rows held out, and what they have along the derivatives known there."""
    values, along = terms.design(frame.held_out_Z), frame.held_out_along
    return values if along is None else np.concatenate([values, along.design(terms)])


def held_out_rmse(rows: Rows, frame: InputCoordinates, link: Link, t: Array) -> float:
    """Of `t`, what coefficients make of that: the error of values, and of derivatives where these are known."""
    n, along, y = rows.n_held_out, frame.held_out_along, rows.held_out.y
    error = rows.held_out_rmse(link.values(t[:n], clipped=True))
    if along is None or frame.balance is None:
        return error
    off = link.in_y(t[n:] - link.slopes(along, y), along, y) * frame.balance.at(along)
    return rows.with_derivatives(error, off, along.known.rows)
