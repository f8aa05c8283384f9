"""Where the search for regions begins: first divisions of the rows, all cheap, of which one is to be near the truth.

Neighbours: rows whose neighbourhood no polynomial of low degree meets lie near a boundary, and what is left without
them falls into parts. Thresholds: of each column, of y, and of directions in which y changes most. Robust: the rows
that one law misses, where it is fitted to most of them. At random: two neighbourhoods far from each other.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from ..arrays import Array
from ..singular_values import svd
from .divisions import Labels, Table, chebyshev_products, n_terms, solved

# Rows of a neighbourhood, by the terms of its polynomial, whose degrees are these up to three columns, and from four.
ROWS_A_NEIGHBOUR_TERM, DEGREES_OF_FEW, DEGREES_OF_MANY = 1.6, (2, 3), (1, 2)
# Shares of the rows, with the largest misses, that are left out; parts, and rows of one, that count.
LEFT_OUT, MOST_PARTS, FEWEST_ROWS, GRAPH_NEIGHBOURS = (0.15, 0.3, 0.45), 6, 12, 6
# Rows whose neighbourhoods are looked at at once: all of them would take 50 MB.
ROWS_AT_ONCE = 256
# Blocks of rows between which thresholds are tried, and the most terms of the laws below and above.
BLOCKS, MOST_SCANNED_TERMS = 32, 80
# Weighted fits of the one law of most rows, and how many medians a row of another law is missed by.
ROBUST_STEPS, ROBUST_MISS = 12, 20.0
# Pairs of neighbourhoods at random, their share of the rows, and how far they are apart, in boxes 2 wide.
N_RANDOM, RANDOM_SHARE, FEWEST_RANDOM, RANDOM_APART = 12, 0.1, 30, 0.7


def by_neighbours(table: Table, degree: int) -> list[Labels]:
    """Parts of the rows without those near boundaries."""
    z, y, n, d = table.z, table.y, table.n, table.d
    p = n_terms(d, degree)
    k = min(n, int(ROWS_A_NEIGHBOUR_TERM * p) + 2)
    distance, place = KDTree(z).query(z, k)
    reach = np.where(distance[:, -1] > 0.0, distance[:, -1], 1.0)
    miss = np.empty(n)
    for begin in range(0, n, ROWS_AT_ONCE):
        rows = slice(begin, begin + ROWS_AT_ONCE)
        around = (z[place[rows]] - z[rows, None]) / reach[rows, None, None]
        terms = chebyshev_products(around.reshape(-1, d), degree).reshape(-1, k, p)
        q = np.linalg.qr(terms)[0]
        there = y[place[rows]]
        residual = there - np.matmul(q, np.matmul(q.transpose(0, 2, 1), there[:, :, None]))[:, :, 0]
        miss[rows] = np.sqrt(np.mean(residual**2, axis=1))
    parts = [_parts(miss, place, share) for share in LEFT_OUT]
    return [labels for labels in parts if 2 <= labels.max() + 1 <= MOST_PARTS]


def _parts(miss: Array, place: Labels, share: float) -> Labels:
    """Connected parts of the graph of neighbours without this share of the rows, -1 elsewhere."""
    n = len(miss)
    is_kept = miss <= np.quantile(miss, 1.0 - share)
    k = min(GRAPH_NEIGHBOURS, place.shape[1] - 1)
    i, j = np.repeat(np.arange(n), k), place[:, 1 : k + 1].ravel()
    both = is_kept[i] & is_kept[j]
    graph = coo_matrix((np.ones(np.count_nonzero(both)), (i[both], j[both])), shape=(n, n))
    part = connected_components(graph, directed=False)[1]
    names, counts = np.unique(part[is_kept], return_counts=True)
    number = np.full(n, -1, dtype=np.intp)
    names = names[counts >= FEWEST_ROWS]
    number[names] = np.arange(len(names))
    return np.where(is_kept, number[part], -1)


def directions(table: Table) -> list[Array]:
    """What thresholds are tried of, each (n,): columns, y, and two directions in which a cubic of the rows changes."""
    z, d = table.z, table.d
    degree = 3 if n_terms(d, 3) * 2 <= table.n else 2
    w = solved(table.terms(degree), table.y)
    h = 1e-5
    gradient = np.stack(
        [(chebyshev_products(z + h * e, degree) - chebyshev_products(z - h * e, degree)) @ w for e in np.eye(d)], axis=1
    )
    size = np.linalg.norm(gradient, axis=1)
    gradient /= size[:, None] + 1e-12 * max(float(size.max()), np.finfo(np.float64).tiny)
    main = svd(gradient, full_matrices=False)[2][:2]
    return [*z.T, table.y, *(z @ direction for direction in main)]


def by_threshold(table: Table, degree: int, u: Array) -> list[Labels]:
    """Rows below and above the threshold of `u` (n,) that leaves two laws the least to miss, in the geometric mean."""
    order, n = np.argsort(u, kind="stable"), table.n
    p = n_terms(table.d, degree)
    rows = np.column_stack([table.terms(degree), table.y])[order]
    ends = np.linspace(0, n, BLOCKS + 1).astype(np.intp)
    blocks = [rows[a:b] for a, b in pairwise(ends)]
    below = np.cumsum([block.T @ block for block in blocks], axis=0)
    counts = ends[1:-1]
    low, high = _log_misses(below[:-1], counts, p), _log_misses(below[-1] - below[:-1], n - counts, p)
    low, high = np.where(np.isnan(low), high, low), np.where(np.isnan(high), low, high)
    cost = counts * low + (n - counts) * high
    if np.isnan(cost).all():
        return []
    labels = np.zeros(n, dtype=np.intp)
    labels[order[counts[int(np.nanargmin(cost))] :]] = 1
    return [labels]


def _log_misses(gram: Array, counts: Labels, p: int) -> Array:
    """The logarithm of what laws of p terms miss, from products (k, p + 1, p + 1) of terms and y; NaN of few rows."""
    square = gram[:, :p, :p].copy()
    trace = np.trace(square, axis1=1, axis2=2)
    square[:, np.arange(p), np.arange(p)] += np.maximum(1e-13 * trace / p, np.finfo(np.float64).tiny)[:, None]
    with_y, own = gram[:, :p, p], gram[:, p, p]
    with np.errstate(all="ignore"):
        left = own - np.sum(with_y * np.linalg.solve(square, with_y[:, :, None])[:, :, 0], axis=1)
        miss: Array = 0.5 * np.log(np.maximum(left, 1e-13 * own) / counts + 1e-16)
    return np.where(counts >= 1.3 * p, miss, np.nan)


def by_robust_law(table: Table, degree: int) -> list[Labels]:
    """Rows that one law meets, fitted so that small powers of its misses count, and the others."""
    terms, y = table.terms(degree), table.y
    miss = np.abs(y - terms @ solved(terms, y))
    for _ in range(ROBUST_STEPS):
        weight = 1.0 / np.sqrt(miss + max(0.5 * float(np.median(miss)), 1e-13))
        miss = np.abs(y - terms @ solved(terms * weight[:, None], y * weight))
    return [(miss > ROBUST_MISS * np.median(miss) + 1e-13).astype(np.intp)]


def at_random(table: Table, rng: np.random.Generator) -> list[Labels]:
    """Pairs of neighbourhoods that are apart."""
    z, n = table.z, table.n
    size = min(n // 3, max(FEWEST_RANDOM, int(RANDOM_SHARE * n)))
    tree, found = KDTree(z), []
    for _ in range(N_RANDOM):
        i = int(rng.integers(n))
        far = np.flatnonzero(np.linalg.norm(z - z[i], axis=1) > RANDOM_APART)
        if len(far):
            labels = np.full(n, -1, dtype=np.intp)
            labels[tree.query(z[int(rng.choice(far))], size)[1]] = 1
            labels[tree.query(z[i], size)[1]] = 0
            found.append(labels)
    return found
