"""UCR Anomaly Archive: univariate series with one anomaly each.

Wu, Keogh: "Current Time Series Anomaly Detection Benchmarks are Flawed and are Creating
the Illusion of Progress", TKDE 2021. The name of a file says where the training part
ends and where the anomaly begins and ends:
`<number>_UCR_Anomaly_<name>_<train end>_<begin>_<end>.txt`. The archive counts as
MATLAB does: the first value is number 1, values 1 to `<train end>` are for training,
and both ends of the anomaly belong to it. So the anomaly is `values[begin - 1 : end]`.
"""

from __future__ import annotations

import os
import pathlib
import re
import zipfile
from collections.abc import Callable, Sequence

import numpy as np

from jaxtsad.datasets.reading import frames, spans
from jaxtsad.datasets.reading.files import reading
from jaxtsad.types import Series

NAME = re.compile(r"(\d+)_UCR_Anomaly_(.+)_(\d+)_(\d+)_(\d+)\.txt")


def load(
    root: str | os.PathLike[str], entities: Sequence[str] | None = None
) -> list[Series]:
    """Loads series of the archive, one `Series` each.

    Args:
        root: The data root with a folder `ucr`, or such a folder itself, with the text
            files (in any depth) or the published zip file.
        entities: Names such as "135_InternalBleeding16", returned in this order; None:
            all, in the order of their numbers.

    Raises:
        FileNotFoundError: If there is no such data.
        ValueError: If a name is unknown, or a file is corrupt or disagrees with its
            name.
    """
    files = _files(pathlib.Path(root))
    unknown = sorted(set(entities or ()) - set(files))
    if unknown:
        raise ValueError(f"no series {unknown}; the choices are {frames.listed(files)}")
    wanted = files if entities is None else entities
    return [_series(name, *files[name]) for name in wanted]


def _series(name: str, file: str, read: Callable[[], bytes]) -> Series:
    match = NAME.fullmatch(file)
    assert match is not None
    train_end, begin, end = (int(number) for number in match.groups()[2:])
    with reading(file):
        # A few published files hold all values on one line.
        values = np.array(read().split(), np.float64)[:, None]
    if not 0 < train_end < begin <= end <= len(values):
        raise ValueError(
            f"{file} has {len(values)} values, but its name says training up to "
            f"{train_end} and an anomaly from {begin} to {end}"
        )
    kinds = ((begin - 1 - train_end, end - train_end, "anomaly"),)
    test = values[train_end:]
    return Series(
        name=name,
        train=values[:train_end],
        test=test,
        labels=spans.mark(kinds, len(test)),
        channels=("value",),
        kinds=kinds,
        metadata={"file": file},
    )


def _files(root: pathlib.Path) -> dict[str, tuple[str, Callable[[], bytes]]]:
    for folder in (root / "ucr", root):
        files = {path.name: path.read_bytes for path in folder.rglob("*_UCR_*.txt")}
        for archive in [] if files else sorted(folder.glob("*.zip")):
            files |= _zipped(archive)
        if files:
            break
    matches = {file: NAME.fullmatch(file) for file in files}
    named = [(int(m[1]), f"{m[1]}_{m[2]}", file) for file, m in matches.items() if m]
    if not named:
        raise FileNotFoundError(
            f"no UCR Anomaly Archive below {root}: expected ucr/*_UCR_Anomaly_*.txt or "
            "the published zip file"
        )
    return {name: (file, files[file]) for _, name, file in sorted(named)}


def _zipped(archive: pathlib.Path) -> dict[str, Callable[[], bytes]]:
    def reader(member: str) -> Callable[[], bytes]:
        def read() -> bytes:
            with zipfile.ZipFile(archive) as file:
                return file.read(member)

        return read

    with reading(archive), zipfile.ZipFile(archive) as file:
        members = file.namelist()
    return {member.rsplit("/", 1)[-1]: reader(member) for member in members}
