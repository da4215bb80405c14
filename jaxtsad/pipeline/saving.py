"""Trained members on disk: arrays as safetensors, everything else as JSON.

The JSON holds checksums of the arrays and of itself: a changed bit is refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from jaxtsad import files, types, validation
from jaxtsad.datasets.preprocessing import Scaler
from jaxtsad.evaluation.thresholds import Threshold
from jaxtsad.pipeline import alarms, calibration, ensembles, heads, tails
from jaxtsad.pipeline.members import Fitted, Member, seed_of
from jaxtsad.pipeline.setup import InputLayout, Setup, build, view
from jaxtsad.training.federated import Federated
from jaxtsad.training.plan import Plan
from jaxtsad.types import PyTree

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
        try:
            files.write_bytes(folder / NEXT, text)
            files.write_bytes(folder / ARRAYS, content)
            (folder / NEXT).replace(folder / RECORD)
        finally:
            (folder / NEXT).unlink(missing_ok=True)


def _contents(fitted: Fitted) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays by name, and everything else; of an ensemble those of its members, too."""
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
        arrays |= {f"{tree}/{name}": leaf for name, leaf in _named(leaves).items()}
    for number, scaler in enumerate(fitted.scalers):
        for name, array in scaler.arrays().items():
            arrays[f"scaler/{number}/{name}"] = array
    for number, steps in enumerate(fitted.history):
        arrays[f"history/{number}"] = steps
    for number, part in enumerate(fitted.calibration_steps):
        for name, array in part._asdict().items():
            arrays[f"calibration_steps/{number}/{name}"] = array
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
        fitted = _read(safetensors.numpy.load(content), record)
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


