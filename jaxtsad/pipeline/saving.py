"""Trained members on disk: arrays as safetensors, everything else as JSON.

The JSON holds checksums of the arrays and of itself: a changed bit is refused.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import safetensors.numpy

from jaxtsad import files, validation
from jaxtsad.pipeline import alarms, memory, restoring
from jaxtsad.pipeline.members import Fitted

SCHEMA = 5
HEADLESS, TAILLESS = 3, 4
"""The schemas before there were score heads and tails; read as those of none."""
ARRAYS, RECORD = "model.safetensors", "estimator.json"
NEXT = ".estimator.json.next"
"""The record of arrays that are being written; it takes the record's place last."""
KIND = "saved detector"
UNREADABLE = (
    OSError,
    AttributeError,
    ArithmeticError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    safetensors.SafetensorError,
)
"""What reading a record or arrays of another shape raises."""


def save(
    path: str | os.PathLike[str],
    fitted: Fitted,
    parameters: Mapping[str, Any],
    channels: Sequence[str],
) -> None:
    """Saves members to a folder, new, empty or of a saved detector.

    Killed at any moment it leaves the detector that was there or the new one.

    Raises:
        ValueError: If it cannot be written; what was there stays as it was.
    """
    arrays, record = _contents(fitted)
    record |= {
        "schema": SCHEMA,
        "parameters": validation.plain(parameters),
        "channels": list(channels),
    }
    content = safetensors.numpy.save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    )
    record["arrays_sha256"] = hashlib.sha256(content).hexdigest()
    try:
        text = files.sealed(record)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a parameter cannot be saved as JSON: {error}") from None
    with files.locked(path, f"the folder of a {KIND}") as folder:
        check(path)
        _finish(folder)
        try:
            files.write_bytes(folder / NEXT, text)
            files.write_bytes(folder / ARRAYS, content)
            (folder / NEXT).replace(folder / RECORD)
        finally:
            (folder / NEXT).unlink(missing_ok=True)


def _finish(folder: pathlib.Path) -> None:
    """Ends a save that was cut short after its arrays were written.

    Its record would else be lost to the next one while the arrays are still its own.
    """
    if not all((folder / name).is_file() for name in (NEXT, ARRAYS)):
        return
    with contextlib.suppress(*UNREADABLE):
        record = json.loads((folder / NEXT).read_bytes())
        content = (folder / ARRAYS).read_bytes()
        if record["arrays_sha256"] == hashlib.sha256(content).hexdigest():
            (folder / NEXT).replace(folder / RECORD)


def _contents(fitted: Fitted) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays by name, and everything else; also of components and earlier versions."""
    record: dict[str, Any] = {
        "setup": validation.plain(dataclasses.asdict(fitted.setup)),
        "layout": fitted.layout._asdict(),
        "members": [list(member) for member in fitted.members],
        "thresholds": [dataclasses.asdict(each) for each in fitted.thresholds],
        "spreads": list(fitted.spreads),
        "validation": list(fitted.validation),
    }
    arrays, record["alarms"] = alarms.contents(fitted)
    trees: dict[str, Any] = {"head": fitted.head, "joint": fitted.joint}
    if fitted.components:
        record["components"] = []
        for number, component in enumerate(fitted.components):
            own, inner = _contents(component)
            arrays |= {f"component/{number}/{name}": leaf for name, leaf in own.items()}
            record["components"].append(inner)
    else:
        trees["model"] = fitted.model
        trees["calibration_model"] = fitted.calibration_model
    for tree, leaves in trees.items():
        own = restoring.named(leaves)
        arrays |= {f"{tree}/{name}": leaf for name, leaf in own.items()}
    for kind in ("scaler", "calibration_scaler"):
        for number, scaler in enumerate(getattr(fitted, f"{kind}s")):
            for name, array in scaler.arrays().items():
                arrays[f"{kind}/{number}/{name}"] = array
    for number, steps in enumerate(fitted.history):
        arrays[f"history/{number}"] = steps
    for number, part in enumerate(fitted.calibration_steps):
        for name, array in part._asdict().items():
            arrays[f"calibration_steps/{number}/{name}"] = array
    for name, array in memory.arrays(fitted.memory).items():
        arrays[f"memory/{name}"] = array
    if fitted.previous is not None:
        own, record["previous"] = _contents(fitted.previous)
        arrays |= {f"previous/{name}": leaf for name, leaf in own.items()}
    return arrays, record


def check(path: str | os.PathLike[str]) -> None:
    """Refuses a folder that `save` would refuse, before anything is trained.

    Raises:
        ValueError: If it holds something else or cannot be written.
    """
    files.check_folder(path, RECORD, KIND, (ARRAYS, NEXT))


def load(
    path: str | os.PathLike[str],
) -> tuple[Fitted, dict[str, Any], list[str]]:
    """Loads what `save` wrote.

    Returns:
        The members, the estimator's parameters and the channel names.

    Raises:
        ValueError: If files are missing, corrupt, truncated or do not fit together.
    """
    folder = pathlib.Path(path)
    names = {name for name in (ARRAYS, RECORD, NEXT) if (folder / name).is_file()}
    if ARRAYS not in names or len(names) < 2:
        missing = RECORD if ARRAYS in names else ARRAYS
        raise ValueError(f"{str(path)!r} holds no {KIND}: no {missing} in it")
    try:
        record, content = _matching(folder)
        fitted = restoring.members_of(safetensors.numpy.load(content), record)
        channels = list(record["channels"])
        width = fitted.layout.channels
        if channels and fitted.setup.series and len(channels) != width:
            raise ValueError(f"{len(channels)} channels, expected {width}")
        return fitted, dict(record["parameters"]), channels
    except UNREADABLE as e:
        line = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise ValueError(
            f"the detector saved in {str(path)!r} cannot be read: {line}"
        ) from None


def _matching(folder: pathlib.Path) -> tuple[dict[str, Any], bytes]:
    """The record and the arrays that it is of.

    The next one is tried where saving was cut short between the two, and the first one
    again where that ended meanwhile.
    """
    for name in (RECORD, NEXT, RECORD):
        if not (folder / name).is_file():
            continue
        text, content = (folder / name).read_bytes(), (folder / ARRAYS).read_bytes()
        record = json.loads(text)
        if record["schema"] not in (HEADLESS, TAILLESS, SCHEMA):
            raise ValueError(
                f"its schema is {record['schema']}, this version reads {SCHEMA}; fit "
                "it again"
            )
        record = files.unsealed(text)
        if hashlib.sha256(content).hexdigest() == record["arrays_sha256"]:
            return record, content
    raise ValueError(f"{ARRAYS} was changed or damaged, its checksum is wrong")
