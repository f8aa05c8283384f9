"""Kernels with their derivatives along a direction, of which second derivatives are made: forward over reverse.

The functions of `kernels` are read as syntax, and each statement gets one before it that computes how what it assigns
changes: for `y[i] += w * x[i]` that is `y_dot[i] += w * x_dot[i]` (Griewank and Walther 2008, Evaluating Derivatives,
3.2). A sweep forwards and one backwards of these give a column of the Hessian. It is the same subset of Python that
comes out, so that languages have it as they have the rest.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from .definition import Definition, definition_of, within
from .program import Program, Step

ARRAYS = ("Numbers", "Results")
# Derivatives of functions that are not read, of the argument {0}.
RULES = {
    "tanh": "(1.0 - tanh({0}) * tanh({0}))",
    "sin": "cos({0})",
    "cos": "-sin({0})",
    "exp_nonpositive": "exp_nonpositive({0})",
    "log1p_unit": "(1.0 / (1.0 + {0}))",
    "exp": "exp({0})",
    "log": "(1.0 / ({0}))",
    "sqrt": "(0.5 / sqrt({0}))",
    "fabs": "copysign(1.0, {0})",
}
FORWARD_EACH = """def each(n: int, z: Numbers, v: Results, z_dot: Numbers, v_dot: Results) -> None:
    for i in range(n):
        v[i] = value(z[i])
        v_dot[i] = slope(z[i], v[i]) * z_dot[i] if z_dot[i] != 0.0 else 0.0
"""
BACKWARD_EACH = """def each(
    n: int, z: Numbers, v: Numbers, v_bar: Numbers, z_bar: Results,
    z_dot: Numbers, v_dot: Numbers, v_bar_dot: Numbers, z_bar_dot: Results
) -> None:
    for i in range(n):
        z_bar[i] += v_bar[i] * slope(z[i], v[i])
        z_bar_dot[i] += v_bar_dot[i] * slope(z[i], v[i]) + v_bar[i] * bend(z[i], v[i], z_dot[i], v_dot[i])
"""
# Where the loops say nothing of derivatives: the root of a polynomial, which depends on its coefficients as the theorem
# of implicit functions says; distances of 0, as good as some 1e-9 of the unit; powers of 0.
ROOT = """def root(
    q: int, n_steps: int, lengths: Numbers, c: Numbers, t: Results, c_dot: Numbers, t_dot: Results
) -> None:
    polynomial_root(q, n_steps, lengths, c, t)
    value: float = c[q]
    slope: float = 0.0
    total: float = c_dot[q]
    for k in range(q - 1, -1, -1):
        slope = slope * t[0] + value
        value = value * t[0] + c[k]
        total = total * t[0] + c_dot[k]
    t_dot[0] = -total / slope
"""
DISTANCES = """def distances(
    n: int, d: int, points: Numbers, z: Numbers, r: Results, z_dot: Numbers, r_dot: Results
) -> None:
    for i in range(n):
        total: float = 0.0
        along: float = 0.0
        for j in range(d):
            total += (z[j] - points[i * d + j]) * (z[j] - points[i * d + j])
            along += (z[j] - points[i * d + j]) * z_dot[j]
        r[i] = 1e-9 if total == 0.0 else sqrt(total)
        r_dot[i] = along / r[i]
"""
POWERS = """def powers(
    m: int, d: int, exponents: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results,
    x_dot: Numbers, y_dot: Numbers, y_bar_dot: Numbers, x_bar_dot: Results
) -> None:
    powers_back(m, d, exponents, x, y, y_bar, x_bar)
    for k in range(m):
        for j in range(d):
            for i in range(d):
                p: float = exponents[k * d + j]
                q: float = exponents[k * d + i]
                if p != 0.0 and q != 0.0:
                    bend: float = 0.0
                    if i == j:
                        bend = 0.0 if p == 1.0 else p * (p - 1.0) * pow(x[j], p - 2.0)
                    else:
                        bend = p * pow(x[j], p - 1.0) * q * pow(x[i], q - 1.0)
                    slope: float = p * pow(x[j], p - 1.0)
                    for l in range(d):
                        if l != j and exponents[k * d + l] != 0.0:
                            slope *= pow(x[l], exponents[k * d + l])
                            if l != i:
                                bend *= pow(x[l], exponents[k * d + l])
                    if x_dot[i] != 0.0:
                        x_bar_dot[j] += y_bar[k] * bend * x_dot[i]
                    if i == j and y_bar_dot[k] != 0.0:
                        x_bar_dot[j] += y_bar_dot[k] * slope
