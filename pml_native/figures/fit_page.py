"""The report of a fit as one HTML page: errors and what they are made of, slices, maps, formulas, what was tried."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..slices import Slice
from . import parts
from .page import STYLE, cell
from .svg import Axis, Plot

TERMS = {
    "rounding": "rounding: what evaluating the model in float64 costs",
    "at_rows": "at the rows: what the family and its training leave where it was trained",
    "between_rows": "between the rows: what comes on top at rows held out",
}
# Colours of the map, from small errors to large ones. All show on white and on black, and as they go from blue over
# red to yellow, the colour-blind tell the ends apart; what each stands for is written below the map.
LEVELS = ("#2f7fc1", "#6f77c9", "#a86abf", "#d05f94", "#e0664f", "#d98a00")
NUMBER = re.compile(r"-?[\d.]+(e[-+]\d+)?")
POWER_OF_TEN = re.compile(r"-?\d[\d.]*e[-+]\d+")
# Inputs that get a picture of residuals of their own.
MOST_PICTURES = 12
# The floor is drawn if it is no further below the errors than this: it would press them into the top of the picture.
MOST_ABOVE_FLOOR = 1e3
# More parts than these are folded away.
MOST_PARTS = 16
# The share of rows beside a slice that are drawn in full: those that are nearest to it.
NEAR_SLICE = 0.1

OWN_STYLE = """
.lead { font-size: 1.1rem } .quiet { color: var(--quiet); font-size: 13px }
.formula { display: block; background: var(--raised); border-left: 3px solid var(--blue); padding: .5rem .8rem;
  margin: .4rem 0; font: 14px/1.6 ui-monospace, monospace }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: .6rem 1.2rem }
.pictures figure { margin: 0; max-width: 27rem } figcaption { font-size: 13px; color: var(--quiet) }
.numbers { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: .6rem; margin: 1rem 0 }
.numbers div { background: var(--raised); border-radius: 6px; padding: .5rem .7rem } .numbers dd { margin: 0;
  font-size: 1.15rem; white-space: nowrap; font-variant-numeric: tabular-nums }
.numbers dt { font-size: 12px; color: var(--quiet) } td, th { overflow-wrap: normal }
td.number, th.number { text-align: right; white-space: nowrap } td.wide { min-width: 14rem }
.whole { white-space: nowrap }
.scroll { max-height: 40rem } details { margin-top: 2rem } details > summary { margin-bottom: .5rem }
details h2 { display: inline; color: var(--text) }
svg.plot { width: 100%; height: auto; display: block } svg text { font: 11px system-ui, sans-serif; fill: var(--text) }
.grid { stroke: var(--line); fill: none } .dots { stroke-width: 5; stroke-linecap: round; fill: none }
.line { stroke-width: 1.8; fill: none; stroke: var(--blue) } .floor { stroke: var(--quiet); stroke-dasharray: 4 3;
  stroke-width: 1 } .low, .part rect { stroke: var(--blue) } .high { stroke: var(--orange) }
.row { stroke: var(--orange) } .far { stroke: var(--quiet); opacity: .3 }
.key { white-space: nowrap; margin-right: .8rem } .key i { display: inline-block; width: .7rem; height: .7rem;
  border-radius: 50%; margin-right: .3rem }
