"""What a network is: architectures, activations, graphs of small networks, and their kernels."""

from .activations import UnknownActivationError, register_activation
from .graph import Graph
from .mlp import MLP
from .modular import ModularMLP

__all__ = ["MLP", "Graph", "ModularMLP", "UnknownActivationError", "register_activation"]
