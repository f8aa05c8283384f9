"""How the site is built: `python -m sphinx -W docs docs/_build`, after `pip install ".[docs]"`."""

import os
import re
import runpy
from pathlib import Path

import pml_native

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"

project = "pml_native"
version = release = pml_native.__version__
copyright = "the authors of pml_native"  # the theme's footer shows it
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "myst_parser"]
exclude_patterns = ["_build", "tables", "pictures"]
html_theme = "furo"
html_title = f"pml_native {version}"
html_show_sphinx = False
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "Array": "Array"}
maximum_signature_line_length = 100
# What a new family has to give is documented once, with `Model`.
FOR_NEW_FAMILIES = "evaluate, evaluate_extended, evaluate_gradient, state, from_state, operations, box"
autodoc_default_options = {"members": True, "exclude-members": FOR_NEW_FAMILIES}

TERM = re.compile(r"(\w+(?:, \w+)*) : (.*)")


def as_rest(lines):
    """A docstring's lines, plain text, as reST: "name : meaning" becomes a definition, an indented block is code."""
    result, inside_term, inside_code = [], False, False
    for number, line in enumerate(lines):
        indented = line.startswith("    ")
        if indented and not inside_term and (inside_code or number == 0 or not lines[number - 1].strip()):
            if not inside_code:
                result += ["::", ""]
            inside_code = True
            result.append(line)
            continue
        if line.strip():
            inside_code = False
        term = None if indented else TERM.fullmatch(line)
        if term:
            if not inside_term:
                result.append("")
            inside_term = True
            result += [f"``{term[1]}``", f"    {escaped(term[2])}"]
            continue
        if inside_term and not indented:
            inside_term = False
            result.append("")
        result.append(escaped(line))
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
    """Aliases by their names only."""
    short = [text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) for text in (signature, returns)]
    return short[0], short[1]


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


def setup(app):
    app.connect("autodoc-process-docstring", render_docstring)
    app.connect("autodoc-process-signature", render_signature)
    app.connect("builder-inited", draw_pictures)
