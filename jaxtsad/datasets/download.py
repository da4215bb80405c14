"""One file over HTTP: resumed where it broke off, checked before it gets its name."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from jaxtsad.datasets import checksums
from jaxtsad.datasets.checksums import Checksum

RANGE_NOT_SATISFIABLE = 416


def download(
    urls: Sequence[str], target: pathlib.Path, expected: Checksum, *, attempts: int = 3
) -> None:
    """Downloads a file to `target`, or leaves no trace of it but a resumable part.

    The transfer goes to `<target>.part`. If it breaks off, the next attempt, now or in
    a later call, asks for the rest only. A complete file is checked and renamed.

    Args:
        urls: Where the file is; tried in turn.
        target: Where it shall lie.
        expected: Checksum of its content (unpacked, if it is named `.gz` or `.bz2`).
        attempts: How often each address is tried.

    Raises:
        ConnectionError: If no address could be read to the end; the part is kept.
        ValueError: If the checksum is wrong; the part is removed.
    """
    import requests

    part = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    problem, dead = "", set[str]()
    for url in [*urls] * attempts:
        if url in dead:
            continue
        try:
            _transfer(url, part)
        except requests.RequestException as error:
            problem = f"{url}: {' '.join(str(error).split())}"
            if _refused(error.response):
                dead.add(url)
            continue
        _accept(url, part, target, expected)
        return
    size = part.stat().st_size
    kept = f"; {size} bytes are kept and the next fetch goes on there" if size else ""
    if not size:
        part.unlink()
    raise ConnectionError(f"cannot download {problem}{kept}")


def _refused(response: Any) -> bool:
    # What a server refuses it will refuse again, but for a range it cannot satisfy:
    # the part was emptied and the next attempt asks for the whole file.
    status = 0 if response is None else response.status_code
    return 400 <= status < 500 and status != RANGE_NOT_SATISFIABLE


def _transfer(url: str, part: pathlib.Path) -> None:
    import pooch

    responses: list[Any] = []
    with open(part, "ab") as file:
        start = file.tell()

        def begin(response: Any, **_: Any) -> None:
            responses.append(response)
            # A server that ignores the range sends the file from its beginning; one
            # that cannot satisfy it has another file than the one that was begun.
            if response.status_code in (200, RANGE_NOT_SATISFIABLE):
                file.truncate(0)

        # Packed contents must arrive as they are, else ranges and checksums are off.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        fetch = pooch.HTTPDownloader(
            chunk_size=1 << 16, headers=headers, hooks={"response": begin}
        )
        try:
            fetch(url, file, None)
        finally:
            for response in responses:
                response.close()


def _accept(
    url: str, part: pathlib.Path, target: pathlib.Path, expected: Checksum
) -> None:
    try:
        content = checksums.unpacked(part.read_bytes(), target.name)
        actual = checksums.of(content, expected.kind)
        problem = "" if actual == expected else f"got {actual}"
    except ValueError as error:
        problem = str(error)
    if problem:
        part.unlink()
        raise ValueError(
            f"wrong checksum of {url}: {problem}, expected {expected}; removed"
        )
    part.replace(target)
