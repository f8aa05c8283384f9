"""Models of every family, made at once and without a search: what the contract of all models is tested on.

A new family needs one line here, an entry of `MODELS`: the tests of `test_model_contract` then take it by themselves.
"""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

import pml_native as pml
from pml_native.exchanges import Exchanges
from pml_native.export.functions import ACTIVATIONS, INVERSE_TRANSFORMS, RADIAL
from pml_native.models import (
    Beyond,
    Bounded,
    Composed,
    Continued,
    Exchanged,
    HermiteRBF,
    HermiteSpline,
    Mixed,
    Model,
    Outputs,
    PartitionOfUnity,
    Reduced,
    Regions,
    Signature,
)
from pml_native.models.grid import GridModel
from pml_native.models.hermite import SLOPES
from pml_native.models.rbf import KERNELS
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


def partition(d=3, m=2, degrees=(3, 0, 2, 1)):
    """Four cells, three of them side by side along the first input, the fourth on the one side of the last."""
    rng = np.random.default_rng(5)
    nodes, cuts = [[d - 1, 1, -1], [0, -2, 2], [0, -3, -4]], [[0.4, 0.5], [-0.5, 0.4], [0.3, 0.35]]
    boxes = np.tile([-1.0, 1.0], (4, d, 1)).transpose(0, 2, 1) * rng.uniform(0.8, 1.2, size=(4, 2, 1))
    n_terms = sum(math.comb(d + k, d) for k in degrees)
    inputs, outputs = pml.Normalization.of_box(BOX[:, :d]), pml.Normalization.of(Y[:, :m])
    coefficients = rng.normal(size=(n_terms, m))
    return PartitionOfUnity(nodes, cuts, degrees, boxes, coefficients, inputs, outputs, Signature(d, m, m == 1))


def one_cell():
    inputs, outputs = pml.Normalization.of_box(BOX), pml.Normalization.of(Y[:, :1])
    box, none = np.array([[[-1.0] * 3, [1.0] * 3]]), np.empty((0, 3), dtype=int)
    coefficients = np.arange(20.0)[:, None]
    return PartitionOfUnity(none, np.empty((0, 2)), [3], box, coefficients, inputs, outputs, Signature(3, 1, True))


