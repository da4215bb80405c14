"""Public downloads: what there is, fetching it, and comparing it with its checksums."""

from __future__ import annotations

import collections
import os
import pathlib
import sys
import urllib.parse
from collections.abc import Sequence
from typing import NamedTuple

from jaxtsad.datasets import checksums, places, sources
from jaxtsad.datasets.checksums import Checksum
from jaxtsad.datasets.download import download

STATES = ("ok", "missing", "wrong")


class File(NamedTuple):
    """One published file.

    Attributes:
        path: Below the data root.
        checksum: Of its content (see `checksums`).
        size: Of its content in bytes, or None where it is not known.
        urls: Where it is published.
    """

    path: str
    checksum: Checksum
    size: int | None
    urls: tuple[str, ...]


class DataSet(NamedTuple):
    """One download.

    Attributes:
        name: Name of the download and of its folder below the data root.
        licenses: As the publishers state them.
        files: Its files.
    """

    name: str
    licenses: tuple[str, ...]
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    def __str__(self) -> str:
        count = f"{len(self.files)} file{'s' if len(self.files) > 1 else ''}"
        unknown = any(file.size is None for file in self.files)
        size = f"{self.size / 1e6:.1f} MB" + (" and more" if unknown else "")
        return f"{self.name}: {count}, {size}; license: {', '.join(self.licenses)}"


class Check(NamedTuple):
    """What `verify` found of one file.

    Attributes:
        path: Below the data root.
        state: One of `STATES`.
        problem: What is wrong, with both checksums; else empty.
    """

    path: str
    state: str
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.state}: {self.problem or self.path}"


def listing() -> list[DataSet]:
    """All downloads.

    Example:
        >>> [each.name for each in listing()][:3]
        ['smap_msl', 'smd', 'psm']
    """
    files: dict[str, list[File]] = {}
    licenses: dict[str, list[str]] = {}
    for pinned in checksums.table(places.bundled("data", "checksums.txt")):
        path = pinned.path
        source = next(
            source for source in sources.SOURCES if path.startswith(source.prefix)
        )
        name, rest = path.split("/")[0], path.removeprefix(source.prefix)
        urls = tuple(base + urllib.parse.quote(rest) for base in source.bases)
        file = File(path, pinned.checksum, pinned.size, urls)
        files.setdefault(name, []).append(file)
        licenses.setdefault(name, []).append(source.license)
    return [
        DataSet(name, tuple(dict.fromkeys(licenses[name])), tuple(files[name]))
        for name in files
    ]


def fetch(
    name: str,
    root: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
    progress: bool = True,
) -> list[pathlib.Path]:
    """Downloads what is missing or wrong of a data set.

    Args:
        name: One of the names in `listing()`.
        root: The data root, made where absent; None: see `places.data_root`.
        base_url: Address of a mirror of the whole data root, used instead of the
            publishers' addresses.
        progress: Whether a line per file goes to the standard error stream.

    Returns:
        The files that were downloaded.

    Raises:
        ConnectionError: If an address cannot be read to the end; see `download`.
        ValueError: If the name is unknown or a checksum is wrong.
    """
    files = _find(name).files
    root = pathlib.Path(root) if root else places.data_root()
    todo = [file for file in files if _check(root, file).state != "ok"]
    for number, file in enumerate(todo, start=1):
        if progress:
            size = "" if file.size is None else f" ({file.size / 1e6:.1f} MB)"
            line = f"fetching {number} of {len(todo)}: {file.path}{size}"
            print(line, file=sys.stderr)
        mirror = base_url and f"{base_url.rstrip('/')}/{urllib.parse.quote(file.path)}"
        urls = (mirror,) if mirror else file.urls
        download(urls, root / file.path, file.checksum)
    return [root / file.path for file in todo]


def verify(name: str, root: str | os.PathLike[str] | None = None) -> list[Check]:
    """Compares the files of a data set with their pinned checksums.

    Files may lie packed or in a zip file, see `checksums.content`.

    Args:
        name: One of the names in `listing()`.
        root: The data root; None: see `places.data_root`.

    Raises:
        ValueError: If the name is unknown.
    """
    files, place = _find(name).files, places.data_root(root)
    return [_check(place, file) for file in files]


def summary(checks: Sequence[Check]) -> str:
    """Counts what `verify` found.

    Example:
        >>> summary([Check("a", "ok"), Check("b", "missing"), Check("c", "ok")])
        '2 ok, 1 missing, 0 wrong'
    """
    counts = collections.Counter(check.state for check in checks)
    return ", ".join(f"{counts[state]} {state}" for state in STATES)


def _find(name: str) -> DataSet:
    known = {each.name: each for each in listing()}
    if name not in known:
        raise ValueError(
            f"download {name!r} is unknown; the choices are {', '.join(known)}"
        )
    return known[name]


def _check(root: pathlib.Path, file: File) -> Check:
    try:
        content = checksums.content(root, file.path)
    except ValueError as error:
        return Check(file.path, "wrong", str(error))
    if content is None:
        return Check(file.path, "missing")
    actual = checksums.of(content, file.checksum.kind)
    if actual != file.checksum:
        problem = f"{file.path}: got {actual}, expected {file.checksum}"
        return Check(file.path, "wrong", problem)
    return Check(file.path, "ok")
