"""How long Python takes to import the package, and `pml-native --help` to print, beside `import numpy`.

Each is a Python of its own, started in turns; printed are medians of their CPU seconds, less what Python itself takes,
and their ratio to NumPy's.

    python bench/import_time.py [ROUNDS]
"""

import resource
import statistics
import subprocess
import sys

PROGRAMS = {
    "python": "pass",
    "import numpy": "import numpy",
    "import pml_native": "import pml_native",
    "pml-native --help": "from pml_native.cli import main; main(['--help'])",
    "pml_native.load": "import pml_native; pml_native.load",
    "pml_native.fit": "import pml_native; pml_native.fit",
}


def cpu_seconds(code):
    """Of a Python that runs `code`, with what the system does for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    seconds = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, code in PROGRAMS.items():
            seconds[name].append(cpu_seconds(code))
    own = {name: statistics.median(values) - statistics.median(seconds["python"]) for name, values in seconds.items()}
    for name, value in own.items():
        if name != "python":
            print(f"{name:20} {1e3 * value:6.0f} ms   {value / own['import numpy']:.2f}")


if __name__ == "__main__":
    main()