def _read(arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> Fitted:
    plan = Plan(**record["setup"].pop("plan"))
    federated = Federated(**record["setup"].pop("federated", {}))
    setup = Setup(**record["setup"], plan=plan, federated=federated)
    shape = tuple(record["layout"].pop("shape"))
    layout = InputLayout(shape=shape, **record["layout"])
    members = tuple(Member(entity, seed_of(seed)) for entity, seed in record["members"])
    scalers = tuple(
        Scaler.from_arrays(_below(arrays, f"scaler/{number}/"))
        for number in range(len(members))
    )
    for scaler in scalers:
        _check_scaler(scaler, shape[-1])
    components = tuple(
        _read(_below(arrays, f"component/{number}/"), inner)
        for number, inner in enumerate(record.get("components", ()))
    )
    model: PyTree = tuple(component.model for component in components)
    alone = ensembles.setups(setup)
    if [component.setup for component in components] != list(alone):
        raise ValueError(f"its members are not those of {setup.detector}")
    for component in components:
        if (component.members, component.layout.shape) != (members, shape):
            raise ValueError("its members differ in their models")
    calibration_model = None
    if not alone:
        template = _template(setup, layout, len(members))
        saved = _tree(template, _below(arrays, "model/"), setup)
        model = jax.tree.map(jnp.asarray, saved)
        if before := _below(arrays, "calibration_model/"):
            saved = _tree(template, before, setup)
            calibration_model = jax.tree.map(jnp.asarray, saved)
    joint = (tails.calibration_template(len(members)),) * len(components)
    joint = _tree(joint, _below(arrays, "joint/"), setup)
    for each in joint:
        tails.check_calibration(each)
    head = None
    if setup.head != "none" and not components:
        shapes = heads.template(setup, layout.channels, len(members))
        head = _tree(shapes, _below(arrays, "head/"), setup)
        heads.check_sound(head)
    thresholds = tuple(Threshold(**each) for each in record["thresholds"])
    spreads = tuple(record["spreads"])
    validated = tuple(record["validation"])
    _check_numbers("threshold", [each.value for each in thresholds], len(members))
    _check_numbers("spread", spreads, len(members), above=0)
    _check_numbers("validation", validated, len(members))
    return Fitted(
        setup,
        layout,
        members,
        model,
        scalers,
        head,
        thresholds,
        spreads,
        *alarms.read(_below(arrays, "tail/"), record.get("alarms"), len(members)),
        validation=validated,
        history=_histories(_below(arrays, "history/"), len(members), shape[-1]),
        calibration_steps=calibration.restored(
            _below(arrays, "calibration_steps/"), len(members), shape[-1]
        ),
        calibration_model=calibration_model,
        components=components,
        joint=joint,
    )


def _histories(
    arrays: Mapping[str, np.ndarray], members: int, channels: int
) -> tuple[np.ndarray, ...]:
    if not arrays:  # of samples, or saved before there were any
        return ()
    histories = tuple(arrays[str(number)] for number in range(members))
    for steps in histories:
        sound = steps.ndim == 2 and steps.shape[1] == channels
        if not sound or steps.dtype != np.float32 or not np.isfinite(steps).all():
            raise ValueError(
                f"a history is {steps.dtype}{steps.shape}, expected finite "
                f"float32[steps, {channels}]"
            )
    return histories


def _tree(template: PyTree, saved: Mapping[str, np.ndarray], setup: Setup) -> PyTree:
    """Saved arrays as a tree of given shapes.

    Raises:
        ValueError: If names, shapes or types differ, or one holds no numbers.
    """
    expected = _named(template)
    if set(saved) != set(expected):
        odd = sorted(set(saved) ^ set(expected))[0]
        raise ValueError(f"its arrays are not those of {setup.detector}: {odd}")
    for name, leaf in expected.items():
        if saved[name].shape != leaf.shape or saved[name].dtype != leaf.dtype:
            raise ValueError(
                f"{name} is {saved[name].dtype}{saved[name].shape}, expected "
                f"{leaf.dtype}{leaf.shape}"
            )
        if leaf.dtype.kind == "f" and np.isnan(saved[name]).any():
            raise ValueError(f"{name} holds values that are no numbers")
    leaves = [saved[name] for name in expected]
    return jax.tree.unflatten(jax.tree.structure(template), leaves)


def _check_numbers(
    what: str, values: Sequence[Any], count: int, above: float = -math.inf
) -> None:
    if len(values) != count or not count:
        raise ValueError(f"{len(values)} of {what}, expected one for each of {count}")
    for value in values:
        if not isinstance(value, int | float) or not above < value < math.inf:
            raise ValueError(f"{what}={value!r} is no number that it could be")


def _check_scaler(scaler: Scaler, channels: int) -> None:
    for name in ("shift", "scale", "low", "high"):
        array = getattr(scaler, name)
        if array.shape != (channels,) or array.dtype != np.float64:
            raise ValueError(
                f"the scaler's {name} is {array.dtype}{array.shape}, expected "
                f"float64{(channels,)}"
            )
    sound = np.isfinite(scaler.shift) & (0 < scaler.scale) & (scaler.scale < np.inf)
    sound &= (scaler.low <= scaler.high) & (scaler.low < np.inf)
    if not (sound & (scaler.high > -np.inf)).all():
        raise ValueError("a scaler's numbers are not those of a scaler")


def _below(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Arrays whose name begins with a prefix, by the rest of their name."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _template(setup: Setup, layout: InputLayout, members: int) -> PyTree:
    """Shapes of the stacked models, without computing any."""
    detector = build(setup, layout)
    if detector.template is not None:
        model = detector.template()
    else:
        count = setup.window if setup.series else 1
        blank = types.cut_test(np.zeros((count, *layout.shape), np.float32))
        source = view(setup, layout, [blank])
        model = jax.eval_shape(detector.init, jax.random.key(0), source).model
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((members, *leaf.shape), leaf.dtype), model
    )


def _named(tree: PyTree) -> dict[str, Any]:
    """Leaves by their path, such as `encoder/0/kernel`, in the tree's order."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {
        "/".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path): v
        for path, v in leaves
    }
