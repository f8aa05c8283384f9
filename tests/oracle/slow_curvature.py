"""Second derivatives of networks, slow and obvious, sharing no code with the product; three ways that must agree.

- `SecondOrder`: numbers that carry a gradient and a Hessian through sums and products. The network is the loop of
  `slow_network.forward`, which knows nothing of derivatives. With mpf numbers, exact for every purpose here.
- `gradient_differences`: differences of the gradient of `slow_network` at 60 digits.
- `curvature`: explicit derivative tensors in NumPy, a block of samples at a time, for larger networks.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from oracle import slow_network
from oracle.slow_network import float_slope_of_sigmoid, mp


class SecondOrder:
    """A number with its gradient (a list) and its Hessian (a list of rows). The number may be an array over samples."""

    __array_ufunc__ = None  # so that array * SecondOrder is no array of SecondOrder

    def __init__(self, value, gradient, hessian):
        self.value, self.gradient, self.hessian = value, gradient, hessian

    @classmethod
    def parameter(cls, value, index, n_params):
        gradient = [value * 0 + (1 if i == index else 0) for i in range(n_params)]
        return cls(value, gradient, [[value * 0] * n_params for _ in range(n_params)])

    def __add__(self, other):
        gradient = [a + b for a, b in zip(self.gradient, other.gradient, strict=True)]
        rows = zip(self.hessian, other.hessian, strict=True)
        return SecondOrder(self.value + other.value, gradient, [[a + b for a, b in zip(*r, strict=True)] for r in rows])

    def __mul__(self, other):
        if not isinstance(other, SecondOrder):
            gradient = [a * other for a in self.gradient]
            return SecondOrder(self.value * other, gradient, [[a * other for a in row] for row in self.hessian])
        a, b, index = self, other, range(len(self.gradient))
        # (ab)' = a'b + ab' and (ab)'' = a''b + a'b' + b'a' + ab''.
        gradient = [a.gradient[i] * b.value + a.value * b.gradient[i] for i in index]
        hessian = [
            [
                a.hessian[i][j] * b.value
                + a.gradient[i] * b.gradient[j]
                + b.gradient[i] * a.gradient[j]
                + a.value * b.hessian[i][j]
                for j in index
            ]
            for i in index
        ]
        return SecondOrder(a.value * b.value, gradient, hessian)

    def apply(self, value, slope, curvature):
        """s(self), given s and its first two derivatives there: s(a)' = s'a' and s(a)'' = s'a'' + s''a'a'."""
        index = range(len(self.gradient))
        gradient = [slope * g for g in self.gradient]
        hessian = [
            [slope * self.hessian[i][j] + curvature * self.gradient[i] * self.gradient[j] for j in index] for i in index
        ]
        return SecondOrder(value, gradient, hessian)


def second_order_forward(widths, activation, params, X):
    """Values (n, m), Jacobian (n, m, P) and Hessians (n, m, P, P) as nested lists.

    `activation` maps z to its value, slope and curvature there.
    """
    n_params, zero = len(params), 0 * params[0]
    unit = [[zero + (1 if i == j else 0) for j in range(n_params)] for i in range(n_params)]
    flat = [[zero] * n_params for _ in range(n_params)]
    numbers = [SecondOrder(p, unit[i], flat) for i, p in enumerate(params)]
    outputs = slow_network.forward(widths, lambda z: (z.apply(*activation(z.value)), None), numbers, X)
    return (
        [[f.value for f in row] for row in outputs],
        [[f.gradient for f in row] for row in outputs],
        [[f.hessian for f in row] for row in outputs],
    )


def directional_derivatives(widths, name, params, X, v):
    """f(params + t v) at t = 0, its first and its second derivative in t, each (n, m), in float64."""
    numbers = [SecondOrder(p, [slope], [[0.0]]) for p, slope in zip(params, v, strict=True)]
    activation = np.vectorize(float_activation(name), otypes=[float] * 3)
    # One sample whose entries are arrays over all samples.
    (outputs,) = slow_network.forward(widths, lambda z: (z.apply(*activation(z.value)), None), numbers, [list(X.T)])
    values, first, second = zip(*((f.value, f.gradient[0], f.hessian[0][0]) for f in outputs), strict=True)
    return np.stack(values, 1), np.stack(first, 1), np.stack(second, 1)


STEP = mp.mpf("1e-20")  # with 60 digits the step's square, 1e-40, is the error of a central difference


def gradient_differences(widths, activation, params, X, Y, sample_weight=None):
    """The Hessian of the loss, from gradients that know first derivatives only. All numbers are mpf."""
    rows = []
    for i in range(len(params)):
        up, down = list(params), list(params)
        up[i], down[i] = params[i] + STEP, params[i] - STEP
        _, gradient_up = slow_network.loss_and_gradient(widths, activation, up, X, Y, sample_weight)
        _, gradient_down = slow_network.loss_and_gradient(widths, activation, down, X, Y, sample_weight)
        rows.append([(a - b) / (2 * STEP) for a, b in zip(gradient_up, gradient_down, strict=True)])
    return rows


def float_curvature_of_sigmoid(z):
    return -float_slope_of_sigmoid(z) * math.tanh(z / 2)


# Second derivatives in float64, beside the values and slopes of slow_network.FLOAT_ACTIVATIONS.
FLOAT_CURVATURES = {
    "relu": lambda z: 0.0,
    "tanh": lambda z: -2 * math.tanh(z) / math.cosh(z) ** 2,
    "sigmoid": float_curvature_of_sigmoid,
    "sin": lambda z: -math.sin(z),
    "softplus": float_slope_of_sigmoid,
    "silu": lambda z: 2 * float_slope_of_sigmoid(z) + z * float_curvature_of_sigmoid(z),
    "square": lambda z: 2.0,
    "polyrelu": lambda z: (2 + 6 * z) / 3 if z > 0 else 0.0,
}


def float_activation(name):
    """Value, slope and curvature in float64, right to a few eps for |z| < 700."""
    return lambda z: (*slow_network.FLOAT_ACTIVATIONS[name](z), FLOAT_CURVATURES[name](z))


class Total:
    """A sum of arrays with the rounding errors of the additions added up beside it (Knuth's two-sum)."""

    def __init__(self, shape):
        self.sum, self.rest = np.zeros(shape), np.zeros(shape)

    def add(self, term):
        total = self.sum + term
        term_seen = total - self.sum
        self.rest += (self.sum - (total - term_seen)) + (term - term_seen)
        self.sum = total


@dataclass(frozen=True)
class Curvature:
    """What the kernels return: `jacobian` is (n, m, P), `gauss_newton` and `hessian` are (P, P)."""

    values: np.ndarray
    loss: float
    gradient: np.ndarray
    jacobian: np.ndarray
    gauss_newton: np.ndarray
    hessian: np.ndarray


ROWS = 64  # a block of samples: its explicit tensors fit into memory, and its sums are short


def curvature(widths, name, params, X, Y, sample_weight=None):
    """Loss = mean over samples and outputs of w r^2 with r = f - y, and its derivatives, in float64:

    gradient      2/(n m) sum w r J
    gauss_newton  2/(n m) sum w J J'
    hessian       2/(n m) sum w (J J' + r H), H the Hessian of an output

    Sums over samples are exact but for those inside a block, so that n is no source of error.
    """
    n, P = len(X), len(params)
    weight = np.ones(n) if sample_weight is None else sample_weight
    values, jacobian = np.empty((n, widths[-1])), np.empty((n, widths[-1], P))
    loss_terms, gradient, gauss_newton, rest = [], Total(P), Total((P, P)), Total((P, P))
    for begin in range(0, n, ROWS):
        rows = slice(begin, begin + ROWS)
        trace = _Trace(widths, name, params, X[rows])
        f, J, w = trace.z[-1], trace.dz[-1], weight[rows]
        residual = f - Y[rows]
        loss_terms += (w[:, None] * residual**2).ravel().tolist()
        gradient.add(np.einsum("b,bk,bkp->p", w, residual, J))
        gauss_newton.add(np.einsum("b,bkp,bkq->pq", w, J, J, optimize=True))
        rest.add(trace.weighted_hessian(w[:, None] * residual))
        values[rows], jacobian[rows] = f, J
    count = max(n * widths[-1], 1)
    products = 2 * (gauss_newton.sum + gauss_newton.rest) / count
    return Curvature(
        values=values,
        loss=math.fsum(loss_terms) / count,
        gradient=2 * (gradient.sum + gradient.rest) / count,
        jacobian=jacobian,
        gauss_newton=products,
        hessian=products + 2 * (rest.sum + rest.rest) / count,
    )


class _Trace:
    """A block of b samples through the network: for each layer z (b, n_out) and dz (b, n_out, P), its derivatives."""

    def __init__(self, widths, name, params, X):
        activation = np.vectorize(float_activation(name), otypes=[float] * 3)
        self.weights, self.places = [], []
        self.z, self.dz = [], []
        self.slopes, self.curvatures = [], []
        self.da = [np.zeros((*X.shape, len(params)))]  # the inputs depend on no parameter
        a, begin = X, 0
        for n_in, n_out in itertools.pairwise(widths):
            # Where the parameters of this layer stand in the flat vector.
            weight_place = begin + np.arange(n_out * n_in).reshape(n_out, n_in)
            bias_place = begin + n_out * n_in + np.arange(n_out)
            begin += n_out * (n_in + 1)
            weight = params[weight_place]
            # z = W a + b: through a, and through W and b themselves.
            dz = np.einsum("oi,bip->bop", weight, self.da[-1], optimize=True)
            for o in range(n_out):
                dz[:, o, weight_place[o]] += a
                dz[:, o, bias_place[o]] += 1
            self.weights.append(weight)
            self.places.append(weight_place)
            self.z.append(np.einsum("oi,bi->bo", weight, a) + params[bias_place])
            self.dz.append(dz)
            if len(self.z) < len(widths) - 1:
                a, slope, curvature = activation(self.z[-1])
                self.slopes.append(slope)
                self.curvatures.append(curvature)
                self.da.append(slope[:, :, None] * dz)

    def weighted_hessian(self, delta):
        """The Hessian (P, P) of sum_bk delta_bk f_bk, delta held fixed.

        Second derivatives are born in two places: in z = W a + b, where d2z/dW_oi dp = da_i/dp, and in a = s(z), where
        d2a = s'' dz dz'. Each is multiplied by the derivative of the sum with respect to that z or a.
        """
        P = self.dz[0].shape[-1]
        hessian = np.zeros((P, P))
        for layer in range(len(self.z) - 1, -1, -1):
            cross = np.einsum("bo,bip->oip", delta, self.da[layer], optimize=True)
            for o, places in enumerate(self.places[layer]):
                hessian[places] += cross[o]
                hessian[:, places] += cross[o].T
            if layer > 0:
                delta_a = np.einsum("bo,oi->bi", delta, self.weights[layer])
                bend = delta_a * self.curvatures[layer - 1]
                # Later layers' parameters have no part in this z: leaving out their zeros saves time.
                end = self.places[layer][0, 0]
                dz = self.dz[layer - 1][:, :, :end]
                hessian[:end, :end] += np.einsum("bo,bop,boq->pq", bend, dz, dz, optimize=True)
                delta = delta_a * self.slopes[layer - 1]
        return hessian
