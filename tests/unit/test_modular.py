"""Formulas become graphs that compute the same; networks along them are built, trained and saved as any other."""

import math
import re
import sys

import numpy as np
import pytest

import pml_native as pml
from pml_native.models.normalization import Normalization
from pml_native.networks.formula import formula_graph
from pml_native.optimize import (
    BFGS,
    LBFGS,
    Adam,
    LevenbergMarquardt,
    LowCurvature,
    Newton,
    SSBroyden,
    VariableProjection,
    minimize,
)
from pml_native.problems import equations
from pml_native.search.descent import Descent, Table
from pml_native.search.scheduler import Crew, Run, Worker

# What SymPy writes in formulas.
NAMES = {name: getattr(np, name) for name in ("sqrt", "exp", "log", "sin", "cos", "tanh", "pi")} | {"asin": np.arcsin}
DISTANCE = "sqrt((x2-x1)**2+(y2-y1)**2)"
# Inputs that are nodes, of two sizes, also used twice; two outputs, one of them an input of the other.
GRAPH = pml.Graph(3, ((0, 1), (3, 2), (0, 3, 4), (4, 5), (1, 6)), n_outputs=2)


def node_by_node(graph, X):
    """Every node's value (n,), from its formula and the values before it."""
    columns = dict(zip(graph.variables, X.T, strict=True))
    values = []
    for formula in graph.formulas:
        text = re.sub(r"\[(\d+)\]", r"node_\1", formula)
        nodes = {f"node_{k}": value for k, value in enumerate(values)}
        values.append(eval(text, {"__builtins__": {}, **NAMES}, {**columns, **nodes}))
    return values


@pytest.mark.parametrize("name", equations)
def test_the_graph_of_every_equation_computes_it_node_by_node(name):
    equation = equations[name]
    graph = formula_graph(equation)
    assert graph.variables == equation.variables
    assert graph.largest_arity == min(2, equation.n_inputs)
    for k, (node, formula) in enumerate(zip(graph.nodes, graph.formulas, strict=True)):
        names = [*graph.variables, *(f"[{p}]" for p in range(k))]
        assert set(re.findall(r"\[\d+\]|[A-Za-z_]\w*", formula)) - set(NAMES) == {names[i] for i in node}
    X, y = equation.sample(50, 0)
    # A few roundings an operation, amplified where terms cancel.
    np.testing.assert_allclose(node_by_node(graph, X)[-1], y, rtol=1e-11)


def test_a_distance_has_a_node_for_each_difference_and_one_for_the_root():
    graph = formula_graph(equations["I.8.14"])
    assert graph.nodes == ((0, 1), (2, 3), (4, 5))
    assert graph.depth == 2
    assert graph.formulas == ("(-x1 + x2)**2", "(-y1 + y2)**2", "sqrt([0] + [1])")
    assert str(graph).splitlines()[2] == "[2] = sqrt([0] + [1])"


def test_a_product_of_six_variables_is_a_balanced_tree_of_pairs():
    graph = formula_graph(equations["II.6.15a"])  # p_d/(4*pi*epsilon)*3*z/r**5*sqrt(x**2+y**2)
    assert len(graph.nodes) == 5
    assert [len(node) for node in graph.nodes] == [2] * 5
    assert formula_graph("a*b*c*d*e*f*g*h").nodes == ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11), (12, 13))


def test_larger_nodes_are_fewer():
    assert formula_graph("a+b+c+d+e+f", max_arity=3).nodes == ((0, 1, 2), (3, 4, 5), (6, 7))
    assert formula_graph(equations["I.8.14"], max_arity=4).nodes == ((0, 1, 2, 3),)
    with pytest.raises(ValueError, match="max_arity: expected at least 2, got 1"):
        formula_graph("x", max_arity=1)


def test_what_occurs_twice_is_one_node():
    assert formula_graph("sin((a-b)*t)/((a-b)*u)").nodes == ((0, 1), (2, 4), (3, 5))
    assert formula_graph("(a+b)*c + exp((a+b)*c)*d").nodes == ((0, 1), (2, 4), (3, 5))


def test_functions_of_few_variables_are_one_node_however_often_they_use_them():
    assert formula_graph("exp(sin(x)/x) + y**2/(x*y + 1)").nodes == ((0, 1),)
    assert formula_graph("x").nodes == ((0,),)


