"""Functions of one number, in the subset of Python of `kernels`, and the operations that apply them to a vector.

f_slope(z, v) is the derivative of f at z, where its value is v.
"""

from __future__ import annotations

from collections.abc import Callable
from math import acos, asin, atan, copysign, exp, fabs, inf, log, nan, sqrt

from .kernels import Kernel, Numbers, Results
from .transcendental import cos, exp_nonpositive, log1p_unit, sin, tanh

Scalar = Callable[[float], float]


def identity(z: float) -> float:
    return z


def identity_slope(z: float, v: float) -> float:
    return 1.0


def tanh_slope(z: float, v: float) -> float:
    return 1.0 - v * v


def sin_slope(z: float, v: float) -> float:
    return cos(z)


def cos_slope(z: float, v: float) -> float:
    return -sin(z)


def relu(z: float) -> float:
    return 0.0 if z <= 0.0 else z


def relu_slope(z: float, v: float) -> float:
    return 1.0 if z > 0.0 else 0.0


def sigmoid(z: float) -> float:
    e: float = exp_nonpositive(-fabs(z))
    d: float = 1.0 / (1.0 + e)
    return e * d if z < 0.0 else d


def sigmoid_slope(z: float, v: float) -> float:
    return v * (1.0 - v)


def softplus(z: float) -> float:
    return (z if z > 0.0 else 0.0) + log1p_unit(exp_nonpositive(-fabs(z)))


def softplus_slope(z: float, v: float) -> float:
    return sigmoid(z)


def silu(z: float) -> float:
    return (-1000.0 if z < -1000.0 else z) * sigmoid(z)  # the bound keeps -inf * 0 out


def silu_slope(z: float, v: float) -> float:
    s: float = sigmoid(z)
    return s + (copysign(1000.0, z) if fabs(z) > 1000.0 else z) * (s * (1.0 - s))


def square(z: float) -> float:
    return z * z


def square_slope(z: float, v: float) -> float:
    return 2.0 * z


def modulus_slope(z: float, v: float) -> float:
    """0 at 0: functions of |z| that are smooth are even."""
    return 1.0 if z > 0.0 else -1.0 if z < 0.0 else z


def polyrelu(z: float) -> float:
    u: float = relu(z)
    return 1.0 / 3.0 * (u * (u * (1.0 + u) + 1.0))


def polyrelu_slope(z: float, v: float) -> float:
    return 0.0 if z <= 0.0 else 1.0 / 3.0 * (z * (3.0 * z + 2.0) + 1.0)


def logarithm(z: float) -> float:
    return log(z) if z > 0.0 and z < inf else nan


def logarithm_slope(z: float, v: float) -> float:
    return 1.0 / z if v == v else nan


def reciprocal(z: float) -> float:
    """NaN where it or its derivative leaves the range of float64."""
    return 1.0 / z if fabs(z) >= 2.2250738585072014e-308 and fabs(z) <= 4.49423283715579e307 else nan


def reciprocal_slope(z: float, v: float) -> float:
    return -(v * v)


def exponential_slope(z: float, v: float) -> float:
    return v


def inverse(z: float) -> float:
    return 1.0 / z


def root_slope(z: float, v: float) -> float:
    return 0.5 / v


def inverse_root(z: float) -> float:
    return 1.0 / sqrt(z)


def inverse_root_slope(z: float, v: float) -> float:
    return -0.5 / (z * sqrt(z))


def inverse_square(z: float) -> float:
    return (1.0 / z) * (1.0 / z) if z > 0.0 else nan


def inverse_square_slope(z: float, v: float) -> float:
    return -2.0 * ((1.0 / z) * (1.0 / z) * (1.0 / z)) if z > 0.0 else nan


def inverse_sine(z: float) -> float:
    return asin(z) if fabs(z) <= 1.0 else nan


def inverse_sine_slope(z: float, v: float) -> float:
    return 1.0 / sqrt((1.0 - z) * (1.0 + z))


def inverse_cosine(z: float) -> float:
    return acos(z) if fabs(z) <= 1.0 else nan


def inverse_cosine_slope(z: float, v: float) -> float:
    return -1.0 / sqrt((1.0 - z) * (1.0 + z))


def inverse_tangent_slope(z: float, v: float) -> float:
    return 1.0 / (1.0 + z * z)


def finite(z: float) -> float:
    return z if fabs(z) < inf else nan


def negative(r: float) -> float:
    return -r


def negative_slope(r: float, v: float) -> float:
    return -1.0


def thin_plate(r: float) -> float:
    return r * r * log(r) if r != 0.0 else 0.0


def thin_plate_slope(r: float, v: float) -> float:
    return r * (2.0 * log(r) + 1.0) if r != 0.0 else 0.0


