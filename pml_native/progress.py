"""What a fit shows while it runs: one line with the falling error, the work done and the time left."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType

from .options import flag_or_none

# Redrawing more often than this costs time and shows nothing new.
REDRAW_SECONDS = 0.2


class ProgressDisplay:
    """One line on standard error. `enabled` None shows it where standard error is a terminal."""

    def __init__(self, enabled: bool | None, time_limit: float | None) -> None:
        self.enabled = sys.stderr.isatty() if flag_or_none(enabled, "progress") is None else enabled
        self.time_limit = math.inf if time_limit is None else time_limit
        self._start = time.perf_counter()
        self._last_draw = 0.0

    def __enter__(self) -> ProgressDisplay:
        if self.enabled:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn
            from rich.table import Column

            console = Console(stderr=True)
            self._progress = Progress(
                BarColumn(bar_width=20),
                TextColumn("{task.percentage:.0f} % of the work{task.fields[left]}", table_column=Column(min_width=15)),
                TextColumn("best error {task.fields[best]}", table_column=Column(min_width=18)),
                TextColumn("[dim]now {task.fields[now]}  {task.description}  (Ctrl-C keeps the best)"),
                console=console,
                transient=console.is_terminal,
                auto_refresh=False,
            )
            self._task = self._progress.add_task("", total=1.0, left=self._left(), best="-", now="-")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.enabled:
            self._progress.stop()

    def update(self, share: float, description: str, error: float, best: float) -> None:
        """`share` of the work is done; `error` and `best` are relative RMSEs on the held-out rows: of the model in
        training, and of the best."""
        now = time.perf_counter()
        if not self.enabled or now - self._last_draw < REDRAW_SECONDS:
            return
        self._last_draw = now
        self._progress.update(
            self._task,
            completed=share,
            description=description,
            left=self._left(),
            now=f"{error:.1e}",
            best=f"{best:.1e}",
        )
        self._progress.refresh()

    def _left(self) -> str:
        if self.time_limit == math.inf:
            return ""
        return f", {max(0.0, self.time_limit - (time.perf_counter() - self._start)):.0f} s left at most"
