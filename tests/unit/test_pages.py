"""Reports as a browser shows them: nothing beyond the window, no complaint, no other file asked for."""

import numpy as np
import pytest
from browser import CHROMIUM, Browser

import pml_native as pml

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"),
]
LONG = "a name of a column with <b>, & and $x^2$ in it, which is longer than any axis of a picture has room for"


@pytest.fixture(scope="module")
def browser():
    one = Browser()
    yield one
    one.close()


def of_a_formula(rng):
    X = rng.uniform(1.0, 2.0, (200, 4))
    y = np.hypot(X[:, 0] - X[:, 1], X[:, 2] - X[:, 3])
    names = ["a $b$", "<script>throw 1</script>", "unbroken_" * 12, LONG]
    return pml.fit(X, y, effort=0.05, input_names=names, progress=False)


def in_pieces(rng):
    x = np.sort(rng.uniform(-1.0, 1.0, 300))
    return pml.fit(x, np.where(x < 0.3, np.exp(x), np.cos(3.0 * x)), effort=0.1, progress=False)


def of_several_outputs(rng):
    X = 10.0 ** rng.uniform(-3.0, 3.0, (300, 2))
    Y = np.column_stack([np.log(X[:, 0]) ** 2, 1.0 / (1.0 + X[:, 1])])
    return pml.fit(X, Y, effort=0.02, output_names=[LONG, "p & q"], progress=False)


@pytest.mark.parametrize("make", [of_a_formula, in_pieces, of_several_outputs])
def test_a_report_fits_windows_of_1200_and_400_pixels_and_asks_for_nothing(make, browser, tmp_path):
    report = make(np.random.default_rng(0)).report
    report.to_html(tmp_path / "report.html")
    address = (tmp_path / "report.html").as_uri()
    for width, is_dark in ((1200, False), (400, True)):
        browser.open(address, width=width, is_dark=is_dark)
        assert browser.overflow() == (0, [])
        assert browser.complaints == []
        assert browser.requests == [address]
        ground = browser.ask("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(21, 24, 28)" if is_dark else "rgb(255, 255, 255)")
        pictures = browser.ask(
            "[...document.querySelectorAll('svg.plot')].map(one => one.getBoundingClientRect().width)"
        )
        assert len(pictures) > 2
        assert all(250 < one < 450 for one in pictures)
        # No text of a picture reaches beyond it, and none of a tick is written twice.
        cut = browser.ask(
            "[...document.querySelectorAll('svg.plot text')].filter(one => {"
            "const a = one.getBoundingClientRect(), b = one.ownerSVGElement.getBoundingClientRect();"
            "return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1 })"
            ".map(one => one.textContent)"
        )
        assert cut == []
        twice = browser.ask(
            "[...document.querySelectorAll('svg.plot')].map(one => [...one.querySelectorAll('text')]"
            ".map(text => text.textContent + text.getAttribute('text-anchor')))"
            ".filter(texts => new Set(texts).size < texts.length)"
        )
        assert twice == []


def test_a_name_in_the_report_is_text_and_no_code(browser, tmp_path):
    of_a_formula(np.random.default_rng(0)).report.to_html(tmp_path / "report.html")
    browser.open((tmp_path / "report.html").as_uri())
    assert browser.ask("document.querySelectorAll('script, b').length") == 0
    assert LONG in browser.ask("document.body.textContent")
