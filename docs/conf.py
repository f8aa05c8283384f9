"""How the site is built: `python -m sphinx -W docs docs/_build`, after `pip install ".[docs]"`."""

import os
import re
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
# `python -m` looks into the folder it was started in first, where sources without a compiled core may be.
if Path(sys.path[0]).resolve() == HERE.parent:
    del sys.path[0]

from docutils import nodes  # noqa: E402

import pml_native  # noqa: E402

project = "pml_native"
version = release = pml_native.__version__
copyright = "the authors of pml_native"  # the theme's footer shows it
# `sphinx-mathjax-offline` brings MathJax, which becomes part of the site: it asks no server for anything.
extensions = [
    *("sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax"),
    *("sphinx-mathjax-offline", "myst_parser"),
]
exclude_patterns = ["_build", "tables", "pictures"]
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = f"pml_native {version}"
html_show_sphinx = False
html_show_search_summary = False  # a page read from a disk may not fetch the others
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "Array": "Array"}
maximum_signature_line_length = 100
# What a new family has to give is documented once, with `Model`.
FOR_NEW_FAMILIES = (
    "evaluate, evaluate_extended, evaluate_gradient, state, from_state, operations, box, is_linear, adjustable_parts, "
    "at_parts, with_parts, with_rows, own_parameters, own_degrees, own_jacobian, own_terms, with_own_parameters, "
    "with_own_terms"
)
autodoc_default_options = {"members": True, "exclude-members": FOR_NEW_FAMILIES}

TERM = re.compile(r"(\w+(?:, \w+)*) : (.*)")
POWER_OF_TEN = re.compile(r"(-?\d[\d.]*e[-+]\d+)")
ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)|ndarray\[tuple\[Any, \.\.\.\], dtype\[float64\]\]")


def as_rest(lines):
    """A docstring's lines, plain text, as reST: "name : meaning" is a definition, other indented lines are code."""
    result, inside = [], "text"
    for line in lines:
        term = TERM.fullmatch(line)
        if line.startswith("    "):
            now = "term" if inside == "term" else "code"
        else:
            now = inside if not line.strip() else "term" if term else "text"
        if now != inside:
            result += ["", "::", ""] if now == "code" else [""]
        inside = now
        if term and now == "term":
            result += [f"``{term[1]}``", f"    {escaped(term[2])}"]
        else:
            result.append(line if now == "code" else escaped(line))
    return result


def escaped(text):
    """Plain text as reST that shows it: what stands in backticks is code, all else itself."""
    parts = re.split(r"`([^`]+)`", text)
    return "".join(
        f"``{part}``" if number % 2 else re.sub(r"([\\*|_])", r"\\\1", part) for number, part in enumerate(parts)
    )


def render_docstring(app, what, name, obj, options, lines):
    lines[:] = as_rest(lines)


def render_signature(app, what, name, obj, options, signature, returns):
    """Aliases by their names."""
    return tuple(text and ALIAS.sub(lambda match: match[1] or "Array", text) for text in (signature, returns))


def draw_pictures(app):
    """Runs each script of the gallery that is younger than its picture."""
    PICTURES.mkdir(exist_ok=True)
    for script in sorted((HERE / "gallery").glob("*.py")):
        picture = PICTURES / f"{script.stem}.png"
        if picture.exists() and picture.stat().st_mtime > script.stat().st_mtime:
            continue
        before = Path.cwd()
        os.chdir(PICTURES)
        try:
            runpy.run_path(str(script), run_name="__main__")
        finally:
            os.chdir(before)


def keep_numbers_whole(app, page):
    """2.5e-16 stays on one line, which a browser would end after the minus."""
    for text in list(page.findall(nodes.Text)):
        parts = POWER_OF_TEN.split(text)
        if len(parts) > 1 and not isinstance(text.parent, (nodes.literal, nodes.literal_block, nodes.math)):
            kinds = [
                nodes.inline(part, part, classes=["whole"]) if k % 2 else nodes.Text(part)
                for k, part in enumerate(parts)
            ]
            text.parent.replace(text, [one for one in kinds if one.astext()])


def setup(app):
    app.connect("doctree-read", keep_numbers_whole)
    app.connect("autodoc-process-docstring", render_docstring)
    app.connect("autodoc-process-signature", render_signature)
    app.connect("builder-inited", draw_pictures)
