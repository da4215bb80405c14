"""CIFAR-10 test pictures in a JPEG re-encoding: good for exercise, not for comparison.

The pictures lost detail and are numbered within their class, so numbers from them must
not be set beside published ones; see `cifar10` for the real data.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

from jaxtsad.datasets.cifar10 import CLASSES
from jaxtsad.datasets.reading import pictures
from jaxtsad.types import Samples


def load_samples(root: str | os.PathLike[str]) -> Samples:
    """Loads pictures `[N, 32, 32, 3]` uint8 and classes `[N]` in the order of the file.

    Args:
        root: The data root with a zip file of `test/<class>/<number>.jpg` in the folder
            `cifar10_jpeg`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is corrupt.
    """
    folder = pathlib.Path(root) / "cifar10_jpeg"
    path = next(iter(sorted(folder.glob("*.zip"))), folder / "CIFAR-10-images.zip")
    pattern = rf"(?:.*/)?test/({'|'.join(CLASSES)})/\d+\.jpg"
    pairs = list(pictures.read(path, pattern))
    values = np.stack([picture for _, picture in pairs])
    labels = np.array([CLASSES.index(match[1]) for match, _ in pairs])
    return Samples("cifar10_jpeg", values, labels, {"classes": CLASSES})
