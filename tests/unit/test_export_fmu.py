"""Models as functional mock-up units: compiled, asked through the interface's own functions, and simulated by FMPy."""

import ctypes
import dataclasses
import subprocess
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from unit.compiled import COMPILER, STRICT, needs_compiler
from unit.models_of_all_families import BOX, MODELS, network, polynomial

POINTER = ctypes.POINTER(ctypes.c_double)


def references(*numbers):
    return (ctypes.c_uint * len(numbers))(*numbers)


def numbers(values):
    return np.ascontiguousarray(values, dtype=float).ctypes.data_as(POINTER)


class Unit:
    """The library in an FMU and its description."""

    def __init__(self, path, folder):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        self.description = ElementTree.parse(folder / "modelDescription.xml").getroot()
        self.source = folder / "sources" / "model.c"
        self.core = ctypes.CDLL(folder / "binaries" / "linux64" / "model.so")
        self.core.fmi2Instantiate.restype = ctypes.c_void_p
        self.core.fmi2FreeInstance.argtypes = [ctypes.c_void_p]
        self.core.fmi2FreeInstance.restype = None

    def instantiate(self, identifier=None, kind=1):
        identifier = identifier or self.description.get("guid")
        return self.core.fmi2Instantiate(b"block", kind, identifier.encode(), b"", None, 0, 0)


@pytest.fixture
def unit(tmp_path):
    assert network().to_fmu(tmp_path / "network.fmu") == ["linux64"]
    return Unit(tmp_path / "network.fmu", tmp_path / "unit")


@needs_compiler
def test_outputs_and_derivatives_are_those_of_the_model(unit):
    model = network()
    d, m = model.signature.n_inputs, model.signature.n_outputs
    block = ctypes.c_void_p(unit.instantiate())
    inputs, outputs = references(*range(d)), references(*range(d, d + m))
    y, slope = np.empty(m), np.empty(m)
    for x, value, gradient in zip(BOX[:20], model.evaluate(BOX[:20]), model.evaluate_gradient(BOX[:20]), strict=True):
        assert unit.core.fmi2SetReal(block, inputs, ctypes.c_size_t(d), numbers(x)) == 0
        assert unit.core.fmi2GetReal(block, outputs, ctypes.c_size_t(m), y.ctypes.data_as(POINTER)) == 0
        np.testing.assert_allclose(y, value, rtol=1e-14, atol=1e-14)
        directions = np.linspace(1.0, 2.0, d)
        asked = (block, outputs, ctypes.c_size_t(m), inputs, ctypes.c_size_t(d), numbers(directions))
        assert unit.core.fmi2GetDirectionalDerivative(*asked, slope.ctypes.data_as(POINTER)) == 0
        np.testing.assert_allclose(slope, gradient @ directions, rtol=1e-13, atol=1e-13)
    unit.core.fmi2FreeInstance(block)


@needs_compiler
def test_what_is_no_variable_is_an_error(unit):
    d, m = 3, 2
    block = ctypes.c_void_p(unit.instantiate())
    one, value = ctypes.c_size_t(1), np.zeros(1)
    pointer = value.ctypes.data_as(POINTER)
    assert unit.core.fmi2GetReal(block, references(d + m), one, pointer) == 3
    assert unit.core.fmi2SetReal(block, references(d), one, pointer) == 3
    assert unit.core.fmi2GetDirectionalDerivative(block, references(0), one, references(0), one, pointer, pointer) == 3
    assert unit.core.fmi2GetInteger(block, references(0), one, None) == 3
    assert unit.core.fmi2GetInteger(block, references(0), ctypes.c_size_t(0), None) == 0
    assert unit.instantiate("another") is None
    assert unit.instantiate(kind=0) is None  # model exchange
    unit.core.fmi2FreeInstance(block)


@needs_compiler
def test_the_source_compiles_without_a_warning(unit, tmp_path):
    # Functions that do nothing are a line each, which a warning of their layout would forbid.
    command = [COMPILER, *STRICT, "-c", unit.source, "-o", tmp_path / "model.o"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


def test_without_a_compiler_there_are_sources(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert polynomial().to_fmu(tmp_path / "model.fmu") == []
    with zipfile.ZipFile(tmp_path / "model.fmu") as archive:
        assert archive.namelist() == ["modelDescription.xml", "sources/model.c"]
    first = (tmp_path / "model.fmu").read_bytes()
    polynomial().to_fmu(tmp_path / "model.fmu")
    assert (tmp_path / "model.fmu").read_bytes() == first
    with pytest.raises(ValueError, match="compiler: expected a compiler, got 'no-such-compiler'"):
        polynomial().to_fmu(tmp_path / "model.fmu", compiler="no-such-compiler")
    with pytest.raises(ValueError, match="compiler: expected one that takes C99"):
        polynomial().to_fmu(tmp_path / "model.fmu", compiler="false")


def test_names_of_columns_must_differ(tmp_path):
    model = polynomial()
    model.signature = dataclasses.replace(model.signature, input_names=("a", "b", "a"))
    with pytest.raises(ValueError, match="printable names of inputs and outputs that differ, got 'a', 'b', 'a'"):
        model.to_fmu(tmp_path / "model.fmu")
    with pytest.raises(ValueError, match="name: expected an identifier of C, got 'a b'"):
        polynomial().to_fmu(tmp_path / "model.fmu", name="a b")


@needs_compiler
@pytest.mark.parametrize("kind", ["polynomial", "spline of degree 3", "network tanh"])
def test_fmpy_simulates_it(kind, tmp_path):
    fmpy = pytest.importorskip("fmpy")
    from fmpy.validation import validate_fmu

    model = MODELS[kind].make()
    path = str(tmp_path / "model.fmu")
    model.to_fmu(path, name="block")
    assert validate_fmu(path) == []
    d, m = model.signature.n_inputs, model.signature.n_outputs
    names = model.signature.input_names or [f"x{j}" for j in range(d)]
    outputs = model.signature.output_names or [f"y{k}" for k in range(m)]
    rows = BOX[[0, 1, 2, 2], :d]  # values at the end are those of inputs at the step before
    given = np.array([(t, *row) for t, row in enumerate(rows)], dtype=[("time", float), *((n, float) for n in names)])
    done = fmpy.simulate_fmu(path, input=given, output=outputs, start_time=0.0, stop_time=3.0, output_interval=1.0)
    got = np.stack([done[name] for name in outputs], axis=1)
    np.testing.assert_allclose(got[-1], model.evaluate(rows)[-1], rtol=1e-12)
