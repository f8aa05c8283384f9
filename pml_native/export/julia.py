"""Julia, a module: arrays begin at 1, and views are what pointers are in C."""

from __future__ import annotations

import ast
from typing import Any

from numpy.typing import NDArray

from .translation import ABOUT_ERROR, Language, Syntax, wrapped

KEYWORDS = (
    "abstract baremodule begin break catch const continue do else elseif end export false finally for function global "
    "if import in isa let local macro module mutable nothing outer primitive quote return struct true try type using "
    "where while"
)
# Of Base, what is used here or by most programs.
OTHERS = (
    "Array Base Core Float64 Inf Int Main Matrix NaN Vector abs acos asin atan copysign cos div exp eval include "
    "length log parse permutedims pi print println reinterpret rem reshape sin split sqrt sum view x y dy"
)
# Where C gives NaN, Julia's functions throw a DomainError.
TOTAL = """\
NAMEtotal_sin(z) = isfinite(z) ? sin(z) : NaN
NAMEtotal_cos(z) = isfinite(z) ? cos(z) : NaN
NAMEtotal_sqrt(z) = z < 0.0 ? NaN : sqrt(z)
NAMEtotal_log(z) = z < 0.0 ? NaN : log(z)
NAMEtotal_pow(z, p) = z < 0.0 && p != trunc(p) ? NaN : z^p"""
POWER_OF_TWO = """\
function NAME(biased)
  return reinterpret(Float64, reinterpret(UInt64, biased) << 52)
end"""
QUARTER = """\
function NAME(biased)
  return Int(reinterpret(UInt64, biased) & 0x03)
end"""


class Julia(Language):
    """A module of Julia 1."""

    title = "Julia"
    notes = (
        "Julia 1.6 or newer: include this file, then using .{name}_module. {name}_gradient allocates about {stack} "
        "bytes, {name} less; neither keeps any state. @fastmath around a call changes nothing inside, but julia "
        "--math-mode=fast does: functions count on rounding to float64, step by step."
    )
    reserved = frozenset([*KEYWORDS.split(), *OTHERS.split()])
    syntax = Syntax(
        keywords=frozenset(KEYWORDS.split()),
        line_comment="# ",
        parameter=dict.fromkeys(("int", "float", "Ints", "Numbers", "Results"), "{name}"),
        variable=dict.fromkeys(("int", "float"), "{name} = {value}"),
        array={"Ints": "{name} = Vector{{Int}}(undef, {size})", "Results": "{name} = Vector{{Float64}}(undef, {size})"},
        element=dict.fromkeys(("Ints", "Numbers", "Results"), "{array}[{index}]"),
        part="view({array}, {begin} + 1:length({array}))",
        end="",
        returned="return {}",
        begin_if="if {}",
        otherwise="else",
        begin_while="while {}",
        ascending="for {i} in {begin}:{end} - 1",
        descending="for {i} in {begin}:-1:{end} + 1",
        close=dict.fromkeys(("if", "loop", "function"), "end"),
        integer_division="div({}, {})",
        augmented=(ast.Add, ast.Sub, ast.Mult, ast.Div),
        constants={"nan": "NaN", "inf": "Inf"},
        math={
            **{name: f"{{prefix}}total_{name}({{}})" for name in ("sin", "cos", "sqrt", "log")},
            "fabs": "abs({})",
            "pow": "{prefix}total_pow({}, {})",
        },
        primitives={"power_of_two": POWER_OF_TWO, "quarter": QUARTER},
    )

    def opening(self) -> list[str]:
        names = [self.name, f"{self.name}_gradient", *([f"{self.name}_error"] if self.has_error else [])]
        return [f"module {self.name}_module\n\nexport {', '.join(names)}", TOTAL.replace("NAME", self.prefix)]

    def closing(self) -> list[str]:
        return ["end"]

    def head(self, name: str, returns: str, is_public: bool) -> tuple[str, str]:
        return f"function {name}(", ")"

    def table(self, name: str, table: NDArray[Any]) -> str:
        """Parsed when the file is read, as array literals of thousands of numbers take long to compile."""
        kind = "Int" if table.dtype.kind == "i" else "Float64"
        return "\n".join(wrapped(self.numbers(table), f'const {name} = parse.({kind}, split("', '", ","))'))

    def index(self, node: ast.expr) -> str:
        return str(node.value + 1) if isinstance(node, ast.Constant) else f"{self.of(node)} + 1"  # type: ignore[operator]

    def of(self, node: ast.expr, is_written: bool = False) -> str:
        match node:
            case ast.Subscript(
                value=array,
                slice=ast.Slice(lower=ast.Constant(value=int() as begin), upper=ast.Constant(value=int() as end)),
            ):
                return f"view({self.of(array)}, {begin + 1}:{end})"
        return super().of(node)

    def public(self) -> list[str]:
        value, gradient, error = (form.format(self.name) for form in self.inner)
        check = f'  length(x) == {self.d} || throw(DimensionMismatch("x: expected {self.d} numbers, got $(length(x))"))'
        taken = f"{check}\n  x = convert(Vector{{Float64}}, x)"
        place = "y by x[j] is at [j]" if self.is_number else "y[k] by x[j] is at [k, j]"
        rows = "dy" if self.is_number else f"permutedims(reshape(dy, {self.d}, {self.m}))"
        return [
            f"# y of x, which has {self.d} numbers: {'a number' if self.is_number else f'a Vector of {self.m}'}.\n"
            f"function {self.name}(x)\n{taken}\n  y = Vector{{Float64}}(undef, {self.m})\n  {value}(x, y)\n"
            f"  return {'y[1]' if self.is_number else 'y'}\nend",
            f"# The derivative of {place}.\nfunction {self.name}_gradient(x)\n{taken}\n"
            f"  dy = Vector{{Float64}}(undef, {self.m * self.d})\n  {gradient}(x, dy)\n"
            f"  return {rows}\nend",
            *(
                [f"# {ABOUT_ERROR}\nfunction {self.name}_error(x)\n{taken}\n  return {error}(x)\nend"]
                if self.has_error
                else []
            ),
        ]
