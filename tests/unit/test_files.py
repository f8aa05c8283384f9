"""Files that are written: what was there stays what it was, a link, a private file, a pipe."""

import os
import stat
import subprocess
import sys

import pytest

from pml_native.files import replacing, require_writable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, modes and pipes of POSIX")


def write(path, text=b"new"):
    with replacing(path) as file:
        file.write(text)


def test_a_link_stays_one_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "link").symlink_to("old")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "old").read_bytes() == b"new"


def test_a_link_to_nothing_gets_its_file(tmp_path):
    (tmp_path / "link").symlink_to("missing")
    write(tmp_path / "link")
    assert (tmp_path / "missing").read_bytes() == b"new"


def test_a_private_file_stays_private(tmp_path):
    path = tmp_path / "private"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_file_gets_the_mode_of_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe)
    assert os.read(reader, 100) == b"new"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_that_nothing_reads_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="nothing reads from this pipe"):
        write(tmp_path / "pipe")


def test_devices_are_written_to_and_stay_devices():
    write("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    code = "from pml_native.files import replacing\nwith replacing('/dev/stdout') as file: file.write(b'shown')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"shown"


def test_what_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a").write_bytes(b"old")

    def interrupted():
        with replacing(tmp_path / "a") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_full_disk_is_named_by_the_path_that_was_given(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, full)
            with pytest.raises(OSError, match=r"No space left on device: 'a'"):
                write("a")
    monkeypatch.setattr("tempfile.mkstemp", full)
    with pytest.raises(OSError, match=r"No space left on device: 'a'"):
        write("a")
    assert os.listdir(tmp_path) == []


def test_errors_without_a_number_are_passed_on(tmp_path):
    def refused():
        with replacing(tmp_path / "a"):
            raise OSError("no reason")

    with pytest.raises(OSError, match=r"^no reason$"):
        refused()


def test_a_path_that_cannot_work_is_refused_as_it_was_given(tmp_path):
    for refuse in (write, require_writable):
        with pytest.raises(FileNotFoundError, match=r"^no/folder/a: the folder to write to does not exist$"):
            refuse("no/folder/a")
        with pytest.raises(IsADirectoryError, match="expected a file to write to, got a folder"):
            refuse(tmp_path)
    with pytest.raises(TypeError):
        require_writable(5)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # whoever runs the tests may be allowed everything
    with pytest.raises(PermissionError, match="can't be written to"):
        require_writable(tmp_path / "a")


def test_a_device_that_may_not_be_opened_says_so(monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(PermissionError, match="Permission denied"):
        write("/dev/null")


def test_devices_are_written_to_where_python_cannot_wait_for_them(monkeypatch):
    monkeypatch.delattr(os, "set_blocking")  # as on Windows before Python 3.12
    write("/dev/null")
