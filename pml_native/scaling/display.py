"""What a sweep shows while it runs: one line with the runs done, those that failed, and the time left."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from ..options import flag_or_none

REDRAW_SECONDS = 0.2


class SweepDisplay:
    """One line on standard error. `enabled` None shows it where standard error is a terminal."""

    def __init__(self, enabled: bool | None, n_runs: int, n_known: int) -> None:
        self.enabled = sys.stderr.isatty() if flag_or_none(enabled, "progress") is None else enabled
        self.n_runs, self.n_known = n_runs, n_known
        self._start = time.perf_counter()
        self._last_draw = 0.0

    def __enter__(self) -> SweepDisplay:
        if self.enabled:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._progress = Progress(
                BarColumn(bar_width=20),
                TextColumn("{task.completed} of {task.total} runs done, {task.fields[failed]} failed"),
                TextColumn("{task.description}[dim]  (Ctrl-C keeps what is done)"),
                console=Console(stderr=True),
                auto_refresh=False,
            )
            self._task = self._progress.add_task("", total=self.n_runs, completed=self.n_known, failed=0)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.enabled:
            self._progress.refresh()
            self._progress.stop()

    def update(self, n_done: int, n_failed: int, n_elsewhere: int = 0) -> None:
        """`n_done` of the runs are finished, failed ones among them; `n_elsewhere` are with another sweep."""
        now = time.perf_counter()
        if not self.enabled or (now - self._last_draw < REDRAW_SECONDS and n_done < self.n_runs):
            return
        self._last_draw = now
        gained = n_done - self.n_known
        left = f"{_duration((now - self._start) / gained * (self.n_runs - n_done))} left" if gained else ""
        if n_elsewhere:
            left += f", {n_elsewhere} with another sweep"
        self._progress.update(self._task, completed=n_done, failed=n_failed, description=left)
        self._progress.refresh()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
