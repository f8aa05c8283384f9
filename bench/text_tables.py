"""How long a text table takes to read, beside an older version of the package, and whether it is what was written.

Numbers are drawn with all their digits; each reading is a Python of its own, in turns. Printed are medians of seconds
and of CPU seconds of the reading alone, and whether all readings are those numbers, bit for bit.

    python bench/text_tables.py [--rows 1000000] [--columns 6] [--rounds 3] [--against FOLDER_OF_SOURCES]
"""

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

READ = """
import hashlib, sys, time
from pml_native.tables import Table
import numpy, warnings
warnings.simplefilter("ignore")
try:
    import pyarrow.csv  # imported beforehand, so that only the reading counts
except ImportError:
    pass
seconds, cpu = time.perf_counter(), time.process_time()
table = Table.open(sys.argv[1])
values = table.read(table.columns)
print(time.perf_counter() - seconds, time.process_time() - cpu, hashlib.sha256(values.tobytes()).hexdigest())
"""


def reading(path, sources):
    """Seconds, CPU seconds and checksum of reading `path` with the package of this folder, None for that installed."""
    environment = {**os.environ, **({"PYTHONPATH": str(sources)} if sources else {})}
    command = [sys.executable, "-c", READ, path]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=path.parent).stdout
    seconds, cpu, checksum = shown.split()
    return float(seconds), float(cpu), checksum


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", metavar="FOLDER_OF_SOURCES")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        values = rng.standard_normal((options.rows, options.columns)) * 10.0 ** rng.integers(-9, 10, options.columns)
        with path.open("w") as file:
            file.write(",".join(f"x{j}" for j in range(options.columns)) + "\n")
            file.writelines(",".join(map(repr, row)) + "\n" for row in values.tolist())
        print(f"{options.rows:,} x {options.columns}, {path.stat().st_size / 1e6:.0f} MB")
        versions = {"this": None, **({"other": options.against} if options.against else {})}
        found = {name: [] for name in versions}
        for _ in range(options.rounds):
            for name, sources in versions.items():
                found[name].append(reading(path, sources))
        for name, readings in found.items():
            seconds, cpu, _ = zip(*readings, strict=True)
            print(f"{name:6} {statistics.median(seconds):6.2f} s  {statistics.median(cpu):6.2f} s of CPU")
        checksums = {one[2] for readings in found.values() for one in readings}
        print("bit for bit:", checksums == {hashlib.sha256(values.tobytes()).hexdigest()})


if __name__ == "__main__":
    main()
