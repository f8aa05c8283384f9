"""The eigenvalues of an objective's Hessian, and how the gradient is spread over them (as in Fig. 7 of the paper).

Dense: all eigenpairs (lambda_i, e_i) of the exact Hessian H, O(P^3). Eigenvalues below eps |H| in modulus are rounding.

Lanczos: for a vector v, k products with H give an orthonormal basis Q (P, k) of v, Hv, ..., H^(k-1) v in which H is
tridiagonal, T = Q'HQ. With T = S diag(theta) S',
    v'f(H)v = |v|^2 sum_j S_1j^2 f(theta_j)       exactly for polynomials f of degree up to 2k - 1
(Golub and Meurant, Matrices, Moments and Quadrature, 2010): a Gauss quadrature for the weight that v gives to each
eigenvalue. Averaged over random v with independent signs as components, for which the expectation of v'f(H)v is the
trace of f(H), it is a quadrature for the density of all eigenvalues (Ubaru, Chen and Saad, SIAM J. Matrix Anal. 38,
2017; Ghorbani, Krishnan and Xiao 2019, arXiv:1901.10159). Started at the gradient itself it needs no average, and the
vectors QS stand for the eigenvectors. Memory: k P doubles, since every new vector is made orthogonal to all before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh, eigh_tridiagonal

from .arrays import Array
from .optimize.hessian import evaluate_hessian
from .optimize.objective import require
from .options import generator

# Up to here "auto" takes all eigenpairs: three matrices of 128 MB, and some ten seconds on one core.
DENSE_PARAMS = 4000


@dataclass(frozen=True)
class SpectralMeasure:
    """Weights (k,) at nodes (k,), descending: how much of something lies at which eigenvalue."""

    nodes: Array
    weights: Array

    def moment(self, degree: int) -> float:
        """The sum of weights times nodes to the power `degree`."""
        return float(self.weights @ self.nodes**degree)

    def within(self, low: float, high: float) -> float:
        """The weight of the nodes with low <= node <= high."""
        return float(self.weights[(self.nodes >= low) & (self.nodes <= high)].sum())

    def density(self, grid: ArrayLike, width: float) -> Array:
        """The weights as a density on `grid`, each node a normal distribution of standard deviation `width`.

        Its integral is the sum of the weights. Same shape as `grid`.
        """
        if not width > 0:
            raise ValueError(f"width: expected a number > 0, got {width}")
        points = np.asarray(grid, dtype=np.float64)
        total: Array = np.zeros(points.shape)
        for node, weight in zip(self.nodes, self.weights, strict=True):
            total += weight * np.exp(-0.5 * ((points - node) / width) ** 2)
        total /= width * np.sqrt(2.0 * np.pi)
        return total


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of a Hessian, descending, with the gradient's part along each eigenvector.

    `gradient_projections[i]` is e_i'g with the sign of e_i chosen so that it is >= 0: the magnitude that Fig. 7 shows.
    The sum of their squares is `gradient_norm` squared. `eigenvectors` has e_i as columns, or is None.
    From "dense" these are all P eigenpairs. From "lanczos" they are the k <= P that the gradient's Krylov space holds:
    extreme eigenvalues and those with a large part of the gradient come out exact, others are averages of neighbours.
    `distribution` is that of all P eigenvalues, of total weight P: each has weight 1, or "lanczos" estimates it.
    """

    eigenvalues: Array
    gradient_projections: Array
    eigenvectors: Array | None
    gradient_norm: float
    distribution: SpectralMeasure
    method: Literal["dense", "lanczos"]

    @property
    def gradient_distribution(self) -> SpectralMeasure:
        """How the square of the gradient norm is distributed over the eigenvalues."""
        return SpectralMeasure(self.eigenvalues, self.gradient_projections**2)

    @property
    def trace(self) -> float:
        """The sum of all eigenvalues; from "lanczos" an estimate, as good as the average over probes."""
        return self.distribution.moment(1)

    @property
    def largest(self) -> float:
        """The largest eigenvalue; from "lanczos" a lower bound, and usually right to many digits."""
        return float(max((self.distribution.nodes[0], *self.eigenvalues[:1])))

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue; from "lanczos" an upper bound, coarser where many lie close to it."""
        return float(min((self.distribution.nodes[-1], *self.eigenvalues[-1:])))


def spectrum(
    objective: Any,
    params: ArrayLike,
    *,
    vectors: bool = False,
    method: Literal["auto", "dense", "lanczos"] = "auto",
    n_steps: int = 100,
    n_probes: int = 10,
    random_state: int | np.random.Generator | None = 0,
) -> Spectrum:
    """The spectrum of the Hessian of `objective` at `params` (P,), and the gradient's projections.

    "dense" asks for `objective.hessian` (P, P); "lanczos" for `objective.hessian_vector_product`, `n_steps` times for
    the gradient and for each of `n_probes` random vectors drawn from `random_state`. "auto" is "dense" up to 4000
    parameters. Raises ValueError where the gradient or the Hessian is not finite, TypeError where `objective` lacks the
    method asked for.
    """
    if method not in ("auto", "dense", "lanczos"):
        raise ValueError(f"method: expected 'auto', 'dense' or 'lanczos', got {method!r}")
    if n_steps < 1:
        raise ValueError(f"n_steps: expected a positive integer, got {n_steps}")
    if n_probes < 1:
        raise ValueError(f"n_probes: expected a positive integer, got {n_probes}")
    point = np.array(params, dtype=np.float64)
    if point.ndim != 1 or len(point) == 0:
        raise ValueError(f"params: expected (P,), got {point.shape}")
    if method == "auto":
        method = "dense" if len(point) <= DENSE_PARAMS else "lanczos"
    require(objective, "hessian" if method == "dense" else "hessian_vector_product")
    loss, gradient = objective.loss_and_gradient(point)
    if not np.isfinite(gradient).all():
        raise ValueError(f"params: expected a finite gradient there, got NaN or infinity at loss {loss:.2g}")
    if method == "dense":
        return _dense(objective, point, gradient, vectors)
    return _lanczos(objective, point, gradient, vectors, n_steps, n_probes, generator(random_state))


def _dense(objective: Any, params: Array, gradient: Array, vectors: bool) -> Spectrum:
    H = evaluate_hessian(objective, params)
    if H is None:
        raise ValueError("params: expected a finite Hessian there, got NaN or infinity")
    ascending, columns = eigh(H, check_finite=False, driver="evd")
    eigenvalues, eigenvectors = ascending[::-1].copy(), columns[:, ::-1]
    projections = eigenvectors.T @ gradient
    return Spectrum(
        eigenvalues,
        np.abs(projections),
        np.where(projections < 0, -eigenvectors, eigenvectors) if vectors else None,
        float(np.linalg.norm(gradient)),
        SpectralMeasure(eigenvalues, np.ones(len(eigenvalues))),
        "dense",
    )


def _lanczos(
    objective: Any,
    params: Array,
    gradient: Array,
    vectors: bool,
    n_steps: int,
    n_probes: int,
    rng: np.random.Generator,
) -> Spectrum:
    P = len(params)
    probes = [
        quadrature(tridiagonalize(objective, params, np.where(rng.random(P) < 0.5, -1.0, 1.0), n_steps))
        for _ in range(n_probes)
    ]
    nodes = np.concatenate([probe.nodes for probe in probes])
    weights = np.concatenate([probe.weights for probe in probes]) / n_probes
    order = np.argsort(nodes)[::-1]

    start = tridiagonalize(objective, params, gradient, n_steps)
    eigenvalues, projections, columns = _ritz(start)
    return Spectrum(
        eigenvalues,
        projections,
        start.basis @ columns if vectors else None,
        start.norm,
        SpectralMeasure(nodes[order], weights[order]),
        "lanczos",
    )


@dataclass(frozen=True)
class Tridiagonal:
    """T = Q'HQ with Q = `basis` (P, k), whose first column is the start vector over its `norm`."""

    diagonal: Array
    off_diagonal: Array
    basis: Array
    norm: float