def cubic(r: float) -> float:
    return r * r * r


def cubic_slope(r: float, v: float) -> float:
    return 3.0 * (r * r)


def quintic(r: float) -> float:
    return -(r * r * r * r * r)


def quintic_slope(r: float, v: float) -> float:
    return -5.0 * (r * r * r * r)


def multiquadric(r: float) -> float:
    return -sqrt(1.0 + r * r)


def multiquadric_slope(r: float, v: float) -> float:
    return r / v


def inverse_multiquadric(r: float) -> float:
    return 1.0 / sqrt(1.0 + r * r)


def inverse_multiquadric_slope(r: float, v: float) -> float:
    return -(r * (v * v * v))


def inverse_quadratic(r: float) -> float:
    return 1.0 / (1.0 + r * r)


def inverse_quadratic_slope(r: float, v: float) -> float:
    return -2.0 * r * (v * v)


def gaussian(r: float) -> float:
    return exp(-(r * r))


def gaussian_slope(r: float, v: float) -> float:
    return -2.0 * r * v


def matern(r: float) -> float:
    s: float = 2.23606797749979 * r
    return (1.0 + s + s * s / 3.0) * exp(-s)


def matern_slope(r: float, v: float) -> float:
    s: float = 2.23606797749979 * r
    return -5.0 / 3.0 * r * (1.0 + s) * exp(-s)


def each(name: str, value: Scalar, slope: Callable[[float, float], float]) -> Kernel:
    """A function of one number, for every number of a vector."""

    def forward(n: int, z: Numbers, v: Results) -> None:
        for i in range(n):
            v[i] = value(z[i])

    def backward(n: int, z: Numbers, v: Numbers, v_bar: Numbers, z_bar: Results) -> None:
        for i in range(n):
            z_bar[i] += v_bar[i] * slope(z[i], v[i])

    forward.__name__, backward.__name__ = f"each_{name}", f"each_{name}_back"
    return Kernel(name, forward, backward)


# By the names that activations, transforms and radial functions have in the models.
ACTIVATIONS = {
    "tanh": each("tanh", tanh, tanh_slope),
    "relu": each("relu", relu, relu_slope),
    "sigmoid": each("sigmoid", sigmoid, sigmoid_slope),
    "sin": each("sin", sin, sin_slope),
    "softplus": each("softplus", softplus, softplus_slope),
    "silu": each("silu", silu, silu_slope),
    "square": each("square", square, square_slope),
    "polyrelu": each("polyrelu", polyrelu, polyrelu_slope),
}
INPUT_TRANSFORMS = {
    "identity": each("identity", identity, identity_slope),
    "log": each("logarithm", logarithm, logarithm_slope),
    "reciprocal": each("reciprocal", reciprocal, reciprocal_slope),
    "root": each("sqrt", sqrt, root_slope),
}
INVERSE_TRANSFORMS = {
    "identity": INPUT_TRANSFORMS["identity"],
    "log": each("exp", exp, exponential_slope),
    "reciprocal": each("inverse", inverse, reciprocal_slope),
    "square": INPUT_TRANSFORMS["root"],
    "reciprocal_square": each("inverse_root", inverse_root, inverse_root_slope),
    "reciprocal_root": each("inverse_square", inverse_square, inverse_square_slope),
    "exp": INPUT_TRANSFORMS["log"],
    "sine": each("inverse_sine", inverse_sine, inverse_sine_slope),
    "cosine": each("inverse_cosine", inverse_cosine, inverse_cosine_slope),
    "tangent": each("inverse_tangent", atan, inverse_tangent_slope),
}
# What variables are sums of, and what leaves no infinity.
SQUARE = ACTIVATIONS["square"]
MODULUS = each("modulus", fabs, modulus_slope)
FINITE = each("finite", finite, identity_slope)
COSINE = each("cos", cos, cos_slope)  # of phases, with the sine of ACTIVATIONS
RADIAL = {
    "linear": each("negative", negative, negative_slope),
    "thin_plate_spline": each("thin_plate", thin_plate, thin_plate_slope),
    "cubic": each("cubic", cubic, cubic_slope),
    "quintic": each("quintic", quintic, quintic_slope),
    "multiquadric": each("multiquadric", multiquadric, multiquadric_slope),
    "inverse_multiquadric": each("inverse_multiquadric", inverse_multiquadric, inverse_multiquadric_slope),
    "inverse_quadratic": each("inverse_quadratic", inverse_quadratic, inverse_quadratic_slope),
    "gaussian": each("gaussian", gaussian, gaussian_slope),
    "matern": each("matern", matern, matern_slope),
}
