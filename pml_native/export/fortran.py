"""Fortran 2008, a module: arrays begin at 0, and an element given for an array is what a pointer is in C."""

from __future__ import annotations

import ast
import math
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .definition import Definition
from .translation import ABOUT_ERROR, WIDTH, Language, Syntax, wrapped

# Fortran reserves nothing, but a module's function hides an intrinsic one of its name, and some names here are taken.
INTRINSICS = (
    "abs acos acosh aimag aint all allocated anint any asin asinh associated atan atan2 atanh bit_size btest ceiling "
    "char cmplx conjg cos cosh cshift count dble digits dim dot_product dprod epsilon erf erfc exp exponent floor "
    "fraction gamma huge hypot iachar iand ibclr ibits ibset ichar ieor index int ior ishft kind lbound len log log10 "
    "logical matmul max maxloc maxval merge min minloc minval mod modulo nearest nint norm2 not pack precision present "
    "product radix random_number range real repeat reshape scale shape shiftl shiftr sign sin sinh size spacing spread "
    "sqrt sum tan tanh tiny transfer transpose trim ubound unpack wp int64 nan inf minus_inf x y dy"
)
SMALLEST_NORMAL = 2.0**-1022
# A statement has 255 lines more than its first, of which each here has three numbers or more.
NUMBERS_A_STATEMENT = 500
SPECIAL = """\
  real(wp), parameter :: inf = transfer(9218868437227405312_int64, 0.0_wp), minus_inf = -inf
  real(wp), parameter :: nan = transfer(9221120237041090560_int64, 0.0_wp)"""
POWER_OF_TWO = """\
recursive function NAME(biased) result(answer)
  real(wp), intent(in) :: biased
  real(wp) :: answer
  answer = transfer(shiftl(transfer(biased, 0_int64), 52), 0.0_wp)
end function"""
QUARTER = """\
recursive function NAME(biased) result(answer)
  real(wp), intent(in) :: biased
  integer :: answer
  answer = int(iand(transfer(biased, 0_int64), 3_int64))
end function"""


