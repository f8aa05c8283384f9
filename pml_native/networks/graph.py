"""Computation graphs: which inputs each node of a modular network has."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Graph:
    """Nodes that each compute one number from the network's inputs and from nodes before them.

    The d network inputs are numbered 0 to d - 1, node k is d + k; `nodes` has per node the numbers of its inputs. The
    last `n_outputs` nodes are the outputs, which other nodes may use too. (x1 - x2)^2 + (x3 - x4)^2 has four inputs and
    the nodes ((0, 1), (2, 3), (4, 5)).

    `variables` are names of the inputs, and `formulas` what each node stands for; the graph of a formula has both.
    """

    n_inputs: int
    nodes: tuple[tuple[int, ...], ...]
    n_outputs: int = 1
    variables: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n_inputs = _integer(self.n_inputs, "n_inputs")
        n_outputs = _integer(self.n_outputs, "n_outputs")
        try:
            nodes = tuple(tuple(operator.index(i) for i in node) for node in self.nodes)
        except TypeError:
            raise ValueError(f"nodes: expected a tuple of integers for each node, got {self.nodes!r}") from None
        if not nodes or n_outputs > len(nodes):
            raise ValueError(f"nodes: expected at least {n_outputs}, one for each output, got {len(nodes)}")
        for k, node in enumerate(nodes):
            if not node or len(set(node)) < len(node) or not all(0 <= i < n_inputs + k for i in node):
                raise ValueError(f"node {k}: expected different numbers from 0 to {n_inputs + k - 1}, got {node}")
        used = {i - n_inputs for node in nodes for i in node}
        unused = [k for k in range(len(nodes) - n_outputs) if k not in used]
        if unused:
            raise ValueError(f"nodes: expected all but the {n_outputs} last to be inputs of others, not so {unused}")
        for name, given, wanted in (("variables", self.variables, n_inputs), ("formulas", self.formulas, len(nodes))):
            if given and len(given) != wanted:
                raise ValueError(f"{name}: expected {wanted}, got {len(given)}")
        for name, value in (("n_inputs", n_inputs), ("nodes", nodes), ("n_outputs", n_outputs)):
            object.__setattr__(self, name, value)
        for name in ("variables", "formulas"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def largest_arity(self) -> int:
        """The most inputs a node has: the paper's d*."""
        return max(map(len, self.nodes))

    @property
    def depth(self) -> int:
        """The most nodes on a way from an input to an output."""
        depths = [0] * self.n_inputs
        for node in self.nodes:
            depths.append(1 + max(depths[i] for i in node))
        return max(depths)

    def node_inputs(self, k: int) -> list[tuple[int, int]]:
        """(j, p) for each input j of node k that is a node, p."""
        return [(j, i - self.n_inputs) for j, i in enumerate(self.nodes[k]) if i >= self.n_inputs]

    def state(self) -> dict[str, Any]:
        """JSON values of which `Graph(**values)` makes this graph again."""
        return {
            "n_inputs": self.n_inputs,
            "nodes": [list(node) for node in self.nodes],
            "n_outputs": self.n_outputs,
            "variables": list(self.variables),
            "formulas": list(self.formulas),
        }

    def __str__(self) -> str:
        """One line a node, `[k] = formula`, where [k] is node k."""
        inputs = list(self.variables or (f"x{i}" for i in range(self.n_inputs)))
        names = inputs + [f"[{k}]" for k in range(len(self.nodes))]
        formulas: Sequence[str] = self.formulas or [f"f({', '.join(names[i] for i in node)})" for node in self.nodes]
        return "\n".join(f"[{k}] = {formula}" for k, formula in enumerate(formulas))


def _integer(value: int, name: str) -> int:
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return number
