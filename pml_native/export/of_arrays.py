"""Functions of one number, in the subset of Python of `kernels`, as functions of arrays of any library."""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

from .definition import called, definition_of
from .kernels import Kernel

Function = Callable[..., Any]


class _Choices(ast.NodeTransformer):
    """Choices of one number as those of arrays, by their real parts: steps into the complex plane decide nothing."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        parts = [self.visit(one) for one in (node.test, node.body, node.orelse)]
        return ast.Call(func=ast.Name(id="where", ctx=ast.Load()), args=parts, keywords=[])

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        operator = ast.BitAnd() if isinstance(node.op, ast.And) else ast.BitOr()
        values: list[ast.expr] = [self.visit(value) for value in node.values]
        return functools.reduce(lambda left, right: ast.BinOp(left=left, op=operator, right=right), values)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        real = ast.Name(id="real", ctx=ast.Load())
        sides: list[ast.expr] = [
            ast.Call(func=real, args=[self.visit(one)], keywords=[]) for one in (node.left, *node.comparators)
        ]
        return ast.Compare(left=sides[0], ops=node.ops, comparators=sides[1:])


class OfArrays:
    """Makes functions of arrays, with a library's own for the names `known`, `where` and `real` among them."""

    def __init__(self, known: Mapping[str, Function]) -> None:
        self.known = known
        self._made: dict[Function, Function] = {}

    def __call__(self, function: Function) -> Function:
        """`function` of `functions`, of arrays."""
        if function.__name__ in self.known:
            return self.known[function.__name__]
        if function not in self._made:
            definition = definition_of(function)
            module = ast.Module(body=[_Choices().visit(definition.syntax)], type_ignores=[])
            calls = {name: self(other) for name, other in called(function).items()}
            names = {**definition.known, **self.known, **calls, "nan": math.nan, "inf": math.inf}
            exec(compile(ast.fix_missing_locations(module), f"<{function.__name__} of arrays>", "exec"), names)
            self._made[function] = names[function.__name__]
        return self._made[function]

    def value_and_slope(self, kernel: Kernel) -> tuple[Function, Function]:
        """Those of the function that a kernel of `functions.each` applies."""
        assert kernel.backward is not None
        value, slope = (
            self(definition_of(one).known[name])
            for one, name in ((kernel.forward, "value"), (kernel.backward, "slope"))
        )
        return value, slope
