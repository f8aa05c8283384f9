"""The README: its Python runs in order, its commands run, its files exist."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from pml_native.cli import main

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_python_of_the_readme_runs_and_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile("\n".join(blocks("python")), "README.md", "exec"), {})
    assert "y: expected finite numbers, got 359 NaN and 0 infinite" in shown.getvalue()
    assert (tmp_path / "model.pml").exists()


def test_the_commands_of_the_readme_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("pml-native")]
    assert len(lines) >= 4
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, line
    assert "RMSE" in capsys.readouterr().out


def test_the_first_command_fits_an_equation_that_exists(capsys):
    first = blocks("bash")[0].strip()
    assert first.startswith("pip install . && ")
    arguments = shlex.split(first.split("&&")[1])[1:]
    assert main([*arguments, "--effort", "0.01"]) == 0
    assert "on 10000 fresh points" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)|python (bench/\S+?\.py)", TEXT))))
def test_the_files_that_the_readme_names_exist(path):
    assert (ROOT / next(filter(None, path))).exists()
