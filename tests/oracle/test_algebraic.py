"""Roots of relations against polynomials in 60 digits, solved by mpmath and differentiated there."""

import mpmath
import numpy as np

import pml_native as pml

mp = mpmath.mp.clone()
mp.dps = 60
INDICES = [(0, 0), (1, 0), (0, 2), (1, 1)]
BOX = np.array([[1.0, -3.0], [4.0, 2.0]])
Y_RANGE = np.array([[10.0], [50.0]])


def model(degree):
    """1.5 t + 0.3 t^2 + ... = p(x): of several roots the one near p / 2 is where the sum rises."""
    rng = np.random.default_rng(degree)
    coefficients = 0.05 * rng.normal(size=(4, degree + 2))
    coefficients[:, 0] *= 10.0
    coefficients[0, 1:-1] += [1.5, 0.3, *([0.1] * (degree - 2))]
    coefficients[:, -1] = -0.5 * coefficients[:, 0]
    parts = pml.Polynomial(INDICES, coefficients, inputs=pml.Normalization.of_box(BOX))
    return pml.Algebraic(parts, pml.Normalization.of_box(Y_RANGE))


def slow_value(model, x):
    """The root nearest to the start, of all that the relation has."""
    (low, high), (y_low, y_high) = ([[mp.mpf(v) for v in end] for end in ends] for ends in (BOX, Y_RANGE))
    z = [(2 * v - a - b) / (b - a) for v, a, b in zip(x, low, high, strict=True)]
    products = [mp.chebyt(a, z[0]) * mp.chebyt(b, z[1]) for a, b in INDICES]
    *c, start = (
        mp.fsum(mp.mpf(own) * product for own, product in zip(column, products, strict=True))
        for column in model.polynomials.coefficients.T
    )
    roots = mp.polyroots(c[::-1], maxsteps=500, extraprec=200)
    t = min((root for root in roots if abs(mp.im(root)) < mp.mpf(10) ** -40), key=lambda root: abs(root - start))
    return (y_low[0] + y_high[0]) / 2 + (y_high[0] - y_low[0]) / 2 * mp.re(t)


def test_values_and_derivatives_are_those_of_the_solved_polynomial():
    X = np.random.default_rng(0).uniform(*BOX, size=(6, 2))
    for degree in (2, 3, 4):
        one = model(degree)
        value, gradient, (high, low) = one(X), one.gradient(X), one.extended(X)
        for i, x in enumerate(X):
            point = [mp.mpf(v) for v in x]
            wanted, h = slow_value(one, point), mp.mpf(10) ** -20
            assert abs(value[i] - wanted) < 1e-14 * 50.0  # the values that it is the sum of
            assert abs(mp.mpf(high[i]) + mp.mpf(low[i]) - wanted) < 1e-28 * 50.0
            for j in range(2):
                ahead, behind = ([v + s * h * (k == j) for k, v in enumerate(point)] for s in (1, -1))
                slope = (slow_value(one, ahead) - slow_value(one, behind)) / (2 * h)
                assert abs(gradient[i, j] - slope) < 1e-13 * (1 + abs(slope))
