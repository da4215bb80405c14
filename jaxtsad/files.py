"""Files written beside their place and renamed there, and folders locked meanwhile.

Whoever reads sees the old content or the new one, never half of it; what was there
stays as it was where writing fails. What a killed process leaves is removed by the next
that writes there. Devices and streams are written to, links are followed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import math
import os
import pathlib
import secrets
import stat
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any

import numpy as np

PathLike = str | os.PathLike[str]
TEMPORARY = ".jaxtsad-"
"""How names of files begin that are being written; who writes one holds its lock."""
STREAMS = {
    "-": "stdout",
    "/dev/stdout": "stdout",
    "/dev/fd/1": "stdout",
    "/dev/stderr": "stderr",
    "/dev/fd/2": "stderr",
}
BLANK = "0" * 64
"""What stands for a checksum within the content that it is of."""


def is_stream(path: PathLike) -> bool:
    """Whether a path is standard output or standard error; `-` is standard output."""
    return os.fspath(path) in STREAMS


def write(path: PathLike, fill: Callable[[IO[bytes]], object]) -> None:
    """Writes a file atomically; missing folders are made.

    Args:
        path: Where the file goes. A link is followed; a device, a pipe and what
            `is_stream` names are written to as they are.
        fill: Writes the content to an open binary file.

    Raises:
        ValueError: If it cannot be written.
    """
    try:
        if is_stream(path):
            text = getattr(sys, STREAMS[os.fspath(path)])
            text.flush()
            if not hasattr(text, "buffer"):  # as a notebook's
                content = io.BytesIO()
                fill(content)
                text.write(content.getvalue().decode())
                return
            fill(text.buffer)
            text.buffer.flush()
            return
        target = pathlib.Path(os.path.realpath(path))
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode):
            with open(target, "wb") as file:
                fill(file)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(target.parent) as (partial, file):
            fill(file)
            file.flush()
            os.fsync(file.fileno())
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            partial.replace(target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ValueError(f"cannot write {str(path)!r}: {reason(error)}") from None


def reason(error: OSError) -> str:
    """Why something cannot be written, without the names of temporary files."""
    return error.strerror or str(error) or type(error).__name__


def _mode(path: pathlib.Path) -> int | None:
    """The mode of what is there, or None where there is nothing."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _temporary(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, IO[bytes]]]:
    """A new file in a folder, locked while it is written and gone afterwards."""
    remove_stale(folder)
    while True:
        path = folder / f"{TEMPORARY}{secrets.token_hex(8)}"
        with open(path, "x+b") as file:
            try:
                with contextlib.suppress(OSError):  # Some file systems have no locks.
                    fcntl.flock(file, fcntl.LOCK_EX)
                # Another process may have taken it for stale before it was locked.
                if path.exists():
                    yield path, file
                    return
            finally:
                with contextlib.suppress(OSError):
                    path.unlink()


