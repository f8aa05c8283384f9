"""Polynomials on the leaves of a tree of cuts, joined in bands about the cuts, as loops: csrc/polynomial/partition.hpp.

The output has room for what is computed on the way: y (m), tables of polynomials (d (degree + 1)), products (most), and
for each entry of the stack the derivatives of its weight (d).
"""

from __future__ import annotations

import numpy as np
from numpy import empty

from .kernel import Ints, Kernel, Numbers, Results

# A leaf hangs from so many cuts at most: of cells that are halved, the last is too small for float64. The stacks below
# have room for one entry more than that, rounded up to 64.
MOST_CUTS = 60


def leaf_products(d: int, degree: int, n: int, tree: Ints, unit: Numbers, z: Numbers, t: Results) -> None:
    """The n products of a leaf, node i of its `tree` being node tree_2i times t_(tree_(2i + 1)), at z; behind the t."""
    for j in range(d):
        first: int = j * (degree + 1)
        u: float = (z[j] - unit[j]) / unit[d + j]
        t[first] = 1.0
        t[first + 1] = u
        for k in range(first + 2, first + degree + 1):
            t[k] = 2.0 * u * t[k - 1] - t[k - 2]
    one: int = d * (degree + 1)
    t[one] = 1.0
    for i in range(1, n):
        t[one + i] = t[one + tree[2 * i]] * t[tree[2 * i + 1]]


def partition(
    d: int,
    m: int,
    degree: int,
    most: int,
    root: int,
    nodes: Ints,
    leaves: Ints,
    trees: Ints,
    cuts: Numbers,
    units: Numbers,
    coefficients: Numbers,
    z: Numbers,
    y: Results,
) -> None:
    """`nodes` are a column and two children each, leaf i being -1 - i, `cuts` a place and a half-width; of a leaf
    `leaves` are where its tree begins, its number of products, and where its coefficients do, `units` shift and
    divisor.
    """
    numbers: Ints = empty(64, np.intc)
    weights: Results = empty(64)
    for k in range(m):
        y[k] = 0.0
    height: int = 1
    numbers[0] = root
    weights[0] = 1.0
    while height > 0:
        height -= 1
        number: int = numbers[height]
        weight: float = weights[height]
        if number < 0:
            leaf: int = -1 - number
            n: int = leaves[3 * leaf + 1]
            begin: int = leaves[3 * leaf + 2]
            end: int = m + d * (degree + 1)
            leaf_products(d, degree, n, trees[2 * leaves[3 * leaf] :], units[2 * d * leaf :], z, y[m:])
            for k in range(m):
                total: float = 0.0
                for i in range(n - 1, -1, -1):
                    total += coefficients[begin + i * m + k] * y[end + i]
                y[k] += weight * total
        else:
            number *= 3
            width: float = cuts[2 * (number // 3) + 1]
            v: float = 0.5 + 0.5 * (z[nodes[number]] - cuts[2 * (number // 3)]) / width
            if v >= 1.0:
                numbers[height] = nodes[number + 2]
                height += 1
            elif v > 0.0:
                up: float = v * v * v * v * (35.0 + v * (-84.0 + v * (70.0 - 20.0 * v)))
                numbers[height] = nodes[number + 2]
                numbers[height + 1] = nodes[number + 1]
                weights[height] = weight * up
                weights[height + 1] = weight * (1.0 - up)
                height += 2
            else:  # NaN as well, of which any leaf makes NaN
                numbers[height] = nodes[number + 1]
                height += 1


def partition_back(
    d: int,
    m: int,
    degree: int,
    most: int,
    root: int,
    nodes: Ints,
    leaves: Ints,
    trees: Ints,
    cuts: Numbers,
    units: Numbers,
    coefficients: Numbers,
    z: Numbers,
    y: Results,
    y_bar: Results,
    z_bar: Results,
) -> None:
    numbers: Ints = empty(64, np.intc)
    weights: Results = empty(64)
    table: int = m
    end: int = m + d * (degree + 1)
    stack: int = end + most
    height: int = 1
    numbers[0] = root
    weights[0] = 1.0
    for j in range(d):
        y[stack + j] = 0.0
    while height > 0:
        height -= 1
        number: int = numbers[height]
        weight: float = weights[height]
        top: int = stack + height * d
        if number < 0:
            leaf: int = -1 - number
            n: int = leaves[3 * leaf + 1]
            begin: int = leaves[3 * leaf + 2]
            leaf_products(d, degree, n, trees[2 * leaves[3 * leaf] :], units[2 * d * leaf :], z, y[m:])
            value_bar: float = 0.0
            for i in range(end - m):
                y_bar[m + i] = 0.0
            for i in range(n - 1, -1, -1):
                own: float = 0.0
                for k in range(m):
                    own += y_bar[k] * coefficients[begin + i * m + k]
                value_bar += own * y[end + i]
                y_bar[end + i] = weight * own
            for j in range(d):
                z_bar[j] += y[top + j] * value_bar
            for i in range(n - 1, 0, -1):
                parent: int = end + trees[2 * (leaves[3 * leaf] + i)]
                factor: int = table + trees[2 * (leaves[3 * leaf] + i) + 1]
                y_bar[factor] += y_bar[end + i] * y[parent]
                y_bar[parent] += y_bar[end + i] * y[factor]
            for j in range(d):
                first: int = table + j * (degree + 1)
                u: float = y[first + 1]
                before: float = 0.0
                slope: float = 1.0
                u_bar: float = 0.0
                for k in range(first + 1, first + degree + 1):
                    u_bar += y_bar[k] * slope
                    after: float = 2.0 * y[k] + 2.0 * u * slope - before
                    before = slope
                    slope = after
                z_bar[j] += u_bar / units[2 * d * leaf + d + j]
        else:
            number *= 3
            width: float = cuts[2 * (number // 3) + 1]
            v: float = 0.5 + 0.5 * (z[nodes[number]] - cuts[2 * (number // 3)]) / width
            if v >= 1.0:
                numbers[height] = nodes[number + 2]
                height += 1
            elif v > 0.0:
                up: float = v * v * v * v * (35.0 + v * (-84.0 + v * (70.0 - 20.0 * v)))
                steep: float = weight * 70.0 * v * v * v * (1.0 - v) * (1.0 - v) * (1.0 - v) / width
                for j in range(d):
                    change: float = y[top + j]
                    y[top + j] = change * up
                    y[top + d + j] = change * (1.0 - up)
                y[top + nodes[number]] += steep
                y[top + d + nodes[number]] -= steep
                numbers[height] = nodes[number + 2]
                numbers[height + 1] = nodes[number + 1]
                weights[height] = weight * up
                weights[height + 1] = weight * (1.0 - up)
                height += 2
            else:
                numbers[height] = nodes[number + 1]
                height += 1
    for j in range(m, end + most):
        y_bar[j] = 0.0


PARTITION = Kernel("partition", partition, partition_back)
