"""From the subset of Python in which `kernels` is written to C99.

Arithmetic keeps its order, so that both languages round alike; `//` and `%` are of integers >= 0 only, where C and
Python agree.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType
from typing import Any

from .transcendental import power_of_two, quarter

WIDTH = 100  # of a line of C
TYPES = {
    "int": "int ",
    "float": "double ",
    "None": "void ",
    "Ints": "const int *",
    "Numbers": "const double *",
    # What a function writes lies apart from all else, which lets compilers use vectors.
    "Results": "double *restrict ",
}
ARRAYS = {"Ints": "int ", "Results": "double "}
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "/", ast.Mod: "%"}
SUM, PRODUCT = 1, 2  # how strongly they bind
COMPARISONS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
CONSTANTS = {"nan": "NAN", "inf": "INFINITY"}


# A double whose bits are read. C99 allows that in unions.
PRIMITIVES = {
    power_of_two: """\
static double NAME(double biased) {
  union {
    double value;
    unsigned long long bits;
  } u;
  u.value = biased;
  u.bits <<= 52;
  return u.value;
}""",
    quarter: """\
static int NAME(double biased) {
  union {
    double value;
    unsigned long long bits;
  } u;
  u.value = biased;
  return (int)(u.bits & 3);
}""",
}


def number(value: float) -> str:
    """`value` in C, exactly: short where it is, else hexadecimal."""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    short = repr(float(value))
    return short if len(short) <= 6 and value * 2.0**20 == math.floor(value * 2.0**20) else float(value).hex()


def wrapped(items: Iterable[str], before: str, after: str) -> list[str]:
    """`items`, with commas between them, as lines of `before`(items)`after`."""
    lines = [before]
    for i, item in enumerate(items):
        lines[-1] += "," if i else ""
        if len(lines[-1]) + len(item) + 3 > WIDTH:
            lines.append("    " + item)
        else:
            lines[-1] += (" " if i else "") + item
    lines[-1] += after
    return lines


def syntax(function: Callable[..., Any]) -> ast.FunctionDef:
    """The definition of a function of `kernels`."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef)
    return definition


def called(function: Callable[..., Any]) -> dict[str, FunctionType]:
    """The functions of `kernels` that `function` calls, by the names it has for them."""
    variables = inspect.getclosurevars(function)
    known = {**variables.globals, **variables.nonlocals}
    calls = [node.func for node in ast.walk(syntax(function)) if isinstance(node, ast.Call)]
    names = sorted({name.id for name in calls if isinstance(name, ast.Name)})
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


def translated(function: Callable[..., Any], prefix: str) -> str:
    """The C function, static, of the name of `function` after `prefix`."""
    if function in PRIMITIVES:
        return PRIMITIVES[function].replace("NAME", prefix + function.__name__)
    return _Translation(function, prefix).text()


