"""Affine maps, sums, products, quotients and powers of vectors."""

from __future__ import annotations

from math import nan, pow

from .kernel import Kernel, Numbers, Results


def affine(m: int, n: int, weight: Numbers, bias: Numbers, x: Numbers, y: Results) -> None:
    """y_i = bias_i + sum_j weight[j][i] x_j: columns of the matrix lie together, so that the inner loop is a vector."""
    for i in range(m):
        y[i] = bias[i]
    for j in range(n):
        for i in range(m):
            y[i] += weight[j * m + i] * x[j]


def affine_back(
    m: int, n: int, weight: Numbers, bias: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results
) -> None:
    for j in range(n):
        total: float = x_bar[j]
        for i in range(m):
            total += weight[j * m + i] * y_bar[i]
        x_bar[j] = total


def scaled(n: int, factor: Numbers, x: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = x[i] * factor[i]


def scaled_back(n: int, factor: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(n):
        x_bar[i] += y_bar[i] * factor[i]


def divided(n: int, divisor: Numbers, x: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = x[i] / divisor[i]


def divided_back(n: int, divisor: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(n):
        x_bar[i] += y_bar[i] / divisor[i]


def shifted(n: int, shift: Numbers, x: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = x[i] + shift[i]


def shifted_back(n: int, shift: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(n):
        x_bar[i] += y_bar[i]


def added(n: int, a: Numbers, b: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = a[i] + b[i]


def added_back(n: int, a: Numbers, b: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, b_bar: Results) -> None:
    for i in range(n):
        a_bar[i] += y_bar[i]
        b_bar[i] += y_bar[i]


def multiplied(n: int, a: Numbers, b: Numbers, y: Results) -> None:
    """y = b_0 a."""
    for i in range(n):
        y[i] = a[i] * b[0]


def multiplied_back(n: int, a: Numbers, b: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, b_bar: Results) -> None:
    for i in range(n):
        a_bar[i] += y_bar[i] * b[0]
        b_bar[0] += y_bar[i] * a[i]


def quotient(n: int, a: Numbers, b: Numbers, y: Results) -> None:
    """y = a / b_0."""
    for i in range(n):
        y[i] = a[i] / b[0]


def quotient_back(n: int, a: Numbers, b: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, b_bar: Results) -> None:
    for i in range(n):
        a_bar[i] += y_bar[i] / b[0]
        b_bar[0] -= y_bar[i] * y[i] / b[0]


def powers(m: int, d: int, exponents: Numbers, x: Numbers, y: Results) -> None:
    """y_k = prod_j x_j^exponents[k][j]; an exponent of 0 leaves x_j out, whatever it is."""
    for k in range(m):
        y[k] = 1.0
        for j in range(d):
            if exponents[k * d + j] != 0.0:
                y[k] *= pow(x[j], exponents[k * d + j])


def powers_back(m: int, d: int, exponents: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for k in range(m):
        for j in range(d):
            if exponents[k * d + j] != 0.0 and x[j] != 0.0:
                x_bar[j] += y_bar[k] * exponents[k * d + j] * y[k] / x[j]
            if exponents[k * d + j] != 0.0 and x[j] == 0.0:
                slope: float = 1.0
                if exponents[k * d + j] != 1.0:
                    # 0 for whole numbers above 1, NaN for others: so say the models that have such powers.
                    slope = 0.0 * pow(-1.0, exponents[k * d + j]) if exponents[k * d + j] > 1.0 else nan
                for i in range(d):
                    if i != j and exponents[k * d + i] != 0.0:
                        slope *= pow(x[i], exponents[k * d + i])
                x_bar[j] += y_bar[k] * slope


AFFINE = Kernel("affine", affine, affine_back)
SCALED = Kernel("scaled", scaled, scaled_back)
DIVIDED = Kernel("divided", divided, divided_back)
SHIFTED = Kernel("shifted", shifted, shifted_back)
ADDED = Kernel("added", added, added_back)
MULTIPLIED = Kernel("multiplied", multiplied, multiplied_back)
QUOTIENT = Kernel("quotient", quotient, quotient_back)
POWERS = Kernel("powers", powers, powers_back)
