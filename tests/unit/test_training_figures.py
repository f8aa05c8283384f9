"""Figures 6 to 9: short runs of each give tables that can be drawn and judged, and so do tables without a row."""

import numpy as np
import pytest

from pml_native.paper import FIGURES
from pml_native.paper.landscape import gradient_share
from pml_native.paper.tricks import METHODS
from pml_native.scaling import Table, sweep

pytest.importorskip("matplotlib")

NAMES = ("fig6", "fig7", "fig8", "fig9")
# What makes a run of each figure one of a second.
FEW = {"steps": 3, "points": 60, "lm_steps": 2, "n": 60, "batch": 30, "low_curvature_steps": 1}
EMPTY = Table((), (), np.zeros(0), ())


def small(figure):
    """One setting of each kind of run, with few steps."""
    kinds = {}
    for setting in figure.quick:
        kinds.setdefault(setting.get("method", setting.get("kind")), setting)
    return [{name: FEW.get(name, value) for name, value in setting.items()} for setting in kinds.values()]


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_table_can_be_drawn_and_judged(name):
    figure = FIGURES[name]
    figure.draw(EMPTY)
    assert not any(claim.holds for claim in figure.claims(EMPTY))


@pytest.mark.parametrize("name", NAMES)
def test_any_rows_can_be_drawn_and_judged(name):
    figure = FIGURES[name]
    settings = small(figure)
    rows = [figure.run(**setting) for setting in settings]
    for chosen in ([i] for i in range(len(rows))):
        judge(figure, [settings[i] for i in chosen], [rows[i] for i in chosen])
    judge(figure, settings, rows)


def judge(figure, settings, results):
    rows = tuple(setting | result | {"status": "done"} for setting, result in zip(settings, results, strict=True))
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    table = Table(columns, rows, np.ones(len(rows)), (None,) * len(rows))
    assert all(claim.text for claim in figure.claims(table))
    figure.draw(table).canvas.draw()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("full", [False, True])
def test_settings_differ_from_each_other(name, full):
    settings = FIGURES[name].settings(full)
    assert len({tuple(sorted(setting.items())) for setting in settings}) == len(settings)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_the_same_each_time_but_for_its_seconds(method):
    setting = {"problem": "x^2", "method": method, "n": 60, "steps": 3, "low_curvature_steps": 1}
    tables = [sweep(FIGURES["fig8"].run, settings=[setting], jobs=1, progress=False) for _ in range(2)]
    (first,), (second,) = tables
    assert first["status"] == "done"
    assert first["rmse"] == second["rmse"]
    assert [point[:3] for point in first["curve"]] == [point[:3] for point in second["curve"]]


def test_the_share_of_the_gradient_counts_the_largest_eigenvalues():
    assert gradient_share(np.array([3.0, 4.0, 0.0]), np.array([-2.0, 5.0, 1.0]), 1) == pytest.approx(16 / 25)
