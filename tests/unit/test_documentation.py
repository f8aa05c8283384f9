"""The documentation: its Python and its commands run, what they claim holds, and nothing public is missing.

Each page is one program. A line `% check: EXPRESSION`, which no reader sees, is a claim of the text around it.
"""

import contextlib
import importlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pml_native
from pml_native import cli

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
IN_ORDER = re.compile(r"^```(python|bash)\n(.*?)^```|^% check: (.*?)$", flags=re.DOTALL | re.MULTILINE)
PUBLIC = {
    name: importlib.import_module(name)
    for name in ("pml_native", "pml_native.known", "pml_native.optimize", "pml_native.scaling", "pml_native.problems")
}


def page_id(page):
    return str(page.relative_to(DOCS))


# The pages that have something to run; the three longest take ten to thirty seconds each.
PROGRAMS = [
    pytest.param(page, marks=[pytest.mark.slow] if page.stem in ("guide", "tour", "tutorial") else [])
    for page in PAGES
    if IN_ORDER.search(page.read_text())
]


@pytest.mark.parametrize("page", PROGRAMS, ids=page_id)
def test_a_page_runs_as_one_program_and_its_claims_hold(page, tmp_path, monkeypatch):
    shutil.copytree(DOCS / "tables", tmp_path / "tables")
    monkeypatch.chdir(tmp_path)
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for language, block, claim in IN_ORDER.findall(page.read_text()):
            if language == "python":
                exec(compile(block, page.name, "exec"), names)
            elif language == "bash":
                for line in block.splitlines():
                    if line.startswith("pml-native"):
                        assert cli.main(shlex.split(line)[1:]) == 0, line
            else:
                assert eval(claim, names), claim


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_c_of_the_tutorial_gives_the_values_of_the_model(tmp_path, monkeypatch):
    text = (DOCS / "tutorial.md").read_text()
    [main] = re.findall(r"^```c\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    rows = [[275.0 + 9.0 * i, 1.0 + 7.0 * j] for i in range(12) for j in range(12)]
    model = pml_native.fit_polynomial(rows, [1000.0 - 0.3 * T + 0.4 * p for T, p in rows], effort=0.02)
    model.to_c(tmp_path / "water.c", name="water_density")
    (tmp_path / "main.c").write_text(main)
    monkeypatch.chdir(tmp_path)
    [build] = re.findall(r"`(cc -std=c99 .*?)`", text)
    subprocess.run([*shlex.split(build), "-o", "program"], check=True)
    shown = subprocess.run(["./program"], capture_output=True, text=True, check=True).stdout.split()
    point = [[300.0, 10.0]]
    assert [float(number) for number in shown] == pytest.approx([model(point)[0], *model.gradient(point)[0]], rel=1e-13)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_in_the_reference(module):
    text = "\n".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    current, found = None, set()
    for kind, name in re.findall(r"^\.\. (currentmodule|auto\w+|data):: (\S+)$", text, flags=re.MULTILINE):
        if kind == "currentmodule":
            current = name
        else:
            found.add(name if name.startswith("pml_native") else f"{current}.{name}")
    names = [*PUBLIC[module].__all__, *(["PrecisionRegressor"] if module == "pml_native" else [])]
    known_elsewhere = {"pml_native.optimize.LeastSquares"}  # described as pml_native.LeastSquares
    assert [name for name in names if f"{module}.{name}" not in found | known_elsewhere] == []


def test_the_reference_of_the_command_line_has_every_option():
    text = (DOCS / "reference" / "cli.md").read_text()
    [commands] = [action for action in cli.parser()._actions if isinstance(action.choices, dict)]
    for name, command in commands.choices.items():
        command.take_options()
        assert f"`pml-native {name}" in text
        options = {option for action in command._actions for option in action.option_strings}
        assert [option for option in sorted(options - {"-h", "--help"}) if f"`{option}" not in text] == [], name


def test_links_between_pages_lead_somewhere():
    for page in [*PAGES, *DOCS.parent.glob("*.md")]:
        for target in re.findall(r"\]\(([\w/]+\.md)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_every_script_of_the_gallery_is_shown_beside_its_picture():
    text = (DOCS / "gallery.md").read_text()
    for script in (DOCS / "gallery").glob("*.py"):
        assert f"{{literalinclude}} gallery/{script.name}" in text
        assert f"](pictures/{script.stem}.png)" in text


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    for needed in ("sphinx", "myst_parser", "furo", "sphinx-mathjax-offline"):
        pytest.importorskip(needed)
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("_build", "pictures"))
    (tmp_path / "bench").mkdir()
    for beside in ("CHANGELOG.md", "bench/readme_figure.png"):
        shutil.copy(DOCS.parent / beside, tmp_path / beside)
    (tmp_path / "pml_native.py").write_text("raise ImportError('the sources, instead of the package installed')")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "docs", "docs/_build"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for script in (DOCS / "gallery").glob("*.py"):
        assert (tmp_path / "docs" / "_build" / "_images" / f"{script.stem}.png").stat().st_size > 10_000
