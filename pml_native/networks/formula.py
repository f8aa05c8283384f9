"""Formulas -> computation graphs whose nodes have few inputs.

A formula is read as Python's grammar has it, and of that only names, numbers, + - * / ** and known functions; nothing
is executed. SymPy puts it in a normal form, in which constants are folded and equal parts are the same. From the leaves
up, an expression of at most `max_arity` symbols is left as it is, a future node; where an operation would bring more
together, its operands become nodes first, and their values new symbols. So functions of one argument belong to the node
that makes their argument. A sum or product of more is a tree: its operands are packed into groups that fit into a node
(those with most symbols first, each where it adds the fewest), then the groups again.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from .graph import Graph

# The names that a formula may call, and SymPy's.
FUNCTIONS = {name: name for name in ("sqrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")}
FUNCTIONS |= {"ln": "log", "abs": "Abs"}
FUNCTIONS |= {name: name for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")}
FUNCTIONS |= {f"arc{name[1:]}": name for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")}
SYNTAX = "names, numbers, + - * / ** and known functions of one argument"
KNOWN = f"known are {', '.join(sorted(FUNCTIONS))}"
OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
# Longer ones, and larger exponents, are mistakes that SymPy would spend minutes on.
MOST_CHARACTERS = 10_000
MOST_EXPONENT = 1000


class HasFormula(Protocol):
    """A formula with its variables in order, as an `Equation` is."""

    @property
    def formula(self) -> str: ...

    @property
    def variables(self) -> tuple[str, ...]: ...


def formula_graph(formula: str | HasFormula, variables: Sequence[str] | None = None, *, max_arity: int = 2) -> Graph:
    """The graph of `formula`, whose nodes have up to `max_arity` inputs; one node where all of it has no more.

    `variables` are the names of the inputs in order; None for those of an `Equation`, else the names in the formula,
    sorted. `pi` is the number, unless it is a variable. Raises ValueError for a formula that isn't made of names,
    numbers, arithmetic and known functions, that uses none or others of the variables, or with a constant that is no
    finite real number; ImportError without SymPy.
    """
    if max_arity < 2:
        raise ValueError(f"max_arity: expected at least 2, got {max_arity}")
    text = formula if isinstance(formula, str) else formula.formula
    if variables is None and not isinstance(formula, str):
        variables = formula.variables
    try:
        expression, names = _parsed(text, variables)
        builder = _Builder(names, max_arity, frozenset())
        inner = builder.build(expression)
        # Once more with what became a node and occurs again as a node wherever it occurs, if that saves any.
        times = Counter(_sympy().preorder_traversal(expression))
        again = _Builder(names, max_arity, frozenset(part for part in builder.whole if times[part] > 1))
        shared = again.build(expression)
    except RecursionError:
        raise ValueError("formula: expected less deeply nested parentheses") from None
    return min(inner, shared, key=lambda graph: len(graph.nodes))


def _sympy() -> Any:
    try:
        import sympy
    except ImportError as error:
        raise ImportError(f'formulas need SymPy, pip install "pml_native[formula]" ({error})') from error
    return sympy


def _parsed(formula: str, variables: Sequence[str] | None) -> tuple[Any, tuple[str, ...]]:
    """SymPy's expression for `formula`, and the names of its variables in order."""
    sympy = _sympy()
    if len(formula) > MOST_CHARACTERS:
        raise ValueError(f"formula: expected at most {MOST_CHARACTERS:,} characters, got {len(formula):,}")
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError) as error:
        raise ValueError(f"formula: expected {SYNTAX}, got {formula!r} ({error})") from None
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}
    names = tuple(sorted(used - {"pi"})) if variables is None else tuple(variables)
    unknown = sorted(used - {"pi"} - set(names))
    if unknown or len(set(names)) < len(names):
        raise ValueError(f"variables: expected different names, {', '.join(sorted(used))} among them, got {names}")
    expression = _expression(tree, {name: sympy.Symbol(name) for name in names})
    if not expression.free_symbols:
        raise ValueError(f"formula: expected one of variables, got the constant {formula!r}")
    return expression, names


def _expression(node: ast.expr, symbols: dict[str, Any]) -> Any:
    sympy = _sympy()
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool) and math.isfinite(value):
            result = sympy.Rational(str(value))
        case ast.Name(id=name):
            result = symbols.get(name, sympy.pi)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            result = -_expression(operand, symbols)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            result = _expression(operand, symbols)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            result = getattr(sympy, FUNCTIONS[name])(_expression(argument, symbols))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            result = _operation(OPERATORS[type(op)], _expression(left, symbols), _expression(right, symbols))
        case _:
            raise ValueError(f"formula: expected {SYNTAX}, got {ast.unparse(node)!r}; {KNOWN}")
    # At once, so that no number grows beyond float64 in a later operation.
    number = result.as_coeff_Mul()[0] if result.free_symbols else result
    if not _is_real(number) or result.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I):
        raise ValueError(f"formula: expected finite real constants, got {ast.unparse(node)!r}")
    return result


