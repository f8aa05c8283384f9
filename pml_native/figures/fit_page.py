"""The report of a fit as one HTML page: errors, what they are made of, residuals, progress, what was tried."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from . import parts
from .page import STYLE, cell
from .style import COLOURS, FAINT, MARKERS, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

TERMS = {
    "rounding": "rounding: what evaluating the model in float64 costs",
    "at_rows": "at the rows: what the family and its training leave where it was trained",
    "between_rows": "between the rows: what comes on top at rows held out",
}


def render(report: Mapping[str, Any]) -> str:
    """The page, of a report's plain values."""
    title = f"{report['family']}: {report['description']}"
    low, high = report["error_range"]
    expected = [
        ("RMSE to expect over the box", report["error"]),
        ("which is between", low),
        ("and, but for one time in thirty", high if np.isfinite(high) else "not checked away from the rows"),
    ]
    numbers = [
        ("RMSE", report["validation_rmse"]),
        ("95th percentile", report["validation_p95"]),
        ("maximum", report["validation_max"]),
        ("RMSE at the rows trained on", report["train_rmse"]),
        ("over the box, from the next model made in another way", report["box_rmse"]),
        ("floor: the RMSE of rounding", report["floor"]),
    ]
    relative = [("median", "relative_median"), ("95th percentile", "relative_p95"), ("maximum", "relative_max")]
    if report["relative_median"] is not None:
        numbers += [(f"relative to each y: {words}", report[name]) for words, name in relative]
    over = _unit(report)
    terms = [(words, report["terms"][name]) for name, words in TERMS.items()]
    facts = (
        f"{report['n_params']:,} parameters, {report['n_inputs']} inputs, {report['n_outputs']} outputs; "
        f"{report['n_train']:,} rows trained on, {report['n_validation']:,} held out; {report['seconds']:.1f} s"
    )
    box = zip(report["input_names"], report["box"], strict=True)
    candidates = report["candidates"]
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style>\n<h1>{escape(title)}</h1>\n<p>{escape(facts)}. {escape(report['status'])}.</p>\n"
        f"{_of_formulas(report['formulas'])}{_of_parts(report)}"
        f"<h2>Error over the whole box, over {over}</h2>{_table(None, expected)}"
        f"<h2>Errors on held-out rows, over {over}</h2>{_table(None, numbers)}"
        f"{_of_outputs(report['output_errors'])}"
        f"<h2>What the RMSE is made of</h2><p>Squares add up.</p>{_table(None, terms)}"
        f"<h2>What would help most</h2>{_list(report['advice'])}"
        f"{'<h2>Warnings</h2>' + _list(report['warnings']) if report['warnings'] else ''}"
        f"<h2>Residuals and progress</h2>{_pictures(report)}"
        f"<h2>What was done, and why</h2>{_list(report['path'])}"
        f"<h2>What was tried</h2>{_table(list(candidates[0]), [list(c.values()) for c in candidates])}"
        f"<h2>Where the model holds</h2><p>Beyond these values it extrapolates.</p>"
        f"{_table(('column', 'least', 'largest'), [(name, low, high) for name, (low, high) in box])}"
        f"<h2>Versions</h2>{_table(None, [*report['versions'].items(), ('seed', report['seed'])])}</html>\n"
    )


def _of_formulas(formulas: Sequence[Mapping[str, Any]]) -> str:
    if not formulas:
        return ""
    kinds = {True: "the model", False: "a simpler one"}
    rows = "".join(
        f"<tr><td>y = {escape(one['text'])}</td><td>{kinds[one['is_model']]}</td><td>{cell(one['error'])}</td></tr>"
        for one in formulas
    )
    return f'<h2>Formulas</h2><div class="scroll"><table><tr><th></th><th></th><th>RMSE</th></tr>{rows}</table></div>'


def _of_parts(report: Mapping[str, Any]) -> str:
    if len(report["parts"]) <= report["n_outputs"]:
        return ""
    largest = f"The largest part has {report['largest_arity']} inputs."
    return f"<h2>What the model is made of</h2><p>{largest}</p>{parts.draw(report['input_names'], report['parts'])}"


