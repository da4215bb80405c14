"""A fitted detector as a folder that scores by itself, and proof that it does.

manifest.json       scalers, score heads, threshold, event rules, channels, checksums
scorer.py           scores by them, with NumPy and onnxruntime or JAX
*.stablehlo, *.onnx the detector and its score head
arrays.npz          normal steps that precede a series shorter than a window
recorded.npz        inputs, and the scores that this package gives them
parity.json         how far those of each format differ from these
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import pathlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

import jaxtsad
from jaxtsad import files
from jaxtsad.datasets.preprocessing import LIMIT, RAW_LIMIT, Scaler
from jaxtsad.datasets.reading import recording
from jaxtsad.export import formats as known
from jaxtsad.export import programs, scorer
from jaxtsad.export.programs import Program
from jaxtsad.pipeline import alarms, ensembles, members, scoring
from jaxtsad.pipeline.members import Fitted

MANIFEST, KIND, SCHEMA = "manifest.json", "exported detector", 1
TOLERANCE, COMPOSED = 1e-5, 1e-4
"""Largest difference of a score from the library's, relative where it is above 1.

What is made of many parts, as scores of whole series and of heads, is in units of
calibration scores that differ little: an error of rounding is multiplied by hundreds.
"""
RECORDED = 600
"""Steps that are recorded; of samples a tenth."""


def export(
    path: str | os.PathLike[str],
    fitted: Fitted,
    channels: Sequence[str] = (),
    *,
    formats: Sequence[str] = ("stablehlo",),
    entity: str | None = None,
    missing: Sequence[float] = (),
) -> dict[str, dict[str, Any]]:
    """Exports trained members to a folder, new, empty or of an earlier export.

    Of several entities each has a folder of its own in it.

    Args:
        path: The folder.
        fitted: The members.
        channels: Names of the channels, or columns of a table; none where unknown.
        formats: `stablehlo`, `onnx` or both.
        entity: The one to export; None for all.
        missing: Numbers that stand for a missing value.

    Returns:
        By entity (or detector, of a single one) the parity certificate.

    Raises:
        ValueError: If a format is unknown, the detector cannot be exported or scores
            otherwise than the library, or the folder holds something else or cannot
            be written; what was there stays as it was.
    """
    chosen = known.check(formats)
    files.check_folder(path, MANIFEST, KIND)
    names = [str(member.entity) for member in fitted.members]
    places = list(range(len(names)))
    if entity is not None:
        if entity not in names:
            raise ValueError(f"{entity=} is none of {recording.listed(names)}")
        places = [names.index(entity)]
    made: dict[str, dict[str, bytes]] = {}
    parity = {}
    for place in places:
        one = members.subset(fitted, [place])
        folder = "" if len(places) == 1 else _folder(place, names[place])
        made[folder], found = _contents(one, channels, chosen, missing)
        parity[names[place] if len(names) > 1 else fitted.setup.detector] = found
    if len(places) > 1:
        folders = dict(zip(names, made, strict=True))
        made[""] = {MANIFEST: files.as_json({"kind": KIND, "entities": folders})}
    _write(path, made)
    return parity


def _folder(place: int, name: str) -> str:
    """A folder's name for an entity of any name."""
    return f"{place:04d}_{re.sub(r'[^A-Za-z0-9-]+', '_', name)[:40]}"


def _write(
    path: str | os.PathLike[str], made: Mapping[str, Mapping[str, bytes]]
) -> None:
    """Writes all files, each manifest after what it names; others of ours are removed.

    Cut short it leaves a folder whose checksums are wrong, which `scorer` refuses.
    """
    with files.locked(path, f"the folder of an {KIND}") as top:
        files.check_folder(path, MANIFEST, KIND)
        for folder, contents in made.items():
            for name in sorted(contents, key=lambda name: name == MANIFEST):
                files.write_bytes(top / folder / name, contents[name])
            for ending in known.FORMATS:
                for old in (top / folder).glob(f"*.{ending}"):
                    if old.name not in contents:
                        old.unlink()


