"""Models as C, compiled and callable from here."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

# Three times as fast to compile as -O2.
STRICT = ("-std=c99", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror")
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


class Compiled:
    """The functions of a file of C."""

    def __init__(self, text, shape, folder, name="model", options=STRICT):
        source, library = folder / f"{name}.c", folder / f"{name}.so"
        source.write_text(text)
        command = [COMPILER, *options, "-shared", "-fPIC", "-o", library, source, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.shape, self._name = shape, name
        self._library = ctypes.CDLL(library)
        self._functions = self._library[name], self._library[f"{name}_gradient"]

    def of(self, name, shape):
        """The functions of another model in the same file."""
        other = object.__new__(Compiled)
        other.shape, other._name, other._library = shape, name, self._library
        other._functions = self._library[name], self._library[f"{name}_gradient"]
        return other

    def __call__(self, X):
        return self._rows(self._functions[0], X, self.shape[:1])

    def gradient(self, X):
        return self._rows(self._functions[1], X, self.shape)

    def hessian(self, X):
        return self._rows(self._library[f"{self._name}_hessian"], X, (*self.shape, self.shape[1]))

    def error(self, X):
        function = self._library[f"{self._name}_error"]
        function.restype = ctypes.c_double
        pointer = ctypes.POINTER(ctypes.c_double)
        return np.array([function(x.ctypes.data_as(pointer)) for x in np.ascontiguousarray(X)])

    def _rows(self, function, X, shape):
        pointer = ctypes.POINTER(ctypes.c_double)
        out = np.empty((len(X), *shape))
        for x, result in zip(np.ascontiguousarray(X), out, strict=True):
            function(x.ctypes.data_as(pointer), result.ctypes.data_as(pointer))
        return out


def compiled(model, folder, **options):
    return Compiled(model.to_c(), (model.signature.n_outputs, model.signature.n_inputs), folder, **options)
