"""Ctrl-C as a question that a loop asks, instead of an exception between any two instructions."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class InterruptGuard:
    """While entered, the first Ctrl-C sets `requested`; a second one raises KeyboardInterrupt as usual.

    Guards nest: an inner one shares the request of the outer. Outside the main thread, where Python delivers no
    signals, a guard does nothing.
    """

    _active: InterruptGuard | None = None

    def __init__(self) -> None:
        self._requested = False
        self._outer: InterruptGuard | None = None
        self._previous: Any = None
        self._installed = False

    @property
    def requested(self) -> bool:
        return self._requested if self._outer is None else self._outer.requested

    def __enter__(self) -> InterruptGuard:
        if threading.current_thread() is threading.main_thread():
            if InterruptGuard._active is not None:
                self._outer = InterruptGuard._active
            elif signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                # Only Python's own handler is replaced: a program that handles Ctrl-C itself goes on doing so.
                self._previous = signal.signal(signal.SIGINT, self._handle)
                self._installed = True
                InterruptGuard._active = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)
            InterruptGuard._active = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._requested:
            raise KeyboardInterrupt
        self._requested = True
