"""Registering an activation: what is accepted and refused, and what a saved model needs."""

import copy
import math
import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import pml_native as pml
from pml_native import _core, register_activation

SQUARE = (lambda z: z * z, lambda z: 2 * z, lambda z: 2)
FACTOR = 2.0


def scaled_square(z):
    return FACTOR * z * z


def raises_far_away(z):
    if z > 100.0:
        raise ValueError("too far")
    return z * z


def slope_wrong_in_a_part(z):
    return 2 * z if z < 1.0 or z > 1.2 else 2.01 * z


def refused(message, *functions, **keywords):
    with pytest.raises(ValueError, match=message):
        register_activation("refused", *functions, **keywords)
    assert "refused" not in _core.activation_names()


def test_a_registered_activation_is_named_and_used():
    register_activation("quadratic", *SQUARE)
    assert _core.activation_names()[-1] == "quadratic"
    value, first, second = _core.activation_derivatives("quadratic", np.array([-1.5, 3.0]))
    np.testing.assert_array_equal([value, first, second], [[2.25, 9.0], [-3.0, 6.0], [2.0, 2.0]])
    assert pml.MLP((1, 3, 1), "quadratic").forward(np.ones(10), [[1.0]]).tolist() == [[13.0]]


def test_the_name_of_a_built_in_activation_is_refused_even_to_replace():
    for replace in (False, True):
        with pytest.raises(ValueError, match="name: expected one that isn't built in, got 'tanh'"):
            register_activation("tanh", *SQUARE, replace=replace)


def test_an_empty_name_is_refused():
    with pytest.raises(ValueError, match="name: expected a name for the activation, got an empty string"):
        register_activation("", *SQUARE)


def test_a_name_keeps_its_function_until_it_is_replaced():
    register_activation("power", *SQUARE)
    cubic = (lambda z: z**3, lambda z: 3 * z**2, lambda z: 6 * z)
    with pytest.raises(ValueError, match=re.escape("name: 'power' is registered for another function; replace=True")):
        register_activation("power", *cubic)
    assert _core.activation_value("power", np.array([2.0])).tolist() == [4.0]
    register_activation("power", *cubic, replace=True)
    assert _core.activation_value("power", np.array([2.0])).tolist() == [8.0]


def test_the_same_function_may_be_registered_again_and_a_changed_constant_makes_another(monkeypatch):
    code = "functions = (lambda z: z * z + 1, lambda z: 2 * z, lambda z: 2)"
    for _ in range(2):  # as a notebook's cell that runs twice
        cell = {}
        exec(code, cell)
        register_activation("again", *cell["functions"])
    register_activation("scaled", scaled_square, lambda z: 4 * z, lambda z: 4)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    with pytest.raises(ValueError, match="registered for another function"):
        register_activation("scaled", scaled_square, lambda z: 6 * z, lambda z: 6)


@pytest.mark.parametrize("z_kink", [0.3, -1.75])
def test_kinks_and_jumps_are_no_wrong_derivatives(z_kink):
    register_activation(
        "bent",
        lambda z: max(z - z_kink, 0.0),
        lambda z: 0.5 if z == z_kink else (1.0 if z > z_kink else 0.0),
        lambda z: 0,
        replace=True,
    )
    register_activation("stairs", lambda z: math.floor(z - z_kink), lambda z: 0, lambda z: 0, replace=True)


@pytest.mark.parametrize(
    ("functions", "check_range"),
    [
        # 1 - t*t has lost all its digits long before 100.
        ((math.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda z: -2 * np.tanh(z) * (1 - np.tanh(z) ** 2)), (-100, 100)),
        ((math.exp, math.exp, math.exp), (-700, 700)),
        ((math.log, lambda z: 1 / z, lambda z: -1 / z**2), (1e-3, 4)),
        ((lambda z: math.sin(200 * z), lambda z: 200 * math.cos(200 * z), lambda z: -4e4 * math.sin(200 * z)), (-4, 4)),
    ],
    ids=["saturated", "of all sizes", "with a pole", "fast"],
)
def test_correct_derivatives_are_accepted(functions, check_range):
    register_activation("correct", *functions, check_range=check_range, replace=True)


def test_a_wrong_derivative_is_refused_with_the_point_and_both_numbers():
    refused(
        r"first: expected the derivative of value, (-?\d+\.\d+) at z = (-?\d+\.\d+), got (-?\d+\.\d+)",
        math.sin,
        lambda z: math.cos(z) + 1e-6,
        lambda z: -math.sin(z),
    )
    refused(r"second: expected the derivative of first, 2 at z = \S+, got 2.1$", SQUARE[0], SQUARE[1], lambda z: 2.1)
    refused(r"first: .* at z = 1\.[12]\d*, got 2\.", SQUARE[0], slope_wrong_in_a_part, SQUARE[2])
    # One digit of the constant 0.7978845608 missing.
    bump = (lambda z: math.exp(-z * z), lambda z: -2 * z * math.exp(-z * z))
    refused("second: expected", *bump, lambda z: (4.0000001 * z * z - 2) * math.exp(-z * z))


