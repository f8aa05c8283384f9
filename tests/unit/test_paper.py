"""The paper's figures: what reproducing one leaves behind, and that every figure copes with whatever it is given."""

import csv
import json
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from unit.sweep_runs import counted, fails_at_three

from pml_native import paper
from pml_native.cli import main
from pml_native.figures import save, scaling
from pml_native.paper import FIGURES, Claim, Figure, reproduce
from pml_native.scaling import SweepWarning, Table, measure
from pml_native.scaling.settings import key_of, plain


def fake(run, settings):
    def claims(table):
        return [Claim("the sum, in words, is small", sum(table.column("value")), high=10.0)]

    def draw(table):
        curve = scaling.Curve("value", table.column("size"), table.column("value"), expected=1.0)
        return scaling.draw({"one panel": [curve]}, x="size", y="value")

    return Figure("fake", "A fake", "A caption with < and &.", run, settings, settings, draw, claims)


@pytest.fixture
def figure(monkeypatch, tmp_path):
    """A figure of four short runs, each of which leaves a mark in the folder it returns."""
    marks = tmp_path / "marks"
    marks.mkdir()
    one = fake(counted, [{"folder": str(marks), "size": size} for size in (1, 2, 4, 8)])
    monkeypatch.setitem(FIGURES, "fake", one)
    return marks


def reproduced(output, **options):
    return reproduce(["fake"], output=output, jobs=1, progress=False, **options)