def test_variables_come_in_the_order_given_and_sorted_by_default():
    assert formula_graph("b*a").variables == ("a", "b")
    graph = formula_graph("c*a", ("c", "b", "a"))
    assert (graph.n_inputs, graph.nodes) == (3, ((0, 2),))
    assert formula_graph("pi*x").variables == ("x",)
    assert formula_graph("pi*x", ("x", "pi")).nodes == ((0, 1),)
    with pytest.raises(ValueError, match=r"variables: expected different names, a, b among them, got \('a',\)"):
        formula_graph("a*b", ["a"])


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('true')",
        "x.real",
        "x[0]",
        "lambda: x",
        "f(x)",
        "sin(x, y)",
        "x^2",
        "x if x else y",
        "x + 'a'",
        "x and True",
        "x +",
        "1j*x",
        "1e999*x",
        "",
    ],
)
def test_what_is_no_arithmetic_is_refused(formula):
    with pytest.raises(ValueError, match="formula: expected names, numbers, "):
        formula_graph(formula)


@pytest.mark.parametrize("formula", ["x/0", "x*log(-2)", "x + sqrt(-1)", "x*exp(exp(exp(exp(10))))", "x*10**400"])
def test_constants_that_are_not_finite_and_real_are_refused(formula):
    with pytest.raises(ValueError, match="formula: expected finite real constants, got "):
        formula_graph(formula)


@pytest.mark.parametrize(
    "formula", ["x*9**9**9**9", "((((9e307*x)**999)**999)**999)**999", "-" * 3000 + "x", "x" * 10**5]
)
def test_formulas_that_would_take_forever_are_refused(formula):
    with pytest.raises(ValueError, match="formula: expected"):
        formula_graph(formula)


def test_a_constant_is_refused():
    with pytest.raises(ValueError, match=r"formula: expected one of variables, got the constant 'x - x'"):
        formula_graph("x - x")


def test_without_sympy_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ImportError, match=r'pip install "pml_native\[formula\]"'):
        pml.ModularMLP.from_formula(DISTANCE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, ()), "nodes: expected at least 1, one for each output, got 0"),
        ((2, ((0, 1),), 2), "nodes: expected at least 2"),
        ((2, ((0, 2),)), "node 0: expected different numbers from 0 to 1"),
        ((2, ((0, 1), (2, 2))), "node 1: expected different numbers from 0 to 2"),
        ((2, ((),)), "node 0: expected different numbers"),
        ((2, ((0, -1),)), "node 0: expected different numbers"),
        ((2, ((0,), (1,))), r"nodes: expected all but the 1 last to be inputs of others, not so \[0\]"),
        ((2, ((0.5,),)), "nodes: expected a tuple of integers for each node"),
        ((0, ((0,),)), "n_inputs: expected a positive integer, got 0"),
        ((1, ((0,),), 1, ("x", "y")), "variables: expected 1, got 2"),
    ],
)
def test_graphs_that_are_none_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        pml.Graph(*arguments)


# Networks


@pytest.mark.parametrize(("width", "depth"), [(20, 3), (5, 2), (7, 6)])
def test_parameters_are_counted_as_in_the_paper(width, depth):
    modular = pml.ModularMLP.from_formula(DISTANCE, width=width, depth=depth)
    assert modular.n_params == 3 * (3 * width + (depth - 2) * (width + 1) * width + (width + 1))
    assert len(modular.initialize(0)) == modular.n_params
    assert modular.largest_arity == 2
    assert "3 nodes of arity 2 at most" in repr(modular)


def test_depth_width_and_activation_are_checked():
    for wrong in ({"depth": 1}, {"width": 0}, {"activation": "tan"}):
        with pytest.raises(ValueError, match="expected"):
            pml.ModularMLP.from_formula(DISTANCE, **wrong)


def test_a_single_node_is_a_plain_network():
    modular, mlp = pml.ModularMLP.from_formula("x*y", width=7), pml.MLP((2, 7, 7, 1))
    params = modular.initialize(3, scale=1.3)
    np.testing.assert_array_equal(params, mlp.initialize(3, scale=1.3))
    X = np.random.default_rng(0).uniform(-1, 1, (100, 2))
    np.testing.assert_array_equal(modular.forward(params, X), mlp.forward(params, X))
    assert modular.linear == mlp.linear
    np.testing.assert_allclose(modular.hessian(params, X, X[:, 0]), mlp.hessian(params, X, X[:, 0]), atol=1e-14)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sin"])
