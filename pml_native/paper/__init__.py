"""The paper's figures, each a table of runs, a picture and claims: "Precision Machine Learning" (Michaud, Liu, Tegmark
2022), section by section."""

from .figure import Claim, Figure
from .protocol import FIGURES
from .reproduce import Reproduced, reproduce

__all__ = ["FIGURES", "Claim", "Figure", "Reproduced", "reproduce"]
