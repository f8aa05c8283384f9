"""What the gradient of a model tells of how its inputs enter: proposals, which fits to the rows accept or refuse.

Angles are given as sines, 0 where a structure is exact; they say which of two is likelier, and no threshold separates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebder, chebint, chebvander

from ..arrays import Array
from ..lapack import triangle_of
from ..models.chebyshev import Indices, index_set
from ..singular_values import lstsq, pinv, svd

# Degrees of s' and t': enough to tell pairs apart; more of them let any pair pass.
PAIR_DEGREE = 4
# The degree of b_j(z_j, k) in z_j, with PAIR_DEGREE in k; and that of polynomials u(z_i, z_j), with all their terms.
NESTED_DEGREE = 2
LEVEL_DEGREE, MOST_LEVEL_TERMS = 3, 10
# Columns of a basis whose singular values are below this are no directions.
LEAST_SINGULAR = 1e-12


@dataclass(frozen=True)
class Pair:
    """How nearly f is a function of s(z_i) + t(z_j) and the rest: the sine, and the series s and t."""

    sine: float
    s: Array
    t: Array


def pair(Z: Array, gradient: Array, i: int, j: int) -> Pair:
    """For f with its `gradient` (n, d) at `Z` (n, d): t'(z_j) f_i = s'(z_i) f_j is where the spans of T_k(z_i) f_j and
    T_k(z_j) f_i meet."""
    A = chebvander(Z[:, i], PAIR_DEGREE) * gradient[:, [j]]
    B = chebvander(Z[:, j], PAIR_DEGREE) * gradient[:, [i]]
    sine, a, b = angle(A, B)
    return Pair(sine, np.asarray(chebint(a), np.float64), np.asarray(chebint(b), np.float64))


def angle(A: Array, B: Array) -> tuple[float, Array, Array]:
    """The smallest angle between the spans of columns, as its sine, and a, b with A a nearly B b of length 1."""
    (Q_a, R_a, sizes_a), (Q_b, R_b, sizes_b) = _factored(A), _factored(B)
    U, _, Vt = svd(Q_a.T @ Q_b, full_matrices=False)
    difference = Q_a @ U[:, 0] - Q_b @ Vt[0]  # exact where the cosine, near 1, tells nothing any more
    a = lstsq(R_a, U[:, 0], rcond=LEAST_SINGULAR)[0] / sizes_a
    b = lstsq(R_b, Vt[0], rcond=LEAST_SINGULAR)[0] / sizes_b
    return float(np.linalg.norm(difference) / np.sqrt(2.0)), a, b


def _factored(A: Array) -> tuple[Array, Array, Array]:
    sizes = np.sqrt(np.einsum("ij,ij->j", A, A))
    sizes = np.where(sizes > 0.0, sizes, 1.0)
    Q, R = np.linalg.qr(A / sizes)
    return Q, R, sizes


def pairs(Z: Array, gradient: Array, columns: Sequence[int]) -> dict[tuple[int, ...], Pair]:
    """All pairs (i, j), i < j, of these columns."""
    return {(i, j): pair(Z, gradient, i, j) for i in columns for j in columns if i < j}


def nested(
    Z: Array, gradient: Array, i: int, j: int, of_k: Array, *, is_sum: bool = True
) -> tuple[float, Array, Array]:
    """How nearly f is a function of u = s(z_i) + b(z_j, k) and the rest, of which `of_k` (n,) may be one.

    b_j(z_j, k) f_i = s'(z_i) f_j is where the spans of T_a(z_i) f_j and T_a(z_j) T_c(k) f_i meet. Returns the sine,
    s (p,) and b (p, q), the coefficients of T_a(z_j) T_c(k); what is of k only changes no level set, and means nothing
    there. s is a line unless `is_sum`.
    """
    A = chebvander(Z[:, i], PAIR_DEGREE if is_sum else 0) * gradient[:, [j]]
    products = chebvander(Z[:, j], NESTED_DEGREE)[:, :, None] * chebvander(of_k, PAIR_DEGREE)[:, None, :]
    B = products.reshape(len(Z), -1) * gradient[:, [i]]
    sine, a, b = angle(A, B)
    s = np.asarray(chebint(a), np.float64)
    return sine, s, np.asarray(chebint(b.reshape(NESTED_DEGREE + 1, -1), axis=0), np.float64)


def level_set(Z: Array, gradient: Array, i: int, j: int) -> tuple[float, Array, Indices]:
    """How nearly f is a function of a polynomial u(z_i, z_j) of degree LEVEL_DEGREE and the rest: u_i f_j = u_j f_i.

    The least singular value of u_i f_j - u_j f_i over that of both parts: the size of u alone would let any pair pass
    of which one column counts for little. Returns it, the coefficients of u, and their indices (p, 2).
    """
    indices = index_set("total", LEVEL_DEGREE, (LEVEL_DEGREE,) * 2, MOST_LEVEL_TERMS)
    assert indices is not None
    own = indices[0][1:]
    T = [chebvander(Z[:, column], LEVEL_DEGREE) for column in (i, j)]
    D = [one[:, :-1] @ chebder(np.eye(LEVEL_DEGREE + 1)) for one in T]
    P = D[0][:, own[:, 0]] * T[1][:, own[:, 1]] * gradient[:, [j]]
    N = T[0][:, own[:, 0]] * D[1][:, own[:, 1]] * gradient[:, [i]]
    R = triangle_of(np.concatenate([P, N]))
    inverse = pinv(R, rcond=LEAST_SINGULAR)
    _, singular, rows = svd((P - N) @ inverse, full_matrices=False)
    return float(singular[-1] / np.sqrt(2.0)), inverse @ rows[-1], own
