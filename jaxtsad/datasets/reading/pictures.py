"""Pictures in zip files, by the pattern of their names."""

from __future__ import annotations

import io
import pathlib
import re
import zipfile
from collections.abc import Iterator

import numpy as np

from jaxtsad.datasets.reading.files import check_size, reading


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

    matched = False
    with reading(path), zipfile.ZipFile(path) as archive:
        check_size(archive, path)
        for name in archive.namelist():
            match = re.fullmatch(pattern, name)
            if match is not None:
                matched = True
                with Image.open(io.BytesIO(archive.read(name))) as picture:
                    yield match, np.asarray(picture)
    if not matched:
        raise ValueError(f"{path} holds no picture named like {pattern}")


def resized(values: np.ndarray, side: int) -> np.ndarray:
    """Resizes pictures `[N, H, W, C]` uint8 to `[N, side, side, C]`, bilinearly.

    Example:
        >>> resized(np.zeros((2, 28, 28, 1), np.uint8), 32).shape
        (2, 32, 32, 1)
    """
    from PIL import Image

    if values.shape[1:3] == (side, side):
        return values
    resized_values = np.empty((len(values), side, side, values.shape[3]), np.uint8)
    for picture, place in zip(values, resized_values, strict=True):
        for channel in range(values.shape[3]):
            image = Image.fromarray(picture[..., channel])
            small = image.resize((side, side), Image.Resampling.BILINEAR)
            place[..., channel] = np.asarray(small)
    return resized_values
