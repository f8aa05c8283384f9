"""The parts that a model is made of, as a picture (SVG): inputs on the left, each part to the right of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .svg import shortened

# Sizes in pixels, and the most characters of a text; all of it is shown where the pointer rests.
HEIGHT, GAP, PADDING, LETTER, MOST_LETTERS = 24, 60, 16, 7, 36


def draw(input_names: Sequence[str], parts: Sequence[Mapping[str, Any]]) -> str:
    """An `svg` element, of the names of the inputs and the parts (name, inputs, formula), each after its inputs."""
    depth = dict.fromkeys(input_names, 0)
    texts = dict(zip(input_names, input_names, strict=True))
    for part in parts:
        depth[part["name"]] = 1 + max(depth[name] for name in part["inputs"])
        texts[part["name"]] = f"{part['name']} = {part['formula']}"
    layers: list[list[str]] = [[] for _ in range(1 + max(depth.values()))]
    for name, layer in depth.items():
        layers[layer].append(name)
    height = 1.5 * HEIGHT * max(map(len, layers))
    places: dict[str, tuple[int, float, int]] = {}  # the left edge, the middle, and the width of each box
    left = 0
    for names in layers:
        width = PADDING + LETTER * max(min(len(texts[name]), MOST_LETTERS) for name in names)
        for row, name in enumerate(names):
            places[name] = left, height * (row + 0.5) / len(names), width
        left += width + GAP
    lines = "".join(_line(places[name], places[part["name"]]) for part in parts for name in part["inputs"])
    boxes = "".join(_box(place, texts[name], "input" if depth[name] == 0 else "part") for name, place in places.items())
    size = f'width="{left - GAP + 2}" height="{height:.0f}"'
    return f'<div class="scroll"><svg class="graph" {size}>{lines}{boxes}</svg></div>'


def _line(of: tuple[int, float, int], to: tuple[int, float, int]) -> str:
    (x0, y0, width), (x, y, _) = of, to
    middle = x - GAP // 2
    curve = f"M{x0 + width},{y0:.0f} C{middle},{y0:.0f} {middle},{y:.0f} {x},{y:.0f}"
    return f'<path d="{curve}"/>'


def _box(place: tuple[int, float, int], text: str, kind: str) -> str:
    x, y, width = place
    return (
        f'<g class="{kind}"><title>{escape(text)}</title>'
        f'<rect x="{x + 1}" y="{y - HEIGHT / 2:.0f}" width="{width}" height="{HEIGHT}" rx="4"/>'
        f'<text x="{x + width // 2}" y="{y + 4:.0f}" text-anchor="middle">{shortened(text, MOST_LETTERS)}</text></g>'
    )
