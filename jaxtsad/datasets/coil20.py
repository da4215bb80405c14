"""COIL-20: 20 objects on a turntable, 72 poses each, gray values.

Nene, Nayar, Murase: "Columbia Object Image Library (COIL-20)", CUCS-005-96. The
processed pictures are 128 x 128; `coil20_32x32.npz` holds them as means of 4 x 4
blocks.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

from jaxtsad.datasets.reading import files, pictures
from jaxtsad.types import Samples


def load_samples(root: str | os.PathLike[str], *, size: int = 32) -> Samples:
    """Loads pictures `[N, size, size, 1]` uint8 and objects `[N]`, counted from 0.

    Args:
        root: The data root with a folder `coil20`.
        size: 32: all 1440 pictures, reduced, from `coil20_32x32.npz`. 128: those of the
            published `coil-20-proc*.zip`, ordered by object and pose.

    Returns:
        Samples whose metadata "pose" counts steps of 5 degrees.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the size is unknown or the file is corrupt.
    """
    folder = pathlib.Path(root) / "coil20"
    if size == 32:
        arrays = files.arrays(
            folder / "coil20_32x32.npz", "images", "object_id", "pose"
        )
        values, objects = arrays["images"], arrays["object_id"]
        poses = arrays["pose"]
    elif size == 128:
        path = next(iter(sorted(folder.glob("coil-20-proc*.zip"))), None)
        pattern = r"(?:.*/)?obj(\d+)__(\d+)\.png"
        pairs = list(pictures.read(path or folder / "coil-20-proc.zip", pattern))
        pairs.sort(key=lambda pair: (int(pair[0][1]), int(pair[0][2])))
        values = np.stack([picture for _, picture in pairs])
        objects = np.array([int(match[1]) for match, _ in pairs])
        poses = np.array([int(match[2]) for match, _ in pairs])
    else:
        raise ValueError(f"{size=} is not published; the choices are 32, 128")
    labels = objects.astype(np.int64) - 1
    return Samples("coil20", values[..., None], labels, {"pose": poses})
