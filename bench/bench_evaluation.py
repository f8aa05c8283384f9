"""What is fitted, evaluated: 100,000 points, and one, for every family beside what users would use instead.

Splines and simplices have benches of their own for batches; here they stand among the single points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import peers
import pytest
from networks import case, check_arrays, make
from numpy.polynomial import chebyshev
from scipy.interpolate import LinearNDInterpolator, NdBSpline, RBFInterpolator, make_interp_spline

import pml_native as pml
from pml_native.models import Reduced
from pml_native.models.chebyshev import index_set
from pml_native.models.reduced import variables_of

N = 100_000
ROWS = 10_000  # of a table of terms, whose columns are then some MB
DEGREES = {1: 20, 2: 12, 3: 10, 5: 6}
CENTERS = 500
CALLS = 100

Call = Callable[[], Any]


def polynomial(d: int) -> tuple[pml.Polynomial, np.ndarray]:
    """All terms up to a total degree, on [-1, 1]^d."""
    rng = np.random.default_rng(d)
    found = index_set("total", DEGREES[d], [DEGREES[d]] * d, 10**6)
    assert found is not None
    indices = found[0]
    model = pml.Polynomial(indices, rng.normal(size=len(indices)), n_threads=1)
    return model, rng.uniform(-1.0, 1.0, size=(N, d))


def tensor_of(model: pml.Polynomial) -> np.ndarray:
    """The coefficients as `chebval2d` and `chebval3d` take them."""
    tensor = np.zeros(model.indices.max(axis=0) + 1)
    tensor[tuple(model.indices.T)] = model.coefficients[:, 0]
    return tensor


def polynomial_peers(model: pml.Polynomial, X: np.ndarray) -> dict[str, Call]:
    d, indices = X.shape[1], model.indices
    columns = [np.ascontiguousarray(x) for x in X.T]

    def terms() -> np.ndarray:
        out = np.empty(len(X))
        for begin in range(0, len(X), ROWS):
            rows = X[begin : begin + ROWS]
            table = np.ones((len(rows), len(indices)))
            for j in range(d):
                table *= chebyshev.chebvander(rows[:, j], DEGREES[d])[:, indices[:, j]]
            out[begin : begin + ROWS] = table @ model.coefficients[:, 0]
        return out

    found: dict[str, Call] = {"chebvander": terms}
    if d <= 3:
        tensor = tensor_of(model)
        value: Any = {1: chebyshev.chebval, 2: chebyshev.chebval2d, 3: chebyshev.chebval3d}[d]
        found["chebval"] = lambda: value(*columns, tensor)
    return found


def slope_peers(model: pml.Polynomial, X: np.ndarray) -> dict[str, Call]:
    d = X.shape[1]
    if d > 3:
        return {}
    value: Any = {1: chebyshev.chebval, 2: chebyshev.chebval2d, 3: chebyshev.chebval3d}[d]
    slopes = [chebyshev.chebder(tensor_of(model), axis=j) for j in range(d)]
    columns = [np.ascontiguousarray(x) for x in X.T]
    return {"chebval, chebder": lambda: np.stack([value(*columns, slope) for slope in slopes], axis=1)}


def many(call: Call) -> Call:
    def run() -> None:
        for _ in range(CALLS):
            call()

    return run


@pytest.mark.parametrize("d", list(DEGREES))
def bench_polynomial(compare, d):
    model, X = polynomial(d)
    made = polynomial_peers(model, X)
    check_arrays(model(X), made, 1e-12)
    compare("polynomial", f"d={d} p={len(model.indices)} n={N:,}", lambda: model(X), made, n_elements=N)


@pytest.mark.parametrize("d", list(DEGREES))
def bench_polynomial_gradient(compare, d):
    model, X = polynomial(d)
    made = slope_peers(model, X)
    check_arrays(model.gradient(X), made, 1e-11)
    compare("gradient", f"d={d} p={len(model.indices)} n={N:,}", lambda: model.gradient(X), made, n_elements=N)


@pytest.mark.parametrize("kernel", ["cubic", "thin_plate_spline", "gaussian", "inverse_multiquadric"])
def bench_rbf(compare, kernel):
    rng = np.random.default_rng(0)
    X, queries = rng.uniform(-1.0, 1.0, size=(CENTERS, 3)), rng.uniform(-1.0, 1.0, size=(N // 10, 3))
    y = np.sin(2.0 * X.sum(axis=1))
    model = pml.RBF(X, y, kernel=kernel, epsilon=3.0, n_threads=1)
    scipys = RBFInterpolator(X, y, kernel=kernel, epsilon=3.0)
    # Another system of coordinates and weights that cancel; in scale-free kernels epsilon means nothing.
    check_arrays(model(queries), {"SciPy": lambda: scipys(queries)}, 1e-2)
    peer = {"SciPy": lambda: scipys(queries)}
    compare(f"rbf {kernel}", f"{CENTERS} points n={N // 10:,}", lambda: model(queries), peer, n_elements=N // 10)


@pytest.mark.parametrize("gradient", [False, True], ids=["value", "gradient"])
def bench_network(compare, gradient):
    mlp, params, X, _ = case(3, 20, N)
    model = pml.NetworkModel(mlp, params, n_threads=1)
    if gradient:
        made = make({"torch": peers.INPUT_GRADIENT["torch"]}, mlp.widths, params, X)
        compare("network gradient", f"3-20-20-1 n={N:,}", lambda: model.gradient(X), made, n_elements=N)
    else:
        made = make({name: peers.FORWARD[name] for name in ("NumPy", "torch")}, mlp.widths, params, X)
        compare("network", f"3-20-20-1 n={N:,}", lambda: model(X), made, n_elements=N)


@pytest.mark.parametrize("gradient", [False, True], ids=["value", "gradient"])
@pytest.mark.parametrize("name", ["logarithms", "mixed", "reduced"])
def bench_other_coordinates(compare, name, gradient):
    """No peer has these; the polynomial inside, alone, is what they are measured by."""
    model, inner, X = other_coordinates(name)
    ours, peer = (model.gradient, inner.gradient) if gradient else (model, inner)
    case = f"{name}{' gradient' if gradient else ''} n={N:,}"
    compare("other coordinates", case, lambda: ours(X), {"inside": lambda: peer(X)}, n_elements=N)


def other_coordinates(name: str) -> tuple[pml.models.model.Model, pml.Polynomial, np.ndarray]:
    X = np.random.default_rng(0).uniform(1.0, 2.0, size=(N, 3))
    inner, _ = polynomial(3)
    inputs = ["log", "identity", "reciprocal"] if name == "mixed" else ["log"] * 3
    model = pml.Transformed(inner, inputs, ["square" if name == "mixed" else "log"])
    if name != "reduced":
        return model, inner, X
    variables = variables_of(["product", "product", "sum"], [[1, -1, 0], [0, 1, -0.5], [1, 0, 1]], [1, 0, 2])
    return Reduced(model, variables), inner, X


def single_points() -> dict[str, tuple[Any, np.ndarray, dict[str, Call]]]:
    """Models with a point, and peers that are called for it."""
    rng = np.random.default_rng(0)
    found: dict[str, tuple[Any, np.ndarray, dict[str, Call]]] = {}
    for d in DEGREES:
        model, X = polynomial(d)
        found[f"polynomial d={d}"] = model, X[:1], polynomial_peers(model, X[:1])
    for name in ("logarithms", "mixed", "reduced"):
        outer, _, X = other_coordinates(name)
        found[name] = outer, X[:1], {}
    X, x = rng.uniform(-1.0, 1.0, size=(CENTERS, 3)), np.full((1, 3), 0.3)
    y = np.sin(X.sum(axis=1))
    scipys = RBFInterpolator(X, y, kernel="cubic")
    found["rbf cubic"] = pml.RBF(X, y), x, {"SciPy": lambda: scipys(x)}
    mlp, params, _, _ = case(3, 20, 1)
    made = make({name: peers.FORWARD[name] for name in ("NumPy", "torch")}, mlp.widths, params, x)
    inputs = pml.Normalization.of(X)
    network = pml.NetworkModel(mlp, params, inputs=inputs, outputs=pml.Normalization.of(y[:, None]))
    found["network 3-20-20-1"] = network, x, {name: peer for name, peer in made.items() if peer is not None}
    linear = LinearNDInterpolator(X, y)
    found["simplices"] = pml.SimplexInterpolator(X, y), x, {"SciPy": lambda: linear(x)}
    axes = [np.linspace(-1.0, 1.0, 20)] * 3
    values = rng.normal(size=(20, 20, 20))
    knots, coefficients = [], values
    for j, axis in enumerate(axes):
        one = make_interp_spline(axis, coefficients, 3, axis=j)
        knots.append(one.t)
        coefficients = np.moveaxis(one.c, 0, j)
    spline = NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), 3)
    found["cubic spline d=3"] = pml.SplineInterpolator(axes, values), x, {"SciPy": lambda: spline(x)}
    return found


SINGLE = [
    *(f"polynomial d={d}" for d in DEGREES),
    *("logarithms", "mixed", "reduced", "rbf cubic", "network 3-20-20-1", "simplices", "cubic spline d=3"),
]


@pytest.mark.parametrize("gradient", [False, True], ids=["value", "gradient"])
@pytest.mark.parametrize("name", SINGLE)
def bench_one_point(compare, name, gradient):
    """Calls for a single point, through Python: what a loop that calls the model pays."""
    model, x, made = single_points()[name]
    call = model.gradient if gradient else model
    found = {} if gradient else {peer: many(run) for peer, run in made.items()}
    case = f"{name}{' gradient' if gradient else ''}"
    compare("one point", case, many(lambda: call(x)), found, n_elements=CALLS)
