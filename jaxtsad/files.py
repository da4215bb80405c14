"""Files and folders written beside their place and renamed there.

Whoever reads sees the old content or the new one, never half of it; what was there
stays as it was where writing fails.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import numpy as np

PathLike = str | os.PathLike[str]


def write(path: PathLike, fill: Callable[[IO[bytes]], object]) -> None:
    """Writes a file atomically; missing folders are made.

    Args:
        path: Where the file goes.
        fill: Writes the content to an open binary file.

    Raises:
        ValueError: If it cannot be written.
    """
    target = pathlib.Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise ValueError(f"cannot write {str(path)!r}: {error}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_bytes(path: PathLike, content: bytes) -> None:
    """Writes bytes atomically; see `write`."""
    write(path, lambda file: file.write(content))


def write_text(path: PathLike, text: str) -> None:
    """Writes text as UTF-8, line ends as they are, atomically; see `write`."""
    write_bytes(path, text.encode())


def write_json(path: PathLike, tree: Any) -> None:
    """Writes JSON atomically; see `plain` for what becomes of numbers."""
    write_text(path, json.dumps(plain(tree), indent=1, allow_nan=False) + "\n")


def plain(tree: Any) -> Any:
    """What JSON can hold: NumPy scalars as numbers, not finite ones as null.

    Example:
        >>> plain({"a": (np.float32(0.5), float("nan"))})
        {'a': [0.5, None]}
    """
    if isinstance(tree, Mapping):
        return {str(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(value) for value in tree]
    if isinstance(tree, np.generic):
        tree = tree.item()
    if isinstance(tree, float) and not math.isfinite(tree):
        return None
    return tree


def write_arrays(path: PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a compressed npz archive atomically; see `write`.

    Keys may be any text: those of `np.savez_compressed` are keyword arguments.
    """

    def fill(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for key, array in arrays.items():
                with archive.open(f"{key}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)

    write(path, fill)


@contextlib.contextmanager
def replaced_folder(path: PathLike, marker: str, kind: str) -> Iterator[pathlib.Path]:
    """Fills a new folder, which takes the place of an old one when it is complete.

    Args:
        path: Where the folder goes.
        marker: A file that a folder of this kind holds; another one is not replaced.
        kind: What such a folder is, for the error.

    Yields:
        An empty folder beside it, to be filled.

    Raises:
        ValueError: If it cannot be written, or what is there lacks the marker.
    """
    target = pathlib.Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}-", dir=target.parent
        ) as work:
            partial = pathlib.Path(work) / "new"
            partial.mkdir()
            yield partial
            if target.exists():
                if not (target / marker).is_file():
                    raise ValueError(
                        f"{str(target)!r} is there and is no {kind}; name another "
                        "folder"
                    )
                old = pathlib.Path(work) / "old"
                target.rename(old)
                try:
                    partial.rename(target)
                except OSError:
                    old.rename(target)
                    raise
            else:
                partial.rename(target)
    except OSError as error:
        raise ValueError(f"cannot save to {str(path)!r}: {error}") from None
