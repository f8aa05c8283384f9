"""Whether an array fits into the memory that is free, asked before it is allocated."""

from __future__ import annotations

import os


def available_memory() -> int | None:
    """Bytes that can be allocated without swapping, or None where the system doesn't say."""
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


def require_memory(n_bytes: float, what: str, instead: str) -> None:
    """MemoryError that says what is needed, what there is, and what to do `instead`, if n_bytes aren't free."""
    available = available_memory()
    if available is not None and n_bytes > available:
        raise MemoryError(f"{what} needs {_size(n_bytes)}, but {_size(available)} are free; {instead}")


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 2**30:,.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:,.0f} MiB"