class _Translation:
    """One function of Python on its way to C."""

    def __init__(self, function: Callable[..., Any], prefix: str) -> None:
        self.definition = syntax(function)
        self.name = prefix + function.__name__
        variables = inspect.getclosurevars(function)
        self.names: dict[str, str] = {}
        for name, value in {**variables.globals, **variables.nonlocals}.items():
            if isinstance(value, FunctionType):
                self.names[name] = prefix + value.__name__
            elif isinstance(value, float):
                self.names[name] = number(value)
            elif callable(value):
                self.names[name] = value.__name__  # of math
        self.names |= CONSTANTS

    def text(self) -> str:
        arguments = self.definition.args.args
        used = {node.id for node in ast.walk(self.definition) if isinstance(node, ast.Name)}
        listed = [TYPES[ast.unparse(a.annotation)] + a.arg for a in arguments if a.annotation]
        assert self.definition.returns is not None
        head = f"static {TYPES[ast.unparse(self.definition.returns)]}{self.name}("
        lines = wrapped(listed, head, ") {")
        lines += [f"  (void){a.arg};" for a in arguments if a.arg not in used]
        body, docstring = self.definition.body, ast.get_docstring(self.definition)
        if docstring is not None:
            comment = f"/* {' '.join(docstring.split())} */"
            lines[:0] = textwrap.wrap(comment, WIDTH, subsequent_indent="   ", break_on_hyphens=False)
            body = body[1:]
        return "\n".join([*lines, *self.block(body, "  "), "}"])

    def block(self, statements: list[ast.stmt], indent: str) -> list[str]:
        return [line for statement in statements for line in self.statement(statement, indent)]

    def statement(self, node: ast.stmt, indent: str) -> list[str]:
        inner = indent + "  "
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id=kind), value=ast.expr() as value):
                match value:
                    case ast.Call(func=ast.Name(id="empty"), args=[ast.Constant(value=int() as size), *_]):
                        return [f"{indent}{ARRAYS[kind]}{name}[{size}];"]
                return [f"{indent}{TYPES[kind].removesuffix('restrict ')}{name} = {self.of(value)};"]
            case ast.Assign(targets=[target], value=value):
                return [f"{indent}{self.of(target)} = {self.of(value)};"]
            case ast.AugAssign(target=target, op=operator, value=value):
                return [f"{indent}{self.of(target)} {OPERATORS[type(operator)]}= {self.of(value)};"]
            case ast.Return(value=ast.expr() as value):
                return [f"{indent}return {self.of(value)};"]
            case ast.Expr(value=value):
                return [f"{indent}{self.of(value)};"]
            case ast.While(test=test, body=body):
                return [f"{indent}while ({self.of(test)}) {{", *self.block(body, inner), f"{indent}}}"]
            case ast.If(test=test, body=body, orelse=orelse):
                lines = [f"{indent}if ({self.of(test)}) {{", *self.block(body, inner)]
                if orelse:
                    lines += [f"{indent}}} else {{", *self.block(orelse, inner)]
                return [*lines, f"{indent}}}"]
            case ast.For(target=ast.Name(id=i), iter=ast.Call(args=limits), body=body):
                begin = "0" if len(limits) == 1 else self.of(limits[0])
                end = self.of(limits[min(1, len(limits) - 1)])
                comparison, following = (">", f"--{i}") if len(limits) == 3 else ("<", f"++{i}")
                head = f"{indent}for (int {i} = {begin}; {i} {comparison} {end}; {following}) {{"
                return [head, *self.block(body, inner), f"{indent}}}"]
        raise NotImplementedError(ast.unparse(node))

    def of(self, node: ast.expr) -> str:
        """An expression."""
        match node:
            case ast.Constant(value=float() as value):
                return number(value)
            case ast.Constant(value=int() as value):
                return str(value)
            case ast.Name(id=name):
                return self.names.get(name, name)
            case ast.Attribute(attr=name):
                return name  # of math
            case ast.Subscript(value=array, slice=ast.Slice(lower=ast.expr() as lower)):
                return f"{self.of(array)} + {self.within(lower, PRODUCT)}"
            case ast.Subscript(value=array, slice=index):
                return f"{self.of(array)}[{self.of(index)}]"
            case ast.Call(func=function, args=arguments):
                return f"{self.of(function)}({', '.join(map(self.of, arguments))})"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"-{self.within(operand)}"
            case ast.BinOp(left=left, op=operator, right=right):
                level = SUM if isinstance(operator, (ast.Add, ast.Sub)) else PRODUCT
                sign = OPERATORS[type(operator)]
                return f"{self.within(left, level)} {sign} {self.within(right, level + 1)}"
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return f"{self.of(left)} {COMPARISONS[type(operator)]} {self.of(right)}"
            case ast.BoolOp(op=operator, values=values):
                return (" && " if isinstance(operator, ast.And) else " || ").join(map(self.within, values))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return f"{self.within(test)} ? {self.within(body)} : {self.within(orelse)}"
        raise NotImplementedError(ast.unparse(node))

    def within(self, node: ast.expr, least: int = PRODUCT + 1) -> str:
        """An expression within another, in parentheses if it binds less than `least`."""
        level = least
        if isinstance(node, ast.BinOp):
            level = SUM if isinstance(node.op, (ast.Add, ast.Sub)) else PRODUCT
        elif isinstance(node, (ast.Compare, ast.BoolOp, ast.IfExp, ast.UnaryOp)):
            level = 0
        return self.of(node) if level >= least else f"({self.of(node)})"
