"""What a store knows a function by: its name, and a digest of all that its results may depend on.

The digest is of the code, the defaults, what the closure holds, and the global names that the code uses, the functions
that it calls and the modules that it imports among them, wherever these are the user's own. What the standard library,
this package or other installed packages have is known by its name: their versions are no part of a function. Comments
and the place in the file don't count; another version of Python does, as its code is another.
"""

from __future__ import annotations

import dis
import functools
import gc
import hashlib
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

import numpy as np

OWN_PACKAGE = __name__.split(".")[0]
# Folders that hold installed packages.
INSTALLED = {"site-packages", "dist-packages"}
# What tells how a function's code was compiled and not only how it is called.
CODE_PARTS = (
    "co_code",
    "co_consts",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_exceptiontable",
)
# What every class has, and what says nothing about what its objects do.
NO_CODE = {"__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__firstlineno__"}
DIGITS = 16


def fingerprint(run: Callable[..., Any]) -> str:
    """The name of `run` with a digest of what it is made of; the name alone for functions of this package."""
    name = _name(run)
    if name.split(".")[0] == OWN_PACKAGE:
        return name
    return f"{name}#{_Digests(_module_of(run)).of(run).hex()[:DIGITS]}"


def _name(run: Any) -> str:
    if isinstance(run, functools.partial):
        return f"partial of {_name(run.func)}"
    named = run if hasattr(run, "__qualname__") else type(run)
    return f"{named.__module__}.{named.__qualname__}"


def _module_of(run: Any) -> str:
    while isinstance(run, functools.partial):
        run = run.func
    return str(getattr(run, "__module__", None) or "")


