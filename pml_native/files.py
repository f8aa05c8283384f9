"""Writing a file so that its name never stands for half of it."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .options import shown

STANDARD_OUTPUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write that replaces `path` at the end; an interruption or a full disk leaves `path` as it was.

    A link stays one: what it points to is replaced, and keeps its mode. A pipe or a device is written to. Raises
    OSError where the folder is missing, or `path` is a folder.
    """
    if is_special(path):
        with os.fdopen(_opened(path), "wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder to write to does not exist")
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise _named(error, path) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode) if target.exists() else _mode_of_new_files())
        os.replace(temporary, target)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _named(error, path) from None
        raise


def _named(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """The error with the path as it was given, instead of that of the file beside it, or of none."""
    return OSError(error.errno, error.strerror, os.fspath(path)) if error.errno is not None else error


def is_standard_output(path: str | os.PathLike[str] | None) -> bool:
    """Whether `path` is another name of standard output, where nothing else may be written then."""
    return path is not None and os.fspath(path) in STANDARD_OUTPUT


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether something is at `path` that is no regular file: a pipe, a device, a folder."""
    return os.path.exists(path) and not os.path.isfile(path)


def _opened(path: str | os.PathLike[str]) -> int:
    """A descriptor to write to what is no regular file; a pipe that nothing reads from is refused, not waited for."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path}: expected a file to write to, got a folder")
    try:
        handle = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(f"{path}: nothing reads from this pipe") from None
        raise
    if hasattr(os, "set_blocking"):
        os.set_blocking(handle, True)
    return handle


def _mode_of_new_files() -> int:
    """What any new file would get; mkstemp gives 600."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def require_writable(path: str | os.PathLike[str], name: str = "path") -> None:
    """OSError where a file that can be written to cannot be at `path`: before work is done that is to end there.

    TypeError for what is no path, as the option of this name.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name}: expected a path, got {shown(path)}")
    if os.path.isdir(path := os.fspath(path)):
        raise IsADirectoryError(f"{path}: expected a file to write to, got a folder")
    parent = Path(os.path.realpath(path)).parent
    if not parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder to write to does not exist")
    if not os.path.exists(path) and not os.access(parent, os.W_OK):
        raise PermissionError(f"{path}: the folder {parent} can't be written to")
