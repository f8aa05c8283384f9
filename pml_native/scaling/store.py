"""Where finished runs are kept: an SQLite file that several sweeps may share.

A run is identified by the function, whose name goes with a digest of its code (fingerprint.py), and by its settings.
Whoever is about to do runs claims them first, so that two sweeps at once don't do the same; the claims of a sweep that
has died don't count. Write-ahead logging makes a commit cheap enough for one after each run: it survives the death of
the process, and that of the machine but for the last moments, and never leaves half a run. It also means that all
sweeps that share a file run on one machine.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

# "PMLN" in the file's header, and the version of the tables below.
APPLICATION_ID = 0x504D4C4E
FORMAT = 1
SCHEMA = """
CREATE TABLE runs (run TEXT, settings TEXT, status TEXT NOT NULL, result TEXT, error TEXT, seconds REAL, version TEXT,
                   finished TEXT DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (run, settings));
CREATE TABLE sweeps (id TEXT PRIMARY KEY, host TEXT, pid INTEGER, alive REAL);
CREATE TABLE claims (run TEXT, settings TEXT, sweep TEXT, PRIMARY KEY (run, settings));
"""
# How long to wait for another program's lock, how often a sweep says that it is alive, and after how long a silence it
# is taken for dead; a dead process on this machine is known at once.
LOCK_SECONDS = 30.0
ALIVE_SECONDS = 2.0
DEAD_SECONDS = 20.0


@dataclass(frozen=True)
class Run:
    """How a run ended: status "done" with its result as JSON, or "failed" with the traceback."""

    status: str
    result: str | None
    error: str | None
    seconds: float
    version: str


class Store:
    """The runs of the function that is known as `run` in the file `path`, or in memory for None. Use it in a `with`."""

    def __init__(self, path: str | os.PathLike[str] | None, run: str) -> None:
        self.path = ":memory:" if path is None else str(Path(path))
        self.run = run
        self.id = uuid.uuid4().hex
        self._alive = 0.0
        with self._explained("opened"):
            self._connection = sqlite3.connect(self.path, timeout=LOCK_SECONDS, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        (there,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if there and self._pragma("application_id") != APPLICATION_ID:
            raise ValueError(f"{self.path}: expected a store of runs, got another program's SQLite file")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            (there,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not there:
                for statement in SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._connection.execute(f"PRAGMA user_version = {FORMAT}")
        if self._pragma("user_version") != FORMAT:
            raise ValueError(f"{self.path}: expected a store of format {FORMAT}, got {self._pragma('user_version')}")

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(sqlite3.Error, OSError), self._transaction():
            self._forget_sweeps([self.id])
        self._connection.close()

    def load(self, keys: Iterable[str]) -> dict[str, Run]:
        """The finished runs among `keys`."""
        with self._explained("read"):
            rows = self._connection.execute(
                "SELECT settings, status, result, error, seconds, version FROM runs WHERE run = ?", (self.run,)
            )
            wanted = set(keys)
            return {row[0]: Run(*row[1:]) for row in rows if row[0] in wanted}

    def forget_failed(self, keys: Iterable[str]) -> None:
        """Removes the failed runs among `keys`, so that they are done again."""
        with self._explained("written"), self._transaction():
            self._connection.executemany(
                "DELETE FROM runs WHERE run = ? AND settings = ? AND status = 'failed'",
                [(self.run, key) for key in keys],
            )

    def claim(self, keys: Iterable[str]) -> tuple[list[str], dict[str, Run]]:
        """Those of `keys` that are now this sweep's to do, and those that have been finished; others do the rest."""
        mine, finished = [], {}
        with self._explained("written"), self._transaction():
            self._say_alive()
            self._forget_sweeps(
                sweep
                for sweep, host, pid, alive in self._connection.execute("SELECT id, host, pid, alive FROM sweeps")
                if sweep != self.id and not _is_alive(host, pid, alive)
            )
            for key in keys:
                row = self._connection.execute(
                    "SELECT status, result, error, seconds, version FROM runs WHERE run = ? AND settings = ?",
                    (self.run, key),
                ).fetchone()
                if row is not None:
                    finished[key] = Run(*row)
                elif self._connection.execute(
                    "INSERT INTO claims VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET sweep = excluded.sweep WHERE sweep = excluded.sweep",
                    (self.run, key, self.id),
                ).rowcount:
                    mine.append(key)
        return mine, finished

    def record(self, runs: dict[str, Run]) -> None:
        """Keeps finished runs; when this returns they are stored. With no runs it says that the sweep is alive."""
        if not runs and time.time() - self._alive < ALIVE_SECONDS:
            return
        with self._explained("written"), self._transaction():
            self._say_alive()
            self._connection.executemany(
                "INSERT OR REPLACE INTO runs (run, settings, status, result, error, seconds, version) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(self.run, key, r.status, r.result, r.error, r.seconds, r.version) for key, r in runs.items()],
            )
            self._connection.executemany(
                "DELETE FROM claims WHERE run = ? AND settings = ?", [(self.run, key) for key in runs]
            )

    def _say_alive(self) -> None:
        if time.time() - self._alive >= ALIVE_SECONDS:
            self._alive = time.time()
            self._connection.execute(
                "INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?, ?)",
                (self.id, socket.gethostname(), os.getpid(), self._alive),
            )

    def _forget_sweeps(self, sweeps: Iterable[str]) -> None:
        for sweep in list(sweeps):
            self._connection.execute("DELETE FROM sweeps WHERE id = ?", (sweep,))
            self._connection.execute("DELETE FROM claims WHERE sweep = ?", (sweep,))

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has rolled back already
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """SQLite's errors as those of a file, with what to do about them."""
        try:
            yield
        except sqlite3.OperationalError as error:
            hint = f"; another program has kept it locked for {LOCK_SECONDS:g} s" if "locked" in str(error) else ""
            raise OSError(f"{self.path}: the store of runs could not be {what} ({error}){hint}") from None
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{self.path}: expected a store of runs ({error})") from None


def _is_alive(host: str, pid: int, alive: float) -> bool:
    if time.time() - alive > DEAD_SECONDS:
        return False
    if host == socket.gethostname() and os.name == "posix":
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
    return True
