"""The study of scaling: sweeps over many runs, the laws their errors follow, what these laws foretell, and what an
error is made of."""

from .decomposition import ErrorDecomposition, decompose
from .forecast import Forecast, forecast
from .measure import FAMILIES, measure
from .power_law import PowerLaw, fit_power_law
from .sweep import SweepWarning, sweep
from .table import Table

__all__ = [
    "FAMILIES",
    "ErrorDecomposition",
    "Forecast",
    "PowerLaw",
    "SweepWarning",
    "Table",
    "decompose",
    "fit_power_law",
    "forecast",
    "measure",
    "sweep",
]
