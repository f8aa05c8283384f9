"""Fixtures that several rooms of tests share."""

import os
import signal

import numpy as np
import pytest

import pml_native
from pml_native import _core
from pml_native.report import Candidate, ErrorTerms, FitReport, Formula, Formulas, Part


# Once a module and not once a test, so that Hypothesis, which runs one test many times, accepts it.
@pytest.fixture(scope="module", params=_core.isa_available())
def isa(request):
    """Each instruction set of this machine in turn; the one in use before is restored."""
    before = _core.isa_selected()
    _core.isa_select(request.param)
    yield request.param
    _core.isa_select(before)


@pytest.fixture(scope="session")
def every_isa():
    """A generator that selects each instruction set of this machine in turn, for tests whose oracle serves them all."""

    def selected():
        before = _core.isa_selected()
        try:
            for isa in _core.isa_available():
                _core.isa_select(isa)
                yield isa
        finally:
            _core.isa_select(before)

    return selected


@pytest.fixture(scope="session")
def report():
    """The report of a fit that never was, with an entry of each kind."""
    return FitReport(
        method="auto",
        family="polynomial",
        description="3 terms",
        error=3e-15,
        error_range=(1e-15, 9e-15),
        train_rmse=1e-15,
        validation_rmse=2e-15,
        validation_p95=4e-15,
        validation_max=5e-15,
        box_rmse=None,
        without_value=0.0,
        is_guess=False,
        status="converged",
        effort=1.0,
        seconds=0.1,
        n_params=3,
        n_train=80,
        n_validation=20,
        n_inputs=1,
        n_outputs=1,
        candidates=(Candidate("polynomial", "3 terms", 3, 1e-15, 2e-15, 4e-15, 5e-15, 0.1, "converged"),),
        warnings=("few rows",),
        seed=0,
        versions={"numpy": "2.0"},
        floor=1e-16,
        terms=ErrorTerms(1e-16, 1e-15, 1e-15),
        path=("a polynomial",),
        advice=("more rows",),
        box=((0.0, 1.0),),
        input_names=("t",),
        history=((0.1, 2e-15, "3 terms"),),
        residuals=((0.5, 1.0, 1e-15),),
        expected_at=((0.25, 1e-15, 1.0),),
        parts=(Part("[0]", ("t",), "f(t)"),),
        largest_arity=1,
        formulas=Formulas(lambda: [Formula("t**2", 2e-15, 1, True)]),
    )


# The state of each module's RNG once it was imported.
DRAWN_AT_IMPORT = {}


def pytest_runtest_setup(item):
    """Each test draws the same numbers from the RNG of its module, whatever ran before it."""
    rng = getattr(item.module, "RNG", None)
    if isinstance(rng, np.random.Generator):
        rng.bit_generator.state = DRAWN_AT_IMPORT.setdefault(item.module, rng.bit_generator.state)


def pytest_sessionstart(session):
    """No clock ends a fit that a test gives no time: on a busy machine it would, and another model would come of it."""
    for name in pml_native.__all__:
        if name.startswith("fit") or name == "boost":
            defaults = getattr(pml_native, name).__kwdefaults__
            assert {"effort", "time_limit"} <= defaults.keys(), name
            defaults["time_limit"] = None


def pytest_configure(config):
    # Processes of tests share the cores, where BLAS libraries of several threads each would wait for one another.
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # A shell starts background jobs with Ctrl-C ignored, and their children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
