"""Training: members in, best parameters out, resumable at any moment."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.training import fleet, hosts, loop, plan, programs
from jaxtsad.training.checkpoints import Saved
from jaxtsad.training.loop import Callbacks, Interrupted, Result, Status
from jaxtsad.training.plan import begin
from jaxtsad.types import Detector, Key, PyTree

__all__ = ["Callbacks", "Interrupted", "Result", "Status", "fit"]


def fit(
    keys: Key,
    detector: Detector,
    sources: Any,
    *,
    validations: Any = None,
    validated: np.ndarray | None = None,
    plan: plan.Plan,
    checkpoints: Saved | None = None,
    callbacks: Callbacks | None = None,
    models: PyTree = None,
) -> Result:
    """Trains all members in one program and keeps the best parameters of each.

    Args:
        keys: `[M]` typed keys, one per member. All randomness of a member comes from
            its key, so its result is that of training it alone.
        detector: What to train.
        sources: View of the fit part, stacked `[M, ...]` (see `fleet.stack`).
        validations: View of the validation part, stacked `[M, ...]`, or None.
        validated: `[M]` bool, members whose validation part is real; None for all.
        plan: Epochs, schedule and early stopping; no epochs leave a detector untrained.
        checkpoints: Where to save, and to resume from when something is there.
        callbacks: Whom training reports to; detectors that take no steps do not.
        models: Models stacked `[M, ...]` that training goes on from, of a detector that
            `continues`; None to begin anew.

    Returns:
        The best models and how training went.

    Raises:
        Interrupted: When `callbacks.stop` says so; with `checkpoints` nothing is lost.
        ValueError: If a checkpoint cannot be written or is of another model.
    """
    real = fleet.members_of(sources)
    steps = detector.steps(fleet.member(sources, 0))
    devices = fleet.devices_for(real, detector.rows)
    keys, sources = fleet.place((keys, sources), devices)
    members = fleet.members_of(sources)
    compiled = programs.compiled(detector, members, plan.members, devices)
    goes_on = models is not None and detector.continues
    if goes_on and not plan.epochs:
        return Result(models, begin(real), 0.0, 0.0, 0.0)
    if not steps or not plan.epochs:
        return _without_steps(keys, detector, compiled, sources, real, steps == 0)
    training = loop.Loop(
        detector,
        compiled,
        sources,
        steps,
        plan,
        keys,
        members,
        callbacks or Callbacks(),
        checkpoints,
    )
    training.in_step = fleet.spans_hosts(devices)
    training.progress.active[real:] = False
    if goes_on:
        training.models = jax.tree.map(jnp.copy, fleet.place(models, devices))
    if validations is not None and detector.validate is not None:
        training.validations = fleet.place(validations, devices)
        given = np.ones(real, bool) if validated is None else validated
        training.validated[:real] = given
    result = training.run(real)
    return result._replace(model=hosts.here(result.model))


def _without_steps(
    keys: Key,
    detector: Detector,
    compiled: programs.Programs,
    sources: Any,
    real: int,
    solved: bool,
) -> Result:
    """Models after `init`: closed forms, and any detector untrained.

    A closed form that is solved on the host is refreshed once.
    """
    began = time.perf_counter()
    by_use = fleet.keys_by_use(keys)
    state = jax.block_until_ready(compiled.init(by_use.init, sources))
    if solved:
        active = np.arange(fleet.members_of(sources)) < real
        state = fleet.refreshed(detector, by_use.refresh, state, sources, active, 0)
    model = state.model
    if fleet.members_of(sources) > real:
        model = jax.tree.map(lambda leaf: leaf[:real], model)
    model = hosts.here(model)
    return Result(model, begin(real), time.perf_counter() - began, 0.0, 0.0)
