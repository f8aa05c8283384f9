"""Whether an array fits into the memory that is free, asked before it is allocated."""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

resource: Any = None  # there is none on Windows, nor such limits
with suppress(ImportError):
    resource = importlib.import_module("resource")

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def available_memory() -> int | None:
    """Bytes that can be allocated without swapping, or None where the system doesn't say.

    Of what the machine has free, and what the limits of this process leave: those of its control groups (containers,
    batch systems) and RLIMIT_AS (ulimit -v).
    """
    free = [bound for bound in (_free_memory(), _left_by_groups(), _left_by_address_space()) if bound is not None]
    return max(0, min(free)) if free else None


def _free_memory() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _left_by_groups() -> int | None:
    """What the control groups of this process leave, each of which bounds all below it; versions 1 and 2."""
    try:
        groups = OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    left: list[int] = []
    for line in groups:
        _, controllers, inside = line.split(":", 2)
        if controllers == "":
            root, files = GROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, files = GROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = root / inside.lstrip("/")
        # In a container the path may be that of the host, of which only the root is to be seen.
        for folder in (group, *group.parents):
            if folder.is_relative_to(root):
                left += _left_by_group(folder, *files)
    return min(left, default=None)


def _left_by_group(folder: Path, limit: str, usage: str, reclaimable: str) -> list[int]:
    """The limit of a group less what it uses, but for files that the kernel would give up; [] if there is none."""
    try:
        bound = int((folder / limit).read_text())
        used = int((folder / usage).read_text())
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return [bound - used + int(statistics.get(reclaimable, 0))]
    except (OSError, ValueError):  # no such group, or "max"
        return []


def _left_by_address_space() -> int | None:
    if resource is None:
        return None
    try:
        bound, _ = resource.getrlimit(resource.RLIMIT_AS)
        if bound == resource.RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return int(bound - pages * resource.getpagesize())
    except (OSError, ValueError):
        return None


def require_memory(n_bytes: float, what: str, instead: str) -> None:
    """MemoryError that says what is needed, what there is, and what to do `instead`, if n_bytes aren't free."""
    available = available_memory()
    if available is not None and n_bytes > available:
        raise MemoryError(f"{what} needs {_size(n_bytes)}, but {_size(available)} are free; {instead}")


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 2**30:,.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:,.0f} MiB"