class Needs(HTMLParser):
    """All that a page would load from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]


def test_a_figure_leaves_its_picture_its_table_its_verdicts_and_a_page_that_needs_nothing_else(figure, tmp_path):
    output, reported = tmp_path / "out", []
    (done,) = reproduced(output, report=lambda one: reported.append([path.exists() for path in one.files]))
    assert reported == [[True] * 3]
    assert {path.name for path in done.files} == {"fake.png", "fake.csv", "fake-claims.csv"}
    assert (output / "fake.png").read_bytes().startswith(b"\x89PNG")
    with (output / "fake.csv").open() as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == [0.1, 0.2, 0.4, 0.8]
    with (output / "fake-claims.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["claim"] == "the sum, in words, is small"
    assert float(row["value"]) == pytest.approx(1.5)
    assert row["holds"] == "True"
    page = Needs((output / "index.html").read_text())
    assert page.sources
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in page.sources)
    assert not {"script", "link", "iframe"} & set(page.tags)


def test_finished_runs_are_not_done_again(figure, tmp_path):
    for _ in range(2):
        reproduced(tmp_path / "out")
    assert {path.read_text() for path in figure.iterdir()} == {"x"}


def test_failed_runs_do_not_break_the_picture(monkeypatch, tmp_path):
    monkeypatch.setitem(FIGURES, "fake", fake(fails_at_three, [{"size": size} for size in (1, 2, 3)]))
    with pytest.warns(SweepWarning, match="three is too many"):
        (done,) = reproduced(tmp_path)
    assert len(done.table.failed) == 1
    assert done.claims[0].value == 3
    assert "1 failed" in (tmp_path / "index.html").read_text()


def test_a_name_that_is_not_there_is_a_key_error(tmp_path):
    with pytest.raises(KeyError, match="'fig99' is not one of fig1"):
        reproduce(["fig99"], output=tmp_path)


@pytest.fixture
def no_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def test_without_sympy_the_figures_that_need_it_say_so(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ImportError, match=r'pip install "pml_native\[formula\]"'):
        reproduce(["fig3"], output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_matplotlib_the_hint_comes_before_the_runs(no_matplotlib, figure, tmp_path):
    with pytest.raises(ImportError, match=r'pip install "pml_native\[plot\]"'):
        reproduced(tmp_path)
    assert not list(figure.iterdir())


def test_the_command_without_matplotlib_is_an_error_with_the_hint(no_matplotlib, tmp_path, capsys):
    assert main(["reproduce", "fig4", "-o", str(tmp_path)]) == 2
    assert 'pip install "pml_native[plot]"' in capsys.readouterr().err


@pytest.mark.parametrize(("options", "full"), [([], False), (["--quick"], False), (["--full"], True)])
def test_the_command_is_quick_unless_told_otherwise(options, full, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("pml_native.commands.reproduce.reproduce", lambda names, **given: asked.append(given["full"]))
    assert main(["reproduce", "fig4", "-o", str(tmp_path), *options]) == 0
    assert asked == [full]


def test_a_claim_holds_in_its_band_and_not_where_nothing_was_measured():
    assert Claim("", 1.0, 1.0, 2.0).holds
    assert not Claim("", 2.1, 1.0, 2.0).holds
    assert not Claim("", np.nan).holds


def test_figures_are_known_by_their_own_names():
    assert all(figure.name == name for name, figure in FIGURES.items())
    assert paper.FIGURES is FIGURES


@pytest.mark.parametrize("full", [False, True], ids=["quick", "full"])
@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_the_settings_of_a_figure_are_plain_and_distinct(figure, full):
    settings = [plain(setting) for setting in figure.settings(full)]
    assert settings
    keys = {key_of(setting) for setting in settings}
    assert len(keys) == len(settings)
    assert all(json.loads(key) for key in keys)


# What `measure` returns, in numbers.
MEASURED = dict.fromkeys(("rmse", "p95", "max", "rmse_absolute", "train_rmse"), 0.1) | {"n_points": 10, "n_params": 20}
# Of figures with runs of their own: part of a setting whose run takes less than a second or so.
SHORT = {"fig1": {"method": "simplex"}}
# What makes it shorter still.
SHORTER = {
    "fig6": {"points": 100, "steps": 20, "lm_steps": 2},
    "fig7": {"n": 200, "steps": 20},
    "fig8": {"n": 200, "steps": 20, "low_curvature_steps": 1},
    "fig9": {"n": 200, "steps": 20, "low_curvature_steps": 1},
    "fig10": {"effort": 0.005},
}


def one_row(figure):
    """The table after one run."""
    short = SHORT.get(figure.name, {}).items()
    setting = plain(next(setting for setting in figure.quick if short <= setting.items()))
    setting |= SHORTER.get(figure.name, {})
    result = MEASURED if figure.run is measure else plain(figure.run(**setting))
    row = {**setting, **result, "status": "done"}
    return Table(tuple(row), (row,), np.array([1.0]), (None,))


EMPTY = Table(("status",), (), np.empty(0), ())


@pytest.mark.parametrize("table_of", [lambda figure: EMPTY, one_row], ids=["empty", "one row"])
@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_a_figure_is_drawn_and_judged_before_all_runs_are_there(figure, table_of, tmp_path):
    table = table_of(figure)
    picture = figure.draw(table)
    picture.set_layout_engine("none")  # which takes most of the time
    save(picture, tmp_path / "figure.png")
    assert all(isinstance(claim.value, float) for claim in figure.claims(table))


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_no_claim_holds_without_runs(figure):
    assert not [claim.text for claim in figure.claims(EMPTY) if claim.holds]


def test_the_claims_of_figure_2_measure_exponents_and_ratios_at_equal_size():
    rows = []
    for d, problem in enumerate(("Z.001", "II.8.31", "I.30.5", "I.8.14", "I.44.4", "II.6.15a"), start=1):
        for size in (64, 128, 256, 512):
            setting = {"problem": problem, "size": size, "seed": 0, "n_params": size * (d + 1), "status": "done"}
            rows.append({**setting, "family": "simplex", "rmse": size ** (-2.0 / d)})
            relu = {**setting, "family": "network", "activation": "relu", "optimizer": "adam"}
            # The median of all depths counts.
            rows += [{**relu, "depth": depth, "rmse": (depth - 1) * size ** (-2.0 / d)} for depth in (2, 3, 4)]
    table = Table(tuple(rows[0]), tuple(rows), np.ones(len(rows)), (None,) * len(rows))
    values = [claim.value for claim in FIGURES["fig2"].claims(table)]
    assert values[:6] == pytest.approx([1.0] * 6)
    assert values[6:11] == pytest.approx([2.0] * 5)
    assert values[11] == pytest.approx(1.0)
