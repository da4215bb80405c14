"""Files that cannot be read are one clear line; NumPy's own files without pickles."""

from __future__ import annotations

import contextlib
import csv
import lzma
import pathlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

UNREADABLE = (
    EOFError,
    OSError,
    ValueError,
    csv.Error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What readers raise on corrupt or truncated files; parsers raise ValueErrors."""


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
        loaded = np.load(file, allow_pickle=False)
        missing = sorted(set(needed) - set(loaded.files))
        if missing:
            raise ValueError(f"it lacks the arrays {missing}, it has {loaded.files}")
        return {name: loaded[name] for name in loaded.files}
