"""Fixtures that several rooms of tests share."""

import signal

import numpy as np
import pytest

import pml_native as pml
from pml_native import _core


# Once a module and not once a test, so that Hypothesis, which runs one test many times, accepts it.
@pytest.fixture(scope="module", params=_core.isa_available())
def isa(request):
    """Each instruction set of this machine in turn; the one in use before is restored."""
    before = _core.isa_selected()
    _core.isa_select(request.param)
    yield request.param
    _core.isa_select(before)


@pytest.fixture(scope="session")
def report():
    """The report of a fit, one that takes no time."""
    x = np.linspace(0.0, 1.0, 20)
    return pml.fit(x, np.exp(x), method="spline", progress=False).report


def pytest_configure():
    # A shell starts background jobs with Ctrl-C ignored, and their children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
