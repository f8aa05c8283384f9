"""Relative errors, and the record of a fit."""

import sys
from html import escape

import numpy as np
import pytest

import pml_native as pml
from pml_native.report import Errors, ErrorTerms


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
        assert candidate.description[:50] in page


def test_without_matplotlib_the_page_lacks_its_pictures_only(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page = report.to_html()
    assert "<svg" not in page
    assert "pip install &quot;pml_native[plot]&quot;" in page
    assert report.description in page
