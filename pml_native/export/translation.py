"""From the subset of Python in which `kernels` is written to other languages, each of them a table of its syntax.

`Language` walks through a function's tree and fills in a language's forms; a language says them, and overrides what is
more than syntax. Arithmetic keeps its order, so that all round alike; `//` and `%` are of integers >= 0 only, where all
agree.
"""

from __future__ import annotations

import ast
import math
import re
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .definition import Definition

WIDTH = 100  # of a line
SUM, PRODUCT = 1, 2  # how strongly they bind
ABOUT_ERROR = "The error to expect at x, relative to the RMS of y, or to y there where errors of the fit are."


def wrapped(items: Iterable[str], before: str, after: str, *, broken: str = "") -> list[str]:
    """`items`, with commas between them, as lines of `before`(items)`after`; `broken` ends all but the last line."""
    lines = [before]
    for i, item in enumerate(items):
        lines[-1] += "," if i else ""
        if len(lines[-1]) + len(item) + 3 > WIDTH:
            lines[-1] += broken
            lines.append("    " + item)
        else:
            lines[-1] += (" " if i else "") + item
    lines[-1] += after
    return lines


@dataclass(frozen=True, kw_only=True)
class Syntax:
    """The forms of a language: what they are filled with has its name in braces, or stands in the order of Python.

    Types are int, float, Ints, Numbers and Results, as in the annotations of `kernels`; {prefix} is that of the file.
    """

    line_comment: str = "// "
    parameter: Mapping[str, str]  # {name}, by type
    variable: Mapping[str, str]  # a statement that declares {name} to be {value}, by type
    array: Mapping[str, str]  # a statement that declares {name} of {size}, by type
    element: Mapping[str, str]  # {index} of {array}, by type of the array
    part: str  # of {array} from {begin} on
    end: str = ";"  # of a statement
    continued: str = ""  # of a line that the next one continues
    call: str = "{}"  # of a function that returns nothing
    returned: str = "return {};"
    begin_if: str = "if ({}) {{"
    otherwise: str = "}} else {{"
    begin_while: str = "while ({}) {{"
    ascending: str  # {i} from {begin} to before {end}
    descending: str  # ... down to after {end}
    close: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(("if", "loop", "function"), "}"))
    conditional: str = "{test} ? {body} : {orelse}"
    both: str = " && "
    either: str = " || "
    not_equal: str = "!="
    integer_division: str = "{} / {}"
    remainder: str = "{} % {}"
    augmented: tuple[type[ast.operator], ...] = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv)
    keeps_order: bool = True  # of a + b + c without parentheses, by its standard
    constants: Mapping[str, str]  # nan and inf
    math: Mapping[str, str] = field(default_factory=dict)  # functions of math that are not called as in Python
    primitives: Mapping[str, str]  # `PRIMITIVES`, with NAME for the name and PREFIX for that of the file
    keywords: frozenset[str] = frozenset()  # names that variables can't have


