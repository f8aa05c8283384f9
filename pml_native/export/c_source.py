"""A program as one C99 file that needs <math.h> and nothing else: tables, operations, the value and the gradient."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from .listing import Listing
from .program import Program
from .translation import WIDTH, number, translated, with_all_it_calls, within, wrapped

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
RESERVED = frozenset(
    [*KEYWORDS.split(), *OTHERS.split(), *(name + ending for name in FUNCTIONS.split() for ending in ("", "f", "l"))]
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


ABOUT_ERROR = "The error to expect at x, relative to the RMS of y, or to y there where errors of the fit are."


def source(program: Program, name: str, about: Sequence[str], error: Program | None = None) -> str:
    """The file for functions `name` and `name`_gradient, headed by the lines `about`.

    `error` makes one number of x, that of the function `name`_error, if it is given.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED or RESERVED_FAMILIES.fullmatch(name):
        raise ValueError(f"name: expected a name that C allows for a function, got {name!r}")
    d, m = program.n_inputs, program.y.size
    prefix = f"{name}_"
    listing = Listing(program, prefix, lambda array, place: f"{array} + {place}")
    of_error = None if error is None else Listing(error, prefix, lambda array, place: f"{array} + {place}", listing)
    kernels = dict.fromkeys(one for step in program.steps for one in step.kernel.functions)
    kernels |= dict.fromkeys(step.kernel.forward for step in ([] if error is None else error.steps))
    functions = dict.fromkeys(function for one in kernels for function in with_all_it_calls(one))
    parts_within = {
        function: Listing(part, prefix, lambda array, place: f"{array} + {place}")
        for function in functions
        if (part := within(function)) is not None
    }
    listings = [*parts_within.values(), listing]
    stack = 8 * sum(one.v_size + one.b_size for one in listings)
    notes = [
        "",
        f"C99. {name}_gradient takes about {stack} bytes of the stack, {name} less; neither keeps any state. Compilers "
        f"that fuse a * b + c into one operation change the last digits, gcc -std=c99 does not; those that reorder "
        f"sums, as with -ffast-math, or carry more digits on the way, as for x87 without -std=c99, are refused.",
    ]
    parts = [
        _comment([*about, *notes]),
        "#include <float.h>\n#include <math.h>",
        REQUIRED,
        f"/* y[{m}] from x[{d}]. */\nvoid {name}(const double *x, double *y);",
        f"/* dy[{m * d}]: the derivative of y[k] by x[j] is dy[{d} * k + j]. */\n"
        f"void {name}_gradient(const double *x, double *dy);",
        *([] if of_error is None else [f"/* {ABOUT_ERROR} */\ndouble {name}_error(const double *x);"]),
        *(_table(table_name, table) for one in listings for table_name, table in one.tables.items()),
        *(
            _within(parts_within[function], prefix + function.__name__)
            if function in parts_within
            else translated(function, prefix)
            for function in functions
        ),
        _value(listing, name),
        _gradient(listing, name),
        *([] if of_error is None else [_error(of_error, name)]),
    ]
    return "\n\n".join(parts) + "\n"


def _comment(lines: Sequence[str]) -> str:
    wrapped = [part for line in lines for part in textwrap.wrap(line.replace("*/", "* /"), WIDTH - 3) or [""]]
    return "\n".join(["/*", *(f" * {line}".rstrip() for line in wrapped), " */"])


def _table(name: str, table: NDArray[Any]) -> str:
    is_whole = table.dtype.kind == "i"
    texts = (str(value) if is_whole else number(value) for value in table.tolist())
    return "\n".join(wrapped(texts, f"static const {'int' if is_whole else 'double'} {name}[{table.size}] = {{", "};"))


def _value(listing: Listing, name: str) -> str:
    d, unused = listing.program.n_inputs, listing.program.y.size
    lines = [f"  {call};" for call in listing.forward("y")] or [f"  for (int i = 0; i < {d}; ++i) y[i] = x[i];"]
    if listing.v_size > unused:
        lines.insert(0, f"  double v[{listing.v_size - unused}];")
    return "\n".join([f"void {name}(const double *x, double *y) {{", *lines, "}"])


def _within(listing: Listing, name: str) -> str:
    """A program within another: its one number, and its gradient."""
    lines = [
        f"static void {name}(const double *x, double *restrict y, double *restrict dy) {{",
        f"  double v[{listing.v_size}], b[{listing.b_size}];",
        *(f"  {call};" for call in listing.forward()),
        f"  for (int i = 0; i < {listing.b_size}; ++i) b[i] = 0.0;",
        f"  b[{listing.y_place}] = 1.0;",
        *(f"  {call};" for call in listing.backward()),
        f"  y[0] = v[{listing.y_place - listing.program.n_inputs}];",
        f"  for (int j = 0; j < {listing.program.n_inputs}; ++j) dy[j] = b[j];",
        "}",
    ]
    return "\n".join(lines)


def _gradient(listing: Listing, name: str) -> str:
    d, m = listing.program.n_inputs, listing.program.y.size
    arrays = f"double v[{listing.v_size}], b[{listing.b_size}];" if listing.v_size else f"double b[{d}];\n  (void)x;"
    lines = [
        f"void {name}_gradient(const double *x, double *dy) {{",
        f"  {arrays}",
        *(f"  {call};" for call in listing.forward()),
        f"  for (int k = 0; k < {m}; ++k) {{",
        f"    for (int i = 0; i < {listing.b_size}; ++i) b[i] = 0.0;",
        f"    b[{listing.y_place} + k] = 1.0;",
        *(f"    {call};" for call in listing.backward()),
        f"    for (int j = 0; j < {d}; ++j) dy[{d} * k + j] = b[j];",
        "  }",
        "}",
    ]
    return "\n".join(lines)


def _error(listing: Listing, name: str) -> str:
    lines = [
        f"  double v[{listing.v_size - 1}], y[1];",
        *(f"  {call};" for call in listing.forward("y")),
        "  return y[0];",
    ]
    return "\n".join([f"double {name}_error(const double *x) {{", *lines, "}"])
