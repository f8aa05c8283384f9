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
FORWARD = {"NumPy": numpy_forward, "torch": torch_forward, "JAX": jax_forward}
INPUT_GRADIENT = {"torch": torch_input_gradient, "JAX": jax_input_gradient}
TANH = {"NumPy": numpy_tanh, "torch": torch_tanh, "JAX": jax_tanh}
