"""The study of scaling: sweeps over many runs, the laws their errors follow, and what these laws foretell."""

from .forecast import Forecast, forecast
from .measure import FAMILIES, measure
from .power_law import PowerLaw, fit_power_law
from .sweep import SweepWarning, sweep
from .table import Table

__all__ = [
    "FAMILIES",
    "Forecast",
    "PowerLaw",
    "SweepWarning",
    "Table",
    "fit_power_law",
    "forecast",
    "measure",
    "sweep",
]
