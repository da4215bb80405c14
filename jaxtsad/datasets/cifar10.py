"""CIFAR-10: color pictures, 32 x 32, of ten classes.

Krizhevsky: "Learning Multiple Layers of Features from Tiny Images", 2009. Read from the
published binary version, `cifar-10-binary.tar.gz`: a record is one byte of label and
3072 of pixels, channel after channel.
"""

from __future__ import annotations

import os
import pathlib
import tarfile

import numpy as np

from jaxtsad.datasets.reading.files import reading
from jaxtsad.types import Samples

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
PARTS = {
    "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("test_batch.bin",),
}


def load_samples(root: str | os.PathLike[str], *, part: str = "all") -> Samples:
    """Loads pictures `[N, 32, 32, 3]` uint8 and classes `[N]`.

    Args:
        root: The data root with `cifar10/cifar-10-binary.tar.gz`.
        part: "train" (50 000), "test" (10 000) or "all", the train part first.

    Raises:
        FileNotFoundError: If the archive is missing.
        ValueError: If the part is unknown or the archive is corrupt.
    """
    if part not in (*PARTS, "all"):
        raise ValueError(f"{part=} is unknown; the choices are train, test, all")
    path = pathlib.Path(root) / "cifar10" / "cifar-10-binary.tar.gz"
    wanted = [file for name in PARTS if part in (name, "all") for file in PARTS[name]]
    with reading(path), tarfile.open(path) as archive:
        members = {pathlib.PurePath(member.name).name: member for member in archive}
        missing = [name for name in wanted if name not in members]
        if missing:
            raise ValueError(f"it lacks {missing}")
        streams = [archive.extractfile(members[name]) for name in wanted]
        records = b"".join(stream.read() for stream in streams if stream)
        table = np.frombuffer(records, np.uint8).reshape(-1, 3073)
    values = table[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    labels = table[:, 0].astype(np.int64)
    return Samples(
        "cifar10", np.ascontiguousarray(values), labels, {"classes": CLASSES}
    )