.key .low { background: var(--blue) } .key .high { background: var(--orange) }
.graph path { fill: none; stroke: var(--quiet) } .graph rect { fill: var(--page); stroke: var(--quiet) }
""" + "".join(f".l{k} {{ stroke: {c} }} .key .l{k} {{ background: {c} }}\n" for k, c in enumerate(LEVELS))


def render(report: Mapping[str, Any], headline: str) -> str:
    """The page, of a report's plain values; `headline` says the error to expect in words."""
    title = f"{report['family']}: {report['description']}"
    facts = (
        f"parameters: {report['n_params']:,}; inputs: {report['n_inputs']}; outputs: {report['n_outputs']}; "
        f"rows trained on: {report['n_train']:,}, held out: {report['n_validation']:,}; {report['seconds']:.1f} s"
    )
    sections = [
        _numbers(report),
        _of_formulas(report["formulas"]),
        _section("What would help most", _list(report["advice"])),
        _section("What was known", _list(report["known"])),
        _section("Warnings", _list(report["warnings"])),
        _section("Slices through the model", _slices(report)),
        _section("Errors", _errors(report)),
        _section(f"Errors on held-out rows, over {_unit(report)}", _of_held_out(report)),
        _section("What the RMSE is made of", _terms(report["terms"])),
        _section("Errors of each output", _of_outputs(report["output_errors"])),
        _section("Joins", _joins(report["joins"])),
        _section("Pieces", _pieces(report["pieces"])),
        _folded("What the model is made of", _of_parts(report), is_open=len(report["parts"]) <= MOST_PARTS),
        _folded("What was tried", _candidates(report["candidates"]), is_open=True),
        _folded("What was done, and why", _list(report["path"]), is_open=True),
        _folded("Where the model holds", _box(report)),
        _folded("Versions", _table(None, [*report["versions"].items(), ("seed", report["seed"])])),
    ]
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}{OWN_STYLE}</style>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{_sentence(headline)}</p>'
        f'<p>{_sentence(report["status"])}</p><p class="quiet">{_sentence(facts)}</p>\n'
        f"{''.join(sections)}</html>\n"
    )


def _sentence(words: str) -> str:
    return f"{_words(words[:1].upper() + words[1:])}."


def _words(text: str) -> str:
    """Text whose numbers stay on one line, 2e-12 too, where a browser would end a line after the minus."""
    return POWER_OF_TEN.sub(r'<span class="whole">\g<0></span>', escape(text))


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>\n" if body else ""


def _folded(title: str, body: str, *, is_open: bool = False) -> str:
    opened = " open" if is_open else ""
    return f"<details{opened}><summary><h2>{escape(title)}</h2></summary>{body}</details>\n" if body else ""


def _unit(report: Mapping[str, Any]) -> str:
    return "each y" if report["error_kind"] == "relative" else "the RMS of y"


def _numbers(report: Mapping[str, Any]) -> str:
    low, high = report["error_range"]
    shown = [
        ("RMSE to expect over the box", report["error"]),
        ("its range", f"{low:.0e} to {high:.0e}" if math.isfinite(high) else "not checked"),
        ("RMSE on held-out rows", report["validation_rmse"]),
        ("maximum on them", report["validation_max"]),
        ("floor: the RMSE of rounding", report["floor"]),
    ]
    boxes = "".join(f"<div><dt>{words}</dt><dd>{_error(value)}</dd></div>" for words, value in shown)
    return f'<dl class="numbers">{boxes}</dl>'


def _of_held_out(report: Mapping[str, Any]) -> str:
    numbers = [
        ("RMSE", report["validation_rmse"]),
        ("95th percentile", report["validation_p95"]),
        ("maximum", report["validation_max"]),
        ("RMSE at the rows trained on", report["train_rmse"]),
    ]
    if report["box_rmse"] is not None:
        numbers.append(("over the box, from the next model made in another way", report["box_rmse"]))
    if report["relative_median"] is not None:
        relative = [("median", "relative_median"), ("95th percentile", "relative_p95"), ("maximum", "relative_max")]
        numbers += [(f"relative to each y: {words}", report[name]) for words, name in relative]
    if report.get("gradient_rmse") is not None:
        numbers.append(("derivatives, over the RMS of those given: RMSE", report["gradient_rmse"]))
        numbers.append(("derivatives: maximum", report["gradient_max"]))
    return _table(None, numbers)


def _terms(terms: Mapping[str, Any]) -> str:
    return f"<p>Squares add up.</p>{_table(None, [(words, terms[name]) for name, words in TERMS.items()])}"


