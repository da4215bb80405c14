"""Checksums of contents: of a packed file they are taken after unpacking."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

from jaxtsad.datasets.reading.files import reading

UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
}


class Checksum(NamedTuple):
    """A pinned checksum.

    Attributes:
        kind: "sha256", or "gitblob", the object id that git gives the content.
        digest: Hexadecimal digest.
    """

    kind: str
    digest: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.digest}"


class Pinned(NamedTuple):
    """One line of a table of checksums.

    Attributes:
        checksum: Of the content.
        size: In bytes, of the content; None where it is not known.
        path: Below the data root.
    """

    checksum: Checksum
    size: int | None
    path: str


def table(path: pathlib.Path) -> list[Pinned]:
    """Reads lines `kind:digest size path`; lines that begin with # are comments.

    Raises:
        ValueError: If a line is malformed.
    """
    pinned = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        checksum, _, rest = line.partition(" ")
        size, _, name = rest.partition(" ")
        kind, _, digest = checksum.partition(":")
        if kind not in ("sha256", "gitblob") or not name:
            raise ValueError(f"{path}, line {number}: expected kind:digest size path")
        length = None if size == "-" else int(size)
        pinned.append(Pinned(Checksum(kind, digest), length, name))
    return pinned


def of(content: bytes, kind: str) -> Checksum:
    """The checksum of a content.

    Example:
        >>> str(of(b"", "gitblob"))
        'gitblob:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    if kind == "sha256":
        return Checksum(kind, hashlib.sha256(content).hexdigest())
    blob = b"blob %d\0" % len(content) + content
    return Checksum(kind, hashlib.sha1(blob, usedforsecurity=False).hexdigest())


def unpacked(content: bytes, name: str) -> bytes:
    """The content of a file of that name, unpacked if it is named `.gz` or `.bz2`.

    Raises:
        ValueError: If it cannot be unpacked.
    """
    with reading(name):
        return UNPACK.get(pathlib.PurePath(name).suffix, bytes)(content)


def content(root: pathlib.Path, path: str) -> bytes | None:
    """The content that is published as `path`, in whatever form it lies below the root.

    It may lie as published, packed as `.gz` or `.bz2`, or in a zip file in place of a
    folder: `smap_msl/data/train/P-1.npy` in `smap_msl/data.zip`.

    Returns:
        The content, or None where there is no such file.

    Raises:
        ValueError: If the file is corrupt.
    """
    for suffix in ("", *UNPACK):
        place = root / (path + suffix)
        if place.is_file():
            return unpacked(place.read_bytes(), place.name)
    for folder in list(pathlib.PurePosixPath(path).parents)[:-1]:
        archive = root / f"{folder}.zip"
        if archive.is_file():
            return _member(archive, path.removeprefix(f"{folder.parent}/"))
    return None


def _member(archive: pathlib.Path, name: str) -> bytes | None:
    with reading(archive), zipfile.ZipFile(archive) as file:
        return file.read(name) if name in file.namelist() else None
