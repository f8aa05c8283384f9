"""Polynomials on cells of the box, joined smoothly: for many rows of a law that no one polynomial meets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..arrays import Array, contiguous
from ..export.kernels.partition import MOST_CUTS
from ..export.program import Vector, partition, taken, unless_missing
from ..report import FitReport
from ..threads import resolve_threads
from .chebyshev import ChebyshevTerms, Indices, TermTree, index_set
from .model import Model, Signature
from .normalization import Normalization

# Below this many multiply-adds a thread takes longer to wake than to work.
FEW_PRODUCTS = 1 << 16


@lru_cache(maxsize=64)
def products_of(n_variables: int, degree: int) -> Indices:
    """The indices (p, d) of all products of a total degree up to `degree`, in the order of coefficients; read-only."""
    found = index_set("total", degree, [degree] * n_variables, 1 << 20)
    assert found is not None
    indices = found[0]
    indices = indices[np.lexsort(indices.T[::-1])]
    indices.flags.writeable = False
    return indices


@lru_cache(maxsize=64)
def tree_of(n_variables: int, degree: int) -> TermTree:
    """The same as a tree, whose nodes they are."""
    return ChebyshevTerms(products_of(n_variables, degree)).tree


class PartitionOfUnity(Model):
    """y = outputs^-1(sum_i w_i(z) p_i(z)), z = inputs(x): polynomials p_i on the leaves of a tree of cuts.

    `nodes` (k, 3) : of each cut the variable, and two children: the numbers of later cuts, or -1 - i for leaf i.
    `cuts` (k, 2), kept as `places` : of each cut the place s and the half-width h of the band about it. With
        t = (z - s) / h the model is that of the left child for t <= -1 and of the right one for t >= 1; between them
        the right one has the weight w = v^4 (35 - 84 v + 70 v^2 - 20 v^3), v = (1 + t) / 2. So it has three continuous
        derivatives everywhere.
    `degrees` (k + 1,), `boxes` (k + 1, 2, d) : of each leaf the total degree of its polynomial, and the lowest and
        highest z that its own coordinates map to -1 and 1.
    `variables` (r,) : the inputs that count, all if left out; r is then d above.
    `coefficients` (p, m) : those of the products of Chebyshev polynomials of each leaf, in the order of their indices.

    Raises ValueError for arrays that don't fit each other.
    """

    family = "partition"

    def __init__(
        self,
        nodes: NDArray[np.intp],
        cuts: Array,
        degrees: NDArray[np.intp],
        boxes: Array,
        coefficients: Array,
        inputs: Normalization,
        outputs: Normalization,
        signature: Signature,
        report: FitReport | None = None,
        *,
        variables: NDArray[np.intp] | None = None,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(signature, report)
        self.nodes, self.degrees = np.asarray(nodes, dtype=np.int64), np.asarray(degrees, dtype=np.int64)
        self.places, self.boxes = contiguous(cuts), contiguous(boxes)
        self.coefficients, self.inputs, self.outputs = contiguous(coefficients), inputs, outputs
        self.n_threads = n_threads
        d, m = len(inputs.shift), len(outputs.shift)
        signature.require(d, m, "the partition")
        self.variables = np.arange(d) if variables is None else np.asarray(variables, dtype=np.intp)
        r, places = len(self.variables), self.variables
        if not r or not np.array_equal(places, np.unique(places)) or not 0 <= places[0] <= places[-1] < d:
            raise ValueError(f"variables: expected numbers of inputs below {d}, ascending, got {places.tolist()}")
        n_leaves = len(self.degrees)
        for name, array, shape in (
            ("nodes", self.nodes, (n_leaves - 1, 3)),
            ("cuts", self.places, (n_leaves - 1, 2)),
            ("boxes", self.boxes, (n_leaves, 2, r)),
            ("coefficients", self.coefficients, (len(self.coefficients), m)),
        ):
            if array.shape != shape:
                raise ValueError(f"{name}: expected {shape}, got {array.shape}")
        sizes = self.boxes[:, 1] - self.boxes[:, 0]
        if not (np.all(sizes > 0.0) and np.isfinite(self.boxes).all()):
            raise ValueError("boxes: expected finite numbers, the lowest below the highest, got others")
        if not np.all((self.degrees >= 0) & (self.degrees <= len(self.coefficients))):
            raise ValueError(f"degrees: expected 0 to {len(self.coefficients)}, got {self.degrees.tolist()[:9]}")
        if self.depth > MOST_CUTS:
            raise ValueError(f"nodes: expected at most {MOST_CUTS} cuts above a leaf, got {self.depth}")
        self._core  # noqa: B018, as it checks the rest

    def __repr__(self) -> str:
        d, n = self.signature.n_inputs, len(self.degrees)
        return f"PartitionOfUnity({d} inputs, {n} cells of degree {self.degrees.max()} at most)"

    @property
    def n_params(self) -> int:
        return self.coefficients.size

    @property
    def n_params_of_a_value(self) -> int:
        return math.comb(len(self.variables) + int(self.degrees.max()), len(self.variables))

    @property
    def depth(self) -> int:
        """The most cuts above a leaf."""
        depth = np.ones(len(self.nodes), dtype=np.intp)
        for k, (_, *children) in enumerate(self.nodes.tolist()):
            for child in children:
                if k < child < len(depth):
                    depth[child] = depth[k] + 1
        return int(depth.max(initial=0))

    @cached_property
    def _units(self) -> tuple[Array, Array]:
        """Shift and divisor (k + 1, d) of the coordinates of each leaf."""
        low, high = self.boxes[:, 0], self.boxes[:, 1]
        return contiguous(0.5 * (low + high)), contiguous(0.5 * (high - low))

    @property
    def _trees(self) -> list[TermTree]:
        """The products of all degrees up to the highest; of those of no leaf, those of degree 0."""
        used = set(self.degrees.tolist())
        return [tree_of(len(self.variables), k if k in used else 0) for k in range(int(self.degrees.max()) + 1)]

    @cached_property
    def _core(self) -> _core.PartitionOfUnity:
        return _core.PartitionOfUnity(
            self.nodes,
            self.places,
            [
                (parents.tolist(), variables.tolist(), degrees.tolist())
                for parents, variables, degrees, _ in self._trees
            ],
            self.degrees.tolist(),
            *self._units,
            self.coefficients,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Without the core's tables, which are built again."""
        return {name: value for name, value in vars(self).items() if name != "_core"}

    def evaluate(self, X: Array) -> Array:
        return self.outputs.invert(self._core.evaluate(self._coordinates(X), self._threads(X)))

    def evaluate_gradient(self, X: Array) -> Array:
        gradient = np.zeros((len(X), len(self.outputs.shift), X.shape[1]))
        with np.errstate(all="ignore"):
            slopes = self._core.gradient(self._coordinates(X), self._threads(X))
            slopes = slopes * self.outputs.scale[:, None] / self.inputs.divisor[self.variables]
            exponents = self.outputs.exponent[:, None] - self.inputs.exponent[self.variables]
            gradient[:, :, self.variables] = np.ldexp(slopes, exponents)
        if len(self.variables) < X.shape[1]:
            gradient[np.isnan(X).any(axis=1)] = np.nan
        return gradient

    def _coordinates(self, X: Array) -> Array:
        """z (n, r) of the variables; NaN where any input is."""
        Z = self.inputs.apply(contiguous(X))
        if len(self.variables) == X.shape[1]:
            return Z
        Z = contiguous(Z[:, self.variables])
        Z[np.isnan(X).any(axis=1)] = np.nan
        return Z

    def operations(self, x: Vector) -> Vector:
        units, trees = np.concatenate(self._units, axis=1), [tree[:3] for tree in self._trees]
        z = self.inputs.applied(x)
        if len(self.variables) < z.size:
            z = taken(z, self.variables.tolist())
        y = partition(z, self.nodes, self.places, self.degrees, units, trees, self.coefficients)
        return unless_missing(self.outputs.inverted(y), x)

    def box(self) -> tuple[Array, Array] | None:
        known = self.inputs.box()
        if known is None or len(self.degrees) > 1:
            return known
        low, high = (end.copy() for end in known)  # of one cell, where its rows are
        half, middle = 0.5 * high - 0.5 * low, 0.5 * high + 0.5 * low
        for end, own in ((low, self.boxes[0, 0]), (high, self.boxes[0, 1])):
            end[self.variables] = np.clip(
                (middle + half * self._whole(own))[self.variables], known[0][self.variables], known[1][self.variables]
            )
        return low, high

    def _whole(self, z: Array) -> Array:
        """Coordinates (r,) of the variables among those of all inputs (d,)."""
        whole = np.zeros(len(self.inputs.shift))
        whole[self.variables] = z
        return whole

    # The coefficients of one cell are parameters that least squares may move; of many cells, each moves by itself.

    def cells_at(self, X: Array) -> list[tuple[int, NDArray[np.intp], Array]]:
        if len(self.degrees) == 1:
            return []
        Z = self._coordinates(X)
        rows = np.flatnonzero(np.isfinite(Z).all(axis=1))
        waiting, found = [(0, rows, np.ones(len(rows)))], []
        while waiting:
            number, rows, weight = waiting.pop()
            if number < 0:
                found.append((-1 - number, rows, weight))
                continue
            column, left, right = self.nodes[number].tolist()
            place, width = self.places[number].tolist()
            v = np.clip(0.5 + 0.5 * (Z[rows, column] - place) / width, 0.0, 1.0)
            share = v**4 * (35.0 - 84.0 * v + 70.0 * v**2 - 20.0 * v**3)
            for child, own in ((left, 1.0 - share), (right, share)):
                some = np.flatnonzero(own > 0.0)
                if len(some):
                    waiting.append((child, rows[some], weight[some] * own[some]))
        return sorted(found, key=lambda one: one[0])

    @cached_property
    def _starts(self) -> list[int]:
        """The first coefficient of each leaf, and the number of all."""
        r = len(self.variables)
        return list(itertools.accumulate((math.comb(r + k, r) for k in self.degrees.tolist()), initial=0))

    def cell(self, number: int) -> PartitionOfUnity:
        one = slice(number, number + 1)
        return PartitionOfUnity(
            np.empty((0, 3), dtype=np.int64),
            np.empty((0, 2)),
            self.degrees[one],
            self.boxes[one],
            self.coefficients[self._starts[number] : self._starts[number + 1]],
            self.inputs,
            self.outputs,
            self.signature,
            variables=self.variables,
        )

    def with_cells(self, laws: Mapping[int, Any]) -> PartitionOfUnity:
        coefficients = self.coefficients.copy()
        for number, law in laws.items():
            coefficients[self._starts[number] : self._starts[number + 1]] = law.coefficients
        return self._of(coefficients)

    def own_parameters(self) -> Array:
        return self.coefficients.ravel() if len(self.degrees) == 1 else np.empty(0)

    def own_degrees(self) -> NDArray[np.intp]:
        if len(self.degrees) > 1:
            return np.empty(0, dtype=np.intp)
        degrees = products_of(len(self.variables), int(self.degrees[0])).sum(axis=1)
        return np.repeat(degrees, self.coefficients.shape[1])

    def own_jacobian(self, X: Array) -> Array:
        m = self.coefficients.shape[1]
        if len(self.degrees) > 1:
            return np.empty((len(X), m, 0))
        shift, divisor = self._units
        U = contiguous((self._coordinates(X) - shift[0]) / divisor[0])
        products = ChebyshevTerms(products_of(len(self.variables), int(self.degrees[0]))).design(U)
        scale = np.ldexp(self.outputs.scale, self.outputs.exponent)
        jacobian: Array = np.einsum("np,km->nkpm", products, np.diag(scale)).reshape(len(X), m, -1)
        return jacobian

    def with_own_parameters(self, parameters: Array) -> PartitionOfUnity:
        return self._of(parameters.reshape(self.coefficients.shape))

    def _of(self, coefficients: Array) -> PartitionOfUnity:
        """The same cells with other coefficients."""
        return PartitionOfUnity(
            self.nodes,
            self.places,
            self.degrees,
            self.boxes,
            coefficients,
            self.inputs,
            self.outputs,
            self.signature,
            variables=self.variables,
            n_threads=self.n_threads,
        )

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays: dict[str, NDArray[Any]] = {
            "nodes": self.nodes,
            "cuts": self.places,
            "degrees": self.degrees,
            "boxes": self.boxes,
            "coefficients": self.coefficients,
            "variables": self.variables,
        }
        for name, columns in (("inputs", self.inputs), ("outputs", self.outputs)):
            arrays |= {f"{name}_{part}": getattr(columns, part) for part in ("exponent", "shift", "scale")}
        return {}, arrays

    @classmethod
    def from_state(
        cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature
    ) -> PartitionOfUnity:
        inputs, outputs = (
            Normalization(*(arrays[f"{name}_{part}"] for part in ("exponent", "shift", "scale")))
            for name in ("inputs", "outputs")
        )
        return cls(
            arrays["nodes"],
            arrays["cuts"],
            arrays["degrees"],
            arrays["boxes"],
            arrays["coefficients"],
            inputs,
            outputs,
            signature,
            variables=arrays["variables"],
        )

    def _threads(self, X: Array) -> int:
        work = len(X) * self.n_params / len(self.degrees)
        return 1 if work <= FEW_PRODUCTS else resolve_threads(self.n_threads)