def test_values_between_nodes_begin_with_mean_0_and_variance_1(activation):
    formula = "*".join("abcdefgh")
    modular = pml.ModularMLP.from_formula(formula, activation=activation)
    X = np.random.default_rng(1).standard_normal((4000, 8))
    columns = list(X.T)
    params = modular.initialize(0)
    for mlp, block, node in zip(modular.mlps, modular.blocks, modular.graph.nodes, strict=True):
        columns.append(mlp.forward(params[block], np.stack([columns[i] for i in node], axis=1))[:, 0])
    inner = np.array(columns[8:-1])
    # 256 probes know a variance to 10 %, and heavy tails to less.
    assert np.all(np.abs(inner.mean(axis=1)) < 0.5)
    assert np.all((inner.std(axis=1) > 0.5) & (inner.std(axis=1) < 2.0))


def test_layers_are_views_of_the_parameters():
    modular = pml.ModularMLP(GRAPH, width=4)
    params = modular.initialize(0)
    layers = modular.layers(params)
    assert [weight.shape for weight, _ in layers[:4]] == [(4, 2), (4, 4), (1, 4), (4, 2)]
    for weight, bias in layers:
        weight[...], bias[...] = 0.0, 0.0
    assert not params.any()


def test_empty_batches_lists_and_other_types_are_taken():
    modular = pml.ModularMLP(GRAPH, width=3)
    params = modular.initialize(0)
    nothing, none = np.empty((0, 3)), np.empty((0, 2))
    assert modular.forward(params, nothing).shape == (0, 2)
    assert modular.input_gradient(params, nothing).shape == (0, 2, 3)
    assert modular.jacobian(params, nothing).shape == (0, modular.n_params)
    loss, gradient, matrix = modular.gauss_newton(params, nothing, none)
    assert loss == 0.0
    assert not gradient.any()
    assert not matrix.any()
    assert not modular.hessian(params, nothing, none).any()
    X = np.arange(12).reshape(4, 3)
    wanted = modular.forward(params, X.astype(float))
    for given in (X, X.tolist(), np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X.astype(np.float32)):
        np.testing.assert_array_equal(modular.forward(params, given), wanted)


def test_wrong_shapes_are_refused():
    modular = pml.ModularMLP(GRAPH, width=3)
    params, X, y = modular.initialize(0), np.zeros((4, 3)), np.zeros((4, 2))
    with pytest.raises(ValueError, match=rf"params: expected \({modular.n_params},\), got \(1,\)"):
        modular.forward([1.0], X)
    with pytest.raises(ValueError, match=r"X: expected \(n, 3\), got \(4, 2\)"):
        modular.forward(params, y)
    with pytest.raises(ValueError, match=r"y: expected \(4, 2\), got \(3, 2\)"):
        modular.loss_and_gradient(params, X, y[:3])
    with pytest.raises(ValueError, match="v: expected"):
        modular.hessian_vector_product(params, X, y, [1.0])


def test_matrices_that_do_not_fit_into_memory_are_refused():
    modular = pml.ModularMLP.from_formula(DISTANCE, width=1000)
    params = modular.initialize(0)
    for matrix in (modular.gauss_newton, modular.hessian):
        with pytest.raises(MemoryError, match="use hessian_vector_product"):
            matrix(params, np.zeros((1, 4)), [0.0])


def test_many_rows_are_the_sum_of_their_parts():
    modular = pml.ModularMLP(GRAPH, width=2, depth=2)
    params = modular.initialize(0)
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (70_000, 3)), rng.normal(size=(70_000, 2))
    whole = modular.gauss_newton(params, X, y)
    halves = [modular.gauss_newton(params, X[rows], y[rows]) for rows in (slice(0, 35_000), slice(35_000, None))]
    for got, *parts in zip(whole, *halves, strict=True):
        np.testing.assert_allclose(got, 0.5 * (parts[0] + parts[1]), rtol=1e-11, atol=1e-13)


# Training


def distances(width=4, n=300):
    modular = pml.ModularMLP.from_formula(equations["I.8.14"], width=width)
    X = np.random.default_rng(0).uniform(-1, 1, (n, 4))
    return pml.LeastSquares(modular, X, np.hypot(X[:, 0] - X[:, 1], X[:, 2] - X[:, 3]), n_threads=1)