def transformed(name):
    inner = network((3, 8, 1)) if name == "identity" else positive_network(0.0 if name in ("sine", "cosine") else 2.0)
    return pml.Transformed(
        inner,
        ["log", "root" if name == "log" else "identity", "reciprocal"],
        [name],
        input_scales=[2.0, 1.0, 4.0],
        output_scales=[-3.0],
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


def reduced_line():
    return Reduced(pml.NetworkModel(pml.MLP((1, 1)), [2.0, 1.0]), variables_of(["product"], [[1, -1, 0]], [0, 0, 1]))


def reduced_sum_in_other_coordinates():
    """All that models consist of others by, one in the other."""
    sums = pml.Boosted([network((2, 5, 1)), network((2, 4, 1), seed=2)], [1.0, 1e-3])
    inner = pml.Transformed(sums, ["log", "identity"], ["log"], input_scales=[2.0, 1.0])
    return Reduced(inner, variables_of(["product", "sum"], [[1, 0.5, 0], [0, 1, 1]], [0, 0, 1]))


def boosted_sum():
    """A sum of a polynomial and a sum, with a scale for each output."""
    return pml.Boosted([polynomial(), boosted()], [[1.0, 2.0], [1e-3, 1e-5]])


def boosted_lines():
    return pml.Boosted([network((3, 1)), network((3, 1), seed=2)], [1.0, 1e-3])


def polynomial():
    indices = [(0, 0, 0), (1, 0, 0), (0, 2, 0), (3, 1, 0), (2, 0, 2), (0, 5, 1)]
    coefficients = np.random.default_rng(3).normal(size=(6, 2))
    return pml.Polynomial(indices, coefficients, inputs=pml.Normalization.of_box(BOX), output_exponents=[3, -2])


def modular_polynomial():
    """A sum of two columns, functions of it and of others, and a sum of their products."""
    rng = np.random.default_rng(6)
    functions = np.arange(6)[:, None]
    modules = [
        pml.Module((0, 2), pml.Polynomial([(0, 0), (1, 0), (0, 1), (0, 3)], [0.1, 0.5, 0.3, 0.1])),
        pml.Module((3,), pml.Polynomial(functions, rng.normal(size=(6, 2)) * 0.3)),
        pml.Module((1,), pml.Polynomial(functions, rng.normal(size=6) * 0.3)),
        pml.Module((4, 5, 6), pml.Polynomial([(0, 0, 0), (1, 0, 1), (0, 2, 0), (0, 1, 2)], rng.normal(size=4))),
    ]
    return pml.ModularPolynomial(modules, pml.Normalization.of_box(BOX))


def polynomial_of_one_input():
    box = pml.Normalization.of_box(BOX[:, :1])
    return pml.Polynomial(np.arange(12)[:, None], np.random.default_rng(4).normal(size=12), inputs=box)


def polynomial_without_a_column():
    return pml.Polynomial([(0, 0, 0), (2, 0, 1)], [1.0, 0.5], inputs=pml.Normalization.of_box(BOX))


def polynomial_of_many_outputs():
    indices = [(0, 0, 0), (1, 0, 0), (0, 2, 0), (3, 1, 0), (2, 0, 2)]
    coefficients = np.random.default_rng(11).normal(size=(5, 9))
    return pml.Polynomial(indices, coefficients, inputs=pml.Normalization.of_box(BOX), output_exponents=np.arange(9))


def rbf(kernel, neighbors=None):
    return pml.RBF(BOX[:60], Y[:60], kernel=kernel, epsilon=0.7, neighbors=neighbors)


def hermite(kernel, d=3, n=40, epsilon=0.7):
    """Values and slopes at some of the same points and at others; some are unknown, others for one output only."""
    rng = np.random.default_rng(15)
    X, places = BOX[:n, :d], np.concatenate([BOX[: n // 3, :d], BOX[60 : 60 + n // 4, :d]])
    slopes = np.stack([np.ones_like(places), np.cos(places)], axis=1)
    slopes[rng.uniform(size=slopes.shape) < 0.1] = np.nan
    y = np.stack([X.sum(axis=1), np.sin(X).sum(axis=1)], axis=1)
    return HermiteRBF(X, y, places, slopes, kernel=kernel, epsilon=epsilon)


def beyond(make, kind, low=2.0, high=4.0):
    """A model that goes on in this way outside of a box from `low` to `high` in all columns."""
    model = make()
    d = model.signature.n_inputs
    model.beyond = Beyond(kind, np.full(d, low), np.full(d, high))
    return model


def simplices(**options):
    return pml.SimplexInterpolator(BOX, Y, **options)


def cubics():
    slopes = np.stack([np.ones_like(BOX), np.cos(BOX)], axis=1)
    return pml.SimplexInterpolator(BOX, Y, gradients=slopes, method="triangulation")


def simplices_of_a_grid():
    X = np.stack(np.meshgrid([1.0, 2.5, 4.0, 5.0], [1.0, 3.0, 5.0], indexing="ij"), axis=-1).reshape(-1, 2)
    return pml.SimplexInterpolator(X, X[:, 0] * np.sin(X[:, 1]))


def simplices_in_a_plane():
    X = BOX.copy()
    X[:, 1] = 3.0
    return pml.SimplexInterpolator(X, Y[:, 0], outside="nearest")


def spline(degree, n_axes, outside="extrapolate", even=True):
    axes = [np.linspace(1.0, 5.0, 9 + j) for j in range(n_axes)]
    if not even:
        axes = [axis + 0.1 * np.sin(axis * np.pi) for axis in axes]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = np.stack([np.cos(grid.sum(axis=-1)), grid[..., 0] ** 2], axis=-1)
    return pml.SplineInterpolator(axes, values, degree=degree, outside=outside)


def hermite_spline(degrees, even=True):
    axes = [np.linspace(1.0, 5.0, 7 + j) for j in range(len(degrees))]
    if not even:
        axes = [axis + 0.1 * np.sin(axis * np.pi) for axis in axes]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = np.stack([np.cos(grid.sum(axis=-1)), grid[..., 0] ** 2], axis=-1)
    slope = -np.sin(grid.sum(axis=-1))
    slopes = [np.stack([slope, 2 * grid[..., 0] * (j == 0)], axis=-1) for j in range(len(degrees))]
    bends = None if len(degrees) > 1 else np.stack([-values[..., 0], np.full(len(values), 2.0)], axis=-1)
    return HermiteSpline(axes, values, slopes, degrees=degrees, bends=bends, outside="extrapolate")


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


def separable_of_one_product():
    return pml.Separable([pml.Polynomial([[0], [2]], [1.0, 0.1 * j]) for j in (1, 2)])


def separable_of_networks():
    return pml.Separable([network((1, 5, 2), seed=j) for j in range(2)])


def rational():
    indices = [(0, 0, 0), (1, 0, 0), (0, 2, 0), (3, 1, 0), (2, 0, 2)]
    coefficients = np.random.default_rng(8).normal(size=(5, 3)) * [1.0, 1.0, 0.1]
    coefficients[0, 2] = 1.0
    parts = pml.Polynomial(indices, coefficients, inputs=pml.Normalization.of_box(BOX), output_exponents=[3, -2, 0])
    return pml.Rational(parts)


def algebraic():
    """t + t^3 / 2 = p(x), begun at p(x) / 2, for degree 3; two columns are left out of most coefficients."""
    indices = [(0, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, 1), (1, 1, 0)]
    coefficients = np.zeros((5, 5))
    coefficients[:, 0] = [0.1, -0.4, 0.2, 0.1, 0.05]
    coefficients[0, 1:4] = [1.0, 0.1, 0.5]
    coefficients[:, 4] = -0.5 * coefficients[:, 0]
    parts = pml.Polynomial(indices, coefficients, inputs=pml.Normalization.of_box(BOX))
    return pml.Algebraic(parts, pml.Normalization.of_box(Y[:, :1]))


def inverse():
    """t + t^3 / 2 + p(x) = x_1, from a polynomial that is near, and which is the value at points without a root."""
    inputs = pml.Normalization.of_box(BOX)
    indices = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 3, 0), (0, 0, 2), (1, 1, 0)]
    model = pml.Polynomial(indices, [3.0, 0.2, 4.0, 0.5, 0.1, 0.3], inputs=inputs)
    start = pml.Polynomial([(0, 0, 0), (0, 1, 0)], [3.0, 1.0], inputs=inputs)
    return pml.models.Inverse(model, start, 1, [0.5, 4.0], True)


def inverse_that_falls():
    """The same of a network in other coordinates, inside another sum, from a constant."""
    inner = pml.Transformed(network((3, 6, 1)), ["identity"] * 3, ["log"])
    falling = pml.Boosted([inner, pml.Polynomial([(0, 0, 1)], [-1.0])], [0.1, 1.0])
    start = pml.Polynomial([(0, 0, 0)], [0.0])
    return pml.Boosted(
        [pml.models.Inverse(falling, start, 2, [-20.0, 20.0], False), polynomial_of_one_output()], [1, 1]
    )


def polynomial_of_one_output():
    return pml.Polynomial([(0, 0, 0), (1, 2, 0)], [1.0, 0.1])


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


def piecewise_of_networks():
    return pml.Piecewise([1.0, 2.0, 5.0], [network((1, 4, 1), seed=j) for j in range(2)], gaps=[[1.5, 2.0]], orders=[0])


def piecewise_along_a_column():
    """Three models of three inputs."""
    logarithm = pml.Transformed(network((3, 8, 2)), ["identity", "log", "identity"], ["identity", "identity"])
    return pml.Piecewise([1.0, 2.5, 4.0, 5.0], [polynomial(), logarithm, rational()], column=1)


def ends(exponents):
    """An end below the rows, and one above."""
    return pml.Ends(polynomial(), [0.5, 5.5], exponents, [2.0, -4.0], bounds=[1.0, 5.0])


def regions(boundary):
    """The larger or smaller of two models."""
    return Regions([polynomial_without_a_column(), network((3, 8, 1))], boundary)


def regions_of_a_lattice():
    """The larger of a model and the smaller of two others."""
    return Regions([polynomial_without_a_column(), network((3, 8, 1)), network((3, 4, 1))], ((0,), (1, 2)))


def regions_of_scores():
    """Three laws of two outputs, of which polynomials that change their signs inside the box decide."""
    scores = pml.Polynomial(
        [(0, 0, 0), (1, 0, 0), (0, 1, 1)], [[0.1, -0.2], [1.0, 0.3], [0.2, 1.0]], inputs=pml.Normalization.of_box(BOX)
    )
    return Regions([polynomial(), network(), rational()], scores, margin=0.1)


def waves():
    """Two outputs of a learned phase of all inputs, whose amplitudes depend on two of them."""
    phase = pml.Polynomial([(1, 0, 0), (1, 1, 0), (2, 0, 1)], [3.0, 0.7, 0.2], inputs=pml.Normalization.of_box(BOX))
    indices = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 1, 0), (3, 0, 0, 2), (2, 1, 1, 1)]
    inputs = pml.Normalization.of_box(np.column_stack([np.tile([[-1.0, -1.0], [1.0, 1.0]], (200, 1)), BOX[:, [0, 2]]]))
    inner = pml.Polynomial(indices, np.random.default_rng(12).normal(size=(5, 2)), inputs=inputs)
    return pml.Waves(inner, phase, [0, 2], bounds=[BOX.min(axis=0), BOX.max(axis=0)])


