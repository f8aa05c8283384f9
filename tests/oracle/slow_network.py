"""What the compiled kernels are measured against: the same mathematics, slow and obvious, sharing no code with them.

Activations are evaluated by mpmath at 60 digits. Networks are plain loops over samples, layers and neurons on Python
numbers: floats give a reference in float64, `mpmath.mpf` numbers one that is exact for every purpose here.
"""

from __future__ import annotations

import itertools
import math

import mpmath

DIGITS = 60
mp = mpmath.mp.clone()
mp.dps = DIGITS
exp, log1p = mp.exp, mp.log1p


def relu(z):
    return (z, mp.mpf(1), mp.mpf(0)) if z > 0 else (mp.mpf(0), mp.mpf(0), mp.mpf(0))


def tanh(z):
    # 1 - tanh^2 would lose digits for large |z|, 1 / cosh^2 doesn't.
    value, slope = mp.tanh(z), 1 / mp.cosh(z) ** 2
    return value, slope, -2 * value * slope


def sigmoid(z):
    value, complement = 1 / (1 + exp(-z)), 1 / (1 + exp(z))
    slope = value * complement
    return value, slope, -slope * mp.tanh(z / 2)


def sin(z):
    return mp.sin(z), mp.cos(z), -mp.sin(z)


def softplus(z):
    value = log1p(exp(z)) if z < 0 else z + log1p(exp(-z))
    slope, curvature, _ = sigmoid(z)
    return value, slope, curvature


def silu(z):
    value, slope, curvature = sigmoid(z)
    return z * value, value + z * slope, 2 * slope + z * curvature


def square(z):
    return z * z, 2 * z, mp.mpf(2)


def polyrelu(z):
    if not z > 0:
        return mp.mpf(0), mp.mpf(0), mp.mpf(0)
    return (z + z**2 + z**3) / 3, (1 + 2 * z + 3 * z**2) / 3, (2 + 6 * z) / 3


ACTIVATIONS = {
    "relu": relu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "sin": sin,
    "softplus": softplus,
    "silu": silu,
    "square": square,
    "polyrelu": polyrelu,
}


def activation_at(name, z):
    """Value, first and second derivative of an activation at one finite number, as mpf at 60 digits."""
    return ACTIVATIONS[name](mp.mpf(z))


def nearest_and_rest(exact):
    """An mpf as the double nearest to it, and the rest in units of that double's last place."""
    nearest = float(exact)
    if not math.isfinite(nearest):
        return nearest, 0.0
    return nearest, float((exact - mp.mpf(nearest)) / mp.mpf(math.ulp(nearest)))


def float_sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z > -700 else math.exp(z)


def float_slope_of_sigmoid(z):
    return float_sigmoid(z) * float_sigmoid(-z)


# Value and first derivative in float64, for networks too large for mpmath; right to a few eps for |z| < 700.
FLOAT_ACTIVATIONS = {
    "relu": lambda z: (max(z, 0.0), 1.0 if z > 0 else 0.0),
    "tanh": lambda z: (math.tanh(z), 1 / math.cosh(z) ** 2),
    "sigmoid": lambda z: (float_sigmoid(z), float_slope_of_sigmoid(z)),
    "sin": lambda z: (math.sin(z), math.cos(z)),
    "softplus": lambda z: (max(z, 0.0) + math.log1p(math.exp(-abs(z))), float_sigmoid(z)),
    "silu": lambda z: (z * float_sigmoid(z), float_sigmoid(z) + z * float_slope_of_sigmoid(z)),
    "square": lambda z: (z * z, 2 * z),
    "polyrelu": lambda z: ((z + z**2 + z**3) / 3, (1 + 2 * z + 3 * z**2) / 3) if z > 0 else (0.0, 0.0),
}


def split_params(widths, params):
    """Per layer the weight as a list of rows and the bias as a list."""
    layers, at = [], 0
    for n_in, n_out in itertools.pairwise(widths):
        weight = []
        for _ in range(n_out):
            weight.append(list(params[at : at + n_in]))
            at += n_in
        layers.append((weight, list(params[at : at + n_out])))
        at += n_out
    assert at == len(params)
    return layers


def sample_trace(layers, activation, x):
    """All layers of one sample: what goes into each layer, and the slopes of each hidden layer; then the output."""
    inputs, slopes, a = [], [], list(x)
    for number, (weight, bias) in enumerate(layers):
        inputs.append(a)
        z = []
        for row, b in zip(weight, bias, strict=True):
            total = b
            for w, entry in zip(row, a, strict=True):
                total = total + w * entry
            z.append(total)
        if number == len(layers) - 1:
            return inputs, slopes, z
        pairs = [activation(entry) for entry in z]
        a = [pair[0] for pair in pairs]
        slopes.append([pair[1] for pair in pairs])
    raise AssertionError("a network has at least one layer")


def sample_backward(layers, slopes, delta):
    """Derivatives with respect to every layer's z, given those of the output, and those of the input, all as lists."""
    deltas = [delta]
    for number in range(len(layers) - 1, -1, -1):
        weight, _ = layers[number]
        back = []
        for i in range(len(weight[0])):
            total = 0 * delta[0]
            for o in range(len(weight)):
                total = total + weight[o][i] * delta[o]
            back.append(total)
        if number == 0:
            return deltas, back
        delta = [b * s for b, s in zip(back, slopes[number - 1], strict=True)]
        deltas.insert(0, delta)
    raise AssertionError("a network has at least one layer")


def forward(widths, activation, params, X):
    """Network values, a list of n lists of m numbers. `activation` maps z to (value, slope)."""
    layers = split_params(widths, params)
    return [sample_trace(layers, activation, x)[2] for x in X]


def loss_and_gradient(widths, activation, params, X, Y, sample_weight=None):
    """Mean over samples and outputs of w |f(x) - y|^2, and its gradient as a list of P numbers.

    Sums over samples of floats are exact before they are rounded, so that n is no source of error.
    """
    layers = split_params(widths, params)
    loss_terms, gradient_terms = [], []
    for number, (x, y) in enumerate(zip(X, Y, strict=True)):
        w = 1 if sample_weight is None else sample_weight[number]
        inputs, slopes, out = sample_trace(layers, activation, x)
        residual = [f - target for f, target in zip(out, y, strict=True)]
        loss_terms += [w * r * r for r in residual]
        deltas, _ = sample_backward(layers, slopes, [2 * w * r for r in residual])
        terms = []
        for a, delta in zip(inputs, deltas, strict=True):
            terms += [d * entry for d in delta for entry in a]
            terms += delta
        gradient_terms.append(terms)
    count = len(X) * widths[-1]
    if count == 0:
        return 0 * params[0], [0 * p for p in params]
    total = math.fsum if isinstance(params[0], float) else mp.fsum
    return total(loss_terms) / count, [total(terms) / count for terms in zip(*gradient_terms, strict=True)]


def input_gradient(widths, activation, params, X):
    """Derivatives of the outputs with respect to the inputs, a list of n lists of m lists of d numbers."""
    layers = split_params(widths, params)
    out = []
    for x in X:
        _, slopes, values = sample_trace(layers, activation, x)
        rows = []
        for k in range(len(values)):
            unit = [0 * value + (1 if k == o else 0) for o, value in enumerate(values)]
            rows.append(sample_backward(layers, slopes, unit)[1])
        out.append(rows)
    return out
