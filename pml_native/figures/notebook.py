"""What notebooks show of models and reports: some lines of HTML in the notebook's own colours, light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def card(
    title: str,
    facts: Sequence[tuple[str, str]],
    folded: tuple[str, Sequence[Sequence[str]]] | None = None,
) -> str:
    """A title, facts with their names, and a table that is folded away: its own title, and its rows, the head first."""
    lines = "".join(
        f'<tr><td style="text-align:left;vertical-align:top;opacity:.7">{escape(name)}</td>'
        f'<td style="text-align:left">{escape(fact)}</td></tr>'
        for name, fact in facts
    )
    below = ""
    if folded is not None:
        words, (head, *rows) = folded
        names = "".join(f"<th>{escape(name)}</th>" for name in head)
        cells = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
        below = f"<details><summary>{escape(words)}</summary><table><tr>{names}</tr>{cells}</table></details>"
    return f'<div style="overflow-x:auto"><b>{escape(title)}</b><table>{lines}</table>{below}</div>'
