"""JavaScript, a module: arrays lie in one memory of float64, and places in it are what pointers are in C."""

from __future__ import annotations

import ast
from typing import Any

from numpy.typing import NDArray

from .translation import ABOUT_ERROR, Language, Syntax, wrapped

KEYWORDS = (
    "abstract arguments async await boolean break byte case catch char class const continue debugger default delete do "
    "double else enum eval export extends false final finally float for from function get goto if implements import in "
    "instanceof int interface let long native new null of package private protected public return set short static "
    "super switch synchronized this throw throws transient true try typeof undefined var void volatile while with yield"
)
GLOBALS = (
    "Array BigInt Boolean Date Error Float64Array Function Infinity Int32Array Math NaN Number Object RangeError "
    "String Symbol Uint32Array globalThis isFinite isNaN console exports global module process require self window "
    "document"
)
COPYSIGN = """\
function NAMEcopysign(size, sign) {
  return sign < 0 || Object.is(sign, -0) ? -Math.abs(size) : Math.abs(size);
}"""
# Words of 32 bits, the lower one first on all machines that browsers and Node run on.
BITS = """\
const NAMEvalue = new Float64Array(1);
const NAMEwords = new Uint32Array(NAMEvalue.buffer);"""
POWER_OF_TWO = """\
function NAME(biased) {
  PREFIXvalue[0] = biased;
  PREFIXwords[1] = PREFIXwords[0] << 20;
  PREFIXwords[0] = 0;
  return PREFIXvalue[0];
}"""
QUARTER = """\
function NAME(biased) {
  PREFIXvalue[0] = biased;
  return PREFIXwords[0] & 3;
}"""


class JavaScript(Language):
    """A module of ECMAScript 2015."""

    title = "JavaScript"
    notes = (
        "A module of ECMAScript 2015: import {{ {name}, {name}_gradient }} from this file. Functions work in memory of "
        "their own, and return new arrays. Numbers are float64, which no engine rounds in other ways."
    )
    reserved = frozenset([*KEYWORDS.split(), *GLOBALS.split()])
    syntax = Syntax(
        keywords=frozenset(KEYWORDS.split()),
        parameter=dict.fromkeys(("int", "float", "Ints", "Numbers", "Results"), "{name}"),
        variable=dict.fromkeys(("int", "float"), "let {name} = {value};"),
        array=dict.fromkeys(("Ints", "Results"), "const {name} = {size};"),
        part="{array} + {begin}",
        ascending="for (let {i} = {begin}; {i} < {end}; ++{i}) {{",
        descending="for (let {i} = {begin}; {i} > {end}; --{i}) {{",
        integer_division="({} / {} | 0)",
        not_equal="!==",
        augmented=(ast.Add, ast.Sub, ast.Mult, ast.Div),
        element={
            "Ints": "{prefix}places[{array} + {index}]",
            **dict.fromkeys(("Numbers", "Results"), "{prefix}memory[{array} + {index}]"),
        },
        math={
            **{name: f"Math.{name}({{}})" for name in ["acos", "asin", "atan", "cos", "exp", "log", "sin", "sqrt"]},
            "fabs": "Math.abs({})",
            "pow": "Math.pow({}, {})",
            "copysign": "{prefix}copysign({}, {})",
        },
        primitives={"power_of_two": POWER_OF_TWO, "quarter": QUARTER},
        constants={"nan": "NaN", "inf": "Infinity"},
    )

    def __init__(self, name: str, d: int, m: int, *, is_number: bool, has_error: bool) -> None:
        super().__init__(name, d, m, is_number=is_number, has_error=has_error)
        self._sizes = {"Ints": 0, "Numbers": 0}  # of the memory for integers and of that for numbers, so far

    def opening(self) -> list[str]:
        helpers = [text.replace("NAME", self.prefix) for text in (COPYSIGN, BITS)]
        places, numbers = self._sizes.values()
        memory = f"const {self.prefix}memory = new Float64Array({numbers});"
        return [*helpers, f"{memory}\nconst {self.prefix}places = new Int32Array({places});"]

    def head(self, name: str, returns: str, is_public: bool) -> tuple[str, str]:
        return f"function {name}(", ") {"

    def table(self, name: str, table: NDArray[Any]) -> str:
        kind, memory = ("Ints", "places") if table.dtype.kind == "i" else ("Numbers", "memory")
        address = self._allocated(kind, table.size)
        filled = wrapped(self.numbers(table), f"{self.prefix}{memory}.set([", f"], {name});")
        return "\n".join([f"const {name} = {address};", *filled])

    def declared_array(self, name: str, kind: str, size: int) -> list[str]:
        address = self._allocated("Ints" if kind == "Ints" else "Numbers", size)
        return super().declared_array(name, kind, address)

    def _allocated(self, kind: str, size: int) -> int:
        """Where that many numbers have their place."""
        address = self._sizes[kind]
        self._sizes[kind] += size
        return address

    def public(self) -> list[str]:
        x, y, dy = (self._allocated("Numbers", size) for size in (self.d, self.m, self.m * self.d))
        memory = f"{self.prefix}memory"
        value, gradient, error = (form.format(self.name) for form in self.inner)
        part = f"{memory}.slice({{0}}, {{0}} + {{1}})"
        kind = "a number" if self.is_number else f"a Float64Array of {self.m}"
        return [
            f"function {self.prefix}take(x) {{\n"
            f"  if (x.length !== {self.d}) throw new RangeError(`x: expected {self.d} numbers, got ${{x.length}}`);\n"
            f"  for (let j = 0; j < {self.d}; ++j) {memory}[{x} + j] = x[j];\n}}",
            f"// y of x, which has {self.d} numbers: {kind}.\n"
            f"export function {self.name}(x) {{\n  {self.prefix}take(x);\n  {value}({x}, {y});\n"
            f"  return {f'{memory}[{y}]' if self.is_number else part.format(y, self.m)};\n}}",
            f"// A Float64Array of {self.m * self.d}: the derivative of y[k] by x[j] is at {self.d} * k + j.\n"
            f"export function {self.name}_gradient(x) {{\n  {self.prefix}take(x);\n  {gradient}({x}, {dy});\n"
            f"  return {part.format(dy, self.m * self.d)};\n}}",
            *(
                [
                    f"{self.commented([ABOUT_ERROR])}\nexport function {self.name}_error(x) {{\n"
                    f"  {self.prefix}take(x);\n  return {error}({x});\n}}"
                ]
                if self.has_error
                else []
            ),
        ]
