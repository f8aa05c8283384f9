"""Small pictures as SVG text, of no package but NumPy; the page they stand in gives the colours, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Sizes in pixels at the width a picture is drawn for; pages show it a little wider or narrower.
WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 10, 40
# Steps between ticks are one of these times a power of ten, and an axis has about so many.
STEPS, TICKS = (1.0, 2.0, 5.0, 10.0), 5
# Numbers of ticks that are written in full are below the one, and have no more places than the other: what there is
# room for beside an axis.
MOST_IN_FULL, MOST_PLACES = 1e5, 4
# The most characters of the name of an axis, across and upwards: of 7 pixels, as wide as letters are in the mean.
MOST_ACROSS, MOST_UPWARDS = 40, 26


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, low < high; of a logarithmic one both are above 0."""

    label: str
    low: float
    high: float
    is_log: bool = False

    @classmethod
    def of(cls, label: str, values: ArrayLike, *, is_log: bool = False) -> Axis:
        """One that all finite `values` fit on; logarithmic, all above 0."""
        known = np.asarray(values, dtype=np.float64)
        known = known[np.isfinite(known) & (known > 0 if is_log else True)]
        if not len(known):
            return cls(label, 0.1 if is_log else 0.0, 1.0, is_log)
        low, high = float(known.min()), float(known.max())
        if is_log:
            # Whole powers of ten, from 1e-307 to 1e308, which float64 has to all digits.
            first = min(max(math.floor(math.log10(low)), -307), 307)
            last = min(max(math.ceil(math.log10(high)), first + 1), 308)
            return cls(label, 10.0**first, 10.0**last, True)
        if not low < high:
            room = 0.5 * abs(low) or 0.5
            return cls(label, low - room, high + room)
        return cls(label, low, high)

    def share(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values lie: 0 at the low end, 1 at the high one, NaN where the axis can't have them."""
        v = np.asarray(values, dtype=np.float64)
        with np.errstate(all="ignore"):
            if self.is_log:
                low, high = math.log10(self.low), math.log10(self.high)
                share = (np.where(v > 0, np.log10(v), np.nan) - low) / (high - low)
            else:  # halves, as a difference of two numbers may be above the largest
                share = (0.5 * v - 0.5 * self.low) / (0.5 * self.high - 0.5 * self.low)
            return np.where(np.abs(share - 0.5) <= 0.51, share, np.nan)

    def ticks(self) -> list[tuple[float, str]]:
        """Values with their texts."""
        if self.is_log:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            every = max(1, -(-(last - first) // TICKS))
            return [(10.0**k, f"1e{k}") for k in range(first, last + 1, every)]
        rough = 0.5 * self.high / TICKS - 0.5 * self.low / TICKS
        power = 10.0 ** math.floor(math.log10(2.0 * rough))
        step = power * next(s for s in STEPS if s * power >= 2.0 * rough * 0.999)
        values = [k * step for k in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        largest = max([abs(value) for value in values if value] or [step])
        # The last digit is that of the step; numbers of a usual size are written as people do, 500 and not 5e+02.
        places = max(0, -math.floor(math.log10(1.001 * step)))
        if largest < MOST_IN_FULL and places <= MOST_PLACES:
            return [(value, f"{value:.{places}f}") for value in values]
        digits = min(15, 1 + math.floor(math.log10(1.001 * largest)) - math.floor(math.log10(1.001 * step)))
        return [(value, f"{value:.{digits}g}") for value in values]


class Plot:
    """Marks and lines between two axes. `kind` names the class that a page's style gives a colour."""

    def __init__(self, x: Axis, y: Axis) -> None:
        self.x, self.y = x, y
        self._drawn: list[str] = []

    def dots(self, x: ArrayLike, y: ArrayLike, kind: str) -> None:
        """A dot for each pair."""
        places = self._places(x, y)
        if places:
            self._drawn.append(f'<path class="dots {kind}" d="{"".join(f"M{p}h0" for p in places if p)}"/>')

    def line(self, x: ArrayLike, y: ArrayLike, kind: str) -> None:
        """A line through all pairs, broken where one has no place."""
        path, joined = "", False
        for place in self._places(x, y):
            path += ("L" if joined else "M") + place if place else ""
            joined = bool(place)
        self._drawn.append(f'<path class="line {kind}" d="{path}"/>')

    def level(self, y: float, kind: str) -> None:
        """A line across at the height `y`, if that is on the axis."""
        self.line([self.x.low, self.x.high], [y, y], kind)

    def svg(self, title: str) -> str:
        """The picture, with what it shows in words for those who can't see it."""
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        marks = []
        for value, text in self.x.ticks():
            at = LEFT + (right - LEFT) * float(self.x.share(value))
            if math.isfinite(at):
                marks.append(f'<path class="grid" d="M{at:.1f},{TOP}V{bottom}"/>')
                marks.append(f'<text x="{at:.1f}" y="{bottom + 14}" text-anchor="middle">{text}</text>')
        for value, text in self.y.ticks():
            at = bottom - (bottom - TOP) * float(self.y.share(value))
            if math.isfinite(at):
                marks.append(f'<path class="grid" d="M{LEFT},{at:.1f}H{right}"/>')
                marks.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{text}</text>')
        across, upwards = shortened(self.x.label, MOST_ACROSS), shortened(self.y.label, MOST_UPWARDS)
        names = (
            f'<text x="{(LEFT + right) // 2}" y="{HEIGHT - 8}" text-anchor="middle">{across}</text>'
            f'<text transform="translate(12,{(TOP + bottom) // 2})rotate(-90)" text-anchor="middle">{upwards}</text>'
        )
        return (
            f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(title)}</title>'
            f"{''.join(marks)}{''.join(self._drawn)}{names}</svg>"
        )

    def _places(self, x: ArrayLike, y: ArrayLike) -> Sequence[str]:
        """Pixels as SVG has them, "" where there is no place for a pair."""
        across = LEFT + (WIDTH - RIGHT - LEFT) * self.x.share(x)
        down = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * self.y.share(y)
        pairs = zip(across.tolist(), down.tolist(), strict=True)
        return [f"{a:.1f},{b:.1f}" if math.isfinite(a) and math.isfinite(b) else "" for a, b in pairs]


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters, escaped."""
    return escape(text if len(text) <= most else text[: most - 3] + "...")
