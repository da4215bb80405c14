"""Arrays `train/<name>.npy` and `test/<name>.npy` in a folder or in a zip file."""

from __future__ import annotations

import contextlib
import pathlib
import re
import zipfile
from collections.abc import Iterator
from typing import IO

import numpy as np

from jaxtsad.datasets.reading.files import check_size, reading

MEMBER = re.compile(r"(?:.*/)?(train|test)/([^/]+)\.npy")


class Archive:
    """The arrays below one place, read one at a time.

    Attributes:
        place: The folder that holds `train` and `test`, or the zip file.
        members: Path within the place by part and name.
    """

    def __init__(self, place: pathlib.Path) -> None:
        """Lists the arrays.

        Raises:
            ValueError: If a zip file is corrupt or holds no such array.
        """
        self.place = place
        if place.is_dir():
            paths = [*place.glob("train/*.npy"), *place.glob("test/*.npy")]
            names = [path.relative_to(place).as_posix() for path in paths]
        else:
            with reading(place), zipfile.ZipFile(place) as file:
                check_size(file, place)
                names = file.namelist()
        matches = (MEMBER.fullmatch(name) for name in names)
        self.members = {match.groups(): match.string for match in matches if match}
        if not self.members:
            raise ValueError(f"{place} holds no array train/*.npy or test/*.npy")

    @property
    def names(self) -> list[str]:
        """Names that have an array in either part, in plain string order."""
        return sorted({name for _, name in self.members})

    def read(self, part: str, name: str) -> np.ndarray:
        """Reads one array `[T, C]` as float64.

        Raises:
            ValueError: If it is missing, corrupt, empty, not numeric or not `[T, C]`.
        """
        member = self.members.get((part, name))
        if member is None:
            raise ValueError(f"{self.place} holds no array {part}/{name}.npy")
        with reading(f"{member} of {self.place}"), self._open(member) as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "fiub":
            raise ValueError(
                f"{member} of {self.place} is {array.dtype} {array.shape}, expected "
                "numbers [steps, channels]"
            )
        return array.astype(np.float64)

    @contextlib.contextmanager
    def _open(self, member: str) -> Iterator[IO[bytes]]:
        if self.place.is_dir():
            with open(self.place / member, "rb") as stream:
                yield stream
        else:
            with zipfile.ZipFile(self.place) as file, file.open(member) as stream:
                yield stream