def _operation(symbol: str, left: Any, right: Any) -> Any:
    match symbol:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
    if not right.free_symbols and not abs(right.evalf()) <= MOST_EXPONENT:
        raise ValueError(f"formula: expected exponents up to {MOST_EXPONENT}, got {right}")
    return left**right


def _is_real(number: Any) -> bool:
    """Whether an expression without symbols is a finite real number in float64."""
    try:
        value = complex(number.evalf())
    except (TypeError, ValueError, OverflowError):
        return False
    return value.imag == 0 and math.isfinite(value.real)


class _Builder:
    """Makes nodes of an expression; those of `shared` become nodes wherever they occur."""

    def __init__(self, names: Sequence[str], max_arity: int, shared: frozenset[Any]) -> None:
        self.sympy, self.max_arity, self.shared = _sympy(), max_arity, shared
        self.names = tuple(names)
        self.order = {self.sympy.Symbol(name): i for i, name in enumerate(names)}  # of variables, then nodes
        self.nodes: dict[Any, Any] = {}  # what a node computes from its inputs -> its symbol
        self.whole: set[Any] = set()  # parts of the formula that became nodes
        self._origin: dict[Any, Any] = {}

    def build(self, expression: Any) -> Graph:
        last = self._reduced(expression)
        symbol = self.nodes.get(last) or self._new(last)
        formulas = {node: formula for formula, node in self.nodes.items()}
        needed, waiting = set(), [symbol]
        while waiting:  # what has cancelled is left out
            node = waiting.pop()
            if node in formulas and node not in needed:
                needed.add(node)
                waiting += formulas[node].free_symbols
        kept = [node for node in formulas if node in needed]
        number = {node: len(self.names) + k for k, node in enumerate(kept)}
        number |= {self.sympy.Symbol(name): i for i, name in enumerate(self.names)}
        shown = {node: self.sympy.Symbol(f"[{k}]") for k, node in enumerate(kept)}
        return Graph(
            len(self.names),
            tuple(tuple(sorted(number[s] for s in formulas[node].free_symbols)) for node in kept),
            variables=self.names,
            formulas=tuple(str(formulas[node].xreplace(shown)) for node in kept),
        )

    def _reduced(self, expression: Any) -> Any:
        """The same value from at most `max_arity` symbols: variables, and nodes made on the way."""
        if not expression.args:
            return expression
        if isinstance(expression, (self.sympy.Add, self.sympy.Mul)):
            constants = [part for part in expression.args if not part.free_symbols]
            parts = sorted((p for p in expression.args if p.free_symbols), key=self.sympy.default_sort_key)
            result = expression.func(*constants, self._gathered(expression.func, [self._reduced(p) for p in parts]))
        else:
            parts = [self._reduced(part) for part in expression.args]
            if len(_symbols(parts)) > self.max_arity:
                parts = [self._value(part) for part in parts]
            result = expression.func(*parts)
        self._origin[result] = expression
        return self._value(result) if expression in self.shared else result

    def _gathered(self, operation: Any, parts: list[Any]) -> Any:
        """The sum or product of expressions of at most `max_arity` symbols each, as such an expression."""
        while len(parts) > 1:
            groups = self._packed(parts)
            if len(groups) < len(parts):
                parts = [operation(*group) if len(group) > 1 else group[0] for group in groups]
            else:
                parts = [self._value(part) for part in parts]
        return parts[0]

    def _packed(self, parts: list[Any]) -> list[list[Any]]:
        groups: list[list[Any]] = []
        for part in sorted(parts, key=lambda p: (-len(p.free_symbols), sorted(self.order[s] for s in p.free_symbols))):
            fitting = [group for group in groups if len(_symbols([*group, part])) <= self.max_arity]
            if fitting:
                min(fitting, key=lambda group: len(part.free_symbols - _symbols(group))).append(part)
            else:
                groups.append([part])
        return groups

    def _value(self, expression: Any) -> Any:
        """`expression`, if it has more than one symbol as the symbol of a node."""
        if len(expression.free_symbols) < 2:
            return expression
        self.whole.add(self._origin.get(expression))
        return self.nodes.get(expression) or self._new(expression)

    def _new(self, expression: Any) -> Any:
        node = self.sympy.Dummy()
        self.order[node] = len(self.order)
        self.nodes[expression] = node
        return node


def _symbols(expressions: Iterable[Any]) -> set[Any]:
    return {symbol for expression in expressions for symbol in expression.free_symbols}
