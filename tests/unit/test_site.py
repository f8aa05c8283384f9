"""The built documentation as a browser shows it, with the folder of the site in PML_NATIVE_SITE."""

import os
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser

SITE = os.environ.get("PML_NATIVE_SITE")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"),
    pytest.mark.skipif(SITE is None, reason="PML_NATIVE_SITE names no site (python -m sphinx docs FOLDER)"),
]
PAGES = [] if SITE is None else sorted(page for page in Path(SITE).rglob("*.html") if "_static" not in page.parts)


@pytest.fixture(scope="module")
def browser():
    one = Browser()
    yield one
    one.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(SITE)))
def test_a_page_fits_its_window_shows_its_formulas_and_asks_no_server(page, browser):
    for width, is_dark in ((1200, False), (400, True)):
        browser.open(page.as_uri(), width=width, is_dark=is_dark)
        browser.ask("window.MathJax?.startup?.promise.then(() => 0)")
        assert browser.overflow()[0] <= 0
        assert browser.complaints == []
        assert [one for one in browser.requests if not one.startswith(("file:", "data:"))] == []
        raw = "[...document.querySelectorAll('.math')].filter(one => !one.querySelector('mjx-container')).length"
        assert browser.ask(raw) == 0
        assert browser.ask("document.querySelectorAll('mjx-merror').length") == 0
        code = "div.highlight-python pre, div.highlight-bash pre, div.highlight-c pre"
        cut = f"[...document.querySelectorAll('{code}')].filter(one => one.scrollWidth > one.clientWidth + 1).length"
        assert browser.ask(cut) == 0
        broken = "[...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"
        assert browser.ask(broken) == []


def test_the_search_finds_the_page_of_a_word(browser):
    browser.open((Path(SITE) / "search.html").as_uri() + "?q=polynomial")
    found = "document.querySelector('#search-results a[href=\"families/polynomial.html\"]') !== null"
    wait = f"new Promise(done => {{ const look = n => {found} || !n ? done({found})"
    wait += " : setTimeout(look, 100, n - 1); look(200) })"
    assert browser.ask(wait)
    assert browser.complaints == []
