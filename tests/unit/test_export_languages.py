"""Models in Fortran, JavaScript, Julia and Rust: compiled and run where the tools are. C has a file of its own."""

import re

import numpy as np
import pytest
from unit.languages import TOOLS, program_of, program_of_texts, ran, tool_of
from unit.models_of_all_families import (
    MODELS,
    exported,
    model_of,
    models_with_every_family_of_steps,
    network,
    of_outputs,
    points,
    polynomial,
    ulps,
)
from unit.test_export_c import with_error_estimate

from pml_native.export.languages import LANGUAGES
from pml_native.export.program import Program, scaled
from pml_native.export.source import source


def disagreement(values, case, model):
    """What is wrong with values and derivatives in another language at all kinds of points, None for nothing."""
    X = points(case, model)
    with np.errstate(all="ignore"):
        wanted = of_outputs(model, model(X)), of_outputs(model, model.gradient(X))
    try:
        away = ulps(values(X), wanted[0]), ulps(values.gradient(X), wanted[1])
    except AssertionError as error:
        return str(error)
    return None if away[0] <= case.value_ulps and away[1] <= case.gradient_ulps else away


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(models_with_every_family_of_steps(exported()), id="every step"),
        pytest.param(exported(), id="every model", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("language", TOOLS)
def test_it_agrees_with_the_model_to_the_same_ulp_as_c(language, names, tmp_path):
    functions = program_of(language, [model_of(name) for name in names], tmp_path)
    found = [disagreement(values, MODELS[name], model_of(name)) for name, values in zip(names, functions, strict=True)]
    assert {name: one for name, one in zip(names, found, strict=True) if one is not None} == {}


@pytest.mark.parametrize("language", TOOLS)
def test_numbers_come_back_to_the_same_bits(language, tmp_path):
    """A table as a program: it is multiplied by 1."""
    bits = np.random.default_rng(0).integers(0, 2**64, 3000, dtype=np.uint64)
    bits[:500] >>= np.uint64(12)  # subnormal
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, np.finfo(float).max, 2.0**-1022, 1e16, 123.0, 0.1]
    table = np.concatenate([bits.view(float), special])
    program = Program(table.size)
    scaled(program.x, table)
    text = source(language, program, "g0", ["A table"], is_number=False)
    # Only values: the matrix of derivatives has ten million numbers.
    [function] = program_of_texts(language, [text], [(table.size, table.size)], tmp_path)
    got = function(np.ones((1, table.size)))[0]
    np.testing.assert_array_equal(np.isnan(got), np.isnan(table))
    known = ~np.isnan(table)
    np.testing.assert_array_equal(got[known].view(np.uint64), table[known].view(np.uint64))


@pytest.mark.parametrize("language", TOOLS)
def test_the_error_to_expect_is_that_of_the_model(language, tmp_path):
    model, X = with_error_estimate("lines")
    low, width = X.min(axis=0), np.ptp(X, axis=0)
    X = low + width * np.random.default_rng(1).uniform(-0.1, 1.1, (200, X.shape[1]))
    X[0, 0] = np.nan
    [values] = program_of(language, [model], tmp_path, error_estimate=True)
    np.testing.assert_allclose(values.error(X), model.error_estimate(X), rtol=1e-6, atol=1e-14)


FORBIDDEN = {
    "fortran": ["sin", "SIN", "x", "a" * 31],
    "javascript": ["class", "await", "Math", "NaN"],
    "julia": ["end", "function", "sin", "Base"],
    "rust": ["fn", "move", "f64", "main"],
}


@pytest.mark.parametrize(
    ("language", "name"), [(one, name) for one in FORBIDDEN for name in ["", "2x", *FORBIDDEN[one]]]
)
def test_a_name_that_the_language_has_for_itself_is_refused(language, name):
    title = LANGUAGES[language].title
    with pytest.raises(ValueError, match=f"name: expected (a name that {title} allows|at most 30 letters for {title})"):
        getattr(network(), f"to_{language}")(name=name)


@pytest.mark.parametrize("language", TOOLS)
def test_the_file_says_what_it_is_and_what_ruins_it(language, tmp_path):
    text = getattr(polynomial(), f"to_{language}")(tmp_path / "model", name="surface")
    assert (tmp_path / "model").read_text() == text
    assert "family polynomial, written by pml_native" in text
    assert "3 inputs x" in text
    wanted = {"fortran": "-ffast-math", "javascript": "no engine", "julia": "--math-mode=fast", "rust": "fuses no"}
    assert wanted[language] in text


def test_javascript_takes_lists_and_refuses_points_of_another_length(tmp_path):
    model = network((3, 5, 1))
    model.to_javascript(tmp_path / "model.mjs")
    code = """import("./model.mjs").then(m => {
      let said = "";
      try { m.model([1]) } catch (error) { said = `${error}` }
      console.log(JSON.stringify([m.model([1, 2, 3]), m.model_gradient([1, 2, 3]).length, said]));
    })"""
    [shown] = ran([tool_of("javascript"), "-e", code], cwd=tmp_path).stdout.splitlines()
    value, length, said = re.fullmatch(r'\[(.*),(\d+),"(.*)"\]', shown).groups()
    assert float(value) == pytest.approx(model.evaluate(np.array([[1.0, 2.0, 3.0]]))[0, 0], rel=1e-13)
    assert (length, said) == ("3", "RangeError: x: expected 3 numbers, got 1")


def test_julia_is_syntax_of_julia():
    """A parser that is none of Julia's own, for machines without it: no part of any file is unknown to it."""
    language = pytest.importorskip("tree_sitter_julia").language()
    parser = pytest.importorskip("tree_sitter").Parser(pytest.importorskip("tree_sitter").Language(language))
    for name in models_with_every_family_of_steps(exported()):
        assert not parser.parse(model_of(name).to_julia().encode()).root_node.has_error, name


def test_rust_refuses_to_be_compiled_for_x87():
    assert 'not(target_feature = "sse2")' in network().to_rust()
