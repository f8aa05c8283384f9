"""One HTML page with pictures, claims and tables that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

# Longer tables are cut on the page; the CSV has all rows.
MOST_ROWS = 400

# Light or dark as the reader's system is. What is wider than the page scrolls by itself, so that the page never does.
STYLE = """
:root { color-scheme: light dark; --text: #1d2126; --quiet: #5b6570; --line: #e2e6ea; --page: #fff; --raised: #f6f8fa;
  --blue: #0072b2; --orange: #c75300; --green: #007a5a }
@media (prefers-color-scheme: dark) { :root { --text: #e4e7ea; --quiet: #9aa5b1; --line: #343b43; --page: #15181c;
  --raised: #1e2329; --blue: #4db2ea; --orange: #f59355; --green: #3ecb9f } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 1.5rem auto; padding: 0 1rem; color: var(--text);
  background: var(--page); overflow-wrap: anywhere }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem } h2 { font-size: 1.1rem; margin: 2.2rem 0 .5rem }
img { max-width: 100%; background: #fff } a { color: var(--blue) } p { max-width: 48rem } li { max-width: 46rem }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
td, th { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
th { color: var(--quiet); font-weight: 600 }
.no { color: var(--orange); font-weight: 600 } .yes { color: var(--green) }
summary { cursor: pointer; color: var(--quiet) }
.scroll { overflow: auto; max-height: 30rem }
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
