"""Relative errors, and the record of a fit."""

import copy
import json
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from html import escape
from xml.etree import ElementTree

import numpy as np
import pytest

import pml_native as pml
from pml_native.report import Errors, ErrorTerms, Formulas, rmse_of


def test_errors_are_relative_to_the_rms_of_each_output():
    y = np.column_stack([np.full(100, 2.0), np.full(100, 1e200)])
    prediction = y * (1 + 1e-3)
    errors = Errors.of(prediction, y)
    assert errors.rmse == pytest.approx(1e-3)
    assert errors.p95 == pytest.approx(1e-3)
    assert errors.max == pytest.approx(1e-3)


def test_percentile_and_maximum_are_of_the_absolute_error():
    y = np.ones((100, 1))
    prediction = y + np.arange(100)[:, None] * -0.01
    errors = Errors.of(prediction, y)
    assert errors.max == pytest.approx(0.99)
    assert errors.p95 == pytest.approx(0.9405)


def test_an_output_of_zeros_keeps_its_absolute_error():
    assert Errors.of(np.full((4, 1), 1e-5), np.zeros((4, 1))).rmse == pytest.approx(1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308])
def test_a_prediction_that_is_not_finite_is_infinitely_wrong(bad):
    errors = Errors.of(np.array([[1.0], [bad]]), np.array([[1.0], [1e-9]]))
    assert errors.rmse == errors.p95 == errors.max == np.inf


@pytest.mark.parametrize("weighed", [None, "rows", "outputs"])
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_the_error_of_blocks_is_that_of_all_rows(size, weighed):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(500, 3)) * [size, 1.0, 0.0]
    prediction = y + rng.normal(size=y.shape) * [1e-6 * size, 1e-3, 1e-4]
    weight = {None: None, "rows": rng.random(500), "outputs": rng.random((500, 3))}[weighed]
    parts = [slice(0, 7), slice(7, 300), slice(300, 500)]
    blocks = ((prediction[own], y[own], None if weight is None else weight[own]) for own in parts)
    found = rmse_of(blocks, np.max(np.abs(y), axis=0))
    assert found == pytest.approx(Errors.of(prediction, y, weight).rmse, rel=1e-13)


def test_a_block_with_a_prediction_that_is_not_finite_is_infinitely_wrong():
    y = np.ones((4, 1))
    blocks = [(y, y, None), (np.full((1, 1), np.nan), y[:1], None)]
    assert rmse_of(iter(blocks), np.ones(1)) == np.inf


@pytest.mark.parametrize(
    ("rounding", "train", "validation", "largest"),
    [(1e-16, 1e-16, 2e-16, "between rows"), (1e-15, 2e-15, 2e-15, "at rows"), (3e-15, 1e-16, 2e-15, "rounding")],
)
def test_terms_add_up_in_squares(rounding, train, validation, largest):
    terms = ErrorTerms.of(rounding, train, validation)
    assert np.hypot(np.hypot(terms.rounding, terms.at_rows), terms.between_rows) == pytest.approx(validation)
    assert terms.largest == largest


def test_terms_of_an_infinite_error_are_no_nan():
    terms = ErrorTerms.of(1e-16, 1e-3, np.inf)
    assert terms.between_rows == np.inf
    assert not np.isnan(terms.at_rows)


@pytest.fixture(scope="module")
def report():
    X = np.random.default_rng(0).uniform(1.0, 2.0, (60, 2))
    return pml.fit(X, X.prod(axis=1), effort=0.02, input_names=["<b>", "x & y"], progress=False).report


def test_the_page_of_a_report_holds_all_of_it_and_escapes_names(report, tmp_path):
    page = report.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    advice = [escape(sentence) for sentence in report.advice]
    for part in ("<svg", "What would help most", "What the RMSE is made of", "extrapolates", *advice):
        assert part in page
    for candidate in report.candidates:
        assert candidate.description in page


def test_the_page_needs_no_package_no_script_and_no_other_file(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = report.to_html()
    assert "<script" not in page
    assert "http" not in page
    assert len(page) < 100_000
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) >= 2 + 1 + 3  # slices, the map of errors, residuals against y and each input
    for picture in pictures:
        ElementTree.fromstring(picture)


def test_candidates_stand_on_the_page_in_the_order_of_their_errors(report):
    one = report.candidates[0]
    tried = [replace(one, description=f"number {k}", validation_rmse=k) for k in (3.0, 1.0, np.inf, 2.0)]
    page = replace(report, candidates=tuple(tried)).to_html()
    assert re.findall(r"number (1.0|2.0|3.0|inf)", page) == ["1.0", "2.0", "3.0", "inf"]


def test_the_page_has_errors_of_derivatives_and_whole_numbers(report):
    page = replace(
        report, gradient_rmse=2e-9, gradient_max=3e-8, advice=("over the box 2e-12 is to be expected",)
    ).to_html()
    assert 'derivatives, over the RMS of those given: RMSE</td><td class="number">2.00e-09' in page
    assert 'over the box <span class="whole">2e-12</span> is' in page
    assert "derivatives" not in report.to_html()


def test_a_page_is_made_of_a_report_whose_errors_are_not_known(report):
    nothing = tuple((*row[:-1], np.nan) for row in report.residuals)
    for changed in ({"residuals": nothing}, {"expected_at": (), "history": ()}, {"validation_rmse": np.inf}):
        page = replace(report, **changed).to_html()
        assert "nan," not in page
        assert ",nan" not in page