@pytest.mark.parametrize(
    "optimizer",
    [
        Adam(learning_rate=0.01),
        BFGS(),
        LBFGS(),
        SSBroyden(),
        Newton(),
        LowCurvature(direction="newton"),
        LevenbergMarquardt(),
        VariableProjection(),
    ],
    ids=lambda o: type(o).__name__,
)
def test_every_optimizer_lowers_the_loss(optimizer):
    objective = distances()
    result = minimize(objective, objective.network.initialize(0), optimizer, max_steps=15)
    assert result.loss < 0.9 * result.history.loss[0]


def test_the_residuals_are_affine_in_the_last_layer():
    objective = distances()
    params, rng = objective.network.initialize(0), np.random.default_rng(0)
    _, before = objective.residuals_and_jacobian(params)
    params[objective.linear] += rng.normal(size=5)
    _, after = objective.residuals_and_jacobian(params)
    np.testing.assert_array_equal(before[:, objective.linear], after[:, objective.linear])


def test_spectra_and_descents_take_modular_networks():
    objective = distances(width=3, n=100)
    params = objective.network.initialize(0)
    dense = pml.spectrum(objective, params)
    assert dense.trace == pytest.approx(np.trace(objective.hessian(params)))
    assert pml.spectrum(objective, params, method="lanczos", n_steps=40).largest == pytest.approx(dense.largest)
    table = Table(objective.X, objective.y)
    descent = Descent(objective.network, params, table, table)
    descent.advance(Worker(Crew(1, math.inf), Run(None, None)))
    assert descent.loss < 0.1 * objective.loss(params)


@pytest.mark.parametrize(
    ("name", "width", "dense", "seeds", "max_steps"),
    [
        ("II.6.15a", 5, (6, 12, 12, 1), (0, 1), 40),  # 255 and 253 parameters
        pytest.param("I.8.14", 8, (4, 14, 14, 1), (0, 1, 2), 200, marks=pytest.mark.slow),  # 315 and 295
    ],
)
def test_a_network_along_the_graph_is_more_exact_than_a_dense_one(name, width, dense, seeds, max_steps):
    equation = equations[name]
    X, y = equation.sample(800, 0)
    inputs, outputs = Normalization.of(X), Normalization.of(y[:, None])
    X_new, y_new = equation.sample(2000, 1)
    errors = []
    for network in (pml.ModularMLP.from_formula(equation, width=width), pml.MLP(dense)):
        objective = pml.LeastSquares(network, inputs.apply(X), outputs.apply(y[:, None]), n_threads=1)
        # Some starts lie on plateaus that take longer.
        results = [minimize(objective, network.initialize(s), LevenbergMarquardt(), max_steps=max_steps) for s in seeds]
        params = min(results, key=lambda result: result.loss).params
        model = pml.NetworkModel(network, params, inputs=inputs, outputs=outputs)
        errors.append(np.sqrt(np.mean((model(X_new) - y_new) ** 2)))
    assert errors[0] < 0.5 * errors[1]


# Models


def test_a_modular_model_is_saved_and_read_back_bit_for_bit(tmp_path):
    modular = pml.ModularMLP.from_formula(DISTANCE, width=5, depth=4, activation="sin")
    X = np.random.default_rng(0).uniform(1, 5, (50, 4))
    inputs, outputs = Normalization.of(X), Normalization.of(X[:, :1])
    model = pml.NetworkModel(modular, modular.initialize(0), inputs=inputs, outputs=outputs)
    model.save(tmp_path / "model.pml")
    loaded = pml.load(tmp_path / "model.pml")
    assert loaded.mlp == modular
    assert loaded.mlp.graph.formulas[-1] == "sqrt([0] + [1])"
    np.testing.assert_array_equal(loaded(X), model(X))
    np.testing.assert_array_equal(loaded.gradient(X), model.gradient(X))
    high, low = model.extended(X)
    np.testing.assert_allclose(high, model(X), rtol=1e-13)
    assert np.max(np.abs(low)) > 0
    assert "3 nodes" in repr(model)


def test_what_only_plain_networks_can_do_is_refused():
    modular = pml.ModularMLP.from_formula(DISTANCE, width=3)
    model = pml.NetworkModel(modular, modular.initialize(0))
    with pytest.raises(ValueError, match="folded: expected an MLP, got a modular network"):
        model.folded()
    with pytest.raises(ValueError, match="merge, stage 0: expected an MLP, got a modular network"):
        pml.Boosted([model, model], [1.0, 0.5]).merge()
