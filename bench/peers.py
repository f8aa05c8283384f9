"""What users would use instead: the same computations in NumPy, torch and JAX, in float64 and on one thread.

Each maker takes widths and the flat parameters in pml_native's order (per layer the weight (n_out, n_in) row-major,
then the bias) and returns a function without arguments, or None where the library isn't installed. Hidden layers are
tanh.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

Array = NDArray[np.float64]
Widths = Sequence[int]


def split(widths: Widths, params: Any) -> list[tuple[Any, Any]]:
    """Per layer the weight (n_out, n_in) and the bias (n_out,), as views of any library's flat array."""
    layers, begin = [], 0
    for n_in, n_out in pairwise(widths):
        end = begin + n_in * n_out
        layers.append((params[begin:end].reshape(n_out, n_in), params[end : end + n_out]))
        begin = end + n_out
    return layers


# NumPy


def _numpy_forward_into(layers: list[tuple[Array, Array]], values: list[Array]) -> None:
    for i, (weight, bias) in enumerate(layers):
        value = np.matmul(values[i], weight.T, out=values[i + 1])
        value += bias
        if i + 1 < len(layers):
            np.tanh(value, out=value)


def numpy_forward(widths: Widths, params: Array, X: Array) -> Callable[[], Array]:
    layers = split(widths, params)
    # Buffers are kept between calls: pages fresh from the system would cost as much as the arithmetic.
    values = [X, *(np.empty((len(X), width)) for width in widths[1:-1])]

    def forward() -> Array:
        result = np.empty((len(X), widths[-1]))
        _numpy_forward_into(layers, [*values, result])
        return result

    return forward


def numpy_loss_and_gradient(widths: Widths, params: Array, X: Array, y: Array) -> Callable[[], tuple[float, Array]]:
    """Backpropagation by hand."""
    layers = split(widths, params)
    values = [X, *(np.empty((len(X), width)) for width in widths[1:])]
    deltas = [np.empty((len(X), width)) for width in widths[:-1]]
    ones = np.ones(len(X))

    def loss_and_gradient() -> tuple[float, Array]:
        gradient = np.empty(len(params))
        _numpy_forward_into(layers, values)
        delta = values[-1]
        delta -= y
        loss = float(np.vdot(delta, delta)) / y.size
        delta *= 2.0 / y.size
        for i, (weight_gradient, bias_gradient) in reversed(list(enumerate(split(widths, gradient)))):
            np.matmul(delta.T, values[i], out=weight_gradient)
            np.matmul(ones, delta, out=bias_gradient)  # BLAS sums columns faster than np.sum(axis=0)
            if i > 0:
                delta = np.matmul(delta, layers[i][0], out=deltas[i])
                slope = np.square(values[i], out=values[i])  # 1 - tanh^2, in place of tanh
                np.subtract(1.0, slope, out=slope)
                delta *= slope
        return loss, gradient

    return loss_and_gradient


def numpy_tanh(z: Array) -> Callable[[], Array]:
    return lambda: np.tanh(z)


def blas_syrk(jacobian: Array) -> Callable[[], Array]:
    """The upper triangle (in SciPy's column-major sense) of 2/n J'J, for J (n, P) given for nothing.

    Row-major J, transposed, is column-major: no copy, and no order is faster.
    """
    transposed = jacobian.T
    result = np.empty((len(transposed), len(transposed)), order="F")
    return lambda: dsyrk(2.0 / len(jacobian), transposed, c=result, overwrite_c=1)


# torch


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch


def _torch_network(torch: Any, widths: Widths, params: Array) -> Any:
    modules = []
    for n_in, n_out in pairwise(widths):
        modules += [torch.nn.Linear(n_in, n_out, dtype=torch.float64), torch.nn.Tanh()]
    network = torch.nn.Sequential(*modules[:-1])
    torch.nn.utils.vector_to_parameters(torch.tensor(params), network.parameters())
    return network


