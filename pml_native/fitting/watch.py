"""Who is shown what a fit finds: a line on the screen, and a checkpoint on the disk."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable

from ..encodings import Encodings
from ..progress import ProgressDisplay
from ..report import FitReport
from ..search.search import Found

# Seconds between two writes of the checkpoint: a fit that is killed loses at most this.
CHECKPOINT_SECONDS = 5.0


class Watch:
    """Shows every model found to `display`, and writes the best to `checkpoint` from time to time."""

    def __init__(self, display: ProgressDisplay, checkpoint: str | os.PathLike[str] | None) -> None:
        self.display, self.checkpoint = display, checkpoint
        # What is said of a model that is written before the fit has ended.
        self.report_of: Callable[[Found], FitReport] | None = None
        self.encodings: Encodings | None = None
        self._written: Found | None = None
        self._last_write = time.perf_counter()

    def show(self, found: Found, best: Found, share: float) -> None:
        """`share` of the work is done."""
        self.display.update(share, found.description, found.errors.rmse, best.errors.rmse)
        if time.perf_counter() - self._last_write >= CHECKPOINT_SECONDS:
            self.write(best)

    def write(self, best: Found) -> None:
        """Writes what is not on the disk yet."""
        if self.checkpoint is None or best is self._written:
            return
        self._last_write, self._written = time.perf_counter(), best
        if self.report_of is not None and best.model.report is None:
            best.model.report = self.report_of(best)
        best.model.encodings = self.encodings
        try:
            best.model.save(self.checkpoint)
        except OSError as error:  # a full disk must not end a good fit
            warnings.warn(f"checkpoint {self.checkpoint} could not be written: {error}", RuntimeWarning, stacklevel=2)
