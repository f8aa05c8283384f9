"""Ten targets that are not in the paper: physics, engineering, finance, special functions and solutions of ODEs.

They were chosen, with these bounds, before anything was fitted to them, and stay as they are. Each value is right to
ACCURACY of the target's RMS over the box, which tests/oracle/test_own_targets.py checks against mpmath and SciPy.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ellipj, ellipk, gammainc, hyp2f1, ndtr, voigt_profile

from pml_native.problems import FunctionProblem

ACCURACY = 2e-14
NEWTON_STEPS = 60  # more than any needs; at the solution a step changes the last digit at most
Array = np.ndarray


def debye_heat_capacity(X: Array) -> Array:
    """C_V / (3 N k) = 3 t^3 integral_0^{1/t} u^4 e^u / (e^u - 1)^2 du, t = T / Theta."""
    (t,) = X.T
    nodes, weights = np.polynomial.legendre.leggauss(60)
    u = 0.5 * (nodes + 1.0) / t[:, None]
    # u^4 e^u / (e^u - 1)^2 without overflow and without cancellation
    integrand = u**4 * np.exp(-u) / np.expm1(-u) ** 2
    return 3.0 * t**3 * (0.5 / t) * (integrand @ weights)


def pendulum_angle(X: Array) -> Array:
    """theta'' = -sin theta from rest at theta_0: 2 arcsin(k cd(t, k)), k = sin(theta_0 / 2)."""
    t, start = X.T
    m = np.sin(0.5 * start) ** 2
    # cd(t) = sn(t + K); reduced to within a quarter period of 0, where sn loses no digits
    quarter = ellipk(m)
    turns = np.round((t + quarter) / (2.0 * quarter))
    sn, _, _, _ = ellipj((t + quarter) - 2.0 * quarter * turns, m)
    return 2.0 * np.arcsin(np.sqrt(m) * sn * np.where(turns % 2 == 0, 1.0, -1.0))


def incomplete_gamma(X: Array) -> Array:
    """The regularised lower one, P(a, x)."""
    return gammainc(*X.T)


def colebrook_friction(X: Array) -> Array:
    """f of 1 / sqrt f = -2 log10(r / 3.7 + 2.51 / (Re sqrt f)), Darcy's friction factor."""
    reynolds, roughness = X.T
    u = np.full(len(X), 7.0)  # 1 / sqrt f
    for _ in range(NEWTON_STEPS):
        inner = roughness / 3.7 + 2.51 * u / reynolds
        residual = u + 2.0 * np.log10(inner)
        u = u - residual / (1.0 + 2.0 / np.log(10.0) * 2.51 / reynolds / inner)
    return u**-2


def voigt(X: Array) -> Array:
    """A Gaussian of deviation sigma convolved with a Lorentzian of half width gamma, at x."""
    return voigt_profile(*X.T)


def peng_robinson(X: Array) -> Array:
    """Compressibility Z of a supercritical fluid by the equation of Peng and Robinson (1976): its one real root."""
    temperature, pressure, acentric = X.T
    kappa = 0.37464 + 1.54226 * acentric - 0.26992 * acentric**2
    alpha = (1.0 + kappa * (1.0 - np.sqrt(temperature))) ** 2
    A = 0.45724 * alpha * pressure / temperature**2
    B = 0.07780 * pressure / temperature
    b, c, d = B - 1.0, A - 3.0 * B**2 - 2.0 * B, B**3 + B**2 - A * B
    low, high = B.copy(), 2.0 + B + A  # the cubic is negative at Z = B and positive here
    z = high
    for _ in range(NEWTON_STEPS):
        value, slope = ((z + b) * z + c) * z + d, (3.0 * z + 2.0 * b) * z + c
        low, high = np.where(value < 0.0, z, low), np.where(value < 0.0, high, z)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = z - value / slope
        z = np.where((step > low) & (step < high), step, np.where(value == 0.0, z, 0.5 * (low + high)))
    return z


def gauss_hypergeometric(X: Array) -> Array:
    """2F1(a, b; c; x)."""
    return hyp2f1(*X.T)


def van_der_pol(X: Array) -> Array:
    """x(t) of x'' = mu (1 - x^2) x' - x from (x_0, v_0): Taylor series of degree 24 in 60 steps."""
    x, v, mu, t = X.T
    n_steps, degree = 60, 24
    h = t / n_steps
    for _ in range(n_steps):
        xs, vs, squares = [x], [v], [x * x]
        for k in range(degree):
            damped = vs[k] - sum(squares[j] * vs[k - j] for j in range(k + 1))
            xs.append(vs[k] / (k + 1))
            vs.append((mu * damped - xs[k]) / (k + 1))
            squares.append(sum(xs[j] * xs[k + 1 - j] for j in range(k + 2)))
        x, v = xs[-1], vs[-1]
        for k in reversed(range(degree)):
            x, v = x * h + xs[k], v * h + vs[k]
    return x


def black_scholes(X: Array) -> Array:
    """Price of a European call: spot S, strike K, rate r, volatility sigma, T years."""
    spot, strike, rate, volatility, years = X.T
    deviation = volatility * np.sqrt(years)
    d = (np.log(spot / strike) + rate * years) / deviation + 0.5 * deviation
    return spot * ndtr(d) - strike * np.exp(-rate * years) * ndtr(d - deviation)


def orbit_position(X: Array) -> Array:
    """x of a body from its orbital elements: semi-major axis, eccentricity, inclination, ascending node, argument of
    periapsis, mean anomaly.
    """
    a, e, inclination, node, argument, mean = X.T
    E = mean + e * np.sin(mean)
    for _ in range(NEWTON_STEPS):
        E = E - (E - e * np.sin(E) - mean) / (1.0 - e * np.cos(E))
    along, across = a * (np.cos(E) - e), a * np.sqrt(1.0 - e**2) * np.sin(E)
    u = np.cos(node) * np.cos(argument) - np.sin(node) * np.sin(argument) * np.cos(inclination)
    w = np.cos(node) * np.sin(argument) + np.sin(node) * np.cos(argument) * np.cos(inclination)
    return along * u - across * w


TURN = (0.0, 2.0 * np.pi)
own_targets = {
    name: FunctionProblem(name, (function.__doc__ or "").strip(), bounds, function)
    for name, function, bounds in (
        ("debye", debye_heat_capacity, ((0.05, 2.0),)),
        ("pendulum", pendulum_angle, ((0.0, 10.0), (0.1, 3.0))),
        ("gamma-p", incomplete_gamma, ((0.5, 10.0), (0.1, 20.0))),
        ("colebrook", colebrook_friction, ((4e3, 1e6), (1e-5, 0.05))),
        ("voigt", voigt, ((-5.0, 5.0), (0.5, 2.0), (0.1, 2.0))),
        ("peng-robinson", peng_robinson, ((1.05, 3.0), (0.1, 10.0), (0.0, 0.5))),
        ("2F1", gauss_hypergeometric, ((0.5, 2.0), (0.5, 2.0), (2.0, 4.0), (-0.9, 0.5))),
        ("van-der-pol", van_der_pol, ((-2.0, 2.0), (-2.0, 2.0), (0.0, 2.0), (0.0, 5.0))),
        ("black-scholes", black_scholes, ((50.0, 150.0), (50.0, 150.0), (0.0, 0.1), (0.1, 0.5), (0.1, 2.0))),
        ("orbit", orbit_position, ((0.5, 2.0), (0.0, 0.6), (0.0, np.pi), TURN, TURN, TURN)),
    )
}
