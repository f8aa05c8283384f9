"""What a call may take of the machine: threads, and memory, within the limits that the process has."""

import resource
import subprocess
import sys

import pytest

from pml_native import memory
from pml_native.memory import available_memory
from pml_native.threads import MOST_A_CORE, available_cores, resolve_threads

MIB = 2**20


@pytest.fixture
def _environment(monkeypatch):
    monkeypatch.delenv("PML_NATIVE_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.usefixtures("_environment")
def test_threads_are_bounded_by_the_cores():
    assert resolve_threads(1) == 1
    assert resolve_threads(10**6) == MOST_A_CORE * available_cores()


@pytest.mark.usefixtures("_environment")
@pytest.mark.parametrize(
    ("others", "own", "expected"), [("1", "", 1), ("1,4", "", 1), ("many", "", None), ("1", "3", 3)]
)
def test_the_environment_bounds_the_default_number_of_threads(monkeypatch, others, own, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", others)
    if own:
        monkeypatch.setenv("PML_NATIVE_NUM_THREADS", own)
    assert resolve_threads(None) == (available_cores() if expected is None else expected)
    assert resolve_threads(2) == 2


def group(folder, limit, usage, cache, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(names, (limit, usage, f"anon 5\n{names[3]} {cache}"), strict=False):
        (folder / name).write_text(f"{value}\n")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("is_visible", [True, False])
def test_control_groups_bound_the_memory(tmp_path, monkeypatch, version, is_visible):
    root = tmp_path if version == 2 else tmp_path / "memory"
    names = (
        ("memory.max", "memory.current", "memory.stat", "inactive_file")
        if version == 2
        else ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file")
    )
    if is_visible:
        group(root / "batch" / "job", "max" if version == 2 else 2**62, 10 * MIB, 0, names)
        group(root / "batch", 400 * MIB, 150 * MIB, 50 * MIB, names)
    else:  # in a container: the path is that of the host, the limit is at the root
        group(root, 400 * MIB, 150 * MIB, 50 * MIB, names)
    lines = tmp_path / "cgroup"
    lines.write_text("0::/batch/job\n" if version == 2 else "3:cpu:/\n4:memory:/batch/job\n")
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    monkeypatch.setattr(memory, "OWN_GROUPS", lines)
    assert memory._left_by_groups() == 300 * MIB
    assert available_memory() <= 300 * MIB


def test_the_address_space_bounds_the_memory():
    code = (
        "import resource; from pml_native.memory import _left_by_address_space as left\n"
        "assert left() is None or left() > 0\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 40, resource.RLIM_INFINITY))\n"
        "assert 0 < left() < 1 << 40"
    )
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        pytest.skip("is limited already")
    subprocess.run([sys.executable, "-c", code], check=True)