def remove_stale(folder: pathlib.Path) -> None:
    """Removes what killed processes left: temporary files that nobody has locked."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


@contextlib.contextmanager
def locked(path: PathLike, what: str) -> Iterator[pathlib.Path]:
    """Makes a folder and holds it for this process alone.

    The lock ends with the process, however it ends, and leaves no file. Folders made
    here are removed if nothing was put into them.

    Args:
        path: The folder.
        what: What it is, for the error.

    Raises:
        ValueError: If another process holds it, or it cannot be made.
    """
    folder = pathlib.Path(os.path.realpath(path))
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ValueError(f"cannot write to {str(path)!r}: {reason(error)}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            os.close(handle)
            raise ValueError(
                f"{what} {str(path)!r} is in use by another process"
            ) from None
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            for each in missing:
                each.rmdir()
        os.close(handle)


def check_folder(
    path: PathLike, marker: str, kind: str, parts: Iterable[str] = ()
) -> None:
    """Refuses a folder that cannot be written or that holds something else.

    Args:
        path: The folder; it may be missing, empty or hold a file `marker`.
        marker: A file that a folder of this kind holds.
        kind: What such a folder is, for the error.
        parts: Files that one may hold before it has the marker.

    Raises:
        ValueError: In one line.
    """
    folder = pathlib.Path(os.path.realpath(path))
    try:
        names = set(os.listdir(folder)) if folder.exists() else set()
    except OSError as error:
        raise ValueError(f"cannot save to {str(path)!r}: {reason(error)}") from None
    others = [name for name in names - {*parts} if not name.startswith(TEMPORARY)]
    if others and marker not in names:
        raise ValueError(
            f"{str(path)!r} is there, is not empty and is no {kind}; name another "
            "folder"
        )
    check_writable(folder)


def check_writable(path: PathLike) -> None:
    """Refuses a path at which nothing can be written, before anything is computed.

    Raises:
        ValueError: In one line.
    """
    if is_stream(path):
        return
    place = pathlib.Path(os.path.realpath(path))
    while not place.exists() and place != place.parent:
        place = place.parent
    if not os.access(place, os.W_OK | (os.X_OK if place.is_dir() else 0)):
        raise ValueError(f"cannot write {str(path)!r}: {str(place)!r} is read-only")
    if not place.is_dir() and place != pathlib.Path(os.path.realpath(path)):
        raise ValueError(f"cannot write {str(path)!r}: {str(place)!r} is no folder")


def write_bytes(path: PathLike, content: bytes) -> None:
    """Writes bytes atomically; see `write`."""
    write(path, lambda file: file.write(content))


def write_text(path: PathLike, text: str) -> None:
    """Writes text as UTF-8, line ends as they are, atomically; see `write`."""
    write_bytes(path, text.encode())


def write_json(path: PathLike, tree: Any) -> None:
    """Writes JSON atomically; see `plain` for what becomes of numbers."""
    write_bytes(path, as_json(tree))


def as_json(tree: Any) -> bytes:
    """JSON as `write_json` writes it."""
    return (json.dumps(plain(tree), indent=1, allow_nan=False) + "\n").encode()


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


def sealed(record: Mapping[str, Any]) -> bytes:
    """JSON that holds its own checksum, which `unsealed` compares.

    Raises:
        TypeError: If JSON cannot hold something.
    """
    text = json.dumps({**record, "sha256": BLANK}, indent=1)
    digest = hashlib.sha256(text.encode()).hexdigest()
    before, _, after = text.rpartition(BLANK)
    return f"{before}{digest}{after}".encode()


def unsealed(content: bytes) -> dict[str, Any]:
    """What `sealed` was given.

    Raises:
        ValueError: If it is no JSON object or a bit of it has changed.
    """
    record = json.loads(content)
    digest = record.pop("sha256", None) if isinstance(record, dict) else None
    if not isinstance(digest, str) or len(digest) != len(BLANK):
        raise ValueError("it is no JSON object with a checksum")
    before, _, after = content.rpartition(digest.encode())
    if hashlib.sha256(before + BLANK.encode() + after).hexdigest() != digest:
        raise ValueError("its checksum is wrong: the file was changed or damaged")
    return dict(record)


def write_arrays(path: PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a compressed npz archive atomically; see `write`.

    Keys may be any text: those of `np.savez_compressed` are keyword arguments. The last
    64 bytes, which NumPy reads as a comment, are the checksum of those before.
    """

    def fill(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for key, array in arrays.items():
                with archive.open(f"{key}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)
            archive.comment = BLANK.encode()
        file.seek(0)
        digest = _digest_but_comment(file)
        file.seek(-len(BLANK), os.SEEK_END)
        file.write(digest)

    write(path, fill)


def read_arrays(
    path: PathLike, wanted: Callable[[str], bool] = lambda name: True
) -> dict[str, np.ndarray]:
    """Arrays by name that `write_arrays`, or NumPy without a checksum, wrote.

    Raises:
        ValueError: If the file cannot be read or a bit of it has changed.
    """
    try:
        with open(path, "rb") as file:
            digest = _digest_but_comment(file)
            end = file.read()
            bare = end[-22:-18] == b"PK\x05\x06" and end[-2:] == b"\0\0"
            if end != digest and not bare:
                raise ValueError("its checksum is wrong: it was changed or damaged")
            file.seek(0)
            with np.load(file, allow_pickle=False) as loaded:
                return {name: loaded[name] for name in loaded.files if wanted(name)}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        line = " ".join(str(error).split())
        raise ValueError(f"{path} is not an archive of arrays: {line}") from None


def _digest_but_comment(file: IO[bytes]) -> bytes:
    """The checksum of a file but for its last 64 bytes, up to which it is read."""
    left = os.fstat(file.fileno()).st_size - len(BLANK)
    digest = hashlib.sha256()
    while left > 0 and (part := file.read(min(left, 1 << 20))):
        digest.update(part)
        left -= len(part)
    return digest.hexdigest().encode()
