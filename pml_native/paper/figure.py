"""What a figure of the paper is: settings of runs, a picture of their table, and claims that the table can deny."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..scaling import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

Setting = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """A number that the table gives, and the band that it should lie in: low <= value <= high.

    `ours` marks what this library adds to the paper's claims.
    """

    text: str
    value: float
    low: float = -math.inf
    high: float = math.inf
    ours: bool = False

    @property
    def holds(self) -> bool:
        """False for NaN, too: what could not be measured has not been shown."""
        return self.low <= self.value <= self.high

    @property
    def band(self) -> str:
        """The band in words."""
        if math.isinf(self.low):
            return f"at most {self.high:.3g}"
        return f"at least {self.low:.3g}" if math.isinf(self.high) else f"{self.low:.3g} to {self.high:.3g}"

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'FAILS':6} {self.value:10.3g}  ({self.band})  {self.text}"


@dataclass(frozen=True)
class Figure:
    """A figure as data: what is run, with which settings, how it is drawn, and what it claims.

    run : a function at the top level of a module; one call with one of the settings is one row of the table.
    quick, full : settings for minutes on two cores, and the paper's own.
    draw : the picture of a table, made of its rows that are done.
    claims : the paper's statements about a table, evaluated; a band is the same for quick and full.
    caption : what is shown, by which protocol, and what the eye should find; a paragraph.
    needs : modules, beside Matplotlib, that an installation may lack.
    """

    name: str
    title: str
    caption: str
    run: Callable[..., dict[str, Any]]
    quick: Sequence[Setting]
    full: Sequence[Setting]
    draw: Callable[[Table], Picture]
    claims: Callable[[Table], list[Claim]]
    needs: Sequence[str] = ()

    def settings(self, full: bool) -> Sequence[Setting]:
        """The settings of all runs."""
        return self.full if full else self.quick
