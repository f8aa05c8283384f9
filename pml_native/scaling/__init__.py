"""The study of scaling: sweeps over many runs, the laws their errors follow, and what these laws foretell."""

from .measure import FAMILIES, measure
from .sweep import SweepWarning, sweep
from .table import Table

__all__ = [
    "FAMILIES",
    "SweepWarning",
    "Table",
    "measure",
    "sweep",
]
