"""The command `pml-native`: arguments -> one call."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ._version import __version__
from .arrays import ERRORS, MISSING, OUTLIERS
from .files import is_special, require_writable
from .fit import fit
from .info import info
from .models import Model, load
from .paper import FIGURES, Reproduced, reproduce
from .problems import equations
from .report import Errors
from .scaling import FAMILIES, sweep
from .scaling.settings import combinations
from .search import SEARCHES
from .tables import Table, csv_lines, write_csv

TEST_POINTS = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 where runs of a sweep failed, 2 for input that can't be used."""
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_, **__: print(f"pml-native: warning: {message}", file=sys.stderr)
        try:
            code: int | None = options.run(options)
            sys.stdout.flush()
            return code or 0
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            print("pml-native: interrupted", file=sys.stderr)
            return 130
        except (ValueError, OSError, KeyError, ImportError) as error:
            text = error.args[0] if isinstance(error, KeyError) else error
            print(f"pml-native: error: {text}", file=sys.stderr)
            return 2
        except MemoryError:
            print("pml-native: error: not enough memory for this table", file=sys.stderr)
            return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pml-native", description="Fit smooth, noise-free data as exactly as float64 allows."
    )
    parser.add_argument("--version", action="version", version=f"pml_native {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("fit", help="fit a table, or an equation of the paper")
    command.add_argument("data", nargs="?", help="CSV (with a header line) or Parquet file")
    command.add_argument("--target", help="column(s) to predict, separated by commas")
    command.add_argument("--features", help="columns to predict from; all others if not given")
    command.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line has the names of the columns; seen by itself if not given",
    )
    command.add_argument("--equation", metavar="NAME", help="fit this equation instead of a file")
    command.add_argument("--n", type=int, default=4000, metavar="ROWS", help="points to draw from the equation (4000)")
    command.add_argument("-o", "--output", metavar="MODEL", help="where to save the model")
    command.add_argument("--method", default="auto", choices=["auto", *SEARCHES])
    command.add_argument(
        "--effort", type=float, default=1.0, metavar="WORK", help="budget of work; repeats exactly (1)"
    )
    command.add_argument("--time-limit", type=float, default=60.0, metavar="SECONDS", help="ends it even so (60)")
    command.add_argument("--tolerance", type=float, metavar="ERROR", help="relative RMSE at which to stop early")
    command.add_argument("--error", default="absolute", choices=ERRORS, help="errors of y, or relative to each y")
    command.add_argument("--missing", default="raise", choices=MISSING, help="what is done with rows that have NaN")
    command.add_argument("--outliers", default="keep", choices=OUTLIERS, help="what with rows far from what others say")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--threads", type=int, metavar="N", help="threads to use; all cores if not given")
    command.add_argument("--quiet", action="store_true", help="no progress display")
    command.set_defaults(run=_fit)

    command = commands.add_parser("predict", help="evaluate a saved model on a table")
    command.add_argument("model")
    command.add_argument("data", help="CSV or Parquet file with the model's input columns")
    command.add_argument("-o", "--output", metavar="CSV", help="where to write; standard output if not given")
    command.add_argument("--gradient", action="store_true", help="add the derivatives with respect to the inputs")
    command.set_defaults(run=_predict)

    command = commands.add_parser("show", help="describe a saved model")
    command.add_argument("model")
    command.add_argument("--json", action="store_true", help="its report as JSON")
    command.add_argument("--html", metavar="FILE", help="write its report there, as a page with pictures")
    command.set_defaults(run=_show)

    command = commands.add_parser("equations", help="list the equations of the paper")
    command.set_defaults(run=_equations)

    command = commands.add_parser(
        "sweep",
        help="measure families on problems over sizes and seeds",
        description="Runs all combinations of the settings and writes a table with one row a run. Lists are separated "
        "by commas; 0:4 is 0,1,2,3. Other settings of the families are given as NAME=LIST.",
    )
    command.add_argument("--problem", type=_list, required=True, help="equations, teacher:1-3-3-1:0, legendre:12 ...")
    command.add_argument("--family", type=_list, required=True, help=f"some of {', '.join(FAMILIES)}")
    command.add_argument("--size", type=_list, required=True, help="numbers of points")
    command.add_argument("--seed", type=_list, default=[0], help="random seeds (0)")
    command.add_argument("settings", nargs="*", metavar="NAME=LIST", help="as in depth=2,3 optimizer=lm")
    command.add_argument("--store", metavar="FILE", help="keep every finished run here, and go on where it ended")
    command.add_argument("-o", "--output", metavar="CSV", help="where to write; standard output if not given")
    command.add_argument("--jobs", type=int, metavar="N", help="worker processes; as many as cores if not given")
    command.add_argument("--scheduler", metavar="ADDRESS", help="do the runs on this Dask cluster")
    command.add_argument("--retry-failed", action="store_true", help="do runs again that are stored as failed")
    command.add_argument("--quiet", action="store_true", help="no progress display")
    command.set_defaults(run=_sweep)

    command = commands.add_parser(
        "reproduce",
        help="run figures of the paper again",
        description="Writes a picture, its table and the verdict on each of its claims, and one page with all of them. "
        "Finished runs are kept in the output folder: the same command goes on where it was ended.",
    )
    command.add_argument(
        "figures", nargs="+", choices=[*FIGURES, "all"], metavar="FIGURE", help=f"{', '.join(FIGURES)}, all"
    )
    size = command.add_mutually_exclusive_group()
    size.add_argument(
        "--quick",
        action="store_false",
        dest="full",
        default=False,
        help="minutes: smaller sizes, fewer seeds (default)",
    )
    size.add_argument("--full", action="store_true", help="the paper's own protocol: hours to days")
    command.add_argument("-o", "--output", default="figures", metavar="FOLDER", help="where to write (figures)")
    command.add_argument("--jobs", type=int, metavar="N", help="worker processes; as many as cores if not given")
    command.add_argument("--scheduler", metavar="ADDRESS", help="do the runs on this Dask cluster")
    command.add_argument("--quiet", action="store_true", help="no progress display")
    command.set_defaults(run=_reproduce)

    command = commands.add_parser("info", help="versions, instruction sets, threads")
    command.set_defaults(run=_info)
    return parser