def _unit(report: Mapping[str, Any]) -> str:
    return "each y" if report["error_kind"] == "relative" else "the RMS of y"


def _of_outputs(errors: Sequence[Mapping[str, Any]]) -> str:
    if not errors:
        return ""
    rows = [list(one.values()) for one in errors]
    return f"<h2>Errors of each output</h2>{_table(('output', 'RMSE', '95th percentile', 'maximum'), rows)}"


def draw(report: Mapping[str, Any]) -> Picture:
    """Residuals of held-out rows against y and each input, the falling error, and what is to be expected in the box."""
    rows, points = np.array(report["residuals"]), np.array(report["expected_at"])
    d = report["n_inputs"]
    picture, axes = panels(d + 2 + (d if len(points) else 0), columns=3, width=4.0, height=2.7)
    size = np.abs(rows[:, d + 1])
    shown = np.isfinite(size) & (size > 0)  # what is exact has no place on a logarithmic axis
    above = rows[:, d + 1] > 0
    for one, column, name in zip(axes, (d, *range(d)), ("y", *report["input_names"]), strict=False):
        for sign, marker, colour, words in (
            (above, MARKERS[0], COLOURS[0], "too high"),
            (~above, MARKERS[4], COLOURS[1], "too low"),
        ):
            chosen = shown & sign
            one.plot(rows[chosen, column], size[chosen], marker, color=colour, markersize=3, alpha=0.7, label=words)
        one.axhline(report["floor"], color=FAINT, linewidth=1, linestyle="--")
        one.set_yscale("log")
        one.set_xlabel(f"{name} over its RMS" if column == d else name, fontsize=8)
    axes[0].set_ylabel(f"error over {_unit(report)}", fontsize=8)
    axes[0].legend(fontsize=7, frameon=False)
    which = ", first output" if report["n_outputs"] > 1 else ""
    axes[0].set_title(f"dashed: the floor{which}", fontsize=8, loc="left")
    _progress(axes[d + 1], report)
    for j, (one, name) in enumerate(zip(axes[d + 2 :], report["input_names"], strict=False)):
        for near, colour, words in ((1.0, COLOURS[2], "rows are near"), (0.0, COLOURS[1], "no row is near")):
            chosen = (points[:, d + 1] == near) & np.isfinite(points[:, d])
            one.plot(points[chosen, j], points[chosen, d], ".", color=colour, markersize=4, alpha=0.7, label=words)
        one.set_yscale("log")
        one.set_xlabel(name, fontsize=8)
        if j == 0:
            one.set_ylabel("error to expect", fontsize=8)
            one.set_title("at points of the whole box", fontsize=8, loc="left")
            one.legend(fontsize=7, frameon=False)
    return picture


def _progress(axes: Any, report: Mapping[str, Any]) -> None:
    history = [(max(seconds, 1e-3), rmse) for seconds, rmse, _ in report["history"] if 0 < rmse < np.inf]
    if history:
        seconds, errors = zip(*history, strict=True)
        seconds, errors = (*seconds, max(report["seconds"], seconds[-1])), (*errors, errors[-1])
        axes.step(seconds, errors, where="post", color=COLOURS[2], linewidth=1.5)
    axes.axhline(report["floor"], color=FAINT, linewidth=1, linestyle="--")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("seconds", fontsize=8)
    axes.set_ylabel("RMSE of the best so far", fontsize=8)


def _pictures(report: Mapping[str, Any]) -> str:
    try:
        picture = draw(report)
    except ImportError as error:
        return f"<p>Pictures need matplotlib, pip install &quot;pml_native[plot]&quot; ({escape(str(error))}).</p>"
    text = io.StringIO()
    picture.savefig(text, format="svg")
    return text.getvalue()[text.getvalue().index("<svg") :]


def _list(sentences: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def _table(head: Sequence[str] | None, rows: Iterable[Sequence[object]]) -> str:
    names = "" if head is None else "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"
    lines = "".join("<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table>{names}{lines}</table></div>'