"""
GIVEN = {"polynomial_root": ROOT, "distances": DISTANCES, "powers_back": POWERS}


class Tangents:
    """The functions with derivatives along a direction that a program needs, by their names, callees first."""

    def __init__(self, program: Program) -> None:
        self.definitions: dict[str, Definition] = {}
        self._active: dict[str, tuple[bool, ...]] = {}
        self._stubs: dict[str, FunctionType] = {}
        for step in program.steps:
            if step.kernel.backward is None or within_of(step) is not None:
                raise ValueError("hessian: expected a model without inverses, or other programs within, got one")
            for is_forward in (True, False):
                self.name_of(step, is_forward)

    def name_of(self, step: Step, is_forward: bool) -> str:
        """The function of a step, forwards or backwards, which takes after all that the kernel takes the derivatives of
        its vectors in the same order."""
        kernel = step.kernel
        assert kernel.backward is not None
        function = kernel.forward if is_forward else kernel.backward
        n_vectors = (1 if is_forward else 2) * (len(step.inputs) + 1)
        n_constants = len(step.sizes) + len(step.tables)
        known = definition_of(function).known
        name = f"{function.__name__}_dot"
        if name in self.definitions:
            return name
        if "value" in definition_of(kernel.forward).known and "slope" in definition_of(kernel.backward).known:
            slope = definition_of(kernel.backward).known["slope"]
            parts = {"value": definition_of(kernel.forward).known["value"], "slope": slope}
            if not is_forward:
                parts["bend"] = self.stub(self.function(slope, (True, True)))
            self.definitions[name] = Definition(FORWARD_EACH if is_forward else BACKWARD_EACH, parts)
        elif function.__name__ in GIVEN:
            self.definitions[name] = Definition(GIVEN[function.__name__], {**known, function.__name__: function})
        else:
            self.function(function, (False,) * n_constants + (True,) * n_vectors)
        return name

    def stub(self, name: str) -> FunctionType:
        """What stands for a function of that name among those that a definition knows."""
        if name not in self._stubs:
            stub = FunctionType((lambda: None).__code__, {}, name)
            self._stubs[name] = stub
        return self._stubs[name]

    def function(self, function: Callable[..., Any], active: tuple[bool, ...]) -> str:
        """The name of `function` with derivatives by its `active` arguments, the same ones wherever it is called."""
        tree = definition_of(function).syntax
        arguments = [(one.arg, ast.unparse(one.annotation)) for one in tree.args.args if one.annotation is not None]
        assert len(arguments) == len(active)
        name = f"{function.__name__}_dot"
        if name not in self.definitions:
            made = _Differentiated(self, function, active)
            self.definitions[name], self._active[name] = Definition(ast.unparse(made.tree), made.known), active
        assert self._active.get(name, active) == active, name
        return name


def within_of(step: Step) -> Any:
    """The program within a step, if its functions stand for one."""
    for function in step.kernel.functions:
        for one in definition_of(function).known.values():
            if isinstance(one, FunctionType) and within(one) is not None:
                return within(one)
    return None


class _Differentiated:
    """The tree of a function with derivatives along a direction."""

    def __init__(self, tangents: Tangents, function: Callable[..., Any], active: Sequence[bool]) -> None:
        definition = definition_of(function)
        self.tangents, self.known, tree = tangents, dict(definition.known), definition.syntax
        arguments = tree.args.args
        self.dots = {one.arg for one, on in zip(arguments, active, strict=True) if on}
        self.kinds = {one.arg: ast.unparse(one.annotation) for one in arguments if one.annotation is not None}
        self.returns = "" if tree.returns is None else ast.unparse(tree.returns)
        self._find(tree.body)
        body = [one for statement in tree.body for one in self.statement(statement)]
        more = [ast.arg(f"{one.arg}_dot", one.annotation) for one, on in zip(arguments, active, strict=True) if on]
        tree.args.args = [*arguments, *more]
        tree.body = body
        self.tree = ast.fix_missing_locations(tree)

    def _find(self, body: list[ast.stmt]) -> None:
        """Which variables depend on the direction: numbers and arrays of their own that are float."""
        for node in [one for statement in body for one in ast.walk(statement)]:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                kind = ast.unparse(node.annotation)
                self.kinds[node.target.id] = kind
                if kind in ("float", "Results"):
                    self.dots.add(node.target.id)

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """A statement after the one that computes how it changes."""
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
                kind = ast.unparse(annotation)
                if kind == "float":
                    return [*_parsed(f"{name}_dot: float = {self.of(value)}"), node]
                if kind == "Results":
                    return [node, *_parsed(f"{name}_dot: Results = {ast.unparse(value)}")]
                return [ast.AnnAssign(node.target, annotation, self.procedure(value), 1)]
            case ast.Assign(targets=[target], value=value):
                if self.is_active(target):
                    return [*_parsed(f"{self.dot(target)} = {self.of(value)}"), node]
                return [ast.Assign([target], self.procedure(value), lineno=0)]
            case ast.AugAssign(target=target, op=operator, value=value) if self.is_active(target):
                dot, own, by = self.dot(target), ast.unparse(target), ast.unparse(value)
                change = self.of(value)
                match operator:
                    case ast.Add():
                        lines = f"{dot} += {change}"
                    case ast.Sub():
                        lines = f"{dot} -= {change}"
                    case ast.Mult():
                        lines = f"{dot} = {dot} * ({by}) + {own} * ({change})"
                    case ast.Div():
                        lines = f"{dot} = ({dot} - {own} / ({by}) * ({change})) / ({by})"
                    case _:
                        raise NotImplementedError(ast.unparse(node))
                return [*_parsed(lines), node]
            case ast.Expr(value=ast.Call() as call):
                return [ast.Expr(self.procedure(call))]
            case ast.Expr(value=ast.Constant()):
                return []
            case ast.Return(value=ast.expr() as value):
                return [ast.Return(self.expression(value))] if self.returns == "float" else [node]
            case ast.If(test=test, body=body, orelse=orelse):
                return [ast.If(test, self.block(body), self.block(orelse))]
            case ast.While(test=test, body=body):
                return [ast.While(test, self.block(body), [])]
            case ast.For(target=target, iter=over, body=body):
                return [ast.For(target, over, self.block(body), [], lineno=0)]
        return [node]

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [one for statement in body for one in self.statement(statement)]

    def procedure(self, node: ast.expr) -> ast.expr:
        """A call of a function that writes arrays, with the derivatives of what it takes; others as they are."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            return node
        function = self.known.get(node.func.id)
        if not isinstance(function, FunctionType):
            return node
        annotations = [
            ast.unparse(one.annotation) for one in definition_of(function).syntax.args.args if one.annotation
        ]
        on = tuple(self.is_active(one) for one in node.args)
        if "Results" not in annotations or not any(on):
            return node
        name = self.tangents.function(function, on)
        self.known[name] = self.tangents.stub(name)
        dots = [
            self.dot_of_array(one) if kind in ARRAYS else self.expression(one)
            for one, kind, is_on in zip(node.args, annotations, on, strict=True)
            if is_on
        ]
        return ast.Call(ast.Name(name), [*node.args, *dots], [])

    def is_active(self, node: ast.expr) -> bool:
        """Whether an expression depends on the direction."""
        return any(isinstance(one, ast.Name) and one.id in self.dots for one in ast.walk(node))

    def dot(self, target: ast.expr) -> str:
        """The derivative of what is assigned."""
        return ast.unparse(self.dot_of_array(target))

    def dot_of_array(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Name(id=name):
                return ast.Name(f"{name}_dot")
            case ast.Subscript(value=array, slice=index):
                return ast.Subscript(self.dot_of_array(array), index)
        raise NotImplementedError(ast.unparse(node))

    def expression(self, node: ast.expr) -> ast.expr:
        return ast.parse(self.of(node), mode="eval").body

    def of(self, node: ast.expr) -> str:
        """The derivative of an expression along the direction."""
        if not self.is_active(node):
            return "0.0"
        match node:
            case ast.Name(id=name):
                return f"{name}_dot"
            case ast.Subscript(value=array):
                kind = self.kinds.get(array.id, "") if isinstance(array, ast.Name) else ""
                return "0.0" if kind == "Ints" else self.dot(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"-({self.of(operand)})"
            case ast.BinOp(left=left, op=operator, right=right):
                return self.arithmetic(left, operator, right)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return f"(({self.of(body)}) if {ast.unparse(test)} else ({self.of(orelse)}))"
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self.called(name, arguments)
        raise NotImplementedError(ast.unparse(node))

    def arithmetic(self, left: ast.expr, operator: ast.operator, right: ast.expr) -> str:
        a, b = f"({ast.unparse(left)})", f"({ast.unparse(right)})"
        da, db = self.of(left), self.of(right)
        match operator:
            case ast.Add():
                return " + ".join(f"({one})" for one in (da, db) if one != "0.0") or "0.0"
            case ast.Sub():
                return f"({da}) - ({db})" if db != "0.0" else da
            case ast.Mult():
                parts = [f"({da}) * {b}" if da != "0.0" else "", f"{a} * ({db})" if db != "0.0" else ""]
                return " + ".join(filter(None, parts)) or "0.0"
            case ast.Div():
                if db == "0.0":
                    return f"({da}) / {b}"
                return f"(({da}) - {a} / {b} * ({db})) / {b}"
        raise NotImplementedError(type(operator).__name__)

    def called(self, name: str, arguments: list[ast.expr]) -> str:
        """The derivative of a function that returns a number."""
        texts = [ast.unparse(one) for one in arguments]
        function = self.known.get(name)
        named = name if function is None else function.__name__
        if named == "copysign":
            return f"copysign(1.0, {texts[0]}) * copysign(1.0, {texts[1]}) * ({self.of(arguments[0])})"
        if named == "pow":
            change = self.of(arguments[0])
            return f"({texts[1]} * pow({texts[0]}, {texts[1]} - 1.0) * ({change}) if ({change}) != 0.0 else 0.0)"
        if named in RULES:
            return f"{RULES[named].format(*texts)} * ({self.of(arguments[0])})"
        assert isinstance(function, FunctionType), name
        on = tuple(self.is_active(one) for one in arguments)
        made = self.tangents.function(function, on)
        self.known[made] = self.tangents.stub(made)
        dots = [self.of(one) for one, is_on in zip(arguments, on, strict=True) if is_on]
        return f"{made}({', '.join([*texts, *dots])})"


def _parsed(text: str) -> list[ast.stmt]:
    return ast.parse(text).body
