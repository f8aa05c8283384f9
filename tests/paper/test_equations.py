"""The command that measures `fit` on the paper's equations, on ten of them with few rows and little time."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pml_native as pml

SCRIPT = Path(__file__).parents[2] / "bench" / "equations.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(pml.__file__).parents[1])}
# Guards against losing what was reached, 9 of 10 to 1e-12 with errors near 2e-16: less than that, so that a slow
# machine passes.
AT_LEAST = {1e-12: 7, 1e-8: 8}
MEDIAN = 1e-14


@pytest.mark.slow
def test_most_equations_are_met_near_rounding_in_three_seconds_each():
    command = [sys.executable, str(SCRIPT), "--quick", "--n", "1000", "--seconds", "3", "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=120)
    assert done.returncode == 0, done.stderr
    met = {float(level): int(count) for count, level in re.findall(r"(\d+) of 10 to (\S+)", done.stdout)}
    for level, least in AT_LEAST.items():
        assert met[level] >= least, done.stdout
    assert float(re.search(r"^median (\S+)$", done.stdout, re.MULTILINE).group(1)) <= MEDIAN, done.stdout
