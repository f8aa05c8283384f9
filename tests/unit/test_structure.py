"""The rooms of the package: imports point downward only, and the core is imported where models are."""

import ast
from pathlib import Path

import pytest

import pml_native

PACKAGE = Path(pml_native.__file__).parent
# From the top down; a file may import what stands below it, and its own room.
FLOORS = [
    ["__init__", "cli"],
    ["paper"],
    ["scaling"],
    ["info", "tables", "estimator"],
    ["approximate"],
    ["approximation"],
    ["fit"],
    ["fitting"],
    ["boosting"],
    ["descent", "spectrum"],
    ["progress"],
    ["problems"],
    ["models"],
    ["optimize"],
    ["export"],
    ["report"],
    ["figures"],
    ["hold_out"],
    ["facts"],
    ["files", "threads", "memory", "elementary", "grids", "singular_values"],
    ["arrays", "jit", "coefficients"],
    ["_core", "_version"],
]
MAY_IMPORT_CORE = {"__init__", "info", "models", "optimize"}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Rooms of this package that a file imports, resolved from its relative imports."""
    folder = path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder[: len(folder) - (node.level - 1)]
            full = (*base, *(node.module.split(".") if node.module else ()))
            yield from [full[0]] if full else [alias.name for alias in node.names]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not any(name.split(".")[0] == "pml_native" for name in names), f"{path}: import relatively"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downward(path):
    floor = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
    here = room_of(path)
    for room in imported_rooms(path):
        if room in floor:
            assert room == here or floor[room] > floor[here], f"{here} imports {room}"
        if room == "_core":
            assert here in MAY_IMPORT_CORE


def test_pybind11_stays_in_the_bindings():
    sources = PACKAGE.parent / "csrc"
    if not sources.is_dir():
        sources = Path(__file__).parents[2] / "csrc"
    for path in sources.rglob("*.[ch]pp"):
        if path.parent.name != "bindings" and path.name != "module.cpp":
            assert "pybind11" not in path.read_text(), path