def test_a_check_can_be_left_out():
    register_activation("unchecked", SQUARE[0], lambda z: 3 * z, SQUARE[2], check_range=None)


def test_numbers_that_are_not_finite_are_refused_with_the_point():
    refused("value: expected finite numbers in check_range, got nan at z = 0$", lambda z: math.sin(z) / z, *SQUARE[1:])
    refused("second: expected finite numbers in check_range, got inf at z = 0$", *SQUARE[:2], lambda z: 1 / abs(z))


def test_functions_that_return_integers_and_booleans_are_taken_as_numbers():
    register_activation("ramp", lambda z: z if z > 0 else 0, lambda z: z > 0, lambda z: 0)
    results = _core.activation_derivatives("ramp", np.array([-1.0, 2.5]))
    np.testing.assert_array_equal(results, [[0.0, 2.5], [0.0, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda z: undefined_name(z), "value: numba can't compile it: NameError: name 'undefined_name' is not defined"),  # noqa: F821
        (lambda z: scaled_square(z), "value: numba can't compile it: .*'scaled_square'.*; compile it with @numba.njit"),
        (lambda z: z * 1j, "value: expected a function that returns a float64, got one that returns complex128"),
        (lambda z: None, "value: expected a function that returns a float64, got one that returns none"),
        (lambda z: np.float32(z), "value: expected a function that returns a float64, got one that returns float32"),
        (lambda z, a: z, "value: numba can't compile it: .*function takes 2 arguments"),
        (3, "value: expected a function, got 3"),
        (pickle.dumps, "value: numba can't compile it"),
        (raises_far_away, "activation: expected functions that can't raise, got one that can"),
    ],
)
def test_functions_that_are_no_functions_of_a_number_are_refused(value, message):
    refused(message, value, *SQUARE[1:])


def test_a_range_that_is_none_is_refused():
    refused(r"check_range: expected two finite numbers in ascending order, got \(3, 2\)", *SQUARE, check_range=(3, 2))


def test_compiled_functions_and_ufuncs_are_accepted():
    numba = pytest.importorskip("numba")
    register_activation("waves", np.sin, numba.njit(lambda z: math.cos(z)), numba.vectorize(lambda z: -math.sin(z)))


def test_without_numba_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    for module in ("pml_native.jit", "pml_native.networks.activation_block"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr(pml.models, "activation_block", raising=False)
    with pytest.raises(ImportError, match=re.escape('this needs numba, pip install "pml_native[numba]"')):
        register_activation("no_numba", *SQUARE)


def run(code, cwd):
    command = [sys.executable, "-c", f"import math, pickle, sys\nimport pml_native as pml\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=os.environ)


def saved_model(path):
    register_activation("cosine", math.cos, lambda z: -math.sin(z), lambda z: -math.cos(z))
    mlp = pml.MLP((1, 3, 1), "cosine")
    model = pml.NetworkModel(mlp, mlp.initialize(0))
    model.save(path)
    return model


def test_a_saved_model_comes_back_where_its_activation_is_registered(tmp_path):
    model = saved_model(tmp_path / "m.pml")
    X = np.linspace(-1, 1, 50)
    np.testing.assert_array_equal(pml.load(tmp_path / "m.pml")(X), model(X))


def test_a_process_without_the_activation_is_told_to_register_it(tmp_path):
    saved_model(tmp_path / "m.pml")
    (tmp_path / "mlp.pickle").write_bytes(pickle.dumps(pml.MLP((1, 3, 1), "cosine")))
    message = "or a name given to register_activation before, got 'cosine'"

    done = run("pml.load('m.pml')", cwd=tmp_path)
    assert "ValueError: m.pml: activation: expected one of relu, tanh" in done.stderr
    assert message in done.stderr
    done = run("pickle.load(open('mlp.pickle', 'rb')).forward([0.0] * 10, [[1.0]])", cwd=tmp_path)
    assert message in done.stderr
    done = run("from pml_native.cli import main; sys.exit(main(['show', 'm.pml']))", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    register = "pml.register_activation('cosine', math.cos, lambda z: -math.sin(z), lambda z: -math.cos(z))\n"
    done = run(register + "print(pml.load('m.pml'))", cwd=tmp_path)
    assert done.stdout == "NetworkModel(1-3-1 cosine, 10 parameters)\n", done.stderr


def test_another_function_under_the_name_is_found_when_a_model_is_loaded(tmp_path):
    saved_model(tmp_path / "m.pml")
    register = "pml.register_activation('cosine', lambda z: z * z, lambda z: 2 * z, lambda z: 2)\n"
    done = run(register + "pml.load('m.pml')", cwd=tmp_path)
    assert "expected 'cosine' to be the function it was when the model was saved" in done.stderr


def test_networks_with_a_registered_activation_can_be_copied_and_pickled():
    register_activation("copied", *SQUARE)
    mlp = pml.MLP((1, 3, 1), "copied")
    assert pickle.loads(pickle.dumps(mlp)) == copy.deepcopy(mlp) == mlp


def test_importing_the_package_leaves_numba_alone(tmp_path):
    assert run("print('numba' in sys.modules)", cwd=tmp_path).stdout == "False\n"