def _contents(
    fitted: Fitted,
    channels: Sequence[str],
    formats: Sequence[str],
    missing: Sequence[float],
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of one member by name, and its parity certificate."""
    made: dict[str, bytes] = {}
    components = []
    for number, one in enumerate(fitted.single):
        joint = fitted.joint[number] if fitted.components else None
        detector = programs.of_detector(one, f"detector_{number}")
        head = programs.of_head(one, joint, f"head_{number}")
        for program in filter(None, (detector, head)):
            for ending in formats:
                content = known.made(program, ending, one.setup.detector)
                made[f"{program.file}.{ending}"] = content
        components.append(_component(one, number, detector, head))
    join = "mean"
    if fitted.components:
        config = ensembles.config(fitted.setup)
        join = "max" if config.join == "max" else "mean"
        for component, weight in zip(components, config.shares, strict=True):
            component["weight"] = weight
    histories = {
        f"history_{number}": one.history[0]
        for number, one in enumerate(fitted.single)
        if one.history
    }
    made["arrays.npz"] = _packed(histories)
    values = _inputs(fitted)
    part = members.test_part(fitted, 0, "recorded", values)
    [scores] = scoring.score(fitted, [part])
    made["recorded.npz"] = _packed({"values": values, "scores": scores.values})
    made["scorer.py"] = pathlib.Path(scorer.__file__).read_bytes()
    composed = any(one["head"] or "reach" in one["program"] for one in components)
    tolerance = COMPOSED if composed else TOLERANCE
    record = {
        "formats": list(formats),
        "input": _input(fitted, channels, missing),
        "components": components,
        "join": join,
        "tolerance": tolerance,
        "bytes": sum(map(len, made.values())),
        "files": {
            name: hashlib.sha256(each).hexdigest() for name, each in made.items()
        },
    }
    made[MANIFEST] = files.as_json(_described(fitted) | record)
    parity = _parity(made, formats, tolerance, len(values))
    made["parity.json"] = files.as_json(parity)
    return made, parity


def _component(
    fitted: Fitted, number: int, detector: Program, head: Program | None
) -> dict[str, Any]:
    """What the manifest says of one detector, alone or of an ensemble."""
    setup = fitted.setup
    return {
        "detector": setup.detector,
        "scaler": _scaler(fitted.scalers[0]),
        "program": {"file": detector.file, **detector.how},
        "history": f"history_{number}",
        "head": None if head is None else {"file": head.file, **head.how},
        "head_kind": setup.head,
        "head_options": dataclasses.asdict(setup.head_settings),
        "weight": 1.0,
    }


def _described(fitted: Fitted) -> dict[str, Any]:
    """What the manifest says of the detector, its threshold and its events."""
    member, series = fitted.members[0], fitted.setup.series
    rules = alarms.rules_of(fitted, 0)
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "jaxtsad": jaxtsad.__version__,
        "detector": fitted.setup.detector,
        "entity": member.entity,
        "seed": member.seed,
        "threshold": dataclasses.asdict(fitted.thresholds[0]),
        "rules": dataclasses.asdict(rules) if series else None,
    }


def _input(
    fitted: Fitted, channels: Sequence[str], missing: Sequence[float]
) -> dict[str, Any]:
    """What the manifest says of inputs."""
    return {
        "kind": fitted.setup.kind,
        "shape": list(fitted.layout.shape),
        "numbers": int(np.prod(fitted.layout.shape)),
        "channels": list(channels),
        "named": bool(channels) and not recording.by_position(channels),
        "missing": [float(value) for value in missing],
    }


def _scaler(made: Scaler) -> dict[str, Any]:
    """A scaler as JSON; bounds are none where nothing is clipped."""
    clips = bool(np.isfinite(made.low).any() or np.isfinite(made.high).any())
    most = np.finfo(np.float64).max
    low, high = (np.clip(each, -most, most) for each in (made.low, made.high))
    bounded = clips and made.clip_test
    return {
        "kind": made.kind,
        "shift": made.shift.tolist(),
        "scale": made.scale.tolist(),
        "middle": made.middle.tolist(),
        "low": low.tolist() if bounded else None,
        "high": high.tolist() if bounded else None,
        "limit": RAW_LIMIT if made.kind == "none" else LIMIT,
    }


def _inputs(fitted: Fitted) -> np.ndarray:
    """Inputs to record, in units of the data: normal ones, faults, missing cells."""
    random = np.random.default_rng(0)
    one = fitted.single[0]
    scaler, shape = one.scalers[0], fitted.layout.shape
    count = RECORDED if fitted.setup.series else RECORDED // 10
    scaled = random.normal(size=(count, *shape))
    if one.history:
        # Not the very steps that were fitted on: distances of 0 are all rounding.
        scaled = 0.1 * scaled + np.resize(one.history[0], (count, *shape))
    scaled[count // 2 : count // 2 + count // 20] += 3.0
    values = scaler.shift + scaler.scale * scaled
    if fitted.setup.series:
        values[count // 4 : count // 4 + 3, 0] = np.nan
    return np.asarray(values)


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]
    return file.getvalue()


def _parity(
    made: Mapping[str, bytes], formats: Sequence[str], tolerance: float, count: int
) -> dict[str, Any]:
    """How far the scores of what was exported are from the library's.

    Raises:
        ValueError: If they are farther than the tolerance.
    """
    largest = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in made.items():
            (pathlib.Path(folder) / name).write_bytes(content)
        for each in formats:
            largest[each] = scorer.Scorer(folder, each).check()
            if not largest[each] <= tolerance:
                raise ValueError(
                    f"scores exported as {each} differ by {largest[each]:.2g} from the "
                    f"library's, more than {tolerance:g}; nothing was written"
                )
    return {
        "largest_difference": largest,
        "tolerance": tolerance,
        "inputs": count,
        "jax": jax.__version__,
        "platform": jax.default_backend(),
        "bytes": sum(map(len, made.values())),
    }
