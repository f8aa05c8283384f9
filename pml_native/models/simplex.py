"""Interpolation of scattered points on the simplices of their Delaunay triangulation, in any dimension.

Linear, and cubic where slopes are known at all points: see simplex_cubic.

The one family without a choice to make: through every point, exact for linear functions, with an error that falls as
n^(-2/d). Sources: Michaud, Liu, Tegmark, "Precision Machine Learning" (2022), section 2; Kuhn (1960) for the simplices
of grids.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Delaunay

from .. import _core
from ..arrays import Array, Distinct, as_gradients, as_matrix, as_samples, contiguous
from ..grids import grid_axes, nearest_lines
from ..memory import available_memory
from ..report import FitReport
from ..singular_values import pinv
from ..threads import resolve_threads
from .chebyshev import blocks
from .frame import Frame
from .model import Model, Signature
from .simplex_cubic import Cubics
from .triangulation import Triangulation, expected_bytes, expected_seconds, triangulate

Outside = Literal["nan", "nearest", "linear", "error"]
Method = Literal["auto", "triangulation", "on_demand"]
Duplicates = Literal["error", "average"]

# Share of the free memory that a triangulation may take before the search without one is preferred.
MEMORY_SHARE = 0.25
# Seconds for a query without a triangulation, roughly: in two dimensions, and the factor for each further one.
SECONDS_ON_DEMAND, GROWTH_ON_DEMAND = 2e-6, 1.8
# A query is moved this far towards the middle to tell one that left the hull by rounding from one outside: by no less
# than the first, and by no more than the last, a thousandth, where coordinates have so large an offset.
INWARD, MOST_INWARD = 1e-9, 1e-3
# ... and this far first, then ten times as far again and again, to have its value from where it is.
FIRST_INWARD = 1e-14
OUTSIDE = -1
HALVINGS = 50


class Search(Protocol):
    """What finds simplices: of a grid, in a triangulation, or without one. Rows outside or undecided get NaN."""

    def locate(self, X: Array, n_threads: int) -> tuple[NDArray[np.int32], Array]:
        """Numbers (n,) of simplices, or of their vertices (n, d + 1), and weights; -1 outside, -2 undecided."""

    def interpolate(self, X: Array, values: Array, n_threads: int) -> Array:
        """Values (n, m) at `X` (n, d) of the interpolant of `values` (N, m)."""

    def gradient(self, X: Array, values: Array, n_threads: int) -> Array:
        """Its derivatives (n, m, d)."""


class SimplexInterpolator(Model):
    """Linear on the Delaunay simplices of the points `X` (n, d), d = 1 to 10 and more, with values `y` (n,) or (n, m).

    X : points, or a `scipy.spatial.Delaunay` of them whose simplices are then used.
    outside : values where x is outside the convex hull of the points: "nan"; "nearest", those of the nearest point;
        "linear", the continuation from where the way from the middle of the points leaves the hull, with the gradient
        a little before; "error" raises ValueError. A point is outside where it is so by more than rounding, of an
        ulp of the coordinates or two; the gradient is that of the values: 0 for "nearest".
    rescale : gives the columns of X equal variance before distances are measured, so that units make no difference.
    method : "triangulation" builds one first (Qhull; memory and time grow steeply with d), "on_demand" finds the
        simplex of each query by linear programming without one, "auto" chooses by n, d and how many queries come.
        Points on a full grid need neither. `repr` says what is used.
    duplicates : what to do with points that occur again with another y: "error", or "average".
    gradients : (n, d), or (n, m, d), derivatives of y by the columns of X at all points, of a point that occurs again
        those of its first row. The model is cubic on simplices then, exact for quadratics; its error falls as n^(-3/d).

    At the points the values are y exactly. Points that all lie in a plane are interpolated within it; queries off the
    plane are outside.
    """

    family = "simplex"

    def __init__(
        self,
        X: ArrayLike | Delaunay,
        y: ArrayLike,
        *,
        outside: Outside = "nan",
        rescale: bool = True,
        method: Method = "auto",
        duplicates: Duplicates = "error",
        gradients: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> None:
        _require_choice("outside", outside, Outside)
        _require_choice("method", method, Method)
        _require_choice("duplicates", duplicates, Duplicates)
        given = X if isinstance(X, Delaunay) else None
        samples = as_samples(X if given is None else given.points, y)
        signature = Signature(
            samples.X.shape[1], samples.y.shape[1], samples.y_is_vector, samples.input_names, samples.output_names
        )
        frame = Frame.of(samples.X, rescale and given is None)
        if frame.n_dimensions == 0:
            raise ValueError("X: expected at least 2 different points, got 1")
        points, values, kept = _distinct(samples.X, samples.y, frame, duplicates)
        slopes = None
        if gradients is not None:
            given_slopes = as_gradients(gradients, samples.X, samples.y, samples.input_names)[kept]
            if not np.isfinite(given_slopes).all():
                n_missing = int(np.sum(~np.isfinite(given_slopes)))
                raise ValueError(f"gradients: expected all of them at all points, got {n_missing} that are not known")
            slopes = contiguous(frame.inner_gradient(given_slopes))
        triangulation = None
        if given is not None:
            if len(given.coplanar) or len(kept) < len(samples.X) or frame.basis is not None:
                raise ValueError("X: expected a triangulation of all its points, got one that left some out")
            triangulation, method = Triangulation(given.simplices, given.neighbors), "triangulation"
        self._set(points, values, frame, outside, method, triangulation, signature, None, n_threads, slopes)

    def _set(
        self,
        points: Array,
        values: Array,
        frame: Frame,
        outside: Outside,
        method: Method,
        triangulation: Triangulation | None,
        signature: Signature,
        report: FitReport | None,
        n_threads: int | None,
        slopes: Array | None = None,
    ) -> None:
        super().__init__(signature, report)
        self.points, self.values, self.frame, self.slopes = points, values, frame, slopes
        self._outside, self.method, self.n_threads = outside, method, n_threads
        self.triangulation = triangulation
        self._n_queries = 0
        self._search: Search | None = None
        self._on_demand: _core.SimplexSearch | None = None
        self._axes: list[Array] | None = None
        grid = None if triangulation else grid_axes(points)
        if grid is not None:
            self._axes, order = grid
            self.points, self.values = contiguous(points[order]), contiguous(values[order])
            self.slopes = None if slopes is None else contiguous(slopes[order])

    def __repr__(self) -> str:
        n, d = self.points.shape
        cubic = "" if self.slopes is None else ", cubic"
        return f"SimplexInterpolator({n} points in {d} dimensions, {self.used}{cubic})"

    @property
    def used(self) -> str:
        """How simplices are found: "grid", "triangulation", "on demand", or "undecided" before the first query."""
        if self._axes is not None:
            return "grid"
        if self.triangulation is not None:
            return "triangulation"
        return "on demand" if self.method == "on_demand" or self._on_demand is not None else "undecided"

    @property
    def n_params(self) -> int:
        """The numbers that are stored: n (d + 1) for one output, as the paper counts."""
        return self.points.size + self.values.size + (0 if self.slopes is None else self.slopes.size)

    def with_rows(self, X: Array, y: Array) -> SimplexInterpolator | None:
        inner, off = self.frame.apply(X)
        if self.slopes is not None or (off is not None and off.any()):  # without slopes, or beside the points' plane
            return None
        distinct = Distinct.of(np.concatenate([self.points, inner]), np.concatenate([self.values, y]))
        if len(distinct.contradicting):
            raise ValueError(f"X: expected one y for each point, got {len(distinct.contradicting)} that have another")
        points, values = contiguous(np.concatenate([self.points, inner])[distinct.rows]), distinct.y
        made, method = SimplexInterpolator.__new__(SimplexInterpolator), self.method
        made._set(points, values, self.frame, self._outside, method, None, self.signature, None, self.n_threads)
        return made

    def evaluate(self, X: Array) -> Array:
        return self._filled(X, "interpolate")

    def evaluate_gradient(self, X: Array) -> Array:
        return self.frame.gradient(self._filled(X, "gradient"))

    def _filled(self, X: Array, what: str) -> Array:
        """Values or gradients (in the frame) by the chosen search, then by the others where it knows none."""
        inner, off = self.frame.apply(X, resolve_threads(self.n_threads))
        found = self._ask(self._chosen(len(inner)), what, inner)
        if off is not None:
            found[off] = np.nan
        missing = np.flatnonzero(_unfound(found))
        missing = missing[np.isfinite(inner[missing]).all(axis=1)]
        if missing.size:
            doubtful = missing if off is None else missing[~off[missing]]
            doubtful = doubtful[self._status((1.0 - self._inward) * inner[doubtful]) != OUTSIDE]
            search = self._without() if self._axes is None else self._chosen(0)
            # First where they are, then as far inside as it takes to tell on which side of the hull they lie.
            inward = 0.0
            while doubtful.size:
                found[doubtful] = self._ask(search, what, (1.0 - inward) * inner[doubtful])
                doubtful = doubtful[_unfound(found[doubtful])]
                if inward == self._inward:
                    break
                inward = min(max(10.0 * inward, FIRST_INWARD), self._inward)
            missing = missing[_unfound(found[missing])]
        if missing.size:
            found[missing] = self._beyond(what, inner[missing], missing, X)
        return found

    @cached_property
    def _inward(self) -> float:
        """INWARD, or more where rounding of coordinates is more, beside the extent of the points where it is least."""
        points = self.points
        narrowest = np.linalg.eigvalsh(points.T @ points / len(points))[0]
        least = self.frame.rounding(points) / float(np.sqrt(max(narrowest, np.finfo(float).eps)))
        return min(max(INWARD, least), MOST_INWARD)

    def _ask(self, search: Search, what: str, inner: Array) -> Array:
        threads = resolve_threads(self.n_threads)
        if self.slopes is None:
            answer: Array = getattr(search, what)(contiguous(inner), self.values, threads)
            return answer
        found, weights = search.locate(contiguous(inner), threads)
        n, r, m = len(inner), inner.shape[1], self.values.shape[1]
        shape = (n, m, *[r] * ("interpolate", "gradient", "hessian").index(what))
        cubic = np.full(shape, np.nan)
        known = np.flatnonzero((found if found.ndim == 1 else found[:, 0]) >= 0)
        for block in blocks(len(known), m * (r + 2) ** 2):
            rows = known[block]
            vertices = found[rows]
            if found.ndim == 1:
                assert self.triangulation is not None
                vertices = self.triangulation.simplices[vertices]
            corners = Cubics.of(self.points[vertices], weights[rows], self.values[vertices], self.slopes[vertices])
            cubic[rows] = getattr(corners, what)()
        return cubic

    def _status(self, inner: Array) -> NDArray[np.int32]:
        """A simplex or its first vertex for points of the frame; -1 outside the hull, -2 where that is undecided."""
        found, _ = self._chosen(0).locate(contiguous(inner), resolve_threads(self.n_threads))
        return found if found.ndim == 1 else found[:, 0]

    def _beyond(self, what: str, inner: Array, rows: NDArray[np.intp], X: Array) -> Array:
        """What is asked at points of the frame outside the hull."""
        shape = (len(inner), self.values.shape[1]) + ((inner.shape[1],) if what == "gradient" else ())
        if self._outside == "error":
            raise ValueError(
                f"X: expected points inside the convex hull of the data, got {len(rows)} outside, "
                f"the first in row {rows[0]}: {X[rows[0]].tolist()}"
            )
        if self._outside == "nan":
            return np.full(shape, np.nan)
        if self._outside == "nearest":
            if what == "gradient":
                return np.zeros(shape)
            if inner.shape[1] == 1:  # where all points are those of a grid
                return np.take(self.values, nearest_lines(self.points[:, 0], inner[:, 0]), axis=0)
            nearest = self._without().nearest(contiguous(inner), resolve_threads(self.n_threads))
            return np.take(self.values, nearest, axis=0)
        inside, beyond = np.zeros(len(inner)), np.ones(len(inner))
        for _ in range(HALVINGS):
            middle = 0.5 * (inside + beyond)
            within = self._status(middle[:, None] * inner) >= 0
            inside, beyond = np.where(within, middle, inside), np.where(within, beyond, middle)
        # Simplices at the hull are long and thin; half a distance between points further in they are not.
        start, further_in = inside[:, None] * inner, (1.0 - len(self.points) ** (-1.0 / inner.shape[1])) * inside
        gradient = self._ask(self._chosen(0), "gradient", further_in[:, None] * inner)
        if what == "gradient":
            return gradient + self._along_hull(inner, inside, gradient, further_in)
        at_hull = self._ask(self._chosen(0), "interpolate", start)
        at_hull += np.einsum("imj,ij->im", gradient, inner - start)
        return at_hull

    def _along_hull(self, inner: Array, inside: Array, gradient: Array, further_in: Array) -> Array:
        """What the place where the way to z leaves the hull adds to the derivatives (n, m, r) of the continuation.

        The way leaves it at s = t z, on a facet n.s = 1, t = 1 / n.z. With F the linear function that has the values of
        the facet and some other one in the middle, v(z) = F(s) + g.(z - s), and as ds/dz = t (1 - z n' / n.z),
            dv/dz = g + t [(F - g) - ((F - g).z / n.z) n].
        Of cubics g is the slope at u s, which changes as well: F - g is that of the cubic at s less g, plus u H (z - s)
        with its second derivatives H at u s.
        """
        start = inside[:, None] * inner
        facets = self._facets(start, inner)
        inverse = pinv(self.points[facets])
        if self.slopes is None:
            values = self.values[facets]
            slopes = np.swapaxes(inverse @ (values - values[:, :1]), 1, 2) - gradient
        else:
            search, inward = self._chosen(0), (further_in / inside)[:, None, None]
            slopes = self._ask(search, "gradient", start) - gradient
            bends = self._ask(search, "hessian", further_in[:, None] * inner)
            slopes += inward * np.einsum("imjk,ik->imj", bends, inner - start)
        normal = inverse.sum(axis=2)
        outward = np.sum(normal * inner, axis=1)
        share = np.einsum("imj,ij->im", slopes, inner) / outward[:, None]
        along: Array = inside[:, None, None] * (slopes - share[:, :, None] * normal[:, None, :])
        return along

    def _facets(self, start: Array, outward: Array) -> NDArray[np.intp]:
        """The vertices (n, r) of the facets through which the ways from `start`, close to the hull, leave it."""
        found, _ = self._chosen(0).locate(contiguous(start), resolve_threads(self.n_threads))
        vertices = found if found.ndim == 2 or self.triangulation is None else self.triangulation.simplices[found]
        corners = self.points[vertices]
        weights_of = pinv(np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2).swapaxes(1, 2))
        weights = np.einsum("ikj,ij->ik", weights_of, np.column_stack([start, np.ones(len(start))]))
        rates = np.einsum("ikj,ij->ik", weights_of[:, :, :-1], outward)
        with np.errstate(divide="ignore", invalid="ignore"):
            until = np.where(rates < 0.0, weights / -rates, np.inf)
        leaves = np.argmin(until, axis=1)
        is_left = np.arange(vertices.shape[1]) != leaves[:, None]
        facets: NDArray[np.intp] = vertices[is_left].reshape(len(vertices), -1)
        return facets

    def _chosen(self, n_queries: int) -> Search:
        """The search for `n_queries` more queries."""
        if self._search is not None and (self._search is not self._on_demand or not self._may_triangulate(n_queries)):
            return self._search
        if self._axes is not None:
            self._search = _core.SimplexGrid(self._axes)
        elif self.triangulation is not None:
            self._search = _core.SimplexLocator(self.points, self.triangulation.simplices, self.triangulation.neighbors)
        elif self.method == "triangulation" or self._may_triangulate(n_queries):
            built = triangulate(self.points)
            if built is not None:
                self.triangulation, self._search = built
            else:
                self.method, self._search = "on_demand", self._without()
        else:
            self._search = self._without()
        return self._search

    def _may_triangulate(self, n_queries: int) -> bool:
        """Whether all queries so far with these would have paid for a triangulation that fits into memory."""
        if self.method == "on_demand":
            return False
        self._n_queries += n_queries
        n, d = self.points.shape
        seconds: float = SECONDS_ON_DEMAND * GROWTH_ON_DEMAND ** (d - 2)
        if self._n_queries * seconds <= expected_seconds(n, d):
            return False
        available = available_memory()  # asked last, as it takes longer than a query
        return available is None or expected_bytes(n, d) <= MEMORY_SHARE * available

    def _without(self) -> _core.SimplexSearch:
        if self._on_demand is None:
            self._on_demand = _core.SimplexSearch(self.points)
        return self._on_demand

    def __getstate__(self) -> dict[str, Any]:
        """Without the searches, which hold memory of the core and are built again when needed."""
        return {**self.__dict__, "_search": None, "_on_demand": None}

    def evaluate_hessian(self, X: Array) -> Array:
        hessian = np.zeros((*self.evaluate_gradient(X).shape, X.shape[1])) + self.evaluate(X)[:, :, None, None] * 0.0
        if self.slopes is not None:
            inner, off = self.frame.apply(X, resolve_threads(self.n_threads))
            found = self._ask(self._chosen(len(inner)), "hessian", inner)
            rows = np.flatnonzero(np.isfinite(found).all(axis=(1, 2, 3)) & (True if off is None else ~off))
            for axis in (3, 2):  # each in turn by x
                moved = np.moveaxis(found, axis, 3)
                outer = self.frame.gradient(moved.reshape(len(moved), -1, moved.shape[3]))
                found = np.moveaxis(outer.reshape(*moved.shape[:3], -1), 3, axis)
            hessian[rows] = 0.5 * (found + found.swapaxes(2, 3))[rows]
        return hessian

    @property
    def outside(self) -> str:
        """What points outside of the hull get: "nan", "nearest", "linear" or "error"."""
        return self._outside

    @outside.setter
    def outside(self, kind: Any) -> None:
        _require_choice("outside", kind, Outside)
        self._outside = kind

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays: dict[str, NDArray[Any]] = {"points": self.points, "y": self.values, **self.frame.arrays()}
        if self.slopes is not None:
            arrays["slopes"] = self.slopes
        if self.triangulation is not None:
            arrays |= {"simplices": self.triangulation.simplices, "neighbors": self.triangulation.neighbors}
        values = {"outside": self._outside, "method": self.method, "cubic": self.slopes is not None}
        return values, arrays

    @classmethod
    def from_state(
        cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature
    ) -> SimplexInterpolator:
        _require_choice("outside", values["outside"], Outside)
        _require_choice("method", values["method"], Method)
        points, y, frame = as_matrix(arrays["points"], "points"), as_matrix(arrays["y"], "y"), Frame.from_arrays(arrays)
        if points.shape != (len(y), frame.n_dimensions):
            raise ValueError(f"points: expected ({len(y)}, {frame.n_dimensions}), got {points.shape}")
        signature.require(len(frame.centre), y.shape[1], "the interpolant")
        found = Triangulation(arrays["simplices"], arrays["neighbors"]) if "simplices" in arrays else None
        model = cls.__new__(cls)
        slopes = arrays["slopes"] if values.get("cubic") else None
        if slopes is not None and slopes.shape != (*y.shape, frame.n_dimensions):
            raise ValueError(f"slopes: expected {(*y.shape, frame.n_dimensions)}, got {slopes.shape}")
        model._set(points, y, frame, values["outside"], values["method"], found, signature, None, None, slopes)
        if found is not None:
            model._chosen(0)  # refuses indices that are not of these points
        return model


def _unfound(found: Array) -> NDArray[np.bool_]:
    """Rows without a simplex, which one number of each row tells."""
    return np.isnan(found[:, 0] if found.ndim == 2 else found[:, 0, 0])


def _require_choice(name: str, value: object, choices: Any) -> None:
    if value not in choices.__args__:
        raise ValueError(f"{name}: expected one of {', '.join(choices.__args__)}, got {value!r}")


def _distinct(X: Array, y: Array, frame: Frame, duplicates: Duplicates) -> tuple[Array, Array, NDArray[np.intp]]:
    """Points of the frame, each once, their values, and the rows they first occur in."""
    points = contiguous(frame.apply(X)[0])
    distinct = Distinct.of(points, y)
    contradicting = distinct.contradicting
    if duplicates == "error" and len(contradicting):
        row = int(contradicting[0])
        raise ValueError(
            f"X: expected one y for each point, got {len(contradicting)} rows that repeat a point (or are nearer to "
            f"it than rounding) with another y, among them row {row}: {X[row].tolist()}; duplicates='average' takes "
            f"the mean"
        )
    return contiguous(points[distinct.rows]), distinct.y, distinct.rows
