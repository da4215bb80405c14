"""What was saved of members, checked and put together again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxtsad import types
from jaxtsad.datasets.preprocessing import Scaler
from jaxtsad.evaluation.thresholds import Threshold
from jaxtsad.pipeline import alarms, calibration, ensembles, heads, memory, tails
from jaxtsad.pipeline.members import Fitted, Member, seed_of
from jaxtsad.pipeline.setup import InputLayout, Setup, build, view
from jaxtsad.training.federated import Federated
from jaxtsad.training.plan import Plan
from jaxtsad.types import PyTree


def members_of(arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> Fitted:
    """Members of saved arrays by name and the record beside them.

    Raises:
        ValueError: If they do not fit together, or another of the errors of reading
            what has another shape than expected.
    """
    plan = Plan(**record["setup"].pop("plan"))
    federated = Federated(**record["setup"].pop("federated", {}))
    setup = Setup(**record["setup"], plan=plan, federated=federated)
    shape = tuple(record["layout"].pop("shape"))
    layout = InputLayout(shape=shape, **record["layout"])
    members = tuple(Member(entity, seed_of(seed)) for entity, seed in record["members"])
    scalers = _scalers(arrays, "scaler", len(members), shape[-1])
    components = tuple(
        members_of(_below(arrays, f"component/{number}/"), inner)
        for number, inner in enumerate(record.get("components", ()))
    )
    model: PyTree = tuple(component.model for component in components)
    alone = ensembles.setups(setup)
    if [component.setup for component in components] != list(alone):
        raise ValueError(f"its members are not those of {setup.detector}")
    for component in components:
        if (component.members, component.layout.shape) != (members, shape):
            raise ValueError("its members differ in their models")
    calibration_model, earlier = None, record.get("previous")
    calibrated: tuple[Scaler, ...] = ()
    if _below(arrays, "calibration_scaler/"):
        calibrated = _scalers(arrays, "calibration_scaler", len(members), shape[-1])
    if not alone:
        template = _template(setup, layout, len(members))
        saved = _tree(template, _below(arrays, "model/"), setup)
        model = jax.device_put(saved)
        if before := _below(arrays, "calibration_model/"):
            saved = _tree(template, before, setup)
            calibration_model = jax.device_put(saved)
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
        memory=memory.restored(_below(arrays, "memory/"), len(members), shape[-1]),
        calibration_model=calibration_model,
        calibration_scalers=calibrated,
        previous=members_of(_below(arrays, "previous/"), earlier) if earlier else None,
        components=components,
        joint=joint,
    )


def _scalers(
    arrays: Mapping[str, np.ndarray], kind: str, members: int, channels: int
) -> tuple[Scaler, ...]:
    each = [
        Scaler.from_arrays(_below(arrays, f"{kind}/{number}/"))
        for number in range(members)
    ]
    for scaler in each:
        _check_scaler(scaler, channels)
    return tuple(each)


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
    expected = named(template)
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


def named(tree: PyTree) -> dict[str, Any]:
    """Leaves by their path, such as `encoder/0/kernel`, in the tree's order."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {
        "/".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path): v
        for path, v in leaves
    }
