"""Models of every family that other languages can have, with points to try them at."""

import itertools

import numpy as np

import pml_native as pml
from pml_native.export.functions import ACTIVATIONS, INVERSE_TRANSFORMS, RADIAL
from pml_native.models import Reduced, Signature
from pml_native.models.reduced import variables_of

RNG = np.random.default_rng(0)
BOX = RNG.uniform(1.0, 5.0, size=(400, 3))
Y = np.stack([BOX[:, 0] * np.exp(-BOX[:, 1]) + BOX[:, 2], np.sin(BOX).sum(axis=1)], axis=1)


def network(widths=(3, 12, 9, 2), activation="tanh", seed=1, family=pml.NetworkModel, **options):
    mlp = pml.MLP(widths, activation)
    inputs, outputs = pml.Normalization.of(BOX[:, : widths[0]]), pml.Normalization.of(Y[:, : widths[-1]])
    return family(mlp, mlp.initialize(seed), inputs=inputs, outputs=outputs, **options)


def constant_column():
    X = BOX.copy()
    X[:, 1] = 3.0
    mlp = pml.MLP((3, 5, 1), "sin")
    return pml.NetworkModel(mlp, mlp.initialize(2), inputs=pml.Normalization.of(X))


def extreme_units():
    mlp = pml.MLP((3, 5, 1))
    inputs, outputs = pml.Normalization.of(BOX * 1e300), pml.Normalization.of(Y[:, :1] * 1e305)
    return pml.NetworkModel(mlp, mlp.initialize(2), inputs=inputs, outputs=outputs)


def boosted():
    return pml.Boosted([network(), network(activation="sin", seed=2), network(seed=3)], [1.0, 1e-3, 1e-8])


def transformed(name):
    inner = network((3, 8, 1)) if name == "identity" else positive_network(0.0 if name in ("sine", "cosine") else 2.0)
    return pml.Transformed(
        inner, ["log", "identity", "reciprocal"], [name], input_scales=[2.0, 1.0, 4.0], output_scales=[-3.0]
    )


def positive_network(lowest=2.0):
    """Values from `lowest` to 1 above it: 2 to 3 is in the domain of every inverse of a power, 0 to 1 of the others."""
    mlp = pml.MLP((3, 8, 1), "sigmoid")
    params = np.abs(mlp.initialize(5)) * 0.2
    params[-1] = lowest
    return pml.NetworkModel(mlp, params)


def reduced(kinds, coefficients, factor):
    inner = network((len(kinds), 6, 2))
    return Reduced(inner, variables_of(kinds, coefficients, factor))


def polynomial():
    indices = [(0, 0, 0), (1, 0, 0), (0, 2, 0), (3, 1, 0), (2, 0, 2), (0, 5, 1)]
    coefficients = np.random.default_rng(3).normal(size=(6, 2))
    return pml.Polynomial(indices, coefficients, inputs=pml.Normalization.of_box(BOX), output_exponents=[3, -2])


def polynomial_without_a_column():
    return pml.Polynomial([(0, 0, 0), (2, 0, 1)], [1.0, 0.5], inputs=pml.Normalization.of_box(BOX))


def rbf(kernel):
    return pml.RBF(BOX[:60], Y[:60], kernel=kernel, epsilon=0.7)


def spline(degree, n_axes, outside="extrapolate", even=True):
    axes = [np.linspace(1.0, 5.0, 9 + j) for j in range(n_axes)]
    if not even:
        axes = [axis + 0.1 * np.sin(axis * np.pi) for axis in axes]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = np.stack([np.cos(grid.sum(axis=-1)), grid[..., 0] ** 2], axis=-1)
    return pml.SplineInterpolator(axes, values, degree=degree, outside=outside)


def transformed_spline():
    """Two outputs, whose transforms are steep."""
    axes = [np.linspace(0.5, 6.0, 12), np.linspace(0.5, 6.0, 10)]
    x, y = np.meshgrid(*axes, indexing="ij")
    inner = pml.SplineInterpolator(axes, np.stack([x + y, x * y + 1.0], axis=-1), outside="nan")
    return pml.Transformed(inner, ["identity"] * 2, ["reciprocal_square", "reciprocal_square"])


