"""Files that cannot be read are one clear line; NumPy's own files without pickles."""

from __future__ import annotations

import contextlib
import csv
import io
import lzma
import pathlib
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

UNREADABLE = (
    EOFError,
    MemoryError,
    OSError,
    RuntimeError,
    ValueError,
    csv.Error,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What readers raise on corrupt or truncated files; parsers raise ValueErrors, zip
files RuntimeErrors where they are encrypted or packed in an unknown way."""
FREE, MOST_RATIO = 1 << 28, 200
"""A packed file that unpacks to more bytes than `FREE` and to more than so many times
its size is refused."""


@contextlib.contextmanager
def reading(what: object) -> Iterator[None]:
    """Turns what a reader raises on a bad file into one line that names the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is corrupt, truncated or of another kind.
    """
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {what}") from None
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"cannot read {what}: {reason}") from error


def arrays(path: pathlib.Path, *needed: str) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file, or the one of a `.npy` file under the name "values".

    Args:
        path: The file.
        *needed: Names that must be there.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read without pickles or lacks a name.
    """
    with reading(path), open(path, "rb") as file:
        if path.suffix.lower() == ".npy":
            return {"values": np.lib.format.read_array(file, allow_pickle=False)}
        if not zipfile.is_zipfile(file):
            raise ValueError("it is no archive of arrays, or a truncated one")
        with zipfile.ZipFile(file) as archive:
            check_size(archive, path)
        loaded = np.load(file, allow_pickle=False)
        missing = sorted(set(needed) - set(loaded.files))
        if missing:
            raise ValueError(f"it lacks the arrays {missing}, it has {loaded.files}")
        return {name: loaded[name] for name in loaded.files}


def check_size(archive: zipfile.ZipFile, path: pathlib.Path) -> None:
    """Refuses a zip file that unpacks to far more than its size.

    Raises:
        ValueError: See `MOST_RATIO`.
    """
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _most(path):
        raise ValueError(_too_large(path))


def limited(stream: Any, path: pathlib.Path) -> IO[bytes]:
    """An unpacking stream that raises a ValueError where `check_size` would."""
    return io.BufferedReader(_Limited(stream, path))


class _Limited(io.RawIOBase):
    """Reads of a stream up to a limit."""

    def __init__(self, stream: Any, path: pathlib.Path) -> None:
        self._stream, self._path = stream, path
        self._left = _most(path)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(_too_large(self._path))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _most(path: pathlib.Path) -> int:
    return max(FREE, MOST_RATIO * path.stat().st_size)


def _too_large(path: pathlib.Path) -> str:
    return (
        f"it unpacks to more than {MOST_RATIO} times its {path.stat().st_size} bytes; "
        "unpack it yourself if that is right"
    )
