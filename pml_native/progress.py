"""What a fit shows while it runs: one line with the falling error and the time left."""

from __future__ import annotations

import sys
import time
from types import TracebackType

# Redrawing more often than this costs time and shows nothing new.
REDRAW_SECONDS = 0.2


class ProgressDisplay:
    """One line on standard error. `enabled` None shows it where standard error is a terminal."""

    def __init__(self, enabled: bool | None, time_limit: float) -> None:
        self.enabled = sys.stderr.isatty() if enabled is None else enabled
        self.time_limit = time_limit
        self._last_draw = 0.0

    def __enter__(self) -> ProgressDisplay:
        if self.enabled:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn
            from rich.table import Column

            console = Console(stderr=True)
            self._progress = Progress(
                BarColumn(bar_width=20),
                TextColumn("{task.fields[left]:.0f} s left", table_column=Column(min_width=9)),
                TextColumn("best error {task.fields[best]}", table_column=Column(min_width=18)),
                TextColumn("[dim]now {task.fields[now]}  {task.description}  (Ctrl-C keeps the best)"),
                console=console,
                transient=console.is_terminal,
                auto_refresh=False,
            )
            self._task = self._progress.add_task("", total=self.time_limit, left=self.time_limit, best="-", now="-")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.enabled:
            self._progress.stop()

    def update(self, elapsed: float, description: str, error: float, best: float) -> None:
        """`error` and `best` are relative RMSEs on the held-out rows: of the model in training, and of the best."""
        now = time.perf_counter()
        if not self.enabled or now - self._last_draw < REDRAW_SECONDS:
            return
        self._last_draw = now
        self._progress.update(
            self._task,
            completed=min(elapsed, self.time_limit),
            description=description,
            left=max(0.0, self.time_limit - elapsed),
            now=f"{error:.1e}",
            best=f"{best:.1e}",
        )
        self._progress.refresh()