class Fortran(Language):
    """A module of Fortran 2008."""

    title = "Fortran"
    notes = (
        "Fortran 2008: use {name}_module, only: {name}, {name}_gradient. {name}_gradient takes about {stack} bytes of "
        "the stack, {name} less; neither keeps any state. Compile without -ffast-math and -Ofast (gfortran), with "
        "-fp-model=precise (ifx, which reorders sums by default), and for SSE2 rather than x87: functions count on "
        "rounding to float64, step by step. A compiler that fuses a * b + c changes the last digits "
        "(-ffp-contract=off)."
    )
    reserved = frozenset(INTRINSICS.split())
    longest_name = 30  # 63 are allowed, of which names of operations take up to 33
    inner = ("{}", "{}_gradient", "{}_error")
    before_functions = ("contains",)
    syntax = Syntax(
        line_comment="! ",
        close={"if": "end if", "loop": "end do", "function": "end"},
        parameter=dict.fromkeys(("int", "float", "Ints", "Numbers", "Results"), "{name}"),
        variable=dict.fromkeys(("int", "float"), "{name} = {value}"),
        element=dict.fromkeys(("Ints", "Numbers", "Results"), "{array}({index})"),
        array={},  # all are declared at the beginning
        part="{array}({begin})",
        end="",
        continued=" &",
        call="call {}",
        returned="answer = {}\nreturn",
        begin_if="if ({}) then",
        otherwise="else",
        begin_while="do while ({})",
        ascending="do {i} = {begin}, {end} - 1",
        descending="do {i} = {begin}, {end} + 1, -1",
        conditional="merge({body}, {orelse}, {test})",
        both=" .and. ",
        either=" .or. ",
        not_equal="/=",
        remainder="mod({}, {})",
        augmented=(),
        keeps_order=False,  # its standard lets a compiler take any equal expression, but for parentheses
        constants={"nan": "nan", "inf": "inf"},
        math={"fabs": "abs({})", "copysign": "sign({}, {})", "pow": "({}) ** ({})"},
        primitives={"power_of_two": POWER_OF_TWO, "quarter": QUARTER},
    )

    def is_reserved(self, name: str) -> bool:
        return name.lower() in self.reserved

    def opening(self) -> list[str]:
        names = [form.format(self.name) for form in self.inner[: 3 if self.has_error else 2]]
        lines = [
            f"! call {self.name}(x, y): y({self.m}) of x({self.d}).",
            f"! call {self.name}_gradient(x, dy), dy({self.d}, {self.m}): dy(j, k) is the derivative of y(k) by x(j).",
            *([f"! {self.name}_error(x): {ABOUT_ERROR[0].lower()}{ABOUT_ERROR[1:]}"] if self.has_error else []),
            f"module {self.name}_module",
            "  use, intrinsic :: iso_fortran_env, only: wp => real64, int64",
            "  implicit none",
            "  private",
            f"  public :: {', '.join(names)}",
            SPECIAL,
        ]
        return ["\n".join(lines)]

    def closing(self) -> list[str]:
        return [f"end module {self.name}_module"]

    def head(self, name: str, returns: str, is_public: bool) -> tuple[str, str]:
        kind, after = ("subroutine", ")") if returns == "None" else ("function", ") result(answer)")
        self._returns, self._is_public = returns, is_public
        return f"recursive {kind} {name}(", after

    def close(self, returns: str) -> str:
        return "end subroutine" if returns == "None" else "end function"

    def declarations(self, tree: ast.FunctionDef, arguments: Mapping[str, str]) -> list[str]:
        sizes = {"x": self.d, "y": self.m, "dy": self.d * self.m} if self._is_public else {}
        for node in ast.walk(tree):
            match node:
                case ast.AnnAssign(
                    target=ast.Name(id=array),
                    value=ast.Call(func=ast.Name(id="empty"), args=[ast.Constant(value=int() as size), *_]),
                ):
                    sizes[array] = size
        lines = []
        for name, kind in self.types.items():
            if isinstance(self.known.get(name), np.ndarray):
                continue
            basic = "integer" if kind in ("int", "Ints") else "real(wp)"
            written = ", intent(out)" if self._is_public else ", intent(inout)"
            intent = "" if name not in arguments else written if kind == "Results" else ", intent(in)"
            extent = "" if kind in ("int", "float") else f"(0:{sizes[name] - 1})" if name in sizes else "(0:*)"
            lines.append(f"{basic}{intent} :: {self.named(name)}{extent}")
        if self._returns != "None":
            lines.append(f"{'integer' if self._returns == 'int' else 'real(wp)'} :: answer")
        return lines

    def function(self, name: str, definition: Definition, is_public: bool = False) -> str:
        """With lines that are not too long."""
        return "\n".join(_broken(line) for line in super().function(name, definition, is_public).splitlines())

    def table(self, name: str, table: NDArray[Any]) -> str:
        kind, numbers = "integer" if table.dtype.kind == "i" else "real(wp)", self.numbers(table)
        lines = [f"  {kind}, save :: {name}(0:{table.size - 1})"]
        for i in range(0, table.size, NUMBERS_A_STATEMENT):
            some = numbers[i : i + NUMBERS_A_STATEMENT]
            lines += wrapped(some, f"  data {name}({i}:{i + len(some) - 1}) / ", " /", broken=self.syntax.continued)
        return "\n".join(lines)

    def number(self, value: float) -> str:
        """Of numbers below the normal ones all 17 digits: gfortran rounds to 53 bits first, and so twice."""
        if not math.isfinite(value):
            return "minus_inf" if value < 0.0 else super().number(value)
        return (f"{value:.16e}" if 0.0 < abs(value) < SMALLEST_NORMAL else super().number(value)) + "_wp"

    def declared_array(self, name: str, kind: str, size: int) -> list[str]:
        return []

    def statement(self, node: ast.stmt, indent: str) -> list[str]:
        """Of a conditional value both sides may be computed: where it is all of the value, `if` chooses."""
        match node:
            case ast.AnnAssign(target=target, annotation=kind, value=ast.IfExp(test=test, body=body, orelse=orelse)):
                sides: list[ast.stmt] = [
                    ast.AnnAssign(target=target, annotation=kind, value=value, simple=1) for value in (body, orelse)
                ]
                return super().statement(ast.If(test=test, body=sides[:1], orelse=sides[1:]), indent)
            case ast.Return(value=ast.IfExp(test=test, body=body, orelse=orelse)):
                return super().statement(
                    ast.If(test=test, body=[ast.Return(value=body)], orelse=[ast.Return(value=orelse)]), indent
                )
        return super().statement(node, indent)


def _broken(line: str) -> str:
    """A line as several, none of them longer than the standard allows."""
    if len(line) <= WIDTH + 20 or line.lstrip().startswith("!"):
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    parts = textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return " &\n".join(parts)
