"""Pictures in zip files, by the pattern of their names."""

from __future__ import annotations

import io
import pathlib
import re
import zipfile
from collections.abc import Iterator

import numpy as np

from jaxtsad.datasets.reading import reading


def read(
    path: pathlib.Path, pattern: str
) -> Iterator[tuple[re.Match[str], np.ndarray]]:
    """Decodes every picture of a zip file whose name matches in full.

    Args:
        path: The zip file.
        pattern: Regular expression of the names.

    Yields:
        The match and the pixels, `[H, W]` or `[H, W, 3]` uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is corrupt or holds no such picture.
    """
    from PIL import Image

    found = False
    with reading(path), zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            match = re.fullmatch(pattern, name)
            if match is not None:
                found = True
                with Image.open(io.BytesIO(archive.read(name))) as picture:
                    yield match, np.asarray(picture)
    if not found:
        raise ValueError(f"{path} holds no picture named like {pattern}")
