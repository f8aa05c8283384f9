"""The paper's targets that are in no database: a line of text each, in its figures 1, 4, 8 and 9."""

from __future__ import annotations

from .equation import Equation, EquationTable

_UNIT, _SYMMETRIC = (0.0, 1.0), (-1.0, 1.0)
simple_functions = EquationTable(
    (equation.name, equation)
    for equation in (
        Equation("cos(2x)", "cos(2*x)", ("x",), ((3.0, 6.0),)),
        Equation("xy", "x*y", ("x", "y"), ((1.0, 5.0),) * 2),
        Equation("exp(x)", "exp(x)", ("x",), (_UNIT,)),
        Equation("exp(xy)", "exp(x*y)", ("x", "y"), (_UNIT,) * 2),
        Equation("x^2", "x**2", ("x",), (_SYMMETRIC,)),
        Equation("xy-symmetric", "x*y", ("x", "y"), (_SYMMETRIC,) * 2),
    )
)
