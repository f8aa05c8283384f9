"""One HTML page with pictures, claims and tables that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

# Longer tables are cut on the page; the CSV has all rows.
MOST_ROWS = 400

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
img { max-width: 100% } table { border-collapse: collapse; font-size: 13px }
td, th { padding: .15rem .7rem .15rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #eee }
.no { color: #b03000; font-weight: 600 } .yes { color: #00664d } summary { cursor: pointer; color: #555 }
.scroll { overflow-x: auto; max-height: 30rem; overflow-y: auto }
"""


@dataclass(frozen=True)
class Section:
    """What the page says of one figure. `claims`: text, value, band, whether it holds, whether it is ours."""

    name: str
    title: str
    caption: str
    png: bytes
    claims: Sequence[tuple[str, str, str, bool, bool]]
    table: Sequence[Sequence[object]]
    note: str


def render(title: str, protocol: str, sections: Sequence[Section], versions: Mapping[str, str]) -> str:
    """The page as HTML."""
    held = sum(claim[3] for section in sections for claim in section.claims)
    total = sum(len(section.claims) for section in sections)
    body = "\n".join(map(_section, sections))
    machine = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in versions.items())
    links = " ".join(f'<a href="#{s.name}">{escape(s.name)}</a>' for s in sections)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style>\n<h1>{escape(title)}</h1>\n"
        f"<p>Protocol: {escape(protocol)}. {held} of {total} claims hold. {links}</p>\n{body}\n"
        f"<h2>Versions</h2><table>{machine}</table></html>\n"
    )


def _section(section: Section) -> str:
    image = base64.b64encode(section.png).decode()
    claims = "".join(
        f'<tr><td class="{"yes" if holds else "no"}">{"holds" if holds else "fails"}</td><td>{escape(text)}'
        f"{' (ours)' if ours else ''}</td><td>{escape(value)}</td><td>{escape(band)}</td></tr>"
        for text, value, band, holds, ours in section.claims
    )
    head, *rows = section.table
    cells = "".join(f"<th>{escape(str(name))}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell(v)}</td>" for v in row) + "</tr>" for row in rows[:MOST_ROWS])
    more = f"<p>and {len(rows) - MOST_ROWS} more in the CSV</p>" if len(rows) > MOST_ROWS else ""
    return (
        f'<h2 id="{section.name}">{escape(section.name)}: {escape(section.title)}</h2>\n'
        f'<img alt="{escape(section.title)}" src="data:image/png;base64,{image}">\n<p>{escape(section.caption)}</p>\n'
        f"<table><tr><th></th><th>claim</th><th>value</th><th>expected</th></tr>{claims}</table>\n"
        f'<details><summary>Table ({escape(section.note)})</summary><div class="scroll"><table><tr>{cells}</tr>{lines}'
        f"</table></div>{more}</details>"
    )


def cell(value: object) -> str:
    """A value as the text of a cell of a table."""
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return escape(text if len(text) <= 60 else text[:57] + "...")