def _fit(options: argparse.Namespace) -> None:
    if (options.data is None) == (options.equation is None):
        raise ValueError("fit: expected a data file or --equation NAME, and not both")
    if options.output is not None:
        require_writable(options.output)
    settings = {
        "method": options.method,
        "effort": options.effort,
        "time_limit": options.time_limit,
        "tolerance": options.tolerance,
        "error": options.error,
        "missing": options.missing,
        "outliers": options.outliers,
        "random_state": options.seed,
        "n_threads": options.threads,
        "progress": False if options.quiet else None,
        # A pipe or a device takes the model once, at the end.
        "checkpoint": None if options.output is None or is_special(options.output) else options.output,
    }
    if options.equation is not None:
        equation = equations[options.equation]
        X, y = equation.sample(options.n, options.seed)
        model = fit(X, y, input_names=equation.variables, output_names=["y"], **settings)
        print(f"{equation.name}: y = {equation.formula}\n")
        print(model.report)
        X, y = equation.sample(TEST_POINTS, np.random.default_rng([options.seed, 1]))
        errors = Errors.of(model(X)[:, None], y[:, None])
        print(
            f"\non {TEST_POINTS} fresh points: RMSE {errors.rmse:.2e}   95th percentile {errors.p95:.2e}   "
            f"maximum {errors.max:.2e}"
        )
    else:
        model = _fit_table(options, settings)
        print(model.report)
    if options.output is not None:
        _save(model, options.output)


def _fit_table(options: argparse.Namespace, settings: dict[str, object]) -> Model:
    table = Table.open(options.data, options.header)
    if options.target is None:
        raise ValueError(f"{table.path}: expected --target, one of the columns {', '.join(map(repr, table.columns))}")
    targets = options.target.split(",")
    table.require(targets, "target")
    features = options.features.split(",") if options.features else table.features(targets)
    table.require(features, "feature")
    if set(features) & set(targets):
        raise ValueError(
            f"--features: expected columns other than the target, got {sorted(set(features) & set(targets))}"
        )
    if not features:
        raise ValueError(f"{table.path}: expected at least one column beside the target")
    values = table.read([*features, *targets], may_miss=options.missing == "drop")
    X, y = values[:, : len(features)], values[:, len(features) :]
    if len(targets) == 1:
        y = y[:, 0]
    return fit(X, y, input_names=features, output_names=targets, **settings)  # type: ignore[arg-type]