def waves_of_two_periods():
    """A network of two columns that repeat themselves, and of the third."""
    turns = pml.Polynomial(np.eye(3, dtype=int)[:2], np.diag([2.0, 0.5]), inputs=pml.Normalization.identity(3))
    mlp = pml.MLP((5, 8, 1))
    return pml.Waves(pml.NetworkModel(mlp, 0.3 * mlp.initialize(3)), turns, [2])


def composed():
    """Of a learned variable, in logarithms of two inputs, the exponential of another, and an input as it is."""
    box = pml.Normalization.of_box(np.column_stack([np.log(BOX[:, 0]), BOX[:, 1], np.log(BOX[:, 2])]))
    indices = [(0, 0, 0), (1, 0, 0), (0, 1, 1), (0, 1, 3), (0, 0, 1)]
    inner = pml.Polynomial(indices, np.random.default_rng(13).normal(size=(5, 2)) * 0.3, inputs=box)
    variables = pml.Transformed(inner, ["log", "identity", "log"], ["identity", "log"])
    return Composed(network((3, 8, 2)), variables, [1])


def composed_of_variables_only():
    lines = pml.Polynomial(np.eye(3, dtype=int), np.random.default_rng(14).normal(size=(3, 2)))
    return Composed(pml.NetworkModel(pml.MLP((2, 6, 1)), pml.MLP((2, 6, 1)).initialize(1)), lines)


