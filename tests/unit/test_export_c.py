"""Models as C: what the file says, compilers, and names. That C agrees with every model is in `test_model_contract`."""

import platform
import re
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from unit.compiled import COMPILER, Compiled, compiled, needs_compiler
from unit.models_of_all_families import (
    BOX,
    MODELS,
    Y,
    exported,
    model_of,
    models_with_every_family_of_steps,
    network,
    points,
    polynomial,
    spline,
    ulps,
)

import pml_native as pml


@needs_compiler
def test_fused_products_stay_within_the_same_bounds(tmp_path):
    case = MODELS["network tanh"]
    model = case.make()
    X = points(case, model)
    c = compiled(model, tmp_path, options=["-O3", "-march=native", "-ffp-contract=fast"])
    assert ulps(c(X), model.evaluate(X)) <= case.value_ulps


@needs_compiler
def test_two_models_can_be_in_one_program(tmp_path):
    first, second = network(), polynomial()
    text = first.to_c(name="first") + second.to_c(name="second")
    for name, model in (("first", first), ("second", second)):
        c = Compiled(text, (2, 3), tmp_path, name=name, options=["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror"])
        assert ulps(c(BOX), model(BOX)) <= 8


@needs_compiler
def test_a_fitted_model_agrees_whatever_its_family(tmp_path):
    model = pml.fit(BOX, Y[:, 0], effort=0.02)
    c = compiled(model, tmp_path)
    assert ulps(c(BOX)[:, 0], model(BOX)) <= 64
    assert ulps(c.gradient(BOX)[:, 0], model.gradient(BOX)) <= 1e6


def with_second_derivatives():
    """Models of all families of steps, and what they do outside, but for those that have a program within."""
    names = models_with_every_family_of_steps(exported(lambda case: not case.make.__name__.startswith("inverse")))
    names += ["linear outside of two outputs", "nearest outside", "nothing outside", "polynomial of one input"]
    return [name for name in dict.fromkeys(names) if "inverse" not in name]


@needs_compiler
def test_second_derivatives_are_those_of_the_model(tmp_path):
    names = with_second_derivatives()
    text = "".join(model_of(name).to_c(name=f"m{i}", hessian=True) for i, name in enumerate(names))
    # Not optimised, as it takes the compiler ten times as long to be.
    options = ["-std=c99", "-O0", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    library = Compiled(text, (1, 1), tmp_path, name="m0", options=options)
    for i, name in enumerate(names):
        model = model_of(name)
        c = library.of(f"m{i}", (model.signature.n_outputs, model.signature.n_inputs))
        X = points(MODELS[name], model)[::5]
        got, wanted = c.hessian(X), model.hessian(X).reshape(len(X), *c.shape, c.shape[1])
        known = np.isfinite(wanted)
        assert known.mean() > 0.1, name
        assert not np.isfinite(got[~known]).any(), name
        # Sums of radial functions cancel: of one with slopes 1.6e-11 is left.
        assert np.max(np.abs(got - wanted)[known]) <= 1e-10 * max(np.max(np.abs(wanted[known])), 1e-300), name


@needs_compiler
def test_second_derivatives_at_a_point_of_radial_functions_are_there(tmp_path):
    X = BOX[:30]
    model = pml.RBF(X, Y[:30, 0], kernel="quintic")
    c = Compiled(model.to_c(hessian=True), (1, 3), tmp_path)
    np.testing.assert_allclose(c.hessian(X)[:, 0], model.hessian(X), rtol=1e-6, atol=1e-6)


def test_an_inverse_has_no_second_derivatives_in_c():
    with pytest.raises(ValueError, match="hessian: expected a model without inverses"):
        model_of("inverse").to_c(hessian=True)


def with_error_estimate(kind):
    """A model of rows of a kind that knows how exact it is, and where rows are near."""
    X = np.random.default_rng(0).uniform(0.2, 1.0, (200, 2))
    if kind == "band":
        X = X[np.abs(X[:, 0] - X[:, 1]) < 0.2]
    if kind == "lines":
        X = np.round(X[np.abs(X[:, 0] - X[:, 1]) < 0.3], 1) + np.array([0.0, 1e6])
    y = np.exp(2.0 * X[:, 0]) / (0.1 + X[:, 0] * (X[:, 1] % 2.0))
    y = np.stack([y, y**2], axis=1) if kind == "two" else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = "relative" if kind == "relative" else "absolute"
        return pml.fit(X, y, method="polynomial", error=error, effort=2e-3, time_limit=None, progress=False), X


@needs_compiler
@pytest.mark.parametrize("kind", ["full", "two", "relative", "band", "lines"])
def test_the_error_to_expect_is_that_of_the_model(kind, tmp_path):
    model, X = with_error_estimate(kind)
    low, width = X.min(axis=0), np.ptp(X, axis=0)
    points = low + width * np.random.default_rng(1).uniform(-0.1, 1.1, (500, X.shape[1]))
    points[0, 0] = np.nan
    wanted = model.error_estimate(points)
    assert (model.estimate.away > 0.0) == (kind in ("band", "lines"))
    c = Compiled(model.to_c(error_estimate=True), (model.signature.n_outputs, 2), tmp_path)
    np.testing.assert_allclose(c.error(points), wanted, rtol=1e-6, atol=1e-14)
    np.testing.assert_allclose(c(X), model(X).reshape(len(X), -1), rtol=1e-12)


def test_a_model_that_knows_no_error_says_so():
    with pytest.raises(ValueError, match="error_estimate: expected a model that fit has made"):
        polynomial().to_c(error_estimate=True)


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
    assert re.findall(r"#include.*", text) == ["#include <float.h>", "#include <math.h>"]
    assert "double surface_t" in text


@pytest.mark.parametrize(
    "name", ["", "2x", "a-b", "_a", "double", "tanh", "round", "fmaxl", "y0", "NAN", "M_PI", "linux", "exit"]
)
def test_a_name_that_c_forbids_is_refused(name):
    with pytest.raises(ValueError, match="name: expected a name that C allows for a function, got"):
        network().to_c(name=name)


@needs_compiler
def test_a_compiler_that_would_ruin_the_digits_is_told_what_to_do(tmp_path):
    source = tmp_path / "model.c"
    source.write_text(network().to_c(name="isotherm"))
    command = [COMPILER, "-c", source, "-o", tmp_path / "a.o"]
    done = subprocess.run([*command, "-ffast-math"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "compile without -ffast-math" in done.stderr
    if platform.machine() == "x86_64" and "clang" not in Path(COMPILER).resolve().name:
        x87 = [*command, "-mfpmath=387"]
        assert "compile with -std=c99" in subprocess.run(x87, capture_output=True, text=True).stderr
        assert subprocess.run([*x87, "-std=c99"], capture_output=True).returncode == 0


def test_activations_of_a_user_are_refused():
    pytest.importorskip("numba")
    pml.register_activation("cubed", lambda z: z**3, lambda z: 3 * z**2, lambda z: 6 * z)
    with pytest.raises(ValueError, match=r"expected an activation that other languages have, tanh, .*, got 'cubed'"):
        network(activation="cubed").to_c()