def torch_forward(widths: Widths, params: Array, X: Array) -> Callable[[], Array] | None:
    torch = _torch()
    if torch is None:
        return None
    network, inputs = _torch_network(torch, widths, params), torch.tensor(X)

    def forward() -> Array:
        with torch.inference_mode():
            return network(inputs).numpy()

    return forward


def _torch_backward(torch: Any, network: Any, inputs: Any, targets: Any) -> tuple[float, Array]:
    network.zero_grad(set_to_none=True)
    loss = torch.nn.functional.mse_loss(network(inputs), targets)
    loss.backward()
    # Flattening costs a few microseconds; torch's own optimizers for flat vectors (L-BFGS) do the same.
    gradient = torch.cat([parameter.grad.reshape(-1) for parameter in network.parameters()])
    return loss.item(), gradient.numpy()


def torch_loss_and_gradient(
    widths: Widths, params: Array, X: Array, y: Array
) -> Callable[[], tuple[float, Array]] | None:
    torch = _torch()
    if torch is None:
        return None
    network, inputs, targets = _torch_network(torch, widths, params), torch.tensor(X), torch.tensor(y)
    return lambda: _torch_backward(torch, network, inputs, targets)


def torch_modular_loss_and_gradient(
    nodes: Sequence[Sequence[int]], hidden_and_output: Widths, params: Array, X: Array, y: Array
) -> Callable[[], tuple[float, Array]] | None:
    """One sequence of layers at each node, which takes the inputs and earlier nodes whose numbers `nodes` has."""
    torch = _torch()
    if torch is None:
        return None
    inputs, targets = torch.tensor(X), torch.tensor(y)
    modules, begin = torch.nn.ModuleList(), 0
    for node in nodes:
        widths = [len(node), *hidden_and_output]
        end = begin + sum((a + 1) * b for a, b in pairwise(widths))
        modules.append(_torch_network(torch, widths, params[begin:end]))
        begin = end

    class Modular(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.nodes = modules

        def forward(self, x: Any) -> Any:
            columns = list(x.unbind(1))
            for node, network in zip(nodes, self.nodes, strict=True):
                columns.append(network(torch.stack([columns[i] for i in node], 1))[:, 0])
            return columns[-1][:, None]

    network = Modular()
    return lambda: _torch_backward(torch, network, inputs, targets)


def torch_objective(widths: Widths, X: Array, y: Array) -> Callable[[Array], tuple[float, Array]] | None:
    """Loss and gradient as a function of the flat parameters, for scipy.optimize.minimize with jac=True."""
    torch = _torch()
    if torch is None:
        return None
    network = _torch_network(torch, widths, np.zeros(sum((a + 1) * b for a, b in pairwise(widths))))
    inputs, targets = torch.tensor(X), torch.tensor(y)

    def objective(params: Array) -> tuple[float, Array]:
        torch.nn.utils.vector_to_parameters(torch.tensor(params), network.parameters())
        return _torch_backward(torch, network, inputs, targets)

    return objective


def torch_input_gradient(widths: Widths, params: Array, X: Array) -> Callable[[], Array] | None:
    torch = _torch()
    if torch is None:
        return None
    network = _torch_network(torch, widths, params).requires_grad_(False)
    inputs = torch.tensor(X, requires_grad=True)

    def input_gradient() -> Array:
        # Rows don't mix, so the gradient of the sum holds each row's own.
        (gradient,) = torch.autograd.grad(network(inputs).sum(), inputs)
        return gradient.numpy()

    return input_gradient


# Rows taken at a time by Gauss-Newton: their part of the Jacobian stays in the cache. Faster than all rows at once.
N_ROWS = 1_000


def torch_gauss_newton(widths: Widths, params: Array, X: Array) -> Callable[[], Array] | None:
    """Backpropagation by hand for one output; vmap of grad takes 1.1 to 1.4 times as long."""
    torch = _torch()
    if torch is None:
        return None
    layers, inputs = split(widths, torch.tensor(params)), torch.tensor(X)
    jacobian = torch.empty(min(N_ROWS, len(X)), len(params), dtype=torch.float64)

    def fill(rows: Any, x: Any) -> None:
        values = [x]
        for weight, bias in layers[:-1]:
            values.append(torch.tanh(torch.addmm(bias, values[-1], weight.T)))
        delta, end = torch.ones(len(x), 1, dtype=torch.float64), len(params)
        for i, (weight, bias) in reversed(list(enumerate(layers))):
            begin = end - bias.numel() - weight.numel()
            rows[:, end - bias.numel() : end] = delta
            rows[:, begin : begin + weight.numel()].view(len(x), *weight.shape).copy_(
                delta[:, :, None] * values[i][:, None, :]
            )
            end = begin
            if i > 0:
                delta = (delta @ weight) * (1 - values[i] ** 2)

    def gauss_newton() -> Array:
        result = torch.zeros(len(params), len(params), dtype=torch.float64)
        for x in torch.split(inputs, N_ROWS):
            rows = jacobian[: len(x)]
            fill(rows, x)
            result.addmm_(rows.T, rows)
        return result.mul_(2 / len(X)).numpy()

    return gauss_newton


def _torch_functional(torch: Any, widths: Widths, X: Array, y: Array) -> Callable[[Any], Any]:
    """The loss as a function of the flat parameters."""
    inputs, targets = torch.tensor(X), torch.tensor(y)

    def loss(params: Any) -> Any:
        layers, a = split(widths, params), inputs
        for weight, bias in layers[:-1]:
            a = torch.tanh(torch.nn.functional.linear(a, weight, bias))
        # mse_loss has no derivatives forward over reverse.
        return torch.mean((torch.nn.functional.linear(a, *layers[-1]) - targets) ** 2)

    return loss


def torch_hessian(widths: Widths, params: Array, X: Array, y: Array) -> Callable[[], Array] | None:
    """A row at a time; with vectorize=True it takes 4 times as long, and memory for P x n x W numbers several times."""
    torch = _torch()
    if torch is None:
        return None
    loss, point = _torch_functional(torch, widths, X, y), torch.tensor(params)
    return lambda: torch.autograd.functional.hessian(loss, point).numpy()


def torch_func_hessian(widths: Widths, params: Array, X: Array, y: Array) -> Callable[[], Array] | None:
    """Forward over reverse, as torch.func.hessian, for 16 directions at a time; all at once it takes longer, and memory
    for P x n x W numbers several times.
    """
    torch = _torch()
    if torch is None:
        return None
    loss, point = _torch_functional(torch, widths, X, y), torch.tensor(params)
    gradient, directions = torch.func.grad(loss), torch.eye(len(params), dtype=torch.float64)
    rows = torch.func.vmap(lambda v: torch.func.jvp(gradient, (point,), (v,))[1], chunk_size=16)
    return lambda: rows(directions).numpy()


def torch_tanh(z: Array) -> Callable[[], Any] | None:
    torch = _torch()
    if torch is None:
        return None
    inputs = torch.tensor(z)
    return lambda: torch.tanh(inputs)


# JAX


def _jax() -> Any:
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    # Every call here waits for its result; handing the work to another thread would only cost JAX time on one core.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    return jax


def _jax_network(jax: Any, widths: Widths) -> Callable[[Any, Any], Any]:
    def network(params: Any, x: Any) -> Any:
        layers = split(widths, params)
        for weight, bias in layers[:-1]:
            x = jax.numpy.tanh(x @ weight.T + bias)
        weight, bias = layers[-1]
        return x @ weight.T + bias

    return network


def jax_forward(widths: Widths, params: Array, X: Array) -> Callable[[], Any] | None:
    jax = _jax()
    if jax is None:
        return None
    compiled = jax.jit(_jax_network(jax, widths))
    arguments = jax.device_put((params, X))
    return lambda: compiled(*arguments).block_until_ready()


def jax_loss_and_gradient(widths: Widths, params: Array, X: Array, y: Array) -> Callable[[], tuple[Any, Any]] | None:
    jax = _jax()
    if jax is None:
        return None
    network = _jax_network(jax, widths)

    def loss(params: Any, x: Any, y: Any) -> Any:
        return jax.numpy.mean((network(params, x) - y) ** 2)

    compiled = jax.jit(jax.value_and_grad(loss))
    arguments = jax.device_put((params, X, y))
    return lambda: jax.block_until_ready(compiled(*arguments))


def jax_input_gradient(widths: Widths, params: Array, X: Array) -> Callable[[], Any] | None:
    jax = _jax()
    if jax is None:
        return None
    network = _jax_network(jax, widths)
    compiled = jax.jit(jax.vmap(jax.grad(lambda x, params: network(params, x)[0]), in_axes=(0, None)))
    arguments = jax.device_put((X, params))
    return lambda: compiled(*arguments).block_until_ready()


def jax_gauss_newton(widths: Widths, params: Array, X: Array) -> Callable[[], Any] | None:
    """vmap of grad; faster in batches of rows than with the whole Jacobian. n is a multiple of N_ROWS."""
    jax = _jax()
    if jax is None:
        return None
    network = _jax_network(jax, widths)
    jacobian = jax.vmap(jax.grad(lambda params, x: network(params, x)[0]), in_axes=(None, 0))

    def gauss_newton(params: Any, x: Any) -> Any:
        def add(total: Any, rows: Any) -> tuple[Any, None]:
            J = jacobian(params, rows)
            return total + J.T @ J, None

        batches = x.reshape(-1, N_ROWS, x.shape[1])
        total, _ = jax.lax.scan(add, jax.numpy.zeros((len(params), len(params))), batches)
        return 2 / len(x) * total

    compiled = jax.jit(gauss_newton)
    arguments = jax.device_put((params, X))
    return lambda: compiled(*arguments).block_until_ready()


def jax_hessian(widths: Widths, params: Array, X: Array, y: Array) -> Callable[[], Any] | None:
    """Forward over reverse, as jax.hessian, for 8 directions and 500 rows at a time.

    jax.hessian takes all at once: about twice as long, and memory for P x n x W numbers several times. n is a multiple
    of 500.
    """
    jax = _jax()
    if jax is None:
        return None
    network = _jax_network(jax, widths)

    def hessian(params: Any, x: Any, y: Any) -> Any:
        def add(total: Any, rows: tuple[Any, Any]) -> tuple[Any, None]:
            gradient = jax.grad(lambda params: jax.numpy.sum((network(params, rows[0]) - rows[1]) ** 2))
            directions = jax.numpy.eye(len(params))
            return total + jax.lax.map(lambda v: jax.jvp(gradient, (params,), (v,))[1], directions, batch_size=8), None

        batches = x.reshape(-1, 500, x.shape[1]), y.reshape(-1, 500, y.shape[1])
        total, _ = jax.lax.scan(add, jax.numpy.zeros((len(params), len(params))), batches)
        return total / y.size

    compiled = jax.jit(hessian)
    arguments = jax.device_put((params, X, y))
    return lambda: compiled(*arguments).block_until_ready()


def jax_tanh(z: Array) -> Callable[[], Any] | None:
    jax = _jax()
    if jax is None:
        return None
    compiled, inputs = jax.jit(jax.numpy.tanh), jax.device_put(z)
    return lambda: compiled(inputs).block_until_ready()


LOSS_AND_GRADIENT = {
    "NumPy": numpy_loss_and_gradient,
    "torch": torch_loss_and_gradient,
    "JAX": jax_loss_and_gradient,
}
MODULAR_LOSS_AND_GRADIENT = {"torch": torch_modular_loss_and_gradient}
FORWARD = {"NumPy": numpy_forward, "torch": torch_forward, "JAX": jax_forward}
INPUT_GRADIENT = {"torch": torch_input_gradient, "JAX": jax_input_gradient}
GAUSS_NEWTON = {"torch": torch_gauss_newton, "JAX": jax_gauss_newton}
HESSIAN = {
    "torch.autograd.functional": torch_hessian,
    "torch.func": torch_func_hessian,
    "JAX": jax_hessian,
}
TANH = {"NumPy": numpy_tanh, "torch": torch_tanh, "JAX": jax_tanh}
