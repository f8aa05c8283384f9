"""The rooms of the package: imports point downward only, in no circle, and the core is imported where models are."""

import ast
import re
from pathlib import Path

import pytest

import pml_native

PACKAGE = Path(pml_native.__file__).parent
# From the top down; a file may import what stands below it, and its own room.
FLOORS = [
    ["__main__"],
    ["__init__", "cli"],
    ["commands"],
    ["paper"],
    ["scaling"],
    ["info", "estimator"],
    ["compress"],
    ["approximate", "update", "new_rows"],
    ["approximation"],
    ["fit"],
    ["fitting"],
    ["search"],
    ["spectrum"],
    ["progress"],
    ["problems"],
    ["models"],
    ["networks"],
    ["optimize"],
    ["export", "formulas"],
    ["report"],
    ["figures"],
    ["hold_out"],
    ["coverage"],
    ["facts"],
    ["digits"],
    ["chunks"],
    ["tables"],
    ["binary_tables"],
    [
        "files",
        "threads",
        "memory",
        "elementary",
        "grids",
        "slices",
        "singular_values",
        "monomials",
        "lapack",
        "exchanges",
    ],
    ["arrays", "jit", "coefficients"],
    ["encodings", "derivatives", "known"],
    ["columns", "options"],
    ["_core", "_version"],
]
MAY_IMPORT_CORE = {"__init__", "info", "models", "networks", "optimize", "search", "tables"}
# What may be imported inside a function: packages that need not be there, or that take long and few need,
MAY_COME_LATE = {
    "matplotlib": "optional",
    "scipy.integrate": "a tenth of a second, for integrals only",
    "sympy": "optional",
    "pandas": "optional",
    "pyarrow": "optional",
    "xarray": "optional",
    "astropy": "optional",
    "h5py": "optional",
    "distributed": "optional",
    "rich": "a tenth of a second, for what is shown only",
    "scipy.stats": "half a second, for quantiles and Sobol points only",
}
# and modules of this package that need such a package as soon as they are imported.
NEED_MORE = {
    "estimator": "scikit-learn",
    "networks.activation_block": "numba",
    "export.jax_function": "jax",
    "export.numba_function": "numba",
    "export.onnx_graph": "onnx",
    "formulas": "sympy",
}


def name_of(path):
    """Its name inside the package, with dots: "search.polynomial", and "search" for the face of that room."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def imported(name, node):
    """Names of what an import statement of file `name` takes: of this package's files, or of other packages."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not node.level:
        return [node.module]
    folder = FILES[name].relative_to(PACKAGE).parent.parts
    base = [*folder[: len(folder) - (node.level - 1)], *(node.module or "").split(".")]
    inside = [".".join(filter(None, [*base, alias.name])) for alias in node.names]
    return [one if one in FILES or one == "_core" else ".".join(filter(None, base)) for one in inside]


def imports_of(name, tree=None):
    """Import statements anywhere in a file, in functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree or TREES[name]):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node


@pytest.mark.parametrize("name", FILES)
def test_imports_point_downward(name):
    floor = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
    here = name.split(".")[0]
    assert here in floor, f"{here}: on which floor is it?"
    for node in imports_of(name):
        for other in imported(name, node):
            assert other.split(".")[0] != "pml_native", f"{name}: import relatively"
            if isinstance(node, ast.ImportFrom) and node.level:
                room = other.split(".")[0]
                assert room == here or floor[room] > floor[here], f"{name} imports {other}"
                assert room != "_core" or here in MAY_IMPORT_CORE


def circles():
    """Sets of files that import each other in a circle, each found by following imports from each of them."""
    graph = {
        name: {
            other
            for node in imports_of(name)
            if isinstance(node, ast.ImportFrom) and node.level
            for other in imported(name, node)
            if other in FILES and other != name
        }
        for name in FILES
    }
    reached = {}
    for name in graph:
        seen, waiting = set(), [name]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        reached[name] = seen
    return {frozenset(b for b in reached[a] if a in reached[b]) for a in graph if a in reached[a]}


def test_no_imports_go_in_a_circle():
    """Not even inside a room, or where only types are wanted."""
    assert [sorted(circle) for circle in circles()] == []


@pytest.mark.parametrize("name", FILES)
def test_imports_inside_functions_are_of_packages_that_may_be_missing_or_take_long(name):
    functions = [node for node in ast.walk(TREES[name]) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for function in functions:
        for node in imports_of(name, function):
            for other in imported(name, node):
                is_late = any(other == one or other.startswith(f"{one}.") for one in MAY_COME_LATE)
                assert is_late or other in NEED_MORE, f"{name}: {function.name} imports {other}"


def test_what_need_not_be_there_is_not_imported_by_the_face():
    """So that the lists above are true."""
    for name in NEED_MORE:
        assert name in FILES
    for package in MAY_COME_LATE:
        used = [
            name
            for name, tree in TREES.items()
            for node in tree.body
            if name.split(".")[0] not in NEED_MORE
            if isinstance(node, (ast.Import, ast.ImportFrom)) and not getattr(node, "level", 0)
            if any(other == package or other.startswith(f"{package}.") for other in imported(name, node))
        ]
        assert used == [], package


def test_pybind11_stays_in_the_bindings():
    sources = PACKAGE.parent / "csrc"
    if not sources.is_dir():
        sources = Path(__file__).parents[2] / "csrc"
    for path in sources.rglob("*.[ch]pp"):
        if path.parent.name != "bindings" and path.name != "module.cpp":
            assert "pybind11" not in path.read_text(), path


def test_lapack_is_asked_for_singular_values_where_what_is_not_finite_is_refused():
    """It may go on for ever there, and no Ctrl-C ends it."""
    asking = re.compile(r"linalg\.(svd|lstsq|pinv)\(")
    files = [path for path in sorted(PACKAGE.rglob("*.py")) if asking.search(path.read_text(encoding="utf-8"))]
    assert [path.relative_to(PACKAGE).as_posix() for path in files] == ["singular_values.py"]
