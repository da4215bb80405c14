"""Trained members on disk: arrays as safetensors, everything else as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from jaxtsad import files, types
from jaxtsad.datasets.preprocessing import Scaler
from jaxtsad.evaluation.thresholds import Threshold
from jaxtsad.pipeline import samples, shapes
from jaxtsad.pipeline.members import Fitted, Member
from jaxtsad.pipeline.sample_setup import Setup as SampleSetup
from jaxtsad.pipeline.setup import Setup, build, view
from jaxtsad.training.plan import Plan
from jaxtsad.types import PyTree

SCHEMA = 1
ARRAYS, RECORD = "model.safetensors", "estimator.json"


def save(
    path: str | os.PathLike[str],
    fitted: Fitted | samples.Fitted,
    parameters: Mapping[str, Any],
    channels: Sequence[str],
) -> None:
    """Saves members to a folder, written beside and renamed.

    Raises:
        ValueError: If it cannot be written; what was there stays as it was.
    """
    arrays = {f"model/{name}": leaf for name, leaf in _named(fitted.model).items()}
    for number, entity in enumerate(fitted.scalers):
        for name, array in fitted.scalers[entity].arrays().items():
            arrays[f"scaler/{number}/{name}"] = array
    record = {
        "schema": SCHEMA,
        "parameters": dict(parameters),
        "channels": list(channels),
        "setup": dataclasses.asdict(fitted.setup),
        "members": [list(member) for member in fitted.members],
        "scalers": list(fitted.scalers),
        "thresholds": [dataclasses.asdict(one) for one in fitted.thresholds],
        "spreads": list(fitted.spreads),
        "validation": list(fitted.validation),
    }
    if isinstance(fitted, samples.Fitted):
        record["shape"] = list(fitted.shape)
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
) -> tuple[Fitted | samples.Fitted, dict[str, Any], list[str]]:
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
) -> tuple[Fitted | samples.Fitted, dict[str, Any], list[str]]:
    if record["schema"] != SCHEMA:
        raise ValueError(f"its schema is {record['schema']}, expected {SCHEMA}")
    plan = Plan(**record["setup"].pop("plan"))
    channels = list(record["channels"])
    kind: type[Setup] | type[SampleSetup]
    kind = SampleSetup if "shape" in record else Setup
    setup = kind(**record["setup"], plan=plan)
    members = tuple(Member(entity, seed) for entity, seed in record["members"])
    scalers = {}
    for number, entity in enumerate(record["scalers"]):
        prefix = f"scaler/{number}/"
        own = {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}
        scalers[entity] = Scaler.from_arrays(own)
    shape = tuple(record.get("shape", ()))
    if isinstance(setup, SampleSetup):
        template = _sample_template(setup, shape, len(members))
    else:
        template = _template(setup, len(channels), len(members))
    saved = {k[6:]: v for k, v in arrays.items() if k.startswith("model/")}
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
    rest = {
        "members": members,
        "model": model,
        "scalers": scalers,
        "thresholds": tuple(Threshold(**one) for one in record["thresholds"]),
        "spreads": tuple(record["spreads"]),
        "validation": tuple(record["validation"]),
    }
    fitted: Fitted | samples.Fitted
    if isinstance(setup, SampleSetup):
        fitted = samples.Fitted(setup, shape, **rest)
    else:
        fitted = Fitted(setup, len(channels), **rest)
    return fitted, dict(record["parameters"]), channels


def _template(setup: Setup, channels: int, members: int) -> PyTree:
    """Shapes of the stacked models, without computing any."""
    blank = types.cut_test(np.zeros((setup.window, channels), np.float32))
    source = view(setup, [blank])
    return _stacked(build(setup, channels).init, source, members)


def _sample_template(
    setup: SampleSetup, shape: tuple[int, ...], members: int
) -> PyTree:
    """The same for models of samples."""
    blank = types.cut_test(np.zeros((1, *shape), np.float32))
    source = shapes.view(setup.detector, blank)
    init = shapes.build(setup.detector, setup.options, shape).init
    return _stacked(init, source, members)


def _stacked(init: Callable[..., Any], source: Any, members: int) -> PyTree:
    model = jax.eval_shape(init, jax.random.key(0), source).model
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
