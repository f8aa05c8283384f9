"""C99 that needs <math.h> and nothing else."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from .translation import ABOUT_ERROR, Language, Syntax, wrapped

# What C99 has for itself, and compilers for names without it: gcc defines linux and unix, and knows asm and typeof.
KEYWORDS = (
    "asm auto break case char const continue default do double else enum extern float for goto if inline int "
    "linux long main register restrict return short signed sizeof static struct switch typedef typeof union unix "
    "unsigned void volatile while"
)
# Of <math.h>, beside what Python's has: functions, which all come with f and l as well, then types and macros. POSIX
# adds Bessel's functions and the constants that begin with M_. The last are functions that programs end without.
FUNCTIONS = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim floor "
    "fma fmax fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf "
    "nan nearbyint nextafter nexttoward pow remainder remquo rint round scalbln scalbn sin sinh sqrt tan tanh "
    "tgamma trunc"
)
OTHERS = (
    "double_t float_t fpclassify isfinite isgreater isgreaterequal isinf isless islessequal islessgreater isnan "
    "isnormal isunordered signbit signgam gamma j0 j1 jn y0 y1 yn significand drem scalb finite exp10 pow10 "
    "sincos NAN INFINITY HUGE_VAL HUGE_VALF HUGE_VALL DOMAIN SING OVERFLOW UNDERFLOW abort abs calloc exit free "
    "malloc memcpy memset printf realloc"
)
RESERVED_FAMILIES = re.compile("M_.*|FP_.*|FLT_.*|DBL_.*|LDBL_.*|MATH_.*")
# What would ruin the last digits, or all: sums that are reordered, and numbers with more digits on the way than float64
# has, as the x87 unit keeps them where a compiler is not told to follow the standard (gcc -mfpmath=387 without
# -std=c99). Then the roundings that double-double arithmetic and the reduction of arguments count on don't happen.
REQUIRED = """#if defined(__FAST_MATH__)
#error "compile without -ffast-math: it reorders the sums of this file"
#endif
#if defined(FLT_EVAL_METHOD) && (FLT_EVAL_METHOD < 0 || FLT_EVAL_METHOD == 2) && !defined(__STRICT_ANSI__)
#error "compile with -std=c99 or for SSE2: numbers must not carry more digits than float64 on the way"
#endif"""
# A double whose bits are read. C99 allows that in unions.
POWER_OF_TWO = """\
static double NAME(double biased) {
  union {
    double value;
    unsigned long long bits;
  } u;
  u.value = biased;
  u.bits <<= 52;
  return u.value;
}"""
QUARTER = """\
static int NAME(double biased) {
  union {
    double value;
    unsigned long long bits;
  } u;
  u.value = biased;
  return (int)(u.bits & 3);
}"""


ABOUT_HESSIAN = """\
/* h[{size}]: the second derivative of y[k] by x[i] and x[j] is h[{d} * ({d} * k + i) + j]. */
void {name}_hessian(const double *x, double *h);"""


class C(Language):
    """C99."""

    title = "C"
    notes = (
        "C99. {name}_gradient takes about {stack} bytes of the stack, {name} less; neither keeps any state. Compilers "
        "that fuse a * b + c into one operation change the last digits, gcc -std=c99 does not; those that reorder "
        "sums, as with -ffast-math, or carry more digits on the way, as for x87 without -std=c99, are refused."
    )
    reserved = frozenset(
        [
            *KEYWORDS.split(),
            *OTHERS.split(),
            *(name + ending for name in FUNCTIONS.split() for ending in ("", "f", "l")),
        ]
    )
    inner = ("{}", "{}_gradient", "{}_error")
    syntax = Syntax(
        # What a function writes lies apart from all else, which lets compilers use vectors.
        parameter={
            "int": "int {name}",
            "float": "double {name}",
            "Ints": "const int *{name}",
            "Numbers": "const double *{name}",
            "Results": "double *restrict {name}",
        },
        variable={"int": "int {name} = {value};", "float": "double {name} = {value};"},
        array={"Ints": "int {name}[{size}];", "Results": "double {name}[{size}];"},
        element=dict.fromkeys(("Ints", "Numbers", "Results"), "{array}[{index}]"),
        part="{array} + {begin}",
        ascending="for (int {i} = {begin}; {i} < {end}; ++{i}) {{",
        descending="for (int {i} = {begin}; {i} > {end}; --{i}) {{",
        constants={"nan": "NAN", "inf": "INFINITY"},
        primitives={"power_of_two": POWER_OF_TWO, "quarter": QUARTER},
    )

    def is_reserved(self, name: str) -> bool:
        return name in self.reserved or RESERVED_FAMILIES.fullmatch(name) is not None

    def heading(self, lines: Iterable[str]) -> str:
        text = self.commented(line.replace("*/", "* /") for line in lines)
        return "\n".join(["/*", *(f" *{line.removeprefix('//')}" for line in text.splitlines()), " */"])

    def opening(self) -> list[str]:
        return [
            "#include <float.h>\n#include <math.h>",
            REQUIRED,
            f"/* y[{self.m}] from x[{self.d}]. */\nvoid {self.name}(const double *x, double *y);",
            f"/* dy[{self.m * self.d}]: the derivative of y[k] by x[j] is dy[{self.d} * k + j]. */\n"
            f"void {self.name}_gradient(const double *x, double *dy);",
            *([ABOUT_HESSIAN.format(name=self.name, d=self.d, size=self.m * self.d**2)] if self.has_hessian else []),
            *([f"/* {ABOUT_ERROR} */\ndouble {self.name}_error(const double *x);"] if self.has_error else []),
        ]

    def head(self, name: str, returns: str, is_public: bool) -> tuple[str, str]:
        kind = {"None": "void", "float": "double", "int": "int"}[returns]
        return f"{'' if is_public else 'static '}{kind} {name}(", ") {"

    def table(self, name: str, table: NDArray[Any]) -> str:
        kind = "int" if table.dtype.kind == "i" else "double"
        return "\n".join(wrapped(self.numbers(table), f"static const {kind} {name}[{table.size}] = {{", "};"))

    def number(self, value: float) -> str:
        """Short where it is exactly so, else hexadecimal."""
        if not math.isfinite(value):
            return super().number(value)
        short = repr(float(value))
        return short if len(short) <= 6 and value * 2.0**20 == math.floor(value * 2.0**20) else float(value).hex()

    def declarations(self, tree: ast.FunctionDef, arguments: Mapping[str, str]) -> list[str]:
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        return [f"(void){name};" for name in arguments if name not in used]
