"""Networks along a computation graph, one small MLP at each node (Michaud, Liu and Tegmark 2022, Section 2, Fig. 3).

Node k computes g_k(theta_k, u_k) from its inputs u_k: network inputs and values of earlier nodes. With lambda_k the
derivative of something by the value of node k, from the last node to the first,
    lambda_p = sum over nodes k with input p of lambda_k dg_k/du_p,
its gradient is lambda_k dg_k/dtheta_k: the chain rule, each factor a kernel of the core. The Hessian of the loss is
that of Gauss-Newton and, with T_k the derivative of u_k by all parameters,
    sum over rows and nodes of lambda_k (g_k,theta theta + g_k,theta u T_k + T_k' g_k,u theta + T_k' g_k,u u T_k).
Rows are taken a tile at a time, so that memory doesn't grow with them, and added up in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from ..arrays import Array, as_matrix, as_weight, contiguous
from ..export.program import Vector, joined, taken
from ..lapack import square
from ..memory import require_memory
from ..options import generator
from ..threads import resolve_threads
from .formula import HasFormula, formula_graph
from .graph import Graph
from .mlp import MLP
from .tangent import Linearization, linearized

# Rows of a tile: enough to be shared out among many threads, few enough that a tile's numbers stay in the cache.
MOST_ROWS = 2**15
LEAST_ROWS = 64
NUMBERS_OF_A_TILE = 2**20
# Rows of normal inputs at which new nodes are scaled.
PROBES = 256
# The loss w |f - y|^2 with y = -FAR and w = u/(2 FAR) differs from a constant by u f, and by u f^2/(2 FAR), which is
# below any rounding. So the core's Hessian of a loss gives that of u f. A power of two, so that nothing is rounded.
FAR = 2.0**200


@dataclass(frozen=True)
class _Tile:
    """Rows at the nodes: each node's inputs (n, arity), and the values of the output nodes (n, m)."""

    inputs: list[Array]
    outputs: Array


