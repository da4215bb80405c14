"""MNIST: 70 000 handwritten digits, 28 x 28 gray values.

LeCun, Cortes, Burges, 1998. The four published IDX files, packed or not: big-endian,
magic 2051, count, rows and columns before the images, 2049 and count before the labels.
"""

from __future__ import annotations

import math
import os
import pathlib

import numpy as np

from jaxtsad.datasets import checksums
from jaxtsad.types import Samples

PARTS = {"train": "train", "test": "t10k"}


def load_samples(root: str | os.PathLike[str], *, part: str = "all") -> Samples:
    """Loads images `[N, 28, 28, 1]` uint8 and digits `[N]`.

    Args:
        root: The data root with a folder `mnist`.
        part: "train" (60 000), "test" (10 000) or "all", the train part first.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the part is unknown or a file is corrupt.
    """
    if part not in (*PARTS, "all"):
        raise ValueError(f"{part=} is unknown; the choices are train, test, all")
    stems = [stem for name, stem in PARTS.items() if part in (name, "all")]
    folder = pathlib.Path(root)
    images = [_idx(folder, f"{stem}-images-idx3-ubyte", 3) for stem in stems]
    labels = [_idx(folder, f"{stem}-labels-idx1-ubyte", 1) for stem in stems]
    values = np.concatenate(images)[..., None]
    digits = np.concatenate(labels).astype(np.int64)
    if len(values) != len(digits):
        raise ValueError(f"MNIST has {len(values)} images but {len(digits)} labels")
    return Samples("mnist", values, digits)


def _idx(root: pathlib.Path, name: str, rank: int) -> np.ndarray:
    content = checksums.content(root, f"mnist/{name}")
    if content is None:
        raise FileNotFoundError(f"there is no mnist/{name}.gz below {root}")
    offset = 4 + 4 * rank
    header = np.frombuffer(content[:offset].ljust(offset, b"\0"), ">u4").tolist()
    if header[0] != 2048 + rank or len(content) != offset + math.prod(header[1:]):
        raise ValueError(f"mnist/{name} below {root} is no IDX file or a truncated one")
    return np.frombuffer(content, np.uint8, offset=offset).reshape(header[1:])
