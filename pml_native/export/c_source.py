"""A program as one C99 file that needs <math.h> and nothing else: tables, operations, the value and the gradient."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from .listing import Listing
from .program import Program
from .translation import WIDTH, number, translated, with_all_it_calls, wrapped

RESERVED = re.compile(
    "auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|main|"
    "register|restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while"
)


def source(program: Program, name: str, about: Sequence[str]) -> str:
    """The file for functions `name` and `name`_gradient, headed by the lines `about`."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or RESERVED.fullmatch(name) or hasattr(math, name):
        raise ValueError(f"name: expected a name that C allows for a function, got {name!r}")
    d, m = program.n_inputs, program.y.size
    prefix = f"{name}_"
    listing = Listing(program, prefix, lambda array, place: f"{array} + {place}")
    kernels = dict.fromkeys(step.kernel for step in program.steps)
    functions = dict.fromkeys(
        function
        for kernel in kernels
        for one in (kernel.forward, kernel.backward)
        for function in with_all_it_calls(one)
    )
    stack = 8 * (listing.v_size + listing.b_size)
    notes = [
        "",
        f"C99. {name}_gradient takes about {stack} bytes of the stack, {name} less; neither keeps any state. Compilers "
        f"that fuse a * b + c into one operation change the last digits, gcc -std=c99 does not; those that reorder "
        f"sums, as with -ffast-math, break it.",
    ]
    parts = [
        _comment([*about, *notes]),
        "#include <math.h>",
        f"/* y[{m}] from x[{d}]. */\nvoid {name}(const double *x, double *y);",
        f"/* dy[{m * d}]: the derivative of y[k] by x[j] is dy[{d} * k + j]. */\n"
        f"void {name}_gradient(const double *x, double *dy);",
        *(_table(table_name, table) for table_name, table in listing.tables.items()),
        *(translated(function, prefix) for function in functions),
        _value(listing, name),
        _gradient(listing, name),
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