class _Digests:
    """Digests of values of any kind; those of code only outside installed packages, but for that of module `home`."""

    def __init__(self, home: str) -> None:
        self.home = home.split(".")[0]
        # By the address of a value, which is kept so that no other one comes there.
        self._known: dict[int, tuple[Any, bytes]] = {}
        self._under_way: list[int] = []

    def of(self, value: Any) -> bytes:
        if isinstance(value, (type(None), type(...), bool, int, float, complex, str, bytes)):
            return _hash(type(value).__name__, repr(value))
        place = id(value)
        if place in self._known:
            return self._known[place][1]
        if place in self._under_way:  # a function that calls itself, a list that holds itself
            return _hash("again", len(self._under_way) - self._under_way.index(place))
        self._under_way.append(place)
        digest = self._of_parts(value)
        self._under_way.pop()
        self._known[place] = value, digest
        return digest

    def _all(self, kind: str, *values: Any) -> bytes:
        return _hash(kind, *(self.of(value) for value in values))

    def _of_parts(self, value: Any) -> bytes:
        if isinstance(value, types.CodeType):
            return self._all("code", *(getattr(value, part, None) for part in CODE_PARTS))
        if isinstance(value, types.ModuleType):
            return _hash("module", value.__name__)
        if isinstance(value, (types.FunctionType, type)) and self._is_library(value.__module__):
            return _hash("library", value.__module__, value.__qualname__)
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        if isinstance(value, type):
            parts = {name: part for name, part in sorted(vars(value).items()) if name not in NO_CODE}
            return self._all("class", value.__module__, value.__qualname__, type(value), value.__bases__, parts)
        if isinstance(value, types.MethodType):
            return self._all("method", value.__func__, value.__self__)
        if isinstance(value, functools.partial):
            return self._all("partial", value.func, value.args, value.keywords)
        if isinstance(value, (staticmethod, classmethod)):
            return self._all(type(value).__name__, value.__func__)
        if isinstance(value, property):
            return self._all("property", value.fget, value.fset, value.fdel)
        if isinstance(value, np.ndarray) and value.dtype != object:
            return _hash("array", value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes())
        if type(value) in (list, tuple):
            return self._all(type(value).__name__, *value)
        if type(value) in (set, frozenset):
            return _hash(type(value).__name__, *sorted(self.of(part) for part in value))
        if isinstance(value, (dict, types.MappingProxyType)) and type(value).__module__ == "builtins":
            return _hash("dict", *(self.of(key) + self.of(part) for key, part in value.items()))  # in their order
        return self._of_object(value)

    def _of_function(self, function: types.FunctionType) -> bytes:
        cells = [_content(cell) for cell in function.__closure__ or ()]
        code, package = function.__code__, function.__globals__.get("__package__")
        names = set(_names(code))
        used = {name: self._of_global(function, name, names) for name in sorted(_globals(code))}
        imported = [self._of_import(name, parts, package, names) for name, parts in sorted(_imports(code))]
        own = function.__defaults__, function.__kwdefaults__, cells, vars(function)
        return self._all("function", code, *own, used, imported)

    def _of_global(self, function: types.FunctionType, name: str, names: set[str]) -> bytes:
        if name not in function.__globals__:
            return _hash("builtin", name)
        return self._of_used(function.__globals__[name], names)

    def _of_import(self, name: str, parts: tuple[str, ...], package: str | None, names: set[str]) -> bytes:
        """Of a module that a function imports `parts` of when it runs, `name` with its dots, what is used of it."""
        try:
            whole = resolve_name(name, package)
            if self._is_installed(whole):
                return _hash("library", whole)
            __import__(whole, fromlist=parts)
        except (Exception, SystemExit) as error:  # it isn't here, as on a machine of others; or does not begin
            return _hash("no module", name, type(error).__name__)
        # The statement `import a.b` gives a, from which the code goes on to b.
        levels = [whole.rsplit(".", k)[0] for k in range(whole.count(".") + 1)]
        return _hash("import", *(self._of_used(sys.modules[level], names) for level in levels))

    def _of_used(self, value: Any, names: set[str]) -> bytes:
        """Of a module what is used of it, by the `names` in the code; of anything else all."""
        if not isinstance(value, types.ModuleType) or self._is_library(value.__name__):
            return self.of(value)
        used = {name: self._of_used(vars(value)[name], names - {name}) for name in sorted(names & vars(value).keys())}
        return self._all("module", value.__name__, used)

    def _of_object(self, value: Any) -> bytes:
        """By what it was compiled or wrapped from, or by what it would be pickled as."""
        for name in ("py_func", "__wrapped__"):  # numba's functions; those of functools.lru_cache and wraps
            if isinstance(inner := getattr(value, name, None), types.FunctionType):
                return self._all("wrapped", type(value), inner)
        if isinstance(value, (types.BuiltinFunctionType, np.ufunc)):
            of = getattr(value, "__self__", None)
            owner = None if isinstance(of, types.ModuleType) else of
            # A ufunc holds the function that np.frompyfunc made it of, and shows it to nobody else.
            inside = [part for part in gc.get_referents(value) if isinstance(part, types.FunctionType)]
            return self._all("builtin", str(getattr(value, "__module__", None)), value.__name__, owner, inside)
        try:
            parts = value.__reduce_ex__(4)
        except Exception:  # locks, files, and what else can't be pickled
            return self._all("object", type(value), getattr(value, "__dict__", None))
        if isinstance(parts, str):
            return self._all("object", type(value), parts)
        # What makes it, the arguments of that, and then perhaps state, items and pairs of a key and an item.
        known: list[Any] = [list(part) if isinstance(part, Iterator) else part for part in parts]
        return self._all("object", type(value), *known)

    def _is_library(self, module: str | None) -> bool:
        top = (module or "").split(".")[0]
        if top in (OWN_PACKAGE, "builtins") or (top in sys.stdlib_module_names and top != "__main__"):
            return True
        file = getattr(sys.modules.get(module or ""), "__file__", None)
        return top != self.home and file is not None and not INSTALLED.isdisjoint(Path(file).parts)

    def _is_installed(self, module: str) -> bool:
        """The same for a module that may not have been imported: packages that take long are not, for this."""
        if module in sys.modules or self._is_library(module):
            return self._is_library(module)
        top = module.split(".")[0]
        spec = find_spec(top)
        places = [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or ())]
        return top != self.home and any(not INSTALLED.isdisjoint(Path(place).parts) for place in places)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # of a name that has no value yet
        return "no value"


def _codes(code: types.CodeType) -> Iterable[types.CodeType]:
    """The code of a function and of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _globals(code: types.CodeType) -> set[str]:
    """The global names that a code reads."""
    return {
        step.argval
        for one in _codes(code)
        for step in dis.get_instructions(one)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }


def _imports(code: types.CodeType) -> set[tuple[str, tuple[str, ...]]]:
    """The modules that a code imports, with their leading dots, and the names that it takes from each."""
    found = set()
    for one in _codes(code):
        before: list[Any] = [0, None]
        for step in dis.get_instructions(one):
            if step.opname == "IMPORT_NAME":
                found.add(("." * before[-2] + step.argval, before[-1] or ()))  # the two that it takes from the stack
            if step.opname != "EXTENDED_ARG":
                before.append(step.argval)
    return found


def _names(code: types.CodeType) -> Iterable[str]:
    """All names in a code, those of attributes among them."""
    return (name for one in _codes(code) for name in one.co_names)


def _hash(*parts: Any) -> bytes:
    """A digest of texts, numbers and bytes in their order."""
    sha = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode()
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.digest()
