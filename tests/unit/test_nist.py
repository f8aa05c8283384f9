"""NIST's nonlinear regressions (StRD) by Levenberg-Marquardt, from both of NIST's starts: all to ten certified digits.

Their sums of squares range from 1e-25 to 1e5, their parameters over nine orders, and the conditions of their Jacobians
up to 1e14. The first starts are far from the solution.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy import arctan, cos, exp, log, pi, sin

from pml_native.optimize import LevenbergMarquardt, Status, minimize


def gaussians(b, x):
    return (
        b[0] * exp(-b[1] * x) + b[2] * exp(-((x - b[3]) ** 2) / b[4] ** 2) + b[5] * exp(-((x - b[6]) ** 2) / b[7] ** 2)
    )


def cubic_over_cubic(b, x):
    return (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def three_exponentials(b, x):
    return b[0] * exp(-b[1] * x) + b[2] * exp(-b[3] * x) + b[4] * exp(-b[5] * x)


def waves(b, x):
    value = b[0] + b[1] * cos(2 * pi * x / 12) + b[2] * sin(2 * pi * x / 12)
    for period, in_phase, out_of_phase in (b[3:6], b[6:9]):
        value = value + in_phase * cos(2 * pi * x / period) + out_of_phase * sin(2 * pi * x / period)
    return value


def exponential_over_line(b, x):
    return exp(-b[0] * x) / (b[1] + b[2] * x)


MODELS = {
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": lambda b, x: b[0] * (1 - exp(-b[1] * x)),
    "Chwirut1": exponential_over_line,
    "Chwirut2": exponential_over_line,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "ENSO": waves,
    "Eckerle4": lambda b, x: b[0] / b[1] * exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Gauss1": gaussians,
    "Gauss2": gaussians,
    "Gauss3": gaussians,
    "Hahn1": cubic_over_cubic,
    "Kirby2": lambda b, x: (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2),
    "Lanczos1": three_exponentials,
    "Lanczos2": three_exponentials,
    "Lanczos3": three_exponentials,
    "MGH09": lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda b, x: b[0] * exp(b[1] / (x + b[2])),
    "MGH17": lambda b, x: b[0] + b[1] * exp(-x * b[3]) + b[2] * exp(-x * b[4]),
    "Misra1a": lambda b, x: b[0] * (1 - exp(-b[1] * x)),
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2),
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Nelson": lambda b, x, z: b[0] - b[1] * x * exp(-b[2] * z),
    "Rat42": lambda b, x: b[0] / (1 + exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x: b[0] / (1 + exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Roszman1": lambda b, x: b[0] - b[1] * x - arctan(b[2] / (x - b[3])) / pi,
    "Thurber": cubic_over_cubic,
}


def data_sets():
    """All of them by name: a dictionary of arrays each."""
    found, current = {}, {}
    for line in (Path(__file__).parent / "nist_strd.txt").read_text().splitlines():
        if line.startswith("["):
            current = found.setdefault(line[1:-1], {})
        elif not line.startswith("#"):
            name, numbers = line.split(":")
            current[name] = np.array(numbers.split(), dtype=float)
    return found


STRD = data_sets()


class Regression:
    """The sum of squares of a data set, in parameters q of which each is a multiple of its start: b = start q.

    Derivatives are those of complex numbers: f(b + ih) = f(b) + ih f'(b) to rounding, for any small h.
    """

    def __init__(self, name, start):
        data = STRD[name]
        self.model, self.start = MODELS[name], start
        self.inputs = [data[column] for column in ("x", "z") if column in data]
        self.y = log(data["y"]) if name == "Nelson" else data["y"]

    def values(self, params):
        return self.model(self.start * params, *self.inputs)

    def residuals_and_jacobian(self, params):
        steps = 1e-30j * np.eye(len(params))
        return self.values(params) - self.y, np.stack([self.values(params + h).imag * 1e30 for h in steps], axis=1)

    def loss(self, params):
        residuals = self.values(params) - self.y
        return float(residuals @ residuals)

    def loss_and_gradient(self, params):
        residuals, jacobian = self.residuals_and_jacobian(params)
        return float(residuals @ residuals), 2.0 * jacobian.T @ residuals

    def gauss_newton(self, params):
        residuals, jacobian = self.residuals_and_jacobian(params)
        return float(residuals @ residuals), 2.0 * jacobian.T @ residuals, 2.0 * jacobian.T @ jacobian

    def second_derivative(self, params, v):
        h = 1e-6
        up, down = (self.values(params + sign * h * v + 1e-30j * v).imag * 1e30 for sign in (1, -1))
        return (up - down) / (2.0 * h)

    def vector_jacobian_product(self, params, u):
        return self.residuals_and_jacobian(params)[1].T @ u


def digits(values, certified):
    """The log relative error: of how many digits they agree, at worst; NIST certifies eleven."""
    error = np.max(np.abs(values - certified) / np.abs(certified))
    return -np.log10(max(error, 1e-11))


@pytest.mark.parametrize("start", ["start 1", "start 2"])
@pytest.mark.parametrize("name", STRD)
def test_certified_parameters_are_met_to_ten_digits(name, start):
    data = STRD[name]
    optimizer = LevenbergMarquardt(exact_parameters=True)
    with np.errstate(all="ignore"):  # models overflow far away
        result = minimize(Regression(name, data[start]), np.ones(len(data[start])), optimizer, max_steps=1000)
    assert result.stop.status is Status.AT_FLOOR
    assert digits(data[start] * result.params, data["certified"]) >= 10.0, result.stop
    if name != "Lanczos1":  # whose residuals are rounding: of 1e-13, for y of 1
        assert digits(result.loss, data["sum of squares"]) >= 9.5


def test_exact_parameters_are_found_where_the_loss_no_longer_tells_them():
    """Eight digits without, all with it."""
    data, found = STRD["Thurber"], {}
    for exact in (False, True):
        objective, start = Regression("Thurber", data["start 1"]), np.ones(7)
        result = minimize(objective, start, LevenbergMarquardt(exact_parameters=exact), max_steps=1000)
        found[exact] = digits(data["start 1"] * result.params, data["certified"])
        assert objective.loss(result.params) == result.loss
    assert found[False] < 9.0 < 10.0 < found[True]