class Language(ABC):
    """A file in a language: functions of x (d,) whose names begin with `name`, and what they need.

    y (m,) is a number where the language returns it and `is_number`; the estimate of the error is there if `has_error`.
    """

    title: ClassVar[str]  # as messages have it
    notes: ClassVar[str]  # what a compiler must not do, of functions {name} that take {stack} bytes
    reserved: ClassVar[frozenset[str]]  # names that functions can't have
    longest_name: ClassVar[int] = 1000
    syntax: ClassVar[Syntax]
    before_functions: ClassVar[tuple[str, ...]] = ()  # what stands between tables and functions
    # The functions that are translated: of y, of the gradient, of the error.
    inner: ClassVar[tuple[str, str, str]] = ("{}_into", "{}_gradient_into", "{}_error_of")

    def __init__(self, name: str, d: int, m: int, *, is_number: bool, has_error: bool) -> None:
        self.name, self.prefix = name, f"{name}_"
        self.d, self.m = d, m
        self.is_number, self.has_error, self.has_hessian = is_number, has_error, False
        self.types: dict[str, str] = {}  # of the variables of the function in hand
        self.parameters: frozenset[str] = frozenset()  # those of them that are its parameters
        self.known: Mapping[str, Any] = {}  # and what else it names
        self.signatures: dict[str, tuple[list[str], str]] = {}  # of functions: types of arguments, and the returned one

    # A file

    @abstractmethod
    def head(self, name: str, returns: str, is_public: bool) -> tuple[str, str]:
        """What is before and after the parameters of a function."""

    def close(self, returns: str) -> str:
        """The end of a function."""
        return self.syntax.close["function"]

    @abstractmethod
    def table(self, name: str, table: NDArray[Any]) -> str:
        """The declaration of a table."""

    def public(self) -> list[str]:
        """What a user calls, where it is more than the functions whose names are `inner`."""
        return []

    def opening(self) -> list[str]:
        """What stands before the tables, asked when all else is known."""
        return []

    def closing(self) -> list[str]:
        """What stands at the end."""
        return []

    def check_name(self) -> None:
        """ValueError if functions can't have this name."""
        name = self.name
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or self.is_reserved(name):
            raise ValueError(f"name: expected a name that {self.title} allows for a function, got {name!r}")
        if len(name) > self.longest_name:
            raise ValueError(f"name: expected at most {self.longest_name} letters for {self.title}, got {len(name)}")

    def is_reserved(self, name: str) -> bool:
        """Whether the language has the name for itself."""
        return name in self.reserved

    def commented(self, lines: Iterable[str]) -> str:
        """Lines as a comment."""
        width = WIDTH - len(self.syntax.line_comment)
        broken = [part for line in lines for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]]
        return "\n".join(f"{self.syntax.line_comment}{line}".rstrip() for line in broken)

    def heading(self, lines: Iterable[str]) -> str:
        """The comment that a file begins with."""
        return self.commented(lines)

    def number(self, value: float) -> str:
        """`value`, exactly."""
        if math.isnan(value):
            return self.syntax.constants["nan"]
        if math.isinf(value):
            return ("" if value > 0 else "-") + self.syntax.constants["inf"]
        return repr(float(value))

    def numbers(self, table: NDArray[Any]) -> list[str]:
        """The numbers of a table."""
        return [str(value) if table.dtype.kind == "i" else self.number(value) for value in table.tolist()]

    # Functions

    def primitive(self, name: str, which: str) -> str:
        """The function of that name that looks at bits, one of `PRIMITIVES`."""
        self.signatures[name] = ["float"], "int" if which == "quarter" else "float"
        return self.syntax.primitives[which].replace("NAME", name).replace("PREFIX", self.prefix)

    def function(self, name: str, definition: Definition, is_public: bool = False) -> str:
        """The function of that name, which has the prefix already."""
        tree, self.known = definition.syntax, definition.known
        assert tree.returns is not None
        arguments = {a.arg: ast.unparse(a.annotation) for a in tree.args.args if a.annotation is not None}
        returns = ast.unparse(tree.returns)
        self.signatures[name] = list(arguments.values()), returns
        self.parameters = frozenset(arguments)
        tables = {one: table for one, table in self.known.items() if isinstance(table, np.ndarray)}
        self.types = {
            **{one: "Ints" if table.dtype.kind == "i" else "Numbers" for one, table in tables.items()},
            **_declared(tree),
            **arguments,
        }
        docstring = ast.get_docstring(tree)
        body = tree.body if docstring is None else tree.body[1:]
        before, after = self.head(name, returns, is_public)
        listed = [self.syntax.parameter[kind].format(name=self.named(one)) for one, kind in arguments.items()]
        lines = [] if docstring is None else [self.commented([" ".join(docstring.split())])]
        lines += wrapped(listed, before, after, broken=self.syntax.continued)
        lines += [f"  {line}" for line in self.declarations(tree, arguments)]
        return "\n".join([*lines, *self.block(body, "  "), self.close(returns)])

    def declarations(self, tree: ast.FunctionDef, arguments: Mapping[str, str]) -> list[str]:
        """What a function begins with, as for parameters that it doesn't use."""
        return []

    def block(self, statements: list[ast.stmt], indent: str) -> list[str]:
        return [line for statement in statements for line in self.statement(statement, indent)]

    def statement(self, node: ast.stmt, indent: str) -> list[str]:
        inner = indent + "  "
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id=kind), value=ast.expr() as value):
                match value:
                    case ast.Call(func=ast.Name(id="empty"), args=[ast.Constant(value=int() as size), *_]):
                        return [indent + line for line in self.declared_array(name, kind, size)]
                return [indent + self.declared(name, kind, self.of(value))]
            case ast.Assign(targets=[target], value=value):
                return [f"{indent}{self.of(target, True)} = {self.of(value)}{self.syntax.end}"]
            case ast.AugAssign(target=target, op=operator, value=value):
                if isinstance(operator, self.syntax.augmented):
                    sign = "/" if isinstance(operator, ast.FloorDiv) else _SIGNS[type(operator)]
                    return [f"{indent}{self.of(target, True)} {sign}= {self.of(value)}{self.syntax.end}"]
                whole = ast.BinOp(left=target, op=operator, right=value)
                return [f"{indent}{self.of(target, True)} = {self.of(whole)}{self.syntax.end}"]
            case ast.Return(value=ast.expr() as value):
                return [indent + line for line in self.syntax.returned.format(self.of(value)).splitlines()]
            case ast.Expr(value=value):
                return [f"{indent}{self.syntax.call.format(self.of(value))}{self.syntax.end}"]
            case ast.While(test=test, body=body):
                head = self.syntax.begin_while.format(self.of(test))
                return [indent + head, *self.block(body, inner), indent + self.syntax.close["loop"]]
            case ast.If(test=test, body=body, orelse=orelse):
                lines = [indent + self.syntax.begin_if.format(self.of(test)), *self.block(body, inner)]
                if orelse:
                    lines += [indent + self.syntax.otherwise.format(), *self.block(orelse, inner)]
                return [*lines, indent + self.syntax.close["if"]]
            case ast.For(target=ast.Name(id=i), iter=ast.Call(args=limits), body=body):
                begin = "0" if len(limits) == 1 else self.of(limits[0])
                end = self.of(limits[min(1, len(limits) - 1)])
                form = self.syntax.descending if len(limits) == 3 else self.syntax.ascending
                head = form.format(i=self.named(i), begin=begin, end=end)
                return [indent + head, *self.block(body, inner), indent + self.syntax.close["loop"]]
        raise NotImplementedError(ast.unparse(node))

    def declared(self, name: str, kind: str, value: str) -> str:
        """A variable."""
        return self.syntax.variable[kind].format(name=self.named(name), value=value)

    def declared_array(self, name: str, kind: str, size: int) -> list[str]:
        """An array of its own."""
        return [self.syntax.array[kind].format(name=self.named(name), size=size)]

    def named(self, name: str) -> str:
        """A variable or a table as the language can have it."""
        if isinstance(self.known.get(name), np.ndarray):
            return self.prefix + name
        return f"{name}_" if name in self.syntax.keywords else name

    def kind(self, node: ast.expr) -> str:
        """The type of an expression."""
        match node:
            case ast.Constant(value=value):
                return type(value).__name__
            case ast.Name(id=name):
                return self.types.get(name, "float")
            case ast.Subscript(value=array, slice=ast.Slice()):
                return self.kind(array)
            case ast.Subscript(value=array):
                return "int" if self.kind(array) == "Ints" else "float"
            case ast.Call(func=ast.Name(id=name)) if isinstance(self.known.get(name), FunctionType):
                return self.signatures[self.prefix + self.known[name].__name__][1]
            case ast.UnaryOp(operand=operand):
                return self.kind(operand)
            case ast.BinOp(left=left, right=right):
                return "float" if "float" in (self.kind(left), self.kind(right)) else "int"
            case ast.IfExp(body=body):
                return self.kind(body)
        return "float"

    def of(self, node: ast.expr, is_written: bool = False) -> str:
        """An expression."""
        match node:
            case ast.Constant(value=float() as value):
                return self.number(value)
            case ast.Constant(value=int() as value):
                return str(value)
            case ast.Name(id=name):
                return self.named_value(name)
            case ast.Subscript(value=array, slice=ast.Slice(lower=ast.expr() as lower)):
                return self.syntax.part.format(array=self.of(array), begin=self.within(lower, PRODUCT))
            case ast.Subscript(value=array, slice=index):
                return self.syntax.element[self.kind(array)].format(
                    prefix=self.prefix, array=self.of(array), index=self.index(index)
                )
            case ast.Call(func=function, args=arguments):
                return self.called(function, arguments)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"-{self.within(operand)}"
            case ast.BinOp(left=left, op=operator, right=right):
                return self.arithmetic(left, operator, right)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                sign = self.syntax.not_equal if isinstance(operator, ast.NotEq) else _COMPARISONS[type(operator)]
                return f"{self.of(left)} {sign} {self.of(right)}"
            case ast.BoolOp(op=operator, values=values):
                return (self.syntax.both if isinstance(operator, ast.And) else self.syntax.either).join(
                    map(self.within, values)
                )
            case ast.IfExp(test=test, body=body, orelse=orelse):
                parts = {"test": test, "body": body, "orelse": orelse}
                return self.syntax.conditional.format(**{name: self.within(one) for name, one in parts.items()})
        raise NotImplementedError(ast.unparse(node))

    def named_value(self, name: str) -> str:
        """A name in an expression."""
        if name in self.syntax.constants:
            return self.syntax.constants[name]
        value = self.known.get(name)
        return self.number(value) if isinstance(value, float) else self.named(name)

    def index(self, node: ast.expr) -> str:
        """The index of an element."""
        return self.of(node)

    def called(self, function: ast.expr, arguments: list[ast.expr]) -> str:
        """A call."""
        name = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
        value = self.known.get(name)
        if not isinstance(value, FunctionType):
            name = name if value is None else value.__name__  # of math
            return self.syntax.math.get(name, f"{name}({', '.join(['{}'] * len(arguments))})").format(
                *map(self.of, arguments), prefix=self.prefix
            )
        callee = self.prefix + value.__name__
        kinds, _ = self.signatures[callee]
        listed = [self.argument(one, kind) for one, kind in zip(arguments, kinds, strict=True)]
        return f"{callee}({', '.join(listed)})"

    def argument(self, node: ast.expr, kind: str) -> str:
        """What is given for a parameter of a type."""
        return self.of(node)

    def arithmetic(self, left: ast.expr, operator: ast.operator, right: ast.expr) -> str:
        """A sum, a product and the like."""
        level = SUM if isinstance(operator, (ast.Add, ast.Sub)) else PRODUCT
        first = level if self.syntax.keeps_order or self.kind(left) == "int" else PRODUCT + 1
        sides = self.operand(left, right, first), self.operand(right, left, level + 1)
        if isinstance(operator, ast.FloorDiv):
            return self.syntax.integer_division.format(*sides)
        if isinstance(operator, ast.Mod):
            return self.syntax.remainder.format(*sides)
        return f"{sides[0]} {_SIGNS[type(operator)]} {sides[1]}"

    def operand(self, node: ast.expr, other: ast.expr, least: int) -> str:
        """An operand beside another one."""
        return self.within(node, least)

    def within(self, node: ast.expr, least: int = PRODUCT + 1) -> str:
        """An expression within another, in parentheses if it binds less than `least`."""
        level = least
        if isinstance(node, ast.BinOp):
            level = SUM if isinstance(node.op, (ast.Add, ast.Sub)) else PRODUCT
        elif isinstance(node, (ast.Compare, ast.BoolOp, ast.IfExp, ast.UnaryOp)):
            level = 0
        text = self.of(node)
        is_negative = isinstance(node, ast.Name) and text.startswith("-")
        return text if level >= least and not is_negative else f"({text})"


_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS: dict[type[ast.cmpop], str] = {ast.Eq: "==", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


def _declared(tree: ast.FunctionDef) -> dict[str, str]:
    """The variables of a function with their types, which each has once."""
    types: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id=kind)):
                pass
            case ast.For(target=ast.Name(id=name)):
                kind = "int"
            case _:
                continue
        assert types.setdefault(name, kind) == kind, f"{tree.name}: {name}"
    return types
