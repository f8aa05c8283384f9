"""What happens at import: what comes in, which names there are, the instruction set, and sources never built."""

import ast
import copy
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import pml_native
from pml_native import _core

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(pml_native.__file__).parents[1])}
# Packages that take tenths of a second, each.
SLOW = {"scipy", "rich", "numba", "pandas", "pyarrow", "matplotlib", "sympy", "sklearn", "multiprocessing"}
# Functions that have the name of their module.
COLLIDING = ("approximate", "fit", "info", "spectrum")
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


def loaded_after(code, tmp_path):
    """The modules there are after `code`, in a Python of its own that has this package."""
    done = run(f"import sys\n{code}\nprint(*sys.modules)", cwd=tmp_path, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_imports_its_core_and_nothing_that_takes_long(tmp_path):
    loaded = loaded_after("import pml_native", tmp_path)
    assert {name for name in loaded if name.startswith("pml_native")} == {
        "pml_native",
        "pml_native._core",
        "pml_native._version",
    }
    assert not loaded & SLOW


def test_the_help_of_the_command_imports_no_more(tmp_path):
    code = (
        "from pml_native.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print()"  # argparse's way to end
    )
    loaded = loaded_after(code, tmp_path)
    assert not loaded & SLOW
    assert not any(name.startswith("pml_native.commands") for name in loaded)


def test_a_fit_imports_nothing_that_few_need(tmp_path):
    few = {"pandas", "distributed", "matplotlib", "sympy", "scipy.stats", "sklearn", "onnx", "numba", "rich"}
    assert not loaded_after("import pml_native; pml_native.fit", tmp_path) & few


@pytest.mark.parametrize("name", COLLIDING)
@pytest.mark.parametrize(
    "code",
    [
        "import pml_native.{0}",
        "from pml_native import {0}",
        "from pml_native.{0} import {0}",
        "pml_native.{0}",
        "pml_native.{0}; import importlib; importlib.reload(pml_native)",
        "import pml_native.cli; pml_native.cli.main(['info'])",
    ],
)
def test_a_function_keeps_its_name_where_its_module_has_the_same(name, code, tmp_path):
    shown = f"print(type(pml_native.{name}).__name__)"
    done = run(f"import pml_native; {code.format(name)}; {shown}", cwd=tmp_path, env=ENVIRONMENT)
    assert done.stdout.splitlines()[-1] == "function", done.stderr


def test_threads_that_ask_for_names_at_once_all_get_them(tmp_path):
    """Each name in four threads at once, of which one imports the module of the same name."""
    code = """
        import importlib, sys, threading
        import pml_native
        names = pml_native.__all__
        sys.setswitchinterval(1e-6)
        gate, seen, failed = threading.Barrier(4 * len(names)), {}, []
        def ask(name, is_first):
            gate.wait()
            try:
                if is_first and name in ("approximate", "fit", "info", "spectrum"):
                    importlib.import_module(f"pml_native.{name}")
                seen.setdefault(name, []).append(getattr(pml_native, name))
            except BaseException as error:
                failed.append(error)
        threads = [threading.Thread(target=ask, args=(name, k == 0)) for name in names for k in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(failed, all(len(set(map(id, values))) == 1 for values in seen.values()), len(seen) == len(names))
    """
    done = run(textwrap.dedent(code), cwd=tmp_path, env=ENVIRONMENT)
    assert done.stdout.strip() == "[] True True", done.stderr


def test_all_public_names_are_there_in_any_way_of_asking(tmp_path):
    everything = run(
        "from pml_native import *; import pml_native; print(set(pml_native.__all__) - {*globals()})",
        cwd=tmp_path,
        env=ENVIRONMENT,
    )
    assert everything.stdout.strip() == "set()", everything.stderr
    assert set(pml_native.__all__) <= set(dir(pml_native))
    assert all(hasattr(pml_native, name) for name in dir(pml_native))
    assert pml_native.models.Inverse.__name__ == "Inverse"  # modules of the package, too


def test_names_that_are_none_are_attribute_errors():
    for name in ("fti", "_fit", "__wrapped__", "numpy"):
        with pytest.raises(AttributeError, match=f"module 'pml_native' has no attribute '{name}'"):
            getattr(pml_native, name)
    with pytest.raises(ImportError, match="cannot import name 'fti' from 'pml_native'"):
        from pml_native import fti  # noqa: F401


def test_help_describes_the_package_where_scikit_learn_is_not_installed(tmp_path):
    code = "import sys; sys.modules['sklearn'] = None; import pml_native; help(pml_native)"
    done = run(code, cwd=tmp_path, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert "fits smooth, noise-free data" in done.stdout
    assert "fit_polynomial" in done.stdout


@pytest.mark.parametrize("pickler", ["pickle", "cloudpickle"])
def test_functions_and_the_package_itself_are_pickled_by_name(pickler):
    pickler = pytest.importorskip(pickler)
    for value in (pml_native, pml_native.fit, pml_native.spectrum, pml_native.Polynomial):
        assert pickle.loads(pickler.dumps(value)) is value
    assert copy.deepcopy({"pml": pml_native})["pml"] is pml_native


def test_a_function_can_be_replaced_and_put_back():
    original = pml_native.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pml_native, "fit", len)
        assert pml_native.fit is len
    assert pml_native.fit is original


def test_type_checkers_are_told_of_the_same_names():
    """Those under TYPE_CHECKING are the public ones, each from the module that it comes from when the package runs."""
    tree = ast.parse(Path(pml_native.__file__).read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    told = {alias.name: node.module for node in block.body for alias in node.names}
    rooms = {name for name, module in told.items() if module is None}
    assert {name: module for name, module in told.items() if module} == pml_native._HOMES
    assert {*told} == {*pml_native.__all__, "PrecisionRegressor"} - {"__version__"}
    assert rooms == {"known", "optimize", "problems", "scaling"}
    assert {name for name, module in told.items() if name == module} == {*COLLIDING}