@dataclass(frozen=True)
class ModularMLP:
    """A network along `graph` with an MLP at each node, of `depth` layers: `depth` - 1 hidden ones of `width`.

    Values of nodes are passed on as they are, without an activation. Parameters are ONE float64 vector: node after
    node, each laid out as an MLP's. `largest_arity` is the paper's d*; X has the columns `graph.variables`.
    `n_threads` of every method is None for all cores; results are bitwise the same for any number.
    All that takes an MLP takes one of these:

        modular = ModularMLP.from_formula("sqrt((x2-x1)**2+(y2-y1)**2)")
        objective = LeastSquares(modular, X, y)
        result = minimize(objective, modular.initialize(0), LevenbergMarquardt())
        model = NetworkModel(modular, result.params)
    """

    kind: ClassVar[str] = "modular"
    graph: Graph
    width: int = 20
    depth: int = 3
    activation: str = "tanh"

    def __post_init__(self) -> None:
        if self.depth < 2:
            raise ValueError(f"depth: expected at least 2 layers, got {self.depth}")
        if not self.mlps:  # checks width and activation
            raise ValueError("graph: expected at least one node, got none")

    @classmethod
    def from_formula(
        cls,
        formula: str | HasFormula,
        variables: Sequence[str] | None = None,
        *,
        width: int = 20,
        depth: int = 3,
        activation: str = "tanh",
        max_arity: int = 2,
    ) -> ModularMLP:
        """A network along the graph of `formula`, whose nodes have up to `max_arity` inputs.

        `formula` is made of names, numbers, + - * / ** and functions of one argument, or is an `Equation`. `variables`
        are the names of X's columns in order; None for those of an `Equation`, else the names in the formula, sorted.
        Raises ValueError for other formulas, ImportError without SymPy (`pip install "pml_native[formula]"`).
        """
        return cls(formula_graph(formula, variables, max_arity=max_arity), width, depth, activation)

    @cached_property
    def mlps(self) -> tuple[MLP, ...]:
        """The network of each node."""
        hidden = (self.width,) * (self.depth - 1)
        return tuple(MLP((len(node), *hidden, 1), self.activation) for node in self.graph.nodes)

    @cached_property
    def blocks(self) -> tuple[slice, ...]:
        """Where the parameters of each node stand."""
        ends = np.cumsum([mlp.n_params for mlp in self.mlps]).tolist()
        return tuple(slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False))

    @property
    def n_inputs(self) -> int:
        return self.graph.n_inputs

    @property
    def n_outputs(self) -> int:
        return self.graph.n_outputs

    @property
    def n_params(self) -> int:
        """As the paper counts them: (arity + 1) W + (depth - 2) (W + 1) W + (W + 1) for each node of width W."""
        return sum(mlp.n_params for mlp in self.mlps)

    @property
    def largest_arity(self) -> int:
        """The most inputs a node has: the paper's d*."""
        return self.graph.largest_arity

    @property
    def linear(self) -> slice:
        """Where the parameters of the last node's last layer stand, in which the network is affine."""
        return slice(self.n_params - self.width - 1, self.n_params)

    def __str__(self) -> str:
        hidden = "-".join([str(self.width)] * (self.depth - 1))
        return f"{len(self.mlps)} nodes of arity {self.largest_arity} at most, {hidden} {self.activation}"

    def __repr__(self) -> str:
        return f"ModularMLP({self}, {self.n_params} parameters)"

    def architecture(self) -> dict[str, Any]:
        """JSON values of which `from_architecture` makes this network again."""
        graph = self.graph.state()
        return {"graph": graph, "width": self.width, "depth": self.depth, "activation": self.activation}

    @classmethod
    def from_architecture(cls, values: dict[str, Any]) -> ModularMLP:
        graph = Graph(**values["graph"])
        return cls(graph, values["width"], values["depth"], values["activation"])

    def layers(self, params: Array) -> list[tuple[Array, Array]]:
        """Views of `params` (P,): node after node, per layer the weight (n_out, n_in) and the bias (n_out,)."""
        parts = zip(self.mlps, self._parts(params), strict=True)
        return [layer for mlp, part in parts for layer in mlp.layers(part)]

    def initialize(
        self,
        random_state: int | np.random.Generator | None = None,
        *,
        scale: float = 1.0,
        method: Literal["uniform", "glorot"] = "uniform",
    ) -> Array:
        """Random parameters (P,), each node's as an MLP's, times `scale`.

        The last layers of nodes that aren't outputs are scaled so that at normal inputs of the network their values
        have mean 0 and variance 1, as inputs should: an MLP's own spread, some 0.2, would shrink from node to node.
        """
        rng = generator(random_state)
        params = np.concatenate([mlp.initialize(rng, method=method) for mlp in self.mlps])
        parts = self._parts(params)
        n_inner = len(self.mlps) - self.n_outputs
        columns = list(rng.standard_normal((PROBES, self.n_inputs)).T) if n_inner else []
        for mlp, part, node in list(zip(self.mlps, parts, self.graph.nodes, strict=True))[:n_inner]:
            value = mlp.forward(part, _gathered(columns, node), n_threads=1)[:, 0]
            mean, spread = value.mean(), value.std()
            if 0.0 < spread < np.inf:
                weight, bias = mlp.layers(part)[-1]
                weight /= spread
                bias[...] = (bias - mean) / spread
                value = (value - mean) / spread
            columns.append(value)
        return scale * params

    def forward(self, params: ArrayLike, X: ArrayLike, *, n_threads: int | None = None) -> Array:
        """Network values (n, m) at `X` (n, d)."""
        parts, X, threads = self._parts(params), self._inputs(X), resolve_threads(n_threads)
        values = np.empty((len(X), self.n_outputs))
        for rows in _tiles(len(X), 1):
            values[rows] = self._forward(parts, X[rows], threads).outputs
        return values

    def loss_and_gradient(
        self,
        params: ArrayLike,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> tuple[float, Array]:
        """Mean over samples and outputs of w |f(x) - y|^2 (no 1/2), and its gradient (P,).

        `X` (n, d), `y` (n,) or (n, m), `sample_weight` w (n,) or None for 1. An empty batch gives 0 and zeros.
        """
        parts, threads = self._parts(params), resolve_threads(n_threads)
        X, y, factor = self._batch(X, y, sample_weight)
        loss, gradient = 0.0, np.zeros(self.n_params)
        for rows in _tiles(len(X), 1):
            tile = self._forward(parts, X[rows], threads)
            residual = tile.outputs - y[rows]
            weighted = factor[rows] * residual
            loss += float(np.sum(weighted * residual))
            gradient += self._gradient(parts, tile, 2.0 * weighted, threads)
        return loss, gradient

    def jacobian(self, params: ArrayLike, X: ArrayLike, *, n_threads: int | None = None) -> Array:
        """Derivatives of the outputs with respect to the parameters (n*m, P); row i*m + k is output k at row i."""
        parts, X, threads = self._parts(params), self._inputs(X), resolve_threads(n_threads)
        require_memory(
            8.0 * len(X) * self.n_outputs * self.n_params,
            f"jacobian: {len(X) * self.n_outputs:,} x {self.n_params:,} numbers",
            "take fewer rows at a time, or gauss_newton, which doesn't store it",
        )
        result = np.empty((len(X), self.n_outputs, self.n_params))
        for rows in _tiles(len(X), self.n_params):
            self._jacobian(parts, self._forward(parts, X[rows], threads), result[rows], threads)
        return result.reshape(-1, self.n_params)

    def gauss_newton(
        self,
        params: ArrayLike,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> tuple[float, Array, Array]:
        """The loss and gradient of `loss_and_gradient`, and 2/(n m) J'WJ (P, P), symmetric; J isn't stored.

        That is the Hessian without the residuals' own curvature (Gauss-Newton). MemoryError where P^2 numbers don't
        fit.
        """
        parts, threads = self._parts(params), resolve_threads(n_threads)
        X, y, factor = self._batch(X, y, sample_weight)
        P = self.n_params
        self._require_matrices(2, "gauss_newton")
        loss, gradient, matrix = 0.0, np.zeros(P), np.zeros((P, P), order="F")
        for rows in _tiles(len(X), P * self.n_outputs):
            tile = self._forward(parts, X[rows], threads)
            residual = tile.outputs - y[rows]
            weighted = factor[rows] * residual
            loss += float(np.sum(weighted * residual))
            jacobian = self._jacobian(parts, tile, np.empty((len(residual), self.n_outputs, P)), threads)
            gradient += 2.0 * (weighted.ravel() @ jacobian.reshape(-1, P))
            jacobian *= np.sqrt(2.0 * factor[rows])[:, :, None]
            square(jacobian.reshape(-1, P), plus=matrix)
        return loss, gradient, _mirrored(matrix)

    def hessian(
        self,
        params: ArrayLike,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> Array:
        """The exact Hessian (P, P) of the loss of `loss_and_gradient`, symmetric. MemoryError where it doesn't fit."""
        parts, threads = self._parts(params), resolve_threads(n_threads)
        X, y, factor = self._batch(X, y, sample_weight)
        P = self.n_params
        self._require_matrices(3, "hessian")
        matrix, half = np.zeros((P, P), order="F"), np.zeros((P, P))
        for rows in _tiles(len(X), P * len(self.mlps)):
            tile = self._forward(parts, X[rows], threads)
            weighted = 2.0 * factor[rows] * (tile.outputs - y[rows])
            for jacobian in self._add_curvature(parts, tile, weighted, half, threads):
                jacobian *= np.sqrt(2.0 * factor[rows])
                square(jacobian, plus=matrix)
        half += half.T  # before the rest is added, so that the sum is symmetric to the last bit
        half += _mirrored(matrix)
        return half

    def hessian_vector_product(
        self,
        params: ArrayLike,
        X: ArrayLike,
        y: ArrayLike,
        v: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> Array:
        """The exact Hessian of the loss times `v` (P,): (P,), in NumPy, at some ten times the cost of a gradient."""
        parts, directions = self._parts(params), self._parts(v, "v")
        resolve_threads(n_threads)
        X, y, factor = self._batch(X, y, sample_weight)
        product = np.zeros(self.n_params)
        for rows in _tiles(len(X), 8 * len(self.mlps) * self.depth * self.width):
            columns, columns_dot = list(X[rows].T), list(np.zeros_like(X[rows]).T)
            found: list[Linearization] = []
            for k, node in enumerate(self.graph.nodes):
                U, U_dot = _gathered(columns, node), _gathered(columns_dot, node)
                found.append(linearized(self.mlps[k], parts[k], U, directions[k], U_dot))
                columns.append(self.mlps[k].forward(parts[k], U, n_threads=1)[:, 0])
                columns_dot.append(found[k].value_dot)
            values, values_dot = (np.stack(c[-self.n_outputs :], axis=1) for c in (columns, columns_dot))
            u = self._cotangents(2.0 * factor[rows] * (values - y[rows]))
            u_dot = self._cotangents(2.0 * factor[rows] * values_dot)
            for k in reversed(range(len(self.mlps))):
                product[self.blocks[k]] += found[k].pulled_back(u[k], u_dot[k])
                for j, p in self.graph.node_inputs(k):
                    u[p] += u[k] * found[k].slopes[:, j]
                    u_dot[p] += u_dot[k] * found[k].slopes[:, j] + u[k] * found[k].slopes_dot[:, j]
        return product

    def directional_derivatives(
        self, params: ArrayLike, X: ArrayLike, v: ArrayLike, *, n_threads: int | None = None
    ) -> tuple[Array, Array]:
        """First and second derivative (n, m) of the outputs at `X` along `v` (P,) in parameter space."""
        parts, directions = self._parts(params), self._parts(v, "v")
        X, threads = self._inputs(X), resolve_threads(n_threads)
        first, second = np.empty((2, len(X), self.n_outputs))
        for rows in _tiles(len(X), 1):
            tile = self._forward(parts, X[rows], threads)
            zeros = [np.zeros(len(tile.outputs))] * self.n_inputs
            firsts, seconds = list(zeros), list(zeros)
            for k, node in enumerate(self.graph.nodes):
                mlp, part, v_k, U = self.mlps[k], parts[k], directions[k], tile.inputs[k]
                if self.graph.node_inputs(k):
                    along = _along(mlp, part, v_k, U, _gathered(firsts, node), _gathered(seconds, node), threads)
                else:
                    along = mlp.directional_derivatives(part, U, v_k, n_threads=threads)
                firsts.append(along[0][:, 0])
                seconds.append(along[1][:, 0])
            first[rows] = np.stack(firsts[-self.n_outputs :], axis=1)
            second[rows] = np.stack(seconds[-self.n_outputs :], axis=1)
        return first, second

    def vector_jacobian_product(
        self, params: ArrayLike, X: ArrayLike, u: ArrayLike, *, n_threads: int | None = None
    ) -> Array:
        """J'u (P,): the gradient of the sum over samples and outputs of u f(x), `u` (n, m)."""
        parts, X, threads = self._parts(params), self._inputs(X), resolve_threads(n_threads)
        u = _of_rows(u, "u", len(X), self.n_outputs)
        product = np.zeros(self.n_params)
        for rows in _tiles(len(X), 1):
            product += self._gradient(parts, self._forward(parts, X[rows], threads), u[rows], threads)
        return product

    def input_gradient(self, params: ArrayLike, X: ArrayLike, *, n_threads: int | None = None) -> Array:
        """Derivatives (n, m, d) of the outputs with respect to the inputs at `X` (n, d)."""
        parts, X, threads = self._parts(params), self._inputs(X), resolve_threads(n_threads)
        result = np.zeros((len(X), self.n_outputs, self.n_inputs))
        for rows in _tiles(len(X), 1):
            tile = self._forward(parts, X[rows], threads)
            slopes = self._slopes(parts, tile, threads, of_inputs=True)
            for o, u in enumerate(self._of_outputs(slopes, len(tile.outputs))):
                for k, node in enumerate(self.graph.nodes):
                    for j, i in enumerate(node):
                        if i < self.n_inputs:
                            result[rows, o, i] += u[k] * slopes[k][:, j]
        return result

    @property
    def has_extended(self) -> bool:
        """Whether `forward_extended` knows the activation."""
        return self.mlps[0].has_extended

    def forward_extended(
        self, params: ArrayLike, X: ArrayLike, *, X_low: ArrayLike | None = None, n_threads: int | None = None
    ) -> tuple[Array, Array]:
        """Network values in double-double at `X` + `X_low` (n, d), None for 0: high and low (n, m), as an MLP's."""
        parts, X, threads = self._parts(params), self._inputs(X), resolve_threads(n_threads)
        X_low = np.zeros_like(X) if X_low is None else _of_rows(X_low, "X_low", len(X), self.n_inputs)
        high, low = np.empty((2, len(X), self.n_outputs))
        for rows in _tiles(len(X), 1):
            highs, lows = list(X[rows].T), list(X_low[rows].T)
            for mlp, part, node in zip(self.mlps, parts, self.graph.nodes, strict=True):
                U, U_low = _gathered(highs, node), _gathered(lows, node)
                value = mlp.forward_extended(part, U, X_low=U_low, n_threads=threads)
                highs.append(value[0][:, 0])
                lows.append(value[1][:, 0])
            high[rows] = np.stack(highs[-self.n_outputs :], axis=1)
            low[rows] = np.stack(lows[-self.n_outputs :], axis=1)
        return high, low

    def operations(self, params: Array, x: Vector) -> Vector:
        """The network values at x, as operations; ValueError for a user's own activation."""
        known = x
        for mlp, part, node in zip(self.mlps, self._parts(params), self.graph.nodes, strict=True):
            known = joined(known, mlp.operations(part, taken(known, node)))
        return taken(known, range(known.size - self.n_outputs, known.size))

    # One tile of rows

    def _forward(self, parts: list[Array], X: Array, threads: int) -> _Tile:
        columns, inputs = list(X.T), []
        for mlp, part, node in zip(self.mlps, parts, self.graph.nodes, strict=True):
            inputs.append(_gathered(columns, node))
            columns.append(mlp.forward(part, inputs[-1], n_threads=threads)[:, 0])
        return _Tile(inputs, np.stack(columns[-self.n_outputs :], axis=1))

    def _slopes(self, parts: list[Array], tile: _Tile, threads: int, *, of_inputs: bool = False) -> list[Array]:
        """Per node the derivatives (n, arity) of its value by its inputs; none where these aren't nodes or wanted."""
        slopes = []
        for k, U in enumerate(tile.inputs):
            wanted = of_inputs or self.graph.node_inputs(k)
            slopes.append(
                self.mlps[k].input_gradient(parts[k], U, n_threads=threads)[:, 0] if wanted else np.empty((len(U), 0))
            )
        return slopes

    def _cotangents(self, outputs: Array) -> Array:
        """(nodes, n): the given derivatives (n, m) by the output nodes, 0 by the others."""
        u = np.zeros((len(self.mlps), len(outputs)))
        u[-self.n_outputs :] = outputs.T
        return u

    def _pulled_back(self, slopes: list[Array], outputs: Array) -> Array:
        """lambda (nodes, n) for derivatives (n, m) by the outputs."""
        u = self._cotangents(outputs)
        for k in reversed(range(len(self.mlps))):
            for j, p in self.graph.node_inputs(k):
                u[p] += u[k] * slopes[k][:, j]
        return u

    def _of_outputs(self, slopes: list[Array], n: int) -> Iterator[Array]:
        """For each output its derivatives (nodes, n) by the values of the nodes."""
        for unit in np.eye(self.n_outputs):
            yield self._pulled_back(slopes, np.broadcast_to(unit, (n, self.n_outputs)))

    def _gradient(self, parts: list[Array], tile: _Tile, outputs: Array, threads: int) -> Array:
        """The gradient (P,) of the sum of `outputs` (n, m) times the network's."""
        u = self._pulled_back(self._slopes(parts, tile, threads), outputs)
        products = [
            mlp.vector_jacobian_product(part, U, u_k, n_threads=threads)
            for mlp, part, U, u_k in zip(self.mlps, parts, tile.inputs, u, strict=True)
        ]
        return np.concatenate(products)

    def _own_jacobians(self, parts: list[Array], tile: _Tile, threads: int) -> Iterator[Array]:
        """Per node the derivatives (n, P_k) of its value by its own parameters."""
        for mlp, part, U in zip(self.mlps, parts, tile.inputs, strict=True):
            yield _core.mlp_jacobian(mlp.widths, mlp.activation, part, U, threads)

    def _jacobian(self, parts: list[Array], tile: _Tile, out: Array, threads: int) -> Array:
        """Fills `out` (n, m, P)."""
        u = np.stack(list(self._of_outputs(self._slopes(parts, tile, threads), len(out))), axis=-1)
        for k, own in enumerate(self._own_jacobians(parts, tile, threads)):
            np.multiply(u[k][:, :, None], own[:, None, :], out=out[:, :, self.blocks[k]])
        return out

    def _add_curvature(self, parts: list[Array], tile: _Tile, outputs: Array, half: Array, threads: int) -> list[Array]:
        """Adds to `half` (P, P) one half, which added to its transpose is all, of the Hessian of the sum of `outputs`
        (n, m) times the network's; returns the Jacobian (n, P) of each output.
        """
        n, n_nodes = len(outputs), len(self.mlps)
        slopes = self._slopes(parts, tile, threads)
        u = self._pulled_back(slopes, outputs)
        totals: list[Array] = []  # per node the derivatives of its value by the parameters up to its own
        for k, own in enumerate(self._own_jacobians(parts, tile, threads)):
            mlp, part, U, block = self.mlps[k], parts[k], tile.inputs[k], self.blocks[k]
            half[block, block] += 0.5 * _weighted_hessian(mlp, part, U, u[k], threads)
            total = np.zeros((n, block.stop))
            total[:, block] = own
            sources = self.graph.node_inputs(k)
            for j, p in sources:
                total[:, : self.blocks[p].stop] += slopes[k][:, j, None] * totals[p]
            for j, p in sources:
                unit = np.zeros_like(U)
                unit[:, j] = 1.0
                along = linearized(mlp, part, U, np.zeros_like(part), unit)
                mixed = np.zeros((n, block.stop))
                mixed[:, block] = along.by_params()
                for i, q in sources:
                    mixed[:, : self.blocks[q].stop] += 0.5 * along.slopes_dot[:, i, None] * totals[q]
                mixed *= u[k][:, None]
                half[: self.blocks[p].stop, : block.stop] += totals[p].T @ mixed
            totals.append(total)
        jacobians = [np.zeros((n, self.n_params)) for _ in range(self.n_outputs)]
        for jacobian, total in zip(jacobians, totals[n_nodes - self.n_outputs :], strict=True):
            jacobian[:, : total.shape[1]] = total
        return jacobians

    # Arguments

    def _parts(self, params: ArrayLike, name: str = "params") -> list[Array]:
        """Views of `params` (P,), one a node."""
        array = contiguous(params)
        if array.shape != (self.n_params,):
            raise ValueError(f"{name}: expected ({self.n_params},), got {array.shape}")
        return [array[block] for block in self.blocks]

    def _inputs(self, X: ArrayLike) -> Array:
        return as_matrix(X, "X", n_columns=self.n_inputs)

    def _batch(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Array, Array, Array]:
        """X (n, d), y (n, m), and w/(n m) (n, 1)."""
        X = self._inputs(X)
        y = _of_rows(y, "y", len(X), self.n_outputs)
        weight = np.ones(len(X)) if sample_weight is None else as_weight(sample_weight, len(X))
        return X, y, weight[:, None] / max(y.size, 1)

    def _require_matrices(self, number: int, what: str) -> None:
        require_memory(
            8.0 * (number * self.n_params**2 + NUMBERS_OF_A_TILE),
            f"{what}: a matrix for {self.n_params:,} parameters",
            "use hessian_vector_product, or an optimizer without matrices (LBFGS)",
        )


def _tiles(n: int, numbers_of_a_row: int) -> Iterator[slice]:
    """`n` rows, some at a time; how many doesn't depend on threads."""
    size = min(MOST_ROWS, max(LEAST_ROWS, NUMBERS_OF_A_TILE // numbers_of_a_row))
    return (slice(begin, min(begin + size, n)) for begin in range(0, n, size))


def _of_rows(values: ArrayLike, name: str, n: int, n_columns: int) -> Array:
    array = as_matrix(values, name, n_columns=n_columns)
    if len(array) != n:
        raise ValueError(f"{name}: expected ({n}, {n_columns}), got {array.shape}")
    return array


def _gathered(columns: Sequence[Array], node: tuple[int, ...]) -> Array:
    return np.stack([columns[i] for i in node], axis=1)


def _mirrored(upper: Array) -> Array:
    """The symmetric matrix of which `upper` has the upper triangle, and zeros."""
    upper.flat[:: len(upper) + 1] *= 0.5
    return np.ascontiguousarray(upper + upper.T)


def _weighted_hessian(mlp: MLP, params: Array, U: Array, u: Array, threads: int) -> Array:
    """The Hessian (P, P) in the parameters of the sum over rows of u f(U), `u` (n,)."""
    y = np.full((len(U), 1), -FAR)
    return _core.mlp_curvature(mlp.widths, mlp.activation, True, params, U, y, u * (0.5 * len(U) / FAR), threads)[2]


def _along(
    mlp: MLP, params: Array, v: Array, U: Array, U_dot: Array, U_ddot: Array, threads: int
) -> tuple[Array, Array]:
    """First and second derivative (n, 1) of the value at U along v, where the inputs move too, with U_dot and U_ddot.

    The core knows directions in parameters only. In a first layer [W 0] on (U, U_dot), which moves by [V W], z' is
    right, V U + W U_dot, but z'' is 0, where it is W U_ddot + 2 V U_dot. What that contributes is linear: the slopes of
    a network with the first layer [W V] on (U, 0), times (U_ddot, 2 U_dot).
    """
    (W, _), (V, _) = mlp.layers(params)[0], mlp.layers(v)[0]
    wide = MLP((2 * mlp.n_inputs, *mlp.widths[1:]), mlp.activation)

    def widened(left: Array, right: Array, rest: Array) -> Array:
        return np.concatenate([np.hstack([left, right]).ravel(), rest[W.size :]])

    first, second = wide.directional_derivatives(
        widened(W, np.zeros_like(W), params), np.hstack([U, U_dot]), widened(V, W, v), n_threads=threads
    )
    slopes = wide.input_gradient(widened(W, V, params), np.hstack([U, np.zeros_like(U)]), n_threads=threads)
    return first, second + np.sum(slopes[:, 0] * np.hstack([U_ddot, 2.0 * U_dot]), axis=1, keepdims=True)
