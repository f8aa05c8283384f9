"""The model file: a zip of one JSON header and NumPy arrays, no pickle."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import replacing

FORMAT = "pml_native model"
FORMAT_VERSION = 1
HEADER = "model.json"
# What members of the archive are dated, the least that a zip file has: a model saved twice gives the same bytes.
DATE = (1980, 1, 1, 0, 0, 0)


def write(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Writes header and arrays to `path`, equal models as equal files; OSError leaves what was there before."""
    text = json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION, **header}, indent=1)
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, HEADER, text.encode())
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
            _add(archive, f"{name}.npy", buffer.getvalue())


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, DATE)
    member.external_attr = 0o600 << 16  # what it gets where it is unpacked: to be read and written by its owner
    archive.writestr(member, data, zipfile.ZIP_DEFLATED)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays; ValueError for a file that is damaged or not a model."""
    arrays: dict[str, NDArray[Any]] = {}
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
                if len(set(names)) < len(names):
                    raise ValueError("two of its members have the same name")
                header = json.loads(archive.read(HEADER))
                for name in names:
                    if name != HEADER:
                        arrays[name.removesuffix(".npy")] = _array(archive, name)
        # OSError is what a wrong offset inside the archive gives.
        except (zipfile.BadZipFile, zlib.error, LookupError, EOFError, OSError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: expected a model file, got one that is damaged or foreign ({error})") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a model file, got a zip archive of something else")
    if header.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"{path}: expected format version {FORMAT_VERSION}, got {header.get('format_version')}; "
            f"it was written by another version of pml_native"
        )
    return header, arrays


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """A member of the archive as an array without NaN; only one that holds what it declares is allocated."""
    buffer = io.BytesIO(archive.read(name))
    version = np.lib.format.read_magic(buffer)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(buffer)
    declared, held = dtype.itemsize * math.prod(shape), len(buffer.getbuffer()) - buffer.tell()
    if declared != held:
        raise ValueError(f"{name} declares {declared} bytes and holds {held}")
    buffer.seek(0)
    array = np.lib.format.read_array(buffer, allow_pickle=False)
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{name} holds NaN")
    return array