def tricubic(outside="extrapolate"):
    axes = [np.linspace(1.0, 5.0, 8), np.linspace(1.0, 5.0, 9) ** 1.1, np.linspace(0.9, 5.1, 7)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return pml.TricubicInterpolator(axes, np.sin(x) * y + z, outside=outside)


def modular():
    mlp = pml.ModularMLP(pml.Graph(3, ((0, 1), (2, 3), (3, 4)), 2), width=6)
    return pml.NetworkModel(mlp, mlp.initialize(4), inputs=pml.Normalization.of(BOX), signature=Signature(3, 2, False))


def separable():
    box = pml.Normalization.of_box(BOX[:, :1])
    rng = np.random.default_rng(6)
    parts = [pml.Polynomial([[0], [1], [k]], rng.normal(size=(3, 2)), inputs=box) for k in (2, 3, 5)]
    return pml.Separable(parts)


def rational():
    indices = [(0, 0, 0), (1, 0, 0), (0, 2, 0), (3, 1, 0), (2, 0, 2)]
    coefficients = np.random.default_rng(8).normal(size=(5, 3)) * [1.0, 1.0, 0.1]
    coefficients[0, 2] = 1.0
    parts = pml.Polynomial(indices, coefficients, inputs=pml.Normalization.of_box(BOX), output_exponents=[3, -2, 0])
    return pml.Rational(parts)


def piecewise():
    """Parts of several lengths, one of them a constant; the second jumps."""
    rng = np.random.default_rng(9)
    breaks, parts = [1.0, 1.5, 2.0, 4.5, 5.0], []
    for k, (low, high) in enumerate(itertools.pairwise(breaks)):
        box = pml.Normalization.of_box(np.array([[low], [high]]))
        indices = [[j] for j in range(7 * k + 1)]
        coefficients = rng.normal(size=(7 * k + 1, 2)) / np.exp(np.arange(7 * k + 1))[:, None]
        parts.append(pml.Polynomial(indices, coefficients, inputs=box, output_exponents=[k, -1]))
    return pml.Piecewise(breaks, parts)


# Ulp of the largest |y|, and of the largest derivative, that the exported model may be away from this one.
MODELS = {
    **{f"network {name}": (lambda name=name: network(activation=name), 16, 16) for name in ACTIVATIONS},
    "network of one input": (lambda: network((1, 10, 1)), 8, 16),
    "network without hidden layers": (lambda: network((3, 1)), 4, 4),
    "network with a constant column": (constant_column, 4, 8),
    "network in extreme units": (extreme_units, 4, 8),
    "modular": (modular, 8, 16),
    "random features": (lambda: network((3, 40, 2), "sin", family=pml.RandomFeatures), 8, 16),
    "boosted": (boosted, 8, 16),
    "reduced to products": (lambda: reduced(["product"], [[1, -0.5, 2]], [0.5, 0, -1]), 16, 64),
    "reduced to sums": (
        lambda: reduced(["sum", "squares", "reciprocals"], [[1, -1, 0], [0, 1, 2], [1, 0, -1]], [0, 0, 0]),
        16,
        64,
    ),
    **{f"transformed {name}": (lambda name=name: transformed(name), 8, 16) for name in INVERSE_TRANSFORMS},
    "polynomial": (polynomial, 4, 4),
    "separable": (separable, 4, 8),
    "rational": (rational, 4, 8),
    "piecewise": (piecewise, 4, 8),
    "polynomial without a column": (polynomial_without_a_column, 4, 4),
    # Weights, which cancel, are times larger than the sum.
    **{f"rbf {name}": (lambda name=name: rbf(name), 1e5, 1e5) for name in RADIAL},
    **{f"spline of degree {k}": (lambda k=k: spline(k, 1), 16, 64) for k in range(1, 8)},
    "spline in three dimensions": (lambda: spline((3, 1, 4), 3), 16, 256),
    "uneven spline": (lambda: spline((3, 2), 2, even=False), 16, 64),
    "spline that ends": (lambda: spline(3, 2, "nan"), 16, 64),
    "tricubic": (tricubic, 16, 64),
    "spline in other coordinates": (transformed_spline, 16, 64),
}


def points(model, n=200):
    """Points in the box, on it, beyond it, and with NaN."""
    d = model.signature.n_inputs
    X = np.random.default_rng(7).uniform(1.0, 5.0, size=(n, d))
    X[0], X[1], X[2] = 1.0, 5.0, 5.5
    X[3, d - 1] = np.nan
    X[4] = 0.8 if model.family in ("spline", "tricubic") else -X[4]
    if model.family == "rbf":
        X[5] = model.X[7]
    return X * (1e300 if getattr(model, "inputs", None) is not None and model.inputs.exponent.max() > 900 else 1.0)


def ulps(got, wanted):
    """The largest difference, in units of the last place of the largest of the wanted numbers; NaN must agree."""
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    known = ~np.isnan(wanted)
    return np.max(np.abs(got - wanted)[known]) / np.spacing(np.max(np.abs(wanted[known])))
