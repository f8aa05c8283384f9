"""What happens at import: the choice of the instruction set, and a folder of sources that was never built."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pml_native
from pml_native import _core

CODE = "import pml_native; print(pml_native.info()['isa'])"


def run(code, *options, **keywords):
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, **keywords)


@pytest.mark.parametrize("name", _core.isa_available())
def test_the_environment_chooses_the_instruction_set(name, tmp_path):
    assert run(CODE, cwd=tmp_path, env={**os.environ, "PML_NATIVE_ISA": name}).stdout.strip() == name


def test_an_unknown_instruction_set_fails_at_import_with_those_there_are(tmp_path):
    done = run(CODE, cwd=tmp_path, env={**os.environ, "PML_NATIVE_ISA": "mmx"})
    assert done.returncode != 0
    assert f"PML_NATIVE_ISA: expected one of {', '.join(_core.isa_available())} on this machine, got mmx" in done.stderr


def test_selecting_an_unknown_instruction_set_raises():
    with pytest.raises(ValueError, match="isa: expected one of"):
        _core.isa_select("mmx")


def test_sources_without_a_core_say_what_to_do(tmp_path):
    shutil.copytree(
        Path(pml_native.__file__).parent, tmp_path / "pml_native", ignore=shutil.ignore_patterns("*.so", "*.pyd")
    )
    (tmp_path / "csrc").mkdir()
    done = run(CODE, "-S", cwd=tmp_path)  # without site-packages, whose own core an editable install would lend
    assert done.returncode != 0
    assert "no compiled core for this Python beside them. Run `pip install .` there" in done.stderr


def test_the_number_of_threads_can_be_bounded_from_outside(tmp_path):
    code = "import pml_native; print(pml_native.info()['threads'])"
    assert run(code, cwd=tmp_path, env={**os.environ, "PML_NATIVE_NUM_THREADS": "1"}).stdout.strip() == "1"
    done = run(code, cwd=tmp_path, env={**os.environ, "PML_NATIVE_NUM_THREADS": "many"})
    assert "PML_NATIVE_NUM_THREADS: expected a positive integer, got 'many'" in done.stderr


def test_info_names_what_a_result_depends_on():
    info = pml_native.info()
    assert {"pml_native", "python", "numpy", "scipy", "compiler", "isa", "isa_available", "threads", "blas"} <= set(
        info
    )
    assert info["isa"] in info["isa_available"]


def test_importing_the_package_imports_nothing_that_few_need(tmp_path):
    few = ("pandas", "distributed", "matplotlib", "sympy", "scipy.stats", "sklearn", "onnx", "numba")
    code = f"import sys, pml_native; print([m for m in {few} if m in sys.modules])"
    env = {**os.environ, "PYTHONPATH": str(Path(pml_native.__file__).parents[1])}
    assert run(code, cwd=tmp_path, env=env).stdout.strip() == "[]"
