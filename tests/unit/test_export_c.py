"""Models as C: what a compiler makes of the file agrees with the model."""

import ctypes
import platform
import re
import shutil
import subprocess

import numpy as np
import pytest
from unit.exported import BOX, MODELS, Y, network, points, polynomial, spline, ulps

import pml_native as pml
from pml_native import _core

STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror"]
compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(compiler is None, reason="no C compiler")


class Compiled:
    """The two functions of a file of C."""

    def __init__(self, text, shape, folder, name="model", options=STRICT):
        source, library = folder / f"{name}.c", folder / f"{name}.so"
        source.write_text(text)
        command = [compiler, *options, "-shared", "-fPIC", "-o", library, source, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.shape = shape
        self._library = ctypes.CDLL(library)
        self._functions = self._library[name], self._library[f"{name}_gradient"]

    def __call__(self, X):
        return self._rows(self._functions[0], X, self.shape[:1])

    def gradient(self, X):
        return self._rows(self._functions[1], X, self.shape)

    def _rows(self, function, X, shape):
        pointer = ctypes.POINTER(ctypes.c_double)
        out = np.empty((len(X), *shape))
        for x, result in zip(np.ascontiguousarray(X), out, strict=True):
            function(x.ctypes.data_as(pointer), result.ctypes.data_as(pointer))
        return out


def compiled(model, folder, **options):
    return Compiled(model.to_c(), (model.signature.n_outputs, model.signature.n_inputs), folder, **options)


@needs_compiler
@pytest.mark.parametrize("name", MODELS)
def test_c_agrees_with_the_model(name, tmp_path):
    make, value_ulps, gradient_ulps = MODELS[name]
    model = make()
    X, c = points(model), compiled(model, tmp_path)
    with np.errstate(all="ignore"):
        assert ulps(c(X), model.evaluate(X)) <= value_ulps
        assert ulps(c.gradient(X), model.evaluate_gradient(X)) <= gradient_ulps


EXACT = [name for name in MODELS if name.split()[0] in ("network", "modular", "random", "transformed", "polynomial")]


@needs_compiler
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the core fuses products on other machines")
@pytest.mark.parametrize("name", EXACT)
def test_without_fused_products_the_bits_are_those_of_the_core(name, tmp_path):
    model = MODELS[name][0]()
    X, before = points(model), _core.isa_selected()
    _core.isa_select("baseline")
    try:
        with np.errstate(all="ignore"):
            wanted = model.evaluate(X)
    finally:
        _core.isa_select(before)
    np.testing.assert_array_equal(compiled(model, tmp_path)(X), wanted)


@needs_compiler
def test_fused_products_stay_within_the_same_bounds(tmp_path):
    model = network()
    X = points(model)
    c = compiled(model, tmp_path, options=["-O3", "-march=native", "-ffp-contract=fast"])
    assert ulps(c(X), model.evaluate(X)) <= 8


@needs_compiler
def test_two_models_can_be_in_one_program(tmp_path):
    first, second = network(), polynomial()
    text = first.to_c(name="first") + second.to_c(name="second")
    for name, model in (("first", first), ("second", second)):
        c = Compiled(text, (2, 3), tmp_path, name=name)
        assert ulps(c(BOX), model(BOX)) <= 8


@needs_compiler
def test_a_fitted_model_agrees_whatever_its_family(tmp_path):
    model = pml.fit(BOX, Y[:, 0], time_limit=2.0)
    c = compiled(model, tmp_path)
    assert ulps(c(BOX)[:, 0], model(BOX)) <= 64
    assert ulps(c.gradient(BOX)[:, 0], model.gradient(BOX)) <= 1e6


def test_the_file_says_what_it_is(tmp_path):
    path = tmp_path / "surface.c"
    model = spline(3, 2, "error")
    text = model.to_c(path, name="surface")
    assert path.read_text() == text
    head = text[: text.index("*/")]
    assert f"family spline, written by pml_native {pml.__version__}" in head
    assert "2 inputs x\n * 2 outputs y\n" in head
    assert "x[1] in [1, 5]\n * Outside of the box y is NaN." in head
    assert "/* y[2] from x[2]. */\nvoid surface(const double *x, double *y);" in text
    assert re.findall(r"#include.*", text) == ["#include <math.h>"]
    assert "double surface_t" in text


@pytest.mark.parametrize("name", ["", "2x", "a-b", "double", "tanh", "_reserved"])
def test_a_name_that_c_forbids_is_refused(name):
    with pytest.raises(ValueError, match="name: expected a name that C allows for a function, got"):
        network().to_c(name=name)


def test_families_and_activations_that_stay_here_are_refused():
    simplex = pml.SimplexInterpolator(BOX, Y)
    with pytest.raises(ValueError, match=r"expected a model that other languages can have, network, .*, got simplex"):
        simplex.to_c()
    with pytest.raises(ValueError, match="expected radial basis functions of all points, got nearest ones"):
        pml.RBF(BOX, Y, neighbors=20).to_c()
    pytest.importorskip("numba")
    pml.register_activation("cubed", lambda z: z**3, lambda z: 3 * z**2, lambda z: 6 * z)
    with pytest.raises(ValueError, match=r"expected an activation that other languages have, tanh, .*, got 'cubed'"):
        network(activation="cubed").to_c()