def outputs():
    """Columns of three models, one of them twice, one not at all."""
    return Outputs([network(), polynomial(), rational()], [4, 0, 3, 0])


def outputs_of_networks():
    return Outputs([network((3, 6, 1)), network((3, 5, 2), "sin")], [2, 0])


def mixed():
    return Mixed(polynomial(), np.random.default_rng(10).normal(size=(2, 7)))


def mixed_outputs():
    """What `fit` makes of outputs that are sums of some of them."""
    return Mixed(outputs_of_networks(), [[1.0, 0.0, 0.5], [0.0, 1.0, -0.3]])


@dataclass(frozen=True)
class Case:
    """How a model is made, and what is not as for most."""

    make: Callable[[], Model]
    # , and of the largest derivative, that the exported model may be away from this one.
    value_ulps: float = 16.0
    gradient_ulps: float = 64.0
    # The range of all inputs.
    box: tuple[float, float] = (1.0, 5.0)
    # Whether values or one of the first four derivatives jump somewhere: differences across say nothing.
    has_kinks: bool = False
    # Linear between kinks: x does not occur in the derivative, which is a number where x is NaN.
    has_slope_at_nan: bool = False
    # Made of networks, and of functions that runtimes of ONNX have in float64.
    in_onnx: bool = False
    # Compiled without fused multiply-adds, C has the bits of the core's baseline.
    same_bits_in_c: bool = False
    # What the error says where no other language can have this model, though it can have others of the family.
    refused: str | None = None


