"""The targets of bench/own_targets.py, whose values must be right to more digits than are asked of a fit."""

import mpmath
import numpy as np
import pytest
from own_targets import ACCURACY, own_targets
from scipy.integrate import solve_ivp

mp = mpmath.mp.clone()
mp.dps = 40


def debye(t):
    return 3 * t**3 * mp.quad(lambda u: u**4 * mp.exp(u) / mp.expm1(u) ** 2, [0, 1, 5, 1 / t])


def pendulum(t, start):
    m = mp.sin(start / 2) ** 2
    return 2 * mp.asin(mp.sqrt(m) * mp.ellipfun("cd", t, m=m))


def gammainc(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def colebrook(reynolds, roughness):
    u = mp.findroot(lambda u: u + 2 * mp.log10(roughness / mp.mpf("3.7") + mp.mpf("2.51") * u / reynolds), 7)
    return u**-2


def voigt(x, sigma, gamma):
    z = (x + 1j * gamma) / (sigma * mp.sqrt(2))
    return mp.re(mp.exp(-(z**2)) * mp.erfc(-1j * z)) / (sigma * mp.sqrt(2 * mp.pi))


def peng_robinson(temperature, pressure, acentric):
    kappa = mp.mpf("0.37464") + mp.mpf("1.54226") * acentric - mp.mpf("0.26992") * acentric**2
    alpha = (1 + kappa * (1 - mp.sqrt(temperature))) ** 2
    A, B = mp.mpf("0.45724") * alpha * pressure / temperature**2, mp.mpf("0.07780") * pressure / temperature
    roots = mp.polyroots([1, B - 1, A - 3 * B**2 - 2 * B, B**3 + B**2 - A * B], maxsteps=200, extraprec=200)
    (real,) = [mp.re(root) for root in roots if abs(mp.im(root)) < mp.mpf(10) ** -20 and mp.re(root) > B]
    return real


def black_scholes(spot, strike, rate, volatility, years):
    deviation = volatility * mp.sqrt(years)
    d = (mp.log(spot / strike) + rate * years) / deviation + deviation / 2
    return spot * mp.ncdf(d) - strike * mp.exp(-rate * years) * mp.ncdf(d - deviation)


def orbit(a, e, inclination, node, argument, mean):
    E = mp.findroot(lambda E: E - e * mp.sin(E) - mean, mean + e * mp.sin(mean))
    x, y = a * (mp.cos(E) - e), a * mp.sqrt(1 - e**2) * mp.sin(E)
    # Turned about z, then about x, then about z.
    x, y = x * mp.cos(argument) - y * mp.sin(argument), x * mp.sin(argument) + y * mp.cos(argument)
    return x * mp.cos(node) - y * mp.cos(inclination) * mp.sin(node)


ORACLES = {
    "debye": debye,
    "pendulum": pendulum,
    "gamma-p": gammainc,
    "colebrook": colebrook,
    "voigt": voigt,
    "peng-robinson": peng_robinson,
    "2F1": mp.hyp2f1,
    "black-scholes": black_scholes,
    "orbit": orbit,
}


def rms(target):
    _, y = target.sample(2000, 1)
    return np.sqrt(np.mean(y**2))


@pytest.mark.parametrize("name", ORACLES)
def test_values_are_right(name):
    target = own_targets[name]
    X, y = target.sample(15, 0)
    expected = np.array([float(ORACLES[name](*map(mp.mpf, row))) for row in X])
    assert np.abs(y - expected).max() <= ACCURACY * rms(target)


def test_van_der_pol_is_what_runge_kutta_tends_to():
    target = own_targets["van-der-pol"]
    X, y = target.sample(10, 0)
    for (x, v, mu, t), value in zip(X, y, strict=True):
        solution = solve_ivp(
            lambda _, s, mu=mu: (s[1], mu * (1.0 - s[0] ** 2) * s[1] - s[0]),
            (0, t),
            (x, v),
            "DOP853",
            rtol=3e-14,
            atol=1e-15,
        )
        assert abs(solution.y[0, -1] - value) <= 1e-12 * rms(target)


def test_every_target_has_an_oracle():
    assert {*own_targets} == {*ORACLES, "van-der-pol"}
