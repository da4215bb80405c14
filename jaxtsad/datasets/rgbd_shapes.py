"""Color and depth pictures of boxes, cylinders and balls, 64 x 64, four channels.

One class is normal and the others are anomalous. Neighboring file numbers are views of
the same object: split by contiguous blocks of "index", never at random. The source
states no license, so the data are for evaluation only.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

from jaxtsad.datasets.reading import files, pictures
from jaxtsad.types import Samples

FOLDERS = {
    "rectangle_data": "rectangle",
    "cylinder_data": "cylinder",
    "spherical Data": "sphere",
}
CLASSES = tuple(FOLDERS.values())


def load_samples(root: str | os.PathLike[str]) -> Samples:
    """Loads pictures `[N, 64, 64, 4]` uint8 and classes `[N]`.

    The channels are red, green, blue and depth; depth is 0 where there is no object.

    Args:
        root: The data root with a folder `rgbd_shapes` that holds the published
            `Data.zip` or its decoded form, `rgbd_shapes_64.npz`.

    Returns:
        Samples ordered by class and index, with metadata "index" and "classes".

    Raises:
        FileNotFoundError: If neither file is there.
        ValueError: If the file is corrupt.
    """
    folder = pathlib.Path(root) / "rgbd_shapes"
    decoded = folder / "rgbd_shapes_64.npz"
    if decoded.is_file():
        arrays = files.arrays(decoded, "rgbd", "label", "index")
        values, labels, index = arrays["rgbd"], arrays["label"], arrays["index"]
    else:
        values, labels, index = _published(folder / "Data.zip")
    order = np.lexsort((index, labels))
    extras = {"index": index[order].astype(np.int64), "classes": CLASSES}
    return Samples("rgbd_shapes", values[order], labels[order].astype(np.int64), extras)


def _published(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    folders = "|".join(FOLDERS)
    pattern = rf"(?:.*/)?({folders})/(RGB|Depth)_Final/(\d+)\.(?:jpg|png)"
    pictures_of: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    for match, picture in pictures.read(path, pattern):
        pictures_of.setdefault((match[1], int(match[3])), {})[match[2]] = picture
    pairs = {key: pair for key, pair in pictures_of.items() if len(pair) == 2}
    values = [np.dstack([pair["RGB"], pair["Depth"]]) for pair in pairs.values()]
    labels = [list(FOLDERS).index(folder) for folder, _ in pairs]
    return np.stack(values), np.array(labels), np.array([index for _, index in pairs])
