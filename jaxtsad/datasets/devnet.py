"""Two tables of deviation networks: backdoor attacks and thyroid disease.

Pang, Shen, van den Hengel: "Deep Anomaly Detection with Deviation Networks", KDD 2019.
Values lie in [0, 1] as published.
"""

from __future__ import annotations

import io
import os
import pathlib
import tarfile

import pandas as pd

from jaxtsad.datasets import checksums
from jaxtsad.datasets.reading import columns, frames
from jaxtsad.datasets.reading.files import reading
from jaxtsad.types import Samples

TABLES = {
    "backdoor": "UNSW_NB15_traintest_backdoor.tar.xz",
    "annthyroid": "annthyroid_21feat_normalised.csv",
}


def load_samples(root: str | os.PathLike[str], *, table: str = "annthyroid") -> Samples:
    """Loads one table, values `[N, D]` float64 and labels `[N]`, 1 for an anomaly.

    Args:
        root: The data root with a folder `devnet`.
        table: "annthyroid" (7 200 rows, 21 features) or "backdoor" (95 329 rows, 196
            features, from UNSW-NB15).

    Returns:
        Samples whose metadata "features" holds the names of the columns.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the table is unknown or the file is corrupt.
    """
    if table not in TABLES:
        raise ValueError(f"{table=} is unknown; the choices are {', '.join(TABLES)}")
    path = f"devnet/{TABLES[table]}"
    content = checksums.content(pathlib.Path(root), path)
    if content is None:
        raise FileNotFoundError(f"there is no file {path} below {root}")
    with reading(path):
        if path.endswith(".tar.xz"):
            content = _only_member(content)
        read = pd.read_csv(io.BytesIO(content), low_memory=False)
    labels = columns.flags(frames.column(read, "class", path), path)
    read = read.drop(columns="class")
    features = {"features": tuple(read.columns)}
    return Samples(table, columns.numbers(read, path), labels, features)


def _only_member(content: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        stream = archive.extractfile(archive.getmembers()[0])
        if stream is None:
            raise ValueError("its first member is no file")
        return stream.read()