def _save(model: Model, path: str) -> None:
    try:
        model.save(path)
    except OSError as error:
        # A minute's work must not be lost to a full disk: what can't be saved here may be saved elsewhere.
        handle, other = tempfile.mkstemp(prefix="model-", suffix=".pml")
        os.close(handle)
        model.save(other)
        raise OSError(f"{path} could not be written ({error}); the model is in {other}") from None
    print(f"\nsaved to {path}")


def _predict(options: argparse.Namespace) -> None:
    model = load(options.model)
    signature = model.signature
    table = Table.open(options.data)
    names = signature.input_names
    if names is None:
        if len(table.columns) != signature.n_inputs:
            raise ValueError(f"{table.path}: expected {signature.n_inputs} columns, got {len(table.columns)}")
        names = table.columns
    table.require(names, "the model's input")
    X = table.read(names)
    outputs = list(signature.output_names or [f"y{k}" for k in range(signature.n_outputs)])
    values = model.evaluate(X)
    if options.gradient:
        gradient = model.evaluate_gradient(X)
        values = np.hstack([values, gradient.reshape(len(X), -1)])
        outputs += [f"d({output})/d({name})" for output in list(outputs) for name in names]
    if options.output is None:
        sys.stdout.writelines(csv_lines(outputs, values))
    else:
        write_csv(options.output, outputs, values)


def _show(options: argparse.Namespace) -> None:
    model = load(options.model)
    if (options.json or options.html) and model.report is None:
        raise ValueError(f"{options.model}: expected a model with a report, got one that was not fitted")
    if options.html:
        assert model.report is not None
        model.report.to_html(options.html)
    if options.json:
        assert model.report is not None
        print(model.report.to_json())
        return
    print(model)
    signature = model.signature
    print(f"inputs:  {', '.join(signature.input_names or [f'x{j}' for j in range(signature.n_inputs)])}")
    print(f"outputs: {', '.join(signature.output_names or [f'y{k}' for k in range(signature.n_outputs)])}")
    if model.report is not None:
        print()
        print(model.report)


def _equations(options: argparse.Namespace) -> None:
    width = max(len(equation.formula) for equation in equations.values())
    for equation in equations.values():
        ranges = ", ".join(
            f"{name} [{low:g}, {high:g}]" for name, (low, high) in zip(equation.variables, equation.bounds, strict=True)
        )
        print(f"{equation.name:9} {equation.formula:{width}}  {ranges}")


def _sweep(options: argparse.Namespace) -> int:
    axes = {name: getattr(options, name) for name in ("problem", "family", "size", "seed")}
    for setting in options.settings:
        name, equals, values = setting.partition("=")
        if not equals:
            raise ValueError(f"expected NAME=LIST, got {setting!r}")
        axes[name] = _list(values)
    if options.output is not None:
        require_writable(options.output)
    table = sweep(
        settings=combinations(axes),
        store=options.store,
        scheduler=options.scheduler,
        jobs=options.jobs,
        progress=False if options.quiet else None,
        retry_failed=options.retry_failed,
    )
    text = table.to_csv(options.output)
    if options.output is None:
        sys.stdout.write(text)
    return 1 if len(table.failed) else 0


def _reproduce(options: argparse.Namespace) -> None:
    reproduce(
        options.figures,
        full=options.full,
        output=options.output,
        jobs=options.jobs,
        scheduler=options.scheduler,
        progress=False if options.quiet else None,
        report=_print_figure,
    )
    print(f"\nall on one page: {Path(options.output) / 'index.html'}")


def _print_figure(done: Reproduced) -> None:
    failed = f", {len(done.table.failed)} FAILED" if len(done.table.failed) else ""
    print(f"\n{done.figure.name}: {done.figure.title}; {len(done.table)} runs{failed}, {done.seconds:.0f} s")
    for claim in done.claims:
        print(f"  {claim}")
    print(f"  {'  '.join(map(str, done.files))}", flush=True)


def _list(text: str) -> list[int | float | str]:
    """The values of "64,256", "0:4", "0.1,0.2" or "adam,lm"."""
    values: list[int | float | str] = []
    for part in text.split(","):
        if match := re.fullmatch(r"(\d+):(\d+)", part):
            values += range(int(match[1]), int(match[2]))
        else:
            values.append(_number(part))
    return values


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _info(options: argparse.Namespace) -> None:
    for name, value in info().items():
        print(f"{name:14} {', '.join(value) if isinstance(value, list) else value}")