def _of_formulas(formulas: Sequence[Mapping[str, Any]]) -> str:
    shown = "".join(
        f'<code class="formula">y = {escape(one["text"])}</code><p class="quiet">'
        f"{'the model' if one['is_model'] else 'a simpler one'}, RMSE {_error(one['error'])}</p>"
        for one in formulas
    )
    return _section("Formulas", shown)


def _slices(report: Mapping[str, Any]) -> str:
    if not report["slices"]:
        return ""
    names, rows = list(report["input_names"]), _values(report["residuals"], report["n_inputs"] + 2)
    d = report["n_inputs"]
    shown = [Slice(**one) for one in report["slices"]]
    pictures = []
    for one in shown:
        j, is_near = names.index(one.name), _near(one, report, rows[:, :d])
        values = np.array([*one.y, *rows[is_near, d]], dtype=np.float64)
        plot = Plot(_axis(report, j), Axis.of("y over its RMS", values))
        plot.dots(rows[~is_near, j], rows[~is_near, d], "far")
        plot.line(one.places(*report["box"][j]), one.y, "model")
        plot.dots(rows[is_near, j], rows[is_near, d], "row")
        pictures.append(plot.svg(f"the model along {one.name}"))
    which = "The first output. " if report["n_outputs"] > 1 else ""
    if d == 1:
        return f"<p>{which}Orange: held-out rows.</p>{_gallery(pictures)}"
    at = ", ".join(f"{one.name} = {report['slices_through'][names.index(one.name)]:.4g}" for one in shown)
    more = sum(least < most for least, most in report["box"]) - len(shown)
    left_out = f" Along {more} more inputs y changes less." if more > 0 else ""
    return (
        f"<p>{which}Through the row of {_words(at)}. Orange: the held-out rows nearest to the slice; the others, "
        f"faint, lie off it.{left_out}</p>{_gallery(pictures)}"
    )