def tridiagonalize(objective: Any, params: Array, start: Array, n_steps: int) -> Tridiagonal:
    """Lanczos' method with full reorthogonalization: at most `n_steps` products, less where the space is exhausted."""
    P = len(params)
    norm = float(np.linalg.norm(start))
    n_steps = min(n_steps, P) if norm > 0 else 0
    # Rows, so that each vector is contiguous.
    basis = np.empty((n_steps, P))
    diagonal, off_diagonal = np.empty(n_steps), np.empty(n_steps)
    largest = 0.0
    for k in range(n_steps):
        basis[k] = start / norm if k == 0 else basis[k] / off_diagonal[k - 1]
        product = np.array(objective.hessian_vector_product(params, basis[k]), dtype=np.float64)
        if product.shape != (P,):
            raise ValueError(f"hessian_vector_product: expected ({P},), got {product.shape}")
        if not np.isfinite(product).all():
            raise ValueError("params: expected finite Hessian-vector products there, got NaN or infinity")
        largest = max(largest, float(np.linalg.norm(product)))
        diagonal[k] = basis[k] @ product
        # Against all vectors so far, twice: once leaves what cancellation has uncovered (Parlett: "twice is enough").
        for _ in range(2):
            product -= basis[: k + 1].T @ (basis[: k + 1] @ product)
        off_diagonal[k] = float(np.linalg.norm(product))
        # What is left is the rounding of the product, some eps |H| in each of P components: nothing new is in it.
        if off_diagonal[k] <= 10.0 * np.finfo(float).eps * np.sqrt(P) * largest or k + 1 == n_steps:
            return Tridiagonal(diagonal[: k + 1], off_diagonal[:k], basis[: k + 1].T, norm)
        basis[k + 1] = product
    return Tridiagonal(diagonal, off_diagonal, basis.T, norm)


def quadrature(tridiagonal: Tridiagonal) -> SpectralMeasure:
    """Gauss quadrature for the weight of the start vector v at each eigenvalue; the sum of the weights is |v|^2."""
    nodes, projections, _ = _ritz(tridiagonal)
    return SpectralMeasure(nodes, projections**2)


def _ritz(tridiagonal: Tridiagonal) -> tuple[Array, Array, Array]:
    """theta (k,), descending; |v| S_1j >= 0, what v has along the vectors QS; and S (k, k)."""
    if len(tridiagonal.diagonal) == 0:
        return np.empty(0), np.empty(0), np.empty((0, 0))
    ascending, columns = eigh_tridiagonal(tridiagonal.diagonal, tridiagonal.off_diagonal)
    columns = np.where(columns[0] < 0, -columns, columns)[:, ::-1]
    return ascending[::-1].copy(), tridiagonal.norm * columns[0], columns
