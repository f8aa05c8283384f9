"""Safe Rust that needs the standard library only: pointers are slices, of arrays that are taken apart where need be."""

from __future__ import annotations

import ast
from typing import Any

from numpy.typing import NDArray

from .translation import ABOUT_ERROR, Language, Syntax, wrapped

KEYWORDS = (
    "Self abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen "
    "if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try "
    "type typeof unsafe unsized use virtual where while yield"
)
OTHERS = "bool char f32 f64 i128 i16 i32 i64 i8 isize str u128 u16 u32 u64 u8 usize main drop"
REQUIRED = """\
#[cfg(all(target_arch = "x86", not(target_feature = "sse2")))]
compile_error!("compile for SSE2: numbers must not carry more digits than float64 on the way");"""
POWER_OF_TWO = """\
fn NAME(biased: f64) -> f64 {
  f64::from_bits(biased.to_bits() << 52)
}"""
QUARTER = """\
fn NAME(biased: f64) -> isize {
  (biased.to_bits() & 3) as isize
}"""


class Rust(Language):
    """A module of Rust 2021."""

    title = "Rust"
    notes = (
        "Rust 2021, safe, for a file of its own: mod {name}; and then {name}::{name}(&x). {name}_gradient takes about "
        "{stack} bytes of the stack, {name} less; neither keeps any state. Rust fuses no a * b + c and reorders no "
        "sums."
    )
    reserved = frozenset([*KEYWORDS.split(), *OTHERS.split()])
    syntax = Syntax(
        keywords=frozenset(KEYWORDS.split()),
        parameter={
            "int": "{name}: isize",
            "float": "{name}: f64",
            "Ints": "{name}: &[i32]",
            "Numbers": "{name}: &[f64]",
            "Results": "{name}: &mut [f64]",
        },
        variable={"int": "let mut {name}: isize = {value};", "float": "let mut {name}: f64 = {value};"},
        array={"Ints": "let mut {name} = [0isize; {size}];", "Results": "let mut {name} = [0f64; {size}];"},
        element={
            "Ints": "({array}[{index}] as isize)",
            "Numbers": "{array}[{index}]",
            "Results": "{array}[{index}]",
        },
        part="{array}[{begin}..]",
        begin_if="if {} {{",
        begin_while="while {} {{",
        ascending="for {i} in {begin}..{end} {{",
        descending="for {i} in (({end} + 1)..({begin} + 1)).rev() {{",
        conditional="if {test} {{ {body} }} else {{ {orelse} }}",
        constants={"nan": "f64::NAN", "inf": "f64::INFINITY"},
        math={
            **{name: f"f64::{name}({{}})" for name in ("acos", "asin", "atan", "cos", "exp", "sin", "sqrt")},
            "fabs": "f64::abs({})",
            "log": "f64::ln({})",
            "pow": "f64::powf({}, {})",
            "copysign": "f64::copysign({}, {})",
        },
        primitives={"power_of_two": POWER_OF_TWO, "quarter": QUARTER},
    )

    def __init__(self, name: str, d: int, m: int, *, is_number: bool, has_error: bool) -> None:
        super().__init__(name, d, m, is_number=is_number, has_error=has_error)
        self._apart: set[tuple[str, int]] = set()  # parts of arrays, and where they began, in the call in hand

    def opening(self) -> list[str]:
        allowed = "dead_code, unused_mut, unused_variables, unused_parens, non_upper_case_globals, clippy::all"
        return [f"#![allow({allowed})]", REQUIRED]

    def head(self, name: str, returns: str, is_public: bool) -> tuple[str, str]:
        return f"fn {name}(", ")" + {"None": " {", "float": " -> f64 {", "int": " -> isize {"}[returns]

    def table(self, name: str, table: NDArray[Any]) -> str:
        kind = "i32" if table.dtype.kind == "i" else "f64"
        return "\n".join(wrapped(self.numbers(table), f"static {name}: [{kind}; {table.size}] = [", "];"))

    def statement(self, node: ast.stmt, indent: str) -> list[str]:
        """A call that writes to parts of an array and reads others takes the array apart before."""
        begins: dict[str, set[int]] = {}
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            for one in node.value.args:
                if (part := _part(one)) is not None:
                    begins.setdefault(part[0], set()).add(part[1])
        places = {array: sorted(begin)[:0:-1] for array, begin in begins.items() if len(begin) > 1}
        if not places:
            return super().statement(node, indent)
        lines = [
            f"let ({array}, {array}_{place}) = {array}.split_at_mut({place});"
            for array, own in places.items()
            for place in own
        ]
        self._apart = {(array, place) for array, own in places.items() for place in own}
        lines += super().statement(node, "")
        self._apart = set()
        return [f"{indent}{{", *(f"{indent}  {line}" for line in lines), f"{indent}}}"]

    def of(self, node: ast.expr, is_written: bool = False) -> str:
        match node:
            case ast.Subscript(value=ast.Name(id=array), slice=ast.Slice(lower=ast.expr() as lower)):
                if (part := _part(node)) is None:
                    return self.syntax.part.format(array=self.named(array), begin=self.index(lower))
                _, begin, end = part
                is_apart = (array, begin) in self._apart
                return f"{array}_{begin}[..{end - begin}]" if is_apart else f"{array}[{begin}..{end}]"
            case ast.Subscript() if is_written and self.kind(node) == "int":
                return super().of(node)[1:].removesuffix(" as isize)")
        return super().of(node)

    def index(self, node: ast.expr) -> str:
        return self.of(node) if isinstance(node, ast.Constant) else f"{self.within(node)} as usize"

    def argument(self, node: ast.expr, kind: str) -> str:
        is_array = kind in ("Ints", "Numbers", "Results")
        if not is_array or (isinstance(node, ast.Name) and node.id in self.parameters):
            return self.of(node)
        return f"{'&mut ' if kind == 'Results' else '&'}{self.of(node)}"

    def operand(self, node: ast.expr, other: ast.expr, least: int) -> str:
        if self.kind(node) == "int" and self.kind(other) == "float":
            return f"({self.within(node)} as f64)"
        return super().operand(node, other, least)

    def public(self) -> list[str]:
        value, gradient, error = (form.format(self.name) for form in self.inner)
        y, dy = ("f64", f"[f64; {self.d}]") if self.is_number else (f"[f64; {self.m}]", f"[[f64; {self.d}]; {self.m}]")
        rows = f"std::array::from_fn(|k| std::array::from_fn(|j| dy[{self.d} * k + j]))"
        place = "y by x[j] is at [j]" if self.is_number else "y[k] by x[j] is at [k][j]"
        return [
            f"/// y of x.\npub fn {self.name}(x: &[f64; {self.d}]) -> {y} {{\n  let mut y = [0f64; {self.m}];\n"
            f"  {value}(x, &mut y);\n  {'y[0]' if self.is_number else 'y'}\n}}",
            f"/// The derivative of {place}.\n"
            f"pub fn {self.name}_gradient(x: &[f64; {self.d}]) -> {dy} {{\n  let mut dy = [0f64; {self.m * self.d}];\n"
            f"  {gradient}(x, &mut dy);\n  {'dy' if self.is_number else rows}\n}}",
            *(
                [f"/// {ABOUT_ERROR}\npub fn {self.name}_error(x: &[f64; {self.d}]) -> f64 {{\n  {error}(x)\n}}"]
                if self.has_error
                else []
            ),
        ]


def _part(node: ast.expr) -> tuple[str, int, int] | None:
    """Array, begin and end of a part of which these are numbers."""
    match node:
        case ast.Subscript(
            value=ast.Name(id=array),
            slice=ast.Slice(lower=ast.Constant(value=int() as begin), upper=ast.Constant(value=int() as end)),
        ):
            return array, begin, end
    return None