def _near(one: Slice, report: Mapping[str, Any], X: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the rows `X` (n, d) are the nearest to a slice, by their other inputs; all, if there are none."""
    low, high = np.array(report["box"]).T
    away = np.abs((X - np.array(report["slices_through"])) / np.where(high > low, high - low, 1.0))
    others = np.delete(away, list(report["input_names"]).index(one.name), axis=1)
    distance = np.max(others, axis=1, initial=0.0)
    near: NDArray[np.bool_] = distance <= np.quantile(distance, NEAR_SLICE)
    return near


def _axis(report: Mapping[str, Any], j: int) -> Axis:
    """That of input `j`, from the least to the largest value that the rows have."""
    name, (low, high) = report["input_names"][j], report["box"][j]
    is_log = any(one["is_log"] for one in report["slices"] if one["name"] == name)
    return Axis(name, low, high, is_log) if low < high else Axis.of(name, (low, high))


def _errors(report: Mapping[str, Any]) -> str:
    """The map of errors, residuals against y and inputs, and the falling error."""
    d = report["n_inputs"]
    rows, points = _values(report["residuals"], d + 2), _values(report["expected_at"], d + 2)
    size = np.abs(rows[:, d + 1])
    with_floor = [report["floor"]] if np.nanmax(size, initial=0.0) <= MOST_ABOVE_FLOOR * report["floor"] else []
    error = Axis.of(f"error over {_unit(report)}", [*size, *with_floor], is_log=True)
    pictures = _map(report, rows, points)
    above = rows[:, d + 1] > 0
    against = [Axis.of("y over its RMS", rows[:, d]), *(_axis(report, j) for j in range(min(d, MOST_PICTURES)))]
    for column, axis in zip((d, *range(d)), against, strict=False):
        plot = Plot(axis, error)
        plot.level(report["floor"], "floor")
        plot.dots(rows[above, column], size[above], "high")
        plot.dots(rows[~above, column], size[~above], "low")
        pictures.append(plot.svg(f"residuals of held-out rows against {axis.label}"))
    pictures.append(_progress(report))
    which = " of the first output" if report["n_outputs"] > 1 else ""
    n_exact = int(np.sum(size == 0))
    exact = f" At {n_exact} of these {len(rows)} rows the error is 0, which has no place." if n_exact else ""
    words = f"Residuals{which} at held-out rows; dashed: the floor, where it is near.{exact}"
    return f"<p>{words} {_key('high', 'model too high')}{_key('low', 'too low')}</p>{_gallery(pictures)}"


def _map(report: Mapping[str, Any], rows: NDArray[np.float64], points: NDArray[np.float64]) -> list[str]:
    """Errors in the plane of the two inputs that they change with most; nothing for one input."""
    d = report["n_inputs"]
    if d < 2:
        return []
    what, at, errors = "error to expect in the box", points[:, :d], points[:, d]
    if not len(points):
        what, at, errors = "error at held-out rows", rows[:, :d], np.abs(rows[:, d + 1])
    known = np.isfinite(errors) & (errors > 0)
    if not known.any():
        return []
    at, logarithms = at[known], np.log10(errors[known])
    j, k = sorted(np.argsort([-_change(at[:, i], logarithms) for i in range(d)], kind="stable")[:2].tolist())
    plot = Plot(_axis(report, j), _axis(report, k))
    # Whole powers of ten; all errors in one get one colour.
    edges = np.unique(np.round(np.linspace(logarithms.min(), logarithms.max(), len(LEVELS) + 1)[1:-1]))
    level = np.searchsorted(edges, logarithms)
    keys = []
    for number in np.unique(level).tolist():
        kind = f"l{round(number * (len(LEVELS) - 1) / max(1, len(edges)))}"
        plot.dots(at[level == number, j], at[level == number, k], f"map {kind}")
        least = f"1e{edges[number - 1]:.0f}" if number else f"{10.0 ** logarithms.min():.0e}"
        most = f"1e{edges[number]:.0f}" if number < len(edges) else f"{10.0 ** logarithms.max():.0e}"
        keys.append(_key(kind, f"{least} to {most}"))
    caption = f"{what}, against the inputs that it changes with most: " if d > 2 else f"{what}: "
    return [f"{plot.svg(what)}<figcaption>{caption}{''.join(keys)}</figcaption>"]


def _change(x: NDArray[np.float64], logarithms: NDArray[np.float64]) -> float:
    """How far the mean logarithm of errors differs among quarters of the points along `x`."""
    quarters = np.array_split(logarithms[np.argsort(x, kind="stable")], min(4, len(x)))
    return float(np.ptp([quarter.mean() for quarter in quarters]))


def _progress(report: Mapping[str, Any]) -> str:
    history = [(max(seconds, 1e-3), rmse) for seconds, rmse, _ in report["history"] if rmse and 0 < rmse < math.inf]
    history.append((max(report["seconds"], 1e-3), history[-1][1] if history else math.nan))
    seconds, errors = (np.array(values) for values in zip(*history, strict=True))
    axis = Axis.of("RMSE of the best so far", [*errors, report["floor"]], is_log=True)
    plot = Plot(Axis.of("seconds", seconds, is_log=True), axis)
    plot.level(report["floor"], "floor")
    plot.line(np.repeat(seconds, 2)[1:], np.repeat(errors, 2)[:-1], "model")
    return plot.svg("progress: the error against seconds")


def _of_parts(report: Mapping[str, Any]) -> str:
    if len(report["parts"]) <= report["n_outputs"]:
        return ""
    largest = f"The largest part has {report['largest_arity']} inputs."
    return f"<p>{largest}</p>{parts.draw(report['input_names'], report['parts'])}"


def _of_outputs(errors: Sequence[Mapping[str, Any]]) -> str:
    rows = [list(one.values()) for one in sorted(errors, key=lambda one: -_size(one["rmse"]))]
    return _table(("output", "RMSE", "95th percentile", "maximum"), rows)


def _joins(joins: Sequence[Mapping[str, Any]]) -> str:
    names = ("input", "place", "between", "and", "derivative of y that jumps", "jump over the RMS of y")
    orders = {None: "as given", -2: "a power of the distance, as at a cusp", 0: "y itself", 1: "1st: a kink", 2: "2nd"}
    rows = [
        (
            one["name"],
            *(f"{one[name]:.15g}" for name in ("place", "low", "high")),
            orders.get(one["order"], "3rd" if one["order"] == 3 else f"{one['order']}th"),
            one["jump"],
        )
        for one in joins
    ]
    return _table(names, rows)


def _pieces(pieces: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"{one['low']:.6g} <= {one['name']} < {one['high']:.6g}",
            *(one[name] for name in ("family", "n_params", "n_rows", "rmse")),
        )
        for one in pieces
    ]
    return _table(("piece", "family", "parameters", "rows", "RMSE"), rows)


def _candidates(candidates: Sequence[Mapping[str, Any]]) -> str:
    names = ("what", "parameters", "RMSE held out", "95 %", "maximum", "RMSE trained on", "seconds", "ended by")
    keys = ("n_params", "validation_rmse", "validation_p95", "validation_max", "train_rmse")
    ordered = sorted(candidates, key=lambda one: _size(one["validation_rmse"]))
    rows = [
        (f"{one['family']}: {one['description']}", *(one[key] for key in keys), f"{one['seconds']:.1f}", one["status"])
        for one in ordered
    ]
    return _table(names, rows)


def _box(report: Mapping[str, Any]) -> str:
    rows = [
        (name, f"{low:.17g}", f"{high:.17g}")
        for name, (low, high) in zip(report["input_names"], report["box"], strict=True)
    ]
    return f"<p>Beyond these values it extrapolates.</p>{_table(('column', 'least', 'largest'), rows)}"


def _values(rows: Sequence[Sequence[float | None]], width: int) -> NDArray[np.float64]:
    """Rows of numbers (n, width), None, which JSON has for those that are not finite, being NaN."""
    return np.array(rows, dtype=np.float64).reshape(-1, width)


def _size(error: float | None) -> float:
    """For the order of errors: one that is not known is the largest."""
    return math.inf if error is None or math.isnan(error) else error


def _error(value: object) -> str:
    return f"{value:.1e}" if isinstance(value, float) and value else cell(value)


def _key(kind: str, words: str) -> str:
    return f'<span class="key"><i class="{kind}"></i>{escape(words)}</span> '


def _gallery(pictures: Iterable[str]) -> str:
    return f'<div class="pictures">{"".join(f"<figure>{one}</figure>" for one in pictures)}</div>'


def _list(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_words(sentence)}</li>" for sentence in sentences) + "</ul>" if sentences else ""


def _table(head: Sequence[str] | None, rows: Sequence[Sequence[object]]) -> str:
    """A table in which columns of numbers stand to the right, and long texts have room; nothing for no rows."""
    if not rows:
        return ""

    def kind(value: object) -> str:
        if isinstance(value, (int, float)) or NUMBER.fullmatch(str(value)):
            return ' class="number"'
        return ' class="wide"' if len(str(value)) > 24 else ""

    heads = zip(head or (), rows[0], strict=False)
    names = "".join(f"<th{kind(value)}>{escape(name)}</th>" for name, value in heads)
    lines = "".join("<tr>" + "".join(f"<td{kind(v)}>{_text(v)}</td>" for v in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table>{f"<tr>{names}</tr>" if names else ""}{lines}</table></div>'


def _text(value: object) -> str:
    if isinstance(value, float):
        return "0" if value == 0 else f"{value:.2e}"
    return escape(f"{value:,}" if isinstance(value, int) else "" if value is None else str(value))
