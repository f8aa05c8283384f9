"""Targets to fit: the equations of the paper."""

from .equation import Equation
from .equations import equations

__all__ = ["Equation", "equations"]
