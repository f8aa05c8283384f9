"""A function in the subset of Python of `kernels`, as syntax: what numba compiles and other languages translate."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from .transcendental import power_of_two, quarter

# They look at bits: every language has its own words for them.
PRIMITIVES = (power_of_two, quarter)


@dataclass(frozen=True)
class Definition:
    """A function's source, and the functions, tables and numbers that it names."""

    text: str
    known: Mapping[str, Any]

    @property
    def syntax(self) -> ast.FunctionDef:
        """The source as a tree."""
        definition = ast.parse(self.text).body[0]
        assert isinstance(definition, ast.FunctionDef)
        return definition


def definition_of(function: Callable[..., Any]) -> Definition:
    """That of a function of `kernels`."""
    variables = inspect.getclosurevars(function)
    return Definition(textwrap.dedent(inspect.getsource(function)), {**variables.globals, **variables.nonlocals})


def called(function: Callable[..., Any]) -> dict[str, FunctionType]:
    """The functions of `kernels` that `function` calls, by the names it has for them."""
    definition = definition_of(function)
    calls = [node.func for node in ast.walk(definition.syntax) if isinstance(node, ast.Call)]
    names = sorted({name.id for name in calls if isinstance(name, ast.Name)})
    known = definition.known
    return {name: known[name] for name in names if isinstance(known.get(name), FunctionType)}


def with_all_it_calls(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """`function` after those it calls, of a program within another all that its steps call."""
    if (program := within(function)) is not None:
        for step in program.steps:
            for one in step.kernel.functions:
                yield from with_all_it_calls(one)
    elif function not in PRIMITIVES:
        for other in called(function).values():
            yield from with_all_it_calls(other)
    yield function


def within(function: Callable[..., Any]) -> Any:
    """The program that `function` stands for; None for a function that is translated."""
    return function.__dict__.get("program")
