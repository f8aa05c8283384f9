"""The coordinates that a polynomial is looked for in: of the inputs, and of the outputs, where they are links."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples
from ..derivatives import Derivatives
from ..exchanges import Exchanges
from ..models.chebyshev import Indices
from ..models.model import Model
from ..models.normalization import Normalization
from ..models.transformed import INPUT_TRANSFORMS, TRANSFORMS, Transformed
from ..options import one_of, shown
from .along import Along, Balance, n_values_along
from .orbits import Terms, terms_of

# How much wider than the range of the rows a box may be, on each side: terms lose digits if rows are in a part of it.
MOST_MARGIN = 0.5
# The coordinates that are compared with few terms. Roots come later (rational.py): they are between a column and its
# logarithm, and no function of the paper is simpler in them.
COMPARED = ("identity", "log", "reciprocal")
# A column spans enough for its logarithm or reciprocal to be another coordinate.
LEAST_RATIO = 1.2


@dataclass(frozen=True)
class InputCoordinates:
    """Coordinates of the inputs: rows to train on and to choose by, z in [-1, 1], and what is known `along` them, which
    is multiplied by the `balance`."""

    names: tuple[str, ...]
    scales: Array
    normalization: Normalization
    Z: Array
    held_out_Z: Array
    highest: tuple[int, ...]
    along: Along | None = None
    held_out_along: Along | None = None
    balance: Balance | None = None
    exchanges: Exchanges | None = None

    def terms(self, indices: Indices) -> Terms:
        """Products of Chebyshev polynomials in them, or what is the same under exchanges of columns."""
        return terms_of(indices, self.exchanges)

    def __hash__(self) -> int:
        return hash(self.names)

    def of(self, samples: Samples) -> tuple[Array, Along | None]:
        """The inputs of other samples in these coordinates, and what is known along them."""
        Z = self.normalization.apply(Transformed.transform_inputs(samples.X, self.names, self.scales))
        return Z, Along.of(samples.derivatives, self.names, self.scales, self.normalization)


@dataclass(frozen=True)
class Link:
    """What of y is the polynomial: t = T(y / scale) times a power of two, and back."""

    name: str
    scales: Array
    inner_exponents: NDArray[np.intc]
    t: Array
    lowest: Array
    highest: float

    def values(self, t: Array, *, clipped: bool = False) -> Array:
        """y (n, m); `clipped` bounds t where a model still crude leaves the domain of the link."""
        t = np.ldexp(t, self.inner_exponents)
        if self.name == "identity":
            return t
        if clipped:
            t = np.minimum(np.maximum(t, self.lowest), self.highest)
        with np.errstate(all="ignore"):
            return TRANSFORMS[self.name].inverse(t) * self.scales

    def steepness(self, t: Array) -> Array:
        """How y follows `t` at rows (n, 1), over its largest at the link's own; 1 for several outputs, and where a root
        is infinitely steep."""
        if t.shape[1] > 1:
            return np.ones((len(t), 1))
        with np.errstate(all="ignore"):
            slopes, own = (
                np.abs(TRANSFORMS[self.name].inverse_derivative(np.ldexp(values, self.inner_exponents)))
                for values in (t, self.t)
            )
            largest = np.max(own)
            steepness: Array = slopes / largest
        # Where the largest is infinite, all others would be 0.
        return steepness if np.isfinite(largest) and np.isfinite(steepness).all() else np.ones((len(t), 1))

    def slopes(self, along: Along, y: Array) -> Array:
        """Derivatives of t where those of y are known, at rows of `y` (n, m): (k, m), NaN where y has to be known for
        that, and is not, and for second ones of another t than y."""
        values = np.ldexp(along.values, -self.inner_exponents)
        if self.name == "identity":
            return values
        rows, order = along.known.rows, along.known.order
        with np.errstate(all="ignore"):
            steepness = TRANSFORMS[self.name].forward_derivative(y[rows] / self.scales) / self.scales
            slopes: Array = values * steepness
        return np.where(((rows < 0) | (order > 1))[:, None], np.nan, slopes)

    def in_y(self, slopes: Array, along: Along, y: Array) -> Array:
        """What differences of such derivatives of t (k, m) come to as those of y."""
        differences = np.ldexp(slopes, self.inner_exponents)
        if self.name == "identity":
            return differences
        with np.errstate(all="ignore"):
            steepness = TRANSFORMS[self.name].forward_derivative(y[along.known.rows] / self.scales) / self.scales
            return np.asarray(differences / steepness)

    def root_weight(self, samples: Samples, t: Array, *, steep: bool = False) -> Array | None:
        """What multiplies the residuals of `t`, which is the y of `samples`: (n, 1), None for 1.

        `steep` makes them those of y. So they always are where errors are relative: weights of errors of y that span
        many decades are none of its logarithm, whose errors are relative ones already.
        """
        weight = None if samples.sample_weight is None else np.sqrt(samples.sample_weight)[:, None]
        if not (steep or samples.is_relative):
            return weight
        steepness = self.steepness(t)
        return steepness if weight is None else steepness * weight


class InputFrames:
    """The rows in any coordinates, each kept once asked for.

    `X` (n, d) are the rows to train on, `held_out` those to choose by. `corners` (k, d) are points that the box of the
    polynomials holds, if they are not too far: no row is there, but a model may be asked. `degree` bounds degrees, and
    `degrees` those of each column. `derivatives` are those known at rows to train on and at those held out, of y of the
    RMS `unit` (m,). Columns that `exchanges` take into each other have the same coordinates.
    """

    def __init__(
        self,
        X: Array,
        held_out: Array,
        corners: Array | None,
        degree: int | None,
        degrees: tuple[int, ...] | None = None,
        *,
        derivatives: tuple[Derivatives | None, Derivatives | None] = (None, None),
        unit: Array | None = None,
        exchanges: Exchanges | None = None,
    ) -> None:
        self.derivatives, self.unit, self.exchanges = derivatives, unit, exchanges
        apart = [known.X[known.is_apart] for known in derivatives if known is not None]
        self.n, self.ends, self.rows = len(X), len(X) + len(held_out), np.concatenate([X, held_out, *apart])
        self.corners = np.empty((0, X.shape[1])) if corners is None else corners
        n_equations = self.n if derivatives[0] is None else self.n + len(derivatives[0])
        top = n_equations if degree is None else degree
        self.tops = [top] * X.shape[1] if degrees is None else [min(top, own) for own in degrees]
        self._made: dict[tuple[str, ...], InputCoordinates] = {}

    def __call__(self, names: tuple[str, ...]) -> InputCoordinates:
        if names not in self._made:
            every = self._with_images(self.rows)
            scales = np.where([name == "identity" for name in names], 1.0, _middle_scales(every))
            T = Transformed.transform_inputs(np.concatenate([self.rows, self.corners]), names, scales)
            T, corners = T[: len(self.rows)], T[len(self.rows) :]
            low, high = T.min(axis=0), T.max(axis=0)
            margin = MOST_MARGIN * (high - low)
            ends = np.concatenate([T, np.clip(corners, low - margin, high + margin)])
            normalization = Normalization.of_box(self._with_images(ends))
            Z, n = normalization.apply(T), self.n
            along, held_out_along = (Along.of(known, names, scales, normalization) for known in self.derivatives)
            # A column of k different values knows degrees up to k - 1, and more where derivatives along it are known.
            n_known = [len(np.unique(z[:n])) + n_values_along(along, j) for j, z in enumerate(Z.T)]
            if self.exchanges is not None:
                n_known = [max(n_known[j] for j in image) for image in self.exchanges.images.T]
            highest = tuple(min(known - 1, top) for known, top in zip(n_known, self.tops, strict=True))
            balance = None if along is None or self.unit is None else Balance.of(along, self.unit)
            self._made[names] = InputCoordinates(
                names,
                scales,
                normalization,
                Z[:n],
                Z[n : self.ends],
                highest,
                along,
                held_out_along,
                balance,
                self.exchanges,
            )
        return self._made[names]

    def _with_images(self, X: Array) -> Array:
        """With the images of `X` (n, d) where columns may be exchanged: these then have the same range."""
        return X if self.exchanges is None else self.exchanges.all_of(X)

    def combinations(self, choices: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
        """All coordinates of the columns, whose `choices` are given; those that may be exchanged have the same."""
        orbits = [[j] for j in range(len(choices))] if self.exchanges is None else self.exchanges.orbits
        place = {j: k for k, orbit in enumerate(orbits) for j in orbit}
        for one in itertools.product(*(choices[orbit[0]] for orbit in orbits)):
            yield tuple(one[place[j]] for j in range(len(choices)))

    def with_column(self, names: tuple[str, ...], j: int, name: str) -> tuple[str, ...]:
        """The coordinates with another one for column j, and for those that it may be exchanged with."""
        changed = [j] if self.exchanges is None else np.unique(self.exchanges.images[:, j]).tolist()
        return tuple(name if i in changed else own for i, own in enumerate(names))

    def alternatives(self, given: str | Sequence[str] | None) -> list[list[str]]:
        """The coordinates that each column may have: those `given`, one for all or one for each, or all whose domain
        the rows and corners are in; ValueError for others."""
        if given is not None:
            d = self.rows.shape[1]
            names = (given,) * d if isinstance(given, str) else given
            if not isinstance(names, Sequence) or len(names) != d:
                raise ValueError(f"inputs: expected the name of a coordinate, or {d} names, got {shown(given)}")
            for name in names:
                one_of(name, "inputs", INPUT_TRANSFORMS)
            return [[name] for name in names]
        everywhere = self._with_images(np.concatenate([self.rows, self.corners]))
        low, high = everywhere.min(axis=0), everywhere.max(axis=0)
        near, far = np.minimum(np.abs(low), np.abs(high)), np.maximum(np.abs(low), np.abs(high))
        spans = (np.sign(low) * np.sign(high) > 0) & (far > LEAST_RATIO * near)
        return [list(COMPARED) if has else ["identity"] for has in spans]


def links(y: Array, held_out: Array, wanted: str | None) -> list[Link]:
    """The links, or the one `wanted`, in whose domain all outputs are: `y` (n, m) to train on, and those held out."""
    both, n = np.concatenate([y, held_out]), len(y)
    found = []
    for name, transform in TRANSFORMS.items():
        if wanted not in (None, name):
            continue
        m = both.shape[1]
        scales = _middle_scales(both) if transform.scalable else np.ones(m)
        with np.errstate(over="ignore", divide="ignore"):
            one_sign = (both / scales > 0).all() or (name == "square" and (both >= 0).all())
            holds = transform.holds(both / scales).all()
        if wanted is None and not (holds and (one_sign or not transform.scalable)):
            continue
        found.append(link_of(name, both, n, scales))
    return found


def link_of(name: str, both: Array, n: int, scales: Array) -> Link:
    """The link of this name for values `both` (n + held out, m), of which the first `n` are trained on."""
    transform, m = TRANSFORMS[name], both.shape[1]
    t = Transformed.transform_outputs(both, (name,) * m, scales)
    inner = np.frexp(np.max(np.abs(t), axis=0))[1].astype(np.intc)
    # A model still crude may leave the domain of a power; half the least value seen keeps it inside.
    positive = name in ("square", "reciprocal_square", "reciprocal_root", "exp")
    lowest = 0.5 * t.min(axis=0) if positive else np.full(m, transform.lowest)
    return Link(name, scales, inner, np.ldexp(t[:n], -inner), lowest, transform.highest)


def in_words(frame: InputCoordinates, link: Link) -> str:
    """The coordinates that are not the given ones."""
    names = frame.names
    words = []
    for name in dict.fromkeys(names):
        columns = "X" if len(set(names)) == 1 else " ".join(f"x{j}" for j, own in enumerate(names) if own == name)
        words += [] if name == "identity" else [f"{name} {columns}"]
    words += [] if link.name == "identity" else [f"{link.name} y"]
    return ", ".join(words)


def in_coordinates(model: Model, frame: InputCoordinates, link: Link) -> Model:
    """The `model` of such coordinates as one of x and y, with the same signature."""
    if set(frame.names) == {"identity"} and link.name == "identity":
        return model
    return Transformed(
        model,
        frame.names,
        (link.name,) * model.signature.n_outputs,
        model.signature,
        input_scales=frame.scales,
        output_scales=link.scales,
    )


def _middle_scales(values: Array) -> Array:
    """By column the power of two amid the largest and the smallest magnitude that isn't 0, negative where all are."""
    magnitude = np.abs(values)
    largest = magnitude.max(axis=0)
    smallest = np.where(magnitude > 0, magnitude, largest).min(axis=0)
    exponents = np.clip((np.frexp(largest)[1] + np.frexp(smallest)[1]) // 2, -1021, 1023)
    scales: Array = np.where((values < 0).all(axis=0), -1.0, 1.0) * np.ldexp(1.0, exponents)
    return scales