def test_notebooks_show_a_report_and_a_model_with_their_names_escaped(report, distance):
    shown = report._repr_html_()
    assert f"{report.error:.1e}" in shown
    assert escape(report.advice[0]) in shown
    shown = distance._repr_html_()
    assert "a, b, c &lt;, d" in shown
    assert len(shown) < 4000
    ElementTree.fromstring(shown)


@pytest.fixture(scope="module")
def distance():
    """A model of a distance, in four columns."""
    X = np.random.default_rng(0).uniform(1.0, 2.0, (200, 4))
    y = np.hypot(X[:, 0] - X[:, 1], X[:, 2] - X[:, 3])
    return pml.fit(X, y, effort=0.05, input_names=["a", "b", "c <", "d"], progress=False)


def test_the_formula_comes_first_and_the_parts_are_told(distance):
    pytest.importorskip("sympy")
    lines = str(distance.report).splitlines()
    assert lines[0] == "y = sqrt((a - b)**2 + (`c <` - d)**2)"
    [told] = [line for line in lines if line.startswith("made of parts of at most 2 inputs: ")]
    assert told.endswith("[2] = sqrt([0] + [1])")
    assert distance.report.largest_arity == 2
    assert [part.inputs for part in distance.report.parts] == [("a", "b"), ("c <", "d"), ("[0]", "[1]")]


def test_formulas_and_parts_are_in_strict_json_in_files_and_on_the_page(distance, tmp_path):
    pytest.importorskip("sympy")
    report = distance.report
    values = json.loads(report.to_json(), parse_constant=pytest.fail)
    assert values["formulas"][0]["is_model"]
    assert values["parts"][2] == {"name": "[2]", "inputs": ["[0]", "[1]"], "formula": "sqrt([0] + [1])"}
    distance.save(tmp_path / "model.pml")
    assert pml.load(tmp_path / "model.pml").report == report == pickle.loads(pickle.dumps(report))
    page = report.to_html()
    assert "y = sqrt((a - b)**2 + (`c &lt;` - d)**2)" in page
    picture = ElementTree.fromstring(re.search(r'<svg class="graph".*?</svg>', page)[0])
    assert [text.text for text in picture.iter("text")] == [
        *("a", "b", "c <", "d", "[0] = f(a, b)", "[1] = f(c <, d)", "[2] = sqrt([0] + [1])")
    ]
    assert len(list(picture.iter("path"))) == 6


def test_json_has_null_for_what_is_not_finite():
    x = np.linspace(0.0, 1.0, 12)
    report = replace(pml.fit(x, np.ones(12), time_limit=None, progress=False).report, error_range=(0.0, np.inf))
    assert json.loads(report.to_json(), parse_constant=pytest.fail)["error_range"] == [0.0, None]


def test_columns_may_have_the_names_of_functions():
    pytest.importorskip("sympy")
    X = np.random.default_rng(0).uniform(1.0, 3.0, (100, 2))
    y = X[:, 0] * np.exp(X[:, 1])
    options = {"input_names": ["sin", "exp"], "effort": 0.02, "time_limit": None, "progress": False}
    assert pml.fit(X, y, **options).report.formulas[0].text == "sin*exp(exp)"


def test_copies_of_what_was_not_asked_for_find_the_same(distance):
    pytest.importorskip("sympy")
    made = []

    def make():
        made.append(1)
        return distance.report.formulas

    report = replace(distance.report, formulas=Formulas(make))
    copied = copy.deepcopy(report)
    assert made == []
    assert copied.formulas == distance.report.formulas
    X = np.linspace(1.0, 2.0, 40)
    model = pickle.loads(pickle.dumps(pml.fit(X, 3.0 * X, effort=0.0, progress=False)))
    assert model.report.formulas[0].text == "3*x0"


def test_shorter_formulas_stand_beside_models_that_are_none():
    pytest.importorskip("sympy")
    X = np.random.default_rng(0).uniform(1.0, 2.0, (200, 2))
    model = pml.fit(X, np.exp(np.sin(X[:, 0] * X[:, 1] ** 2)) + 3.0 * X[:, 0], effort=0.01, progress=False)
    formulas = model.report.formulas
    assert len(formulas) > 0
    assert not any(formula.is_model for formula in formulas)
    assert [one.n_terms for one in formulas] == sorted({one.n_terms for one in formulas}, reverse=True)
    assert [one.error for one in formulas] == sorted(one.error for one in formulas)
    assert f"simpler, with an error of {formulas[0].error:.0e}: y = {formulas[0].text}" in str(model.report)


def test_a_fit_does_without_sympy_and_its_report_says_what_to_install():
    program = (
        "import sys; sys.modules['sympy'] = None; import numpy as np, pml_native as pml; "
        "X = np.random.default_rng(0).uniform(1.0, 2.0, (60, 2)); "
        "report = pml.fit(X, X.prod(axis=1), effort=0.01, progress=False).report; print(len(report.formulas)); "
        "print(report); report.to_json()"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("0\n")
    assert 'pip install "pml_native[formula]"' in shown


def test_a_report_of_an_earlier_version_has_no_formulas(report):
    values = report.to_dict()
    for name in ("formulas", "parts", "largest_arity"):
        del values[name]
    old = pml.FitReport.from_dict(values)
    assert (len(old.formulas), old.parts, old.largest_arity) == (0, (), None)
