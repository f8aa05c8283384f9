"""Targets to fit: the equations of the paper, random networks, polynomials, functions of your own."""

from .equation import Equation
from .equations import equations
from .polynomials import legendre, random_polynomial
from .problem import FunctionProblem, Problem
from .registry import get
from .samplers import SAMPLERS, grid_axes
from .teacher import teacher_student

__all__ = [
    "SAMPLERS",
    "Equation",
    "FunctionProblem",
    "Problem",
    "equations",
    "get",
    "grid_axes",
    "legendre",
    "random_polynomial",
    "teacher_student",
]
