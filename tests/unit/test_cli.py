"""The command line: every command, and exit code 2 with a sentence for every kind of bad input."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import pml_native as pml
from pml_native.cli import main, parser

QUICK = ["--effort", "0.01", "--quiet"]


@pytest.fixture
def table(tmp_path):
    X = np.random.default_rng(0).uniform(1.0, 5.0, size=(300, 2))
    path = tmp_path / "data.csv"
    pd.DataFrame({"rho": X[:, 0], "T": X[:, 1], "p": X[:, 0] * X[:, 1]}).to_csv(path, index=False)
    return path


@pytest.fixture
def model(table, tmp_path, capsys):
    path = tmp_path / "model.pml"
    assert main(["fit", str(table), "--target", "p", "-o", str(path), *QUICK]) == 0
    capsys.readouterr()
    return path


def read(path):
    """The numbers of a CSV file, every decimal rounded correctly."""
    names = path.read_text().splitlines()[0].split(",")
    return pd.DataFrame(np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2), columns=names)


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_columns_of_derivatives_are_taken_with_gaps(tmp_path, capsys):
    x, y = np.random.default_rng(0).uniform(-1.0, 1.0, size=(2, 14))
    table = pd.DataFrame({"Fx": 4 * x**3 + y**2, "x": x, "y": y, "E": x**4 + x * y**2, "Fy": 2 * x * y})
    table.loc[3, "E"] = table.loc[5, "Fx"] = np.nan
    path = tmp_path / "forces.csv"
    table.to_csv(path, index=False)
    out = tmp_path / "model.pml"
    code, shown, _ = run(capsys, "fit", path, "--target", "E", "--gradients", "Fx,Fy", "-o", out, *QUICK)
    assert code == 0
    assert "27 derivatives" in shown
    assert abs(pml.load(out)([[0.5, 0.25]])[0] - 0.5**4 - 0.5 * 0.25**2) < 1e-12
    code, _, said = run(capsys, "fit", path, "--target", "E", "--features", "x,y", "--gradients", "Fx", *QUICK)
    assert code == 2
    assert "--gradients: expected one target and 2 columns, one for each of 'x', 'y', got 1 and 1" in said


def test_fit_predict_and_show_a_table(table, tmp_path, capsys):
    path, out = tmp_path / "model.pml", tmp_path / "out.csv"
    code, shown, _ = run(capsys, "fit", table, "--target", "p", "-o", path, *QUICK)
    assert code == 0
    assert "relative errors on 45 held-out rows (of 300)" in shown
    assert f"saved to {path}" in shown
    assert run(capsys, "predict", path, table, "-o", out)[0] == 0
    np.testing.assert_array_equal(read(out)["p"], pml.load(path)(read(table)[["rho", "T"]]))
    page = tmp_path / "report.html"
    assert run(capsys, "show", path, "--html", page)[0] == 0
    assert "What would help most" in page.read_text()
    code, shown, _ = run(capsys, "show", path)
    assert code == 0
    assert "inputs:  rho, T" in shown
    assert "outputs: p" in shown


def test_predictions_go_by_column_name_and_to_standard_output(model, table, tmp_path, capsys):
    swapped = tmp_path / "swapped.csv"
    read(table)[["T", "rho"]].to_csv(swapped, index=False, sep=";")
    code, shown, _ = run(capsys, "predict", model, swapped)
    assert code == 0
    assert shown.splitlines()[0] == "p"
    assert shown == run(capsys, "predict", model, table)[1]


def test_gradients_are_written_beside_the_values(model, table, capsys):
    _, shown, _ = run(capsys, "predict", model, table, "--gradient")
    lines = shown.splitlines()
    assert lines[0] == "p,d(p)/d(rho),d(p)/d(T)"
    assert len(lines) == 301
    data = read(table)[["rho", "T"]]
    np.testing.assert_array_equal([float(x) for x in lines[1].split(",")[1:]], pml.load(model).gradient(data)[0])


def test_parquet_is_read_and_text_in_it_refused(model, table, tmp_path, capsys):
    path = tmp_path / "data.parquet"
    frame = read(table)
    frame.to_parquet(path)
    assert run(capsys, "predict", model, path)[1] == run(capsys, "predict", model, table)[1]
    frame.assign(T="warm").to_parquet(path)
    code, _, error = run(capsys, "predict", model, path)
    assert code == 2
    assert "expected numbers, got" in error
    assert "'T'" in error
    path.write_bytes(b"not parquet")
    code, _, error = run(capsys, "predict", model, path)
    assert code == 2
    assert "expected a Parquet file with a table" in error


def test_an_equation_needs_no_file(capsys):
    code, shown, _ = run(capsys, "fit", "--equation", "Z.001", "--n", "200", *QUICK)
    assert code == 0
    assert "y = x**2" in shown
    assert "on 10000 fresh points: RMSE" in shown


def test_equations_lists_all_and_info_says_what_runs(capsys):
    code, shown, _ = run(capsys, "equations")
    assert code == 0
    assert len(shown.splitlines()) == 109
    assert "m_0/sqrt(1-v**2/c**2)" in shown
    code, shown, _ = run(capsys, "info")
    assert code == 0
    assert f"isa            {pml.info()['isa']}" in shown


def test_the_report_is_available_as_json(model, capsys):
    _, shown, _ = run(capsys, "show", model, "--json")
    assert json.loads(shown)["family"] == "polynomial"


@pytest.mark.parametrize(
    ("content", "target", "message"),
    [
        ("a,b,y\n1,2,3\n2,x,4\n", "y", "got text 'x' in line 3, column 'b'"),
        ("a,b,y\n1,2,3\n2,,4\n", "y", "got nothing in line 3, column 'b'"),
        ("a,b,y\n1,2,3\n2,3\n", "y", "expected 3 cells in every row, got 2 in line 3"),
        ("a,b,y\n1,2,nan\n" + "2,3,4\n" * 20, "y", "y: expected finite numbers, got 1 NaN"),
        ("a,b,y\n1,2,3\n", "z", "target 'z' is not among the columns 'a', 'b', 'y'"),
        ("a,b,y\n1,2,3\n", None, "expected --target, one of the columns 'a', 'b', 'y'"),
        ("a,a,y\n1,2,3\n", "y", "expected column names that differ, got 'a' twice"),
        ("a,b,y\n1,2,3\n", "y", "expected at least 10 rows for 2 columns, got 1"),
        ("a,b,y\n", "y", "expected at least 1 row, got 0"),
        ("y\n1\n2\n", "y", "expected at least one column beside the target"),
        ("", "y", "got no line of either"),
        (b"\xff\xfe\x00\x01", "y", "expected a text file in UTF-8"),
    ],
)
def test_a_bad_table_is_an_error_and_exit_code_2(content, target, message, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    arguments = ["--target", target] if target else []
    code, _, error = run(capsys, "fit", path, *arguments, *QUICK)
    assert code == 2
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nowhere.csv", "--target", "y"], "nowhere.csv"),
        (["fit"], "expected a data file or --equation NAME"),
        (["fit", "--equation", "I.10.8"], "did you mean I.10.7"),
        (["fit", "--equation", "Z.001", "--n", "3"], "expected at least 10 rows"),
        (["fit", "--equation", "Z.001", "-o", "no/such/folder/m.pml"], "the folder to write to does not exist"),
        (["fit", "--equation", "Z.001", "--time-limit", "-1"], "time_limit: expected"),
        (["fit", "--equation", "Z.001", "--effort", "-1"], "effort: expected"),
        (["fit", "--equation", "Z.001", "--threads", "0"], "n_threads: expected"),
        (["show", "nowhere.pml"], "nowhere.pml"),
        (["predict", __file__, "x.csv"], "expected a model file"),
    ],
)
def test_bad_arguments_are_an_error_and_exit_code_2(arguments, message, capsys):
    code, _, error = run(capsys, *arguments)
    assert code == 2
    assert message in error
    assert error.startswith("pml-native: error: ")


def test_a_table_without_the_models_columns_is_refused(model, tmp_path, capsys):
    path = tmp_path / "other.csv"
    path.write_text("rho,q\n1,2\n")
    code, _, error = run(capsys, "predict", model, path)
    assert code == 2
    assert "the model's input 'T' is not among the columns 'rho', 'q'" in error


@pytest.mark.skipif(os.name == "nt", reason="/dev/stdout is POSIX")
@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_a_model_goes_to_standard_output_alone(output, table, tmp_path):
    command = [sys.executable, "-m", "pml_native", "fit", table, "--target", "p", *QUICK, "-o", output]
    done = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)
    (tmp_path / "m.pml").write_bytes(done.stdout)
    assert done.stdout.startswith(b"PK")
    assert pml.load(tmp_path / "m.pml").report.error < 1e-10
    assert b"saved to /dev/stdout" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["data.csv", "m.pml"]


def test_a_dash_is_standard_output(model, table, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "predict", model, table, "-o", "-")[1] == run(capsys, "predict", model, table)[1]
    assert not (tmp_path / "-").exists()


def test_a_full_disk_does_not_cost_the_model(table, tmp_path, capsys, monkeypatch):
    target = tmp_path / "model.pml"
    save = pml.Model.save

    def full_for_the_target(self, path):
        if str(path) == str(target):
            raise OSError(28, "No space left on device")
        save(self, path)

    monkeypatch.setattr(pml.Model, "save", full_for_the_target)
    code, _, error = run(capsys, "fit", table, "--target", "p", "-o", target, *QUICK)
    assert code == 2
    assert "No space left" in error
    elsewhere = error.split("the model is in ")[1].strip()
    assert pml.load(elsewhere)(np.ones((1, 2))).shape == (1,)
    os.unlink(elsewhere)


def test_warnings_are_lines_without_source_code(tmp_path, capsys):
    path = tmp_path / "constant.csv"
    path.write_text("a,b,y\n" + "".join(f"{i},7,{i * i}\n" for i in range(40)))
    code, _, error = run(capsys, "fit", path, "--target", "y", *QUICK)
    assert code == 0
    assert error == "pml-native: warning: column b of X is constant: the model ignores it\n"


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_saves_the_best_model_so_far(tmp_path):
    path = tmp_path / "model.pml"
    code = (
        "import sys\n"
        "from pml_native.cli import main, parser\n"
        "from pml_native.fitting.watch import Watch\n"
        "Watch.show = lambda *_: print('found', file=sys.stderr, flush=True)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["fit", "--equation", "Z.008", "-o", path, "--effort", "50", "--method", "network"]
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert any(line == "found\n" for line in process.stderr)  # waits for the first model
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "interrupted from the keyboard" in shown
    assert pml.load(path).report.validation_rmse < 1.0


def test_sweep_writes_a_table_and_goes_on_with_its_store(tmp_path, capsys):
    command = ["sweep", "--problem", "Z.001", "--family", "simplex,network", "--seed", "0:2", "steps=3", "n_test=50"]
    command += ["--jobs", 1, "--store", tmp_path / "runs.db"]
    code, shown, _ = run(capsys, *command, "--size", "16")
    assert code == 0
    assert len(shown.splitlines()) == 5
    assert run(capsys, *command, "--size", "16,24", "-o", tmp_path / "table.csv")[0] == 0
    table = pd.read_csv(tmp_path / "table.csv")
    assert list(table["size"]) == [16, 16, 24, 24] * 2
    assert set(table["status"]) == {"done"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--problem", "Z.0011"], "did you mean Z.001"),
        (["--problem", "Z.001", "depth"], "expected NAME=LIST, got 'depth'"),
        (["--problem", "Z.001", "--scheduler", "nowhere", "--jobs", "2"], "expected one of executor, scheduler"),
        (["--problem", "Z.001", "-o", "no/folder/table.csv"], "the folder to write to does not exist"),
    ],
)
def test_a_sweep_that_cannot_begin_says_why(capsys, arguments, message):
    code, _, error = run(capsys, "sweep", "--family", "simplex", "--size", "16", *arguments)
    assert code == 2
    assert message in error


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 2, "error: not enough memory for this table"),
        (ImportError("no such package"), 2, "error: no such package"),
        (KeyError("no such thing"), 2, "error: no such thing"),
    ],
)
def test_whatever_ends_a_command_is_a_line_and_an_exit_code(error, code, message, capsys, monkeypatch):
    def end(_):
        raise error

    monkeypatch.setattr("pml_native.commands.info.run", end)
    assert run(capsys, "info") == (code, "", f"pml-native: {message}\n")


def test_whoever_reads_no_further_ends_a_command_in_peace(monkeypatch):
    class Closed:
        def fileno(self):
            return 1

        def write(self, _):
            raise BrokenPipeError

    replaced = []
    monkeypatch.setattr(sys, "stdout", Closed())
    monkeypatch.setattr(os, "dup2", lambda _, number: replaced.append(number))
    assert main(["info"]) == 0
    assert replaced == [1]


def test_a_parser_reads_more_than_one_line():
    every = parser()
    assert every.parse_args(["info"]).run is every.parse_args(["info"]).run


def test_columns_are_features_or_targets(table, capsys):
    code, _, shown = run(capsys, "fit", table, "--target", "p", "--features", "T,p", *QUICK)
    assert (code, shown) == (2, "pml-native: error: --features: expected columns other than the target, got ['p']\n")
    assert run(capsys, "fit", table, "--target", "p,T", *QUICK)[0] == 0


def test_a_model_without_names_takes_as_many_columns(tmp_path, table, capsys):
    X = np.random.default_rng(0).uniform(size=(40, 2))
    pml.fit_polynomial(X, X[:, 0] * X[:, 1]).save(tmp_path / "m.pml")
    code, _, shown = run(capsys, "predict", tmp_path / "m.pml", table)
    assert code == 2
    assert "expected 2 columns, got 3" in shown
    (tmp_path / "two.csv").write_text("a,b\n0.5,0.25\n")
    code, shown, _ = run(capsys, "predict", tmp_path / "m.pml", tmp_path / "two.csv")
    assert float(shown.splitlines()[1]) == pytest.approx(0.125)


def test_a_model_that_was_not_fitted_has_no_report(tmp_path, capsys):
    mlp = pml.MLP((2, 3, 1))
    pml.NetworkModel(mlp, mlp.initialize(0)).save(tmp_path / "m.pml")
    code, shown, _ = run(capsys, "show", tmp_path / "m.pml")
    assert (code, shown.splitlines()[-1]) == (0, "outputs: y0")
    code, _, shown = run(capsys, "show", tmp_path / "m.pml", "--json")
    assert code == 2
    assert "expected a model with a report" in shown