def network_case(make, value_ulps=8.0, gradient_ulps=16.0, **options):
    return Case(make, value_ulps, gradient_ulps, in_onnx=True, same_bits_in_c=True, **options)


def transformed_case(name):
    # ONNX Runtime has no inverse of sine, cosine or tangent in float64.
    case = network_case(lambda: transformed(name))
    return replace(case, in_onnx=name not in ("sine", "cosine", "tangent"))


MODELS: dict[str, Case] = {
    **{
        f"network {name}": network_case(
            lambda name=name: network(activation=name),
            16.0,
            has_kinks=name in ("relu", "polyrelu"),
            has_slope_at_nan=name == "relu",
        )
        for name in ACTIVATIONS
    },
    "network of one input": network_case(lambda: network((1, 10, 1))),
    "network without hidden layers": network_case(lambda: network((3, 1)), has_slope_at_nan=True),
    "network with a constant column": network_case(constant_column),
    "network in extreme units": network_case(extreme_units, box=(1e300, 5e300)),
    "modular": network_case(modular),
    "random features": network_case(lambda: network((3, 40, 2), "sin", family=pml.RandomFeatures)),
    "random features of one input": network_case(lambda: network((1, 40, 1), family=pml.RandomFeatures)),
    "boosted": Case(boosted, 8.0, in_onnx=True),
    "boosted lines": Case(boosted_lines, 8.0, in_onnx=True, has_slope_at_nan=True),
    "boosted sum": Case(boosted_sum, 8.0),
    "reduced line": Case(reduced_line),
    "reduced to products": Case(lambda: reduced(["product"], [[1, -0.5, 2]], [0.5, 0, -1])),
    "reduced to sums": Case(
        lambda: reduced(["sum", "squares", "reciprocals"], [[1, -1, 0], [0, 1, 2], [1, 0, -1]], [0, 0, 0])
    ),
    "reduced to logarithms": Case(lambda: reduced(["logarithms", "sum"], [[1, -0.5, 0], [0, 0, 1]], [0, 1, 0])),
    "reduced to moduli": Case(lambda: reduced(["moduli", "sum"], [[1, 0, 2], [0, 1, 0]], [0, 0, 0])),
    "reduced to roots": Case(lambda: reduced(["product"], [[1.5, -1 / 3, 5]], [2, -3, 0.5])),
    "reduced to a product and a sum": Case(lambda: reduced(["product", "sum"], [[1, -2, 0], [0, 0, 1]], [0.5, 0, -1])),
    "reduced sum in other coordinates": Case(reduced_sum_in_other_coordinates),
    **{f"transformed {name}": transformed_case(name) for name in INVERSE_TRANSFORMS},
    "spline in other coordinates": Case(transformed_spline),
    "polynomial": Case(polynomial, 4.0, 4.0, same_bits_in_c=True),
    "polynomial without a column": Case(polynomial_without_a_column, 4.0, 4.0, same_bits_in_c=True),
    "polynomial of one input": Case(polynomial_of_one_input, 4.0, 4.0, same_bits_in_c=True),
    "polynomial of many outputs": Case(polynomial_of_many_outputs, 4.0, 4.0),
    "partition": Case(partition, 16.0, 64.0),
    "partition of one input": Case(lambda: partition(1, 1), 16.0, 64.0),
    "partition of one cell": Case(one_cell, 16.0, 64.0),
    "modular polynomial": Case(modular_polynomial, 16.0, 64.0),
    # Differences of derivatives further in carry their rounding a thousandfold.
    "linear outside of two outputs": Case(lambda: beyond(polynomial, "linear"), 16.0, 1e6, has_kinks=True),
    "linear outside of one input": Case(lambda: beyond(polynomial_of_one_input, "linear"), 16.0, 16.0, has_kinks=True),
    "linear outside of a root": Case(lambda: beyond(algebraic, "linear"), 16.0, 1e6, has_kinks=True),
    "nearest outside": Case(lambda: beyond(rational, "nearest"), 4.0, 16.0, has_kinks=True),
    "nothing outside": Case(lambda: beyond(rational, "nan"), 4.0, 16.0, has_kinks=True),
    "separable": Case(separable, 4.0, 8.0),
    "separable of one product": Case(separable_of_one_product, 4.0, 8.0),
    "separable of networks": Case(separable_of_networks),
    "rational": Case(rational, 4.0, 8.0),
    "algebraic": Case(algebraic),
    "algebraic in other coordinates": Case(
        lambda: pml.Transformed(algebraic(), ["log", "identity", "reciprocal"], ["identity"])
    ),
    "regions of the largest": Case(lambda: regions("max"), has_kinks=True),
    "regions of the smallest": Case(lambda: regions("min"), has_kinks=True),
    "regions of a lattice": Case(regions_of_a_lattice, has_kinks=True),
    "regions of scores": Case(regions_of_scores, has_kinks=True),
    "inverse": Case(inverse),
    "inverse that falls": Case(inverse_that_falls),
    "waves": Case(waves, 16.0, 256.0),
    "waves of two periods": Case(waves_of_two_periods),
    "composed": Case(composed),
    "composed of variables only": Case(composed_of_variables_only),
    "outputs": Case(outputs),
    "outputs of networks": network_case(outputs_of_networks),
    "mixed": Case(mixed, 4.0, 8.0),
    # A kink of the second derivatives, and differences that are a thousand times as large as their sum.
    "continued": Case(
        lambda: Continued(polynomial(), [2.0, -np.inf, 1.5], [1e-2, 1.0, 1e-2]), 1e3, 1e5, has_kinks=True
    ),
    "exchanged": Case(lambda: Exchanged(polynomial(), Exchanges.of_groups([[0], [1], [2]], 3)), has_kinks=True),
    "bounded": Case(lambda: Bounded(polynomial(), [-2.0, -np.inf], [3.0, 0.5]), 4.0, 4.0, has_kinks=True),
    "mixed outputs": Case(mixed_outputs, in_onnx=True),
    "piecewise": Case(piecewise, 4.0, 8.0, has_kinks=True),
    "piecewise of networks": Case(piecewise_of_networks, has_kinks=True),
    "ends": Case(lambda: ends([0.325, 1.5])),
    "ends of a logarithm and a pole": Case(lambda: ends([0.0, -0.5])),
    "piecewise along a column": Case(piecewise_along_a_column, has_kinks=True),
    # Weights, which cancel, are times larger than the sum.
    **{f"rbf {name}": Case(lambda name=name: rbf(name), 1e5, 1e5) for name in RADIAL},
    **{f"hermite {name}": Case(lambda name=name: hermite(name), 1e5, 1e5) for name in SLOPES},
    "hermite of one input": Case(lambda: hermite("gaussian", 1, 12, 4.0), 1e5, 1e5),
    **{
        f"rbf {name} of neighbors": Case(
            lambda name=name: rbf(name, neighbors=12),
            has_kinks=True,
            refused="expected radial basis functions of all points, got nearest ones; fit with fewer points",
        )
        for name in KERNELS
    },
    **{f"spline of degree {k}": Case(lambda k=k: spline(k, 1), has_kinks=k < 5) for k in range(1, 8)},
    "spline in three dimensions": Case(lambda: spline((3, 1, 4), 3), 16.0, 512.0, has_kinks=True),
    "uneven spline": Case(lambda: spline((3, 2), 2, even=False), has_kinks=True),
    "hermite spline": Case(lambda: hermite_spline((5, 3, 3)), 1e4, 1e5, has_kinks=True),
    "uneven hermite spline": Case(lambda: hermite_spline((7,), even=False), 1e3, 1e4, has_kinks=True),
    "spline that ends": Case(lambda: spline(3, 2, "nan"), has_kinks=True),
    "spline that refuses": Case(lambda: spline(3, 2, "error"), has_kinks=True),
    "tricubic": Case(tricubic, has_kinks=True),
    "tricubic that ends": Case(lambda: tricubic("nan"), has_kinks=True),
    **{
        f"simplices {method} {outside}": Case(
            lambda method=method, outside=outside: simplices(method=method, outside=outside), has_kinks=True
        )
        for method in ("triangulation", "on_demand")
        for outside in ("nan", "nearest", "linear")
    },
    "simplices that refuse": Case(
        lambda: simplices(outside="error", method="triangulation"), box=(2.0, 4.0), has_kinks=True
    ),
    "simplices of a grid": Case(simplices_of_a_grid, has_kinks=True),
    "simplices of one input": Case(lambda: pml.SimplexInterpolator(BOX[:50, 0], Y[:50, 0]), has_kinks=True),
    "cubics on simplices": Case(cubics, has_kinks=True),
    "simplices in a plane": Case(simplices_in_a_plane, has_kinks=True),
}


