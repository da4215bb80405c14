"""Trained members on disk: arrays as safetensors, everything else as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from jaxtsad import files, types
from jaxtsad.datasets.preprocessing import Scaler
from jaxtsad.evaluation.thresholds import Threshold
from jaxtsad.pipeline.members import Fitted, Member
from jaxtsad.pipeline.setup import InputLayout, Setup, build, view
from jaxtsad.training.plan import Plan
from jaxtsad.types import PyTree

SCHEMA = 2
ARRAYS, RECORD = "model.safetensors", "estimator.json"


def save(
    path: str | os.PathLike[str],
    fitted: Fitted,
    parameters: Mapping[str, Any],
    channels: Sequence[str],
) -> None:
    """Saves members to a folder, written beside and renamed.

    Raises:
        ValueError: If it cannot be written; what was there stays as it was.
    """
    arrays = {f"model/{name}": leaf for name, leaf in _named(fitted.model).items()}
    for number, scaler in enumerate(fitted.scalers):
        for name, array in scaler.arrays().items():
            arrays[f"scaler/{number}/{name}"] = array
    record = {
        "schema": SCHEMA,
        "parameters": dict(parameters),
        "channels": list(channels),
        "setup": dataclasses.asdict(fitted.setup),
        "layout": fitted.layout._asdict(),
        "members": [list(member) for member in fitted.members],
        "thresholds": [dataclasses.asdict(each) for each in fitted.thresholds],
        "spreads": list(fitted.spreads),
        "validation": list(fitted.validation),
    }
    try:
        text = json.dumps(record, indent=1)
    except TypeError as error:
        raise ValueError(f"a parameter cannot be saved as JSON: {error}") from None
    arrays = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    with files.replaced_folder(path, RECORD, "saved detector") as folder:
        (folder / ARRAYS).write_bytes(safetensors.numpy.save(arrays))
        (folder / RECORD).write_text(text)


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
    for name in (ARRAYS, RECORD):
        if not (folder / name).is_file():
            raise ValueError(f"{str(path)!r} holds no saved detector: no {name} in it")
    try:
        arrays = safetensors.numpy.load((folder / ARRAYS).read_bytes())
        record = json.loads((folder / RECORD).read_text())
        return _read(arrays, record)
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as e:
        line = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise ValueError(
            f"the detector saved in {str(path)!r} cannot be read: {line}"
        ) from None


def _read(
    arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]
) -> tuple[Fitted, dict[str, Any], list[str]]:
    if record["schema"] != SCHEMA:
        raise ValueError(
            f"its schema is {record['schema']}, this version reads {SCHEMA}; fit it "
            "again"
        )
    plan = Plan(**record["setup"].pop("plan"))
    setup = Setup(**record["setup"], plan=plan)
    shape = tuple(record["layout"].pop("shape"))
    layout = InputLayout(shape=shape, **record["layout"])
    members = tuple(Member(entity, seed) for entity, seed in record["members"])
    scalers = tuple(
        Scaler.from_arrays(_below(arrays, f"scaler/{number}/"))
        for number in range(len(members))
    )
    template = _template(setup, layout, len(members))
    saved = _below(arrays, "model/")
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
    leaves = [jnp.asarray(saved[name]) for name in expected]
    model = jax.tree.unflatten(jax.tree.structure(template), leaves)
    fitted = Fitted(
        setup,
        layout,
        members,
        model,
        scalers,
        tuple(Threshold(**each) for each in record["thresholds"]),
        tuple(record["spreads"]),
        validation=tuple(record["validation"]),
    )
    return fitted, dict(record["parameters"]), list(record["channels"])


def _below(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Arrays whose name begins with a prefix, by the rest of their name."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _template(setup: Setup, layout: InputLayout, members: int) -> PyTree:
    """Shapes of the stacked models, without computing any."""
    count = setup.window if setup.series else 1
    blank = types.cut_test(np.zeros((count, *layout.shape), np.float32))
    source = view(setup, layout, [blank])
    model = jax.eval_shape(build(setup, layout).init, jax.random.key(0), source).model
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
