"""The operations as loops, each with its derivative, in a subset of Python that is also C.

numba compiles these functions as they are, `translation` reads their syntax: arguments and locals are int, float, Ints,
Numbers or Results by annotation; there are `for` over a range, `while`, `if`, arithmetic, `empty` of a fixed size,
functions of math, and slices `v[i:]`, which are pointers.

Arguments stand in this order: sizes, tables, input vectors, output vector. The derivative takes the same, then the
derivative of some number by the output, and adds to its derivatives by each input.
"""

from . import box
from .distances import AWAY, DISTANCES, NEAREST, SPREAD
from .kernel import Ints, Kernel, Numbers, Results
from .linear import ADDED, AFFINE, DIVIDED, MULTIPLIED, POWERS, QUOTIENT, SCALED, SHIFTED
from .places import CHOSEN, EXTREME, JOINED, ORDERED, SCORED, TAKEN, UNLESS_MISSING, WITHIN
from .roots import POLYNOMIAL_ROOT, embedded, solving
from .series import CHEBYSHEV, NESTED, PIECEWISE
from .splines import SPLINE

__all__ = [
    "ADDED",
    "AFFINE",
    "AWAY",
    "CHEBYSHEV",
    "CHOSEN",
    "DISTANCES",
    "DIVIDED",
    "EXTREME",
    "JOINED",
    "MULTIPLIED",
    "NEAREST",
    "NESTED",
    "ORDERED",
    "PIECEWISE",
    "POLYNOMIAL_ROOT",
    "POWERS",
    "QUOTIENT",
    "SCALED",
    "SCORED",
    "SHIFTED",
    "SPLINE",
    "SPREAD",
    "TAKEN",
    "UNLESS_MISSING",
    "WITHIN",
    "Ints",
    "Kernel",
    "Numbers",
    "Results",
    "box",
    "embedded",
    "solving",
]