def inside(case, d, n=200):
    """Points (n, d) in the box of a case."""
    return np.random.default_rng(7).uniform(*case.box, size=(n, d))


def points(case, model):
    """Points (200, d) in the box, on it, at one of the data, with NaN, and beyond if the model has values there."""
    d, (low, high) = model.signature.n_inputs, case.box
    X = inside(case, d)
    X[0, d - 1] = np.nan
    if getattr(model, "outside", None) != "error":
        X[1], X[2], X[3], X[4], X[5] = low, high, 1.1 * high, 0.8 * low, BOX[7, :d] / 5.0 * high
        # That far beyond its end the last piece of a grid is a difference of large numbers.
        X[6] *= 1.0 if isinstance(model, GridModel) else -1.0
    return X


def of_outputs(model, values):
    """Values or derivatives (n, m, ...) of a model, whatever y was."""
    return values[:, None] if model.signature.y_is_vector else values


def ulps(got, wanted):
    """The largest difference, in units of the last place of the largest of the wanted numbers; NaN must agree."""
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    known = ~np.isnan(wanted)
    return np.max(np.abs(got - wanted)[known]) / np.spacing(np.max(np.abs(wanted[known])))


@functools.cache
def model_of(name):
    """Made once: a test that changes a model copies it before."""
    return MODELS[name].make()


def refusal(case, model):
    """What the error says where no other language can have the model, else None."""
    if type(model).operations is Model.operations:
        return f"expected a model that other languages can have, .*, got {model.family}"
    return case.refused


def exported(condition=lambda case: True):
    """Names of the models that other languages can have and for which the condition holds."""
    return [name for name, case in MODELS.items() if refusal(case, model_of(name)) is None and condition(case)]


def models_with_every_family_of_steps(names):
    """Of each family the model of the fewest steps, less those whose steps occur in others: compiling takes seconds."""
    steps = {name: model_of(name).program().steps for name in names}
    kernels = {name: {step.kernel.forward for step in steps[name]} for name in names}
    smallest = {model_of(name).family: name for name in sorted(names, key=lambda name: -len(steps[name]))}
    chosen = list(smallest.values())
    for name in smallest.values():
        if kernels[name] <= set().union(*(kernels[other] for other in chosen if other != name)):
            chosen.remove(name)
    return chosen
