"""One fit in a process of its own, by any build of pml_native; what equations.py and repeatability.py share.

    python bench/fresh_fit.py FOLDER    # what `fresh_fit` starts: fits FOLDER/rows.npz with FOLDER/options.json

The child is given rows and points as numbers, so that two builds see the same ones, works in a folder of its own, so
that it finds the build that is installed for its interpreter, and measures the seconds of `fit` alone.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TIME = re.compile(r"^\d+\.\d s: ")  # what a line of a report's path begins with
SHOWN_OF_FAILURE = 2000  # characters


@dataclass(frozen=True)
class FreshFit:
    """What the model predicts at the points that were asked for, the seconds of `fit`, and the report as plain values.

    `build` says which pml_native it was. `saved` is the model's file, without the seconds in its report.
    """

    prediction: Array
    seconds: float
    report: dict[str, Any]
    build: str
    saved: bytes

    @property
    def description(self) -> str:
        return f"{self.report['family']} {self.report['description']}"


def fresh_fit(
    X: Array,
    y: Array,
    X_test: Array,
    *,
    sample_weight: Array | None = None,
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> FreshFit:
    """`fit(X, y, **options)` by the pml_native of this interpreter, with these variables in its environment.

    Raises RuntimeError with the end of what the process has said where it fails.
    """
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    if python == sys.executable:
        spec = importlib.util.find_spec("pml_native")
        assert spec is not None
        assert spec.origin is not None
        variables["PYTHONPATH"] = str(Path(spec.origin).parents[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights: dict[str, Any] = {} if sample_weight is None else {"sample_weight": sample_weight}
        np.savez(folder / "rows.npz", X=X, y=y, X_test=X_test, **weights)
        (folder / "options.json").write_text(json.dumps(options))
        done = subprocess.run(
            [python, __file__, name], cwd=name, env={**variables, **(environment or {})}, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"a fit has ended with {done.returncode}: {done.stderr[-SHOWN_OF_FAILURE:]}")
        result = json.loads((folder / "result.json").read_text())
        saved = (folder / "model.pml").read_bytes()
        return FreshFit(np.load(folder / "prediction.npy"), result["seconds"], result["report"], result["build"], saved)


def without_seconds(report: Any) -> Any:
    """The report, where nothing is left that was measured by a clock."""
    return replace(
        report,
        seconds=0.0,
        candidates=tuple(replace(candidate, seconds=0.0) for candidate in report.candidates),
        path=tuple(TIME.sub("", line) for line in report.path),
        history=tuple((0.0, *found) for _, *found in report.history),
    )


def main(folder: Path) -> None:
    import pml_native as pml

    with np.load(folder / "rows.npz") as rows:
        X, y, X_test = rows["X"], rows["y"], rows["X_test"]
        weights = {"sample_weight": rows["sample_weight"]} if "sample_weight" in rows else {}
    options = json.loads((folder / "options.json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = pml.fit  # which imports what it needs
        start = time.perf_counter()
        model = fit(X, y, progress=False, **weights, **options)
        seconds = time.perf_counter() - start
        np.save(folder / "prediction.npy", model(X_test))
    model.report = without_seconds(model.report)
    model.save(folder / "model.pml")
    build = f"{pml.__version__} in {Path(pml.__file__).parent}"
    result = {"seconds": seconds, "report": model.report.to_dict(), "build": build}
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
