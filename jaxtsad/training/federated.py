"""One model of members whose data stay apart: rounds of training and averaging.

In a round every member trains from the common parameters on its own data. What it has
moved them by, its update, is all that leaves it; the common parameters move by the mean
of the updates, weighted by numbers of windows. The state of a member's optimizer, and
whatever else only its training needs, stays with it from round to round.

References:
    McMahan, Moore, Ramage, Hampson, Agüera y Arcas, "Communication-Efficient Learning
    of Deep Networks from Decentralized Data", AISTATS 2017 (FedAvg); Li, Sahu, Zaheer,
    Sanjabi, Talwalkar, Smith, "Federated Optimization in Heterogeneous Networks",
    MLSys 2020 (FedProx); McMahan, Ramage, Talwar, Zhang, "Learning Differentially
    Private Recurrent Language Models", ICLR 2018 (clipping and noise).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad import validation
from jaxtsad.training import fleet, loop, plan, privacy, programs
from jaxtsad.training.checkpoints import Saved
from jaxtsad.training.loop import Callbacks, Result
from jaxtsad.types import Array, Clock, Detector, Key, Metrics, PyTree, State
from jaxtsad.validation import InnerShare, NotNegative, Size


@validation.config
class Federated:
    """How members that keep their data to themselves make one model.

    Attributes:
        rounds: At most this many rounds, in the place of epochs.
        local_epochs: Epochs that every member trains in a round.
        proximal: Weight mu of mu / 2 |w - w_common|^2 in each member's loss, which
            holds it near the common parameters (FedProx); 0 for none (FedAvg).
        clip_updates: Largest norm of a member's update; 0 does not clip.
        noise: Gaussian noise on the mean of the updates: its standard deviation over
            the most that a member can add to it, which is `clip_updates` times the
            largest share of the windows. With noise the last round's model is the
            result: to choose one by validation losses would tell of data without noise.
        delta: For which the privacy spent is told (see `training.privacy.spent`). It
            holds for whoever does not know the seed, of which the noise is made.

    Raises:
        ValueError: If a value is out of range, or there is noise without clipping.
    """

    rounds: Size = 10
    local_epochs: Size = 1
    proximal: NotNegative = 0.0
    clip_updates: NotNegative = 0.0
    noise: NotNegative = 0.0
    delta: InnerShare = 1e-5

    def __post_init__(self) -> None:
        if self.noise and not self.clip_updates:
            raise ValueError(
                f"noise={self.noise} needs clip_updates above 0: without it there is "
                "no most that a member can add"
            )

    @property
    def epsilon(self) -> float:
        """Privacy spent on one member by all rounds; infinite without noise."""
        return privacy.spent(self.noise, self.rounds, self.delta)

    @property
    def words(self) -> str:
        """What is told of privacy."""
        if not self.noise:
            return "no noise was added to updates: no privacy is promised"
        return (
            f"privacy that the model spends on each entity in {self.rounds} rounds: "
            f"epsilon {self.epsilon:.3g} at delta {self.delta:g} (zCDP of the Gaussian "
            "mechanism); scalers and thresholds stay with their entity"
        )


def check(name: str, detector: Detector, steps: int, federated: Federated) -> None:
    """Refuses detectors that have no parameters to average.

    Args:
        name: Of the detector.
        detector: The detector.
        steps: Its steps per epoch.
        federated: How it would be trained.

    Raises:
        ValueError: If it is solved in closed form or on the host, or cannot be held
            near the common parameters.
    """
    if not steps or detector.refresh is not None:
        how = "solved in closed form" if not steps else "fitted on the host in part"
        raise ValueError(
            f'pooling="federated" averages what is trained by gradients; {name} is '
            f'{how}: choose pooling="per_entity" or "pooled"'
        )
    if federated.proximal and detector.advance_near is None:
        raise ValueError(
            f"proximal={federated.proximal} is not offered by {name}; 0 averages it "
            "without"
        )


def fit(
    keys: Key,
    detector: Detector,
    sources: Any,
    *,
    federations: Sequence[int],
    federated: Federated,
    validations: Any = None,
    validated: np.ndarray | None = None,
    plan: plan.Plan,
    checkpoints: Saved | None = None,
    callbacks: Callbacks | None = None,
) -> Result:
    """Trains one model per federation, a round in one program.

    Args:
        keys: `[M]` keys, equal within a federation, of which the first round starts.
        detector: What to train.
        sources: View of the fit part, stacked `[M, ...]`.
        federations: `[M]` the federation of each member, counted from 0.
        federated: Rounds and what is done with updates.
        validations: View of the validation part, stacked `[M, ...]`, or None.
        validated: `[M]` bool, members whose validation part is real; None for all.
        plan: Schedule and early stopping, by the mean validation loss of a federation;
            a round is an epoch of these.
        checkpoints: Where to save, and to resume from when something is there.
        callbacks: Whom training reports to, an epoch being a round.

    Returns:
        Each member's model, which is that of its federation, stacked `[M, ...]`.

    Raises:
        Interrupted: When `callbacks.stop` says so; with `checkpoints` nothing is lost.
        ValueError: If a checkpoint cannot be written or is of another model.
    """
    real = fleet.members_of(sources)
    groups = np.asarray(federations)
    given = np.ones(real, bool) if validated is None else validated
    windows = np.asarray(sources.weight, np.float64).sum(axis=1)
    shares, counted = _shares(groups, windows), _shares(groups, windows * given)
    steps = detector.steps(fleet.member(sources, 0))
    plan = dataclasses.replace(plan, epochs=federated.rounds)
    if federated.noise:
        plan = dataclasses.replace(plan, stop="none")
    noise_keys = _noise_keys(keys[np.unique(groups, return_index=True)[1]])
    devices = fleet.devices_for(real)
    keys, sources = fleet.place((keys, sources), devices)
    members = fleet.members_of(sources)
    copies = members - real  # They take part in nothing.
    groups = np.pad(groups, (0, copies))
    shares, counted = (np.pad(s, ((0, 0), (0, copies))) for s in (shares, counted))
    alone = programs.compiled(detector, members, plan.members, devices)
    advance = _round(detector, members, plan.members, devices, steps, federated)

    def init(keys: Key, sources: Any) -> State:
        """The first model, without a look at anybody's data."""
        return alone.init(keys, sources.with_arrays(values=0 * sources.values))

    def validate(keys: Key, model: PyTree, sources: Any) -> Metrics:
        assert alone.validate is not None
        metrics = alone.validate(keys, model, sources)
        return {
            name: _mean_of(counted, np.asarray(value))[groups]
            for name, value in metrics.items()
        }

    rounds = alone._replace(
        init=init,
        advance=functools.partial(advance, np.float32(shares), groups, noise_keys),
        validate=None if alone.validate is None else validate,
    )
    training = loop.Loop(
        detector,
        rounds,
        sources,
        1,
        plan,
        keys,
        members,
        callbacks or Callbacks(),
        checkpoints,
    )
    training.progress.active[real:] = False
    if validations is not None and detector.validate is not None:
        training.validations = fleet.place(validations, devices)
        training.validated[:real] = (counted.sum(axis=1) > 0)[groups[:real]]
    return training.run(real)


def _shares(groups: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`[F, M]` share of each member in its federation, 0 in the others."""
    part = (np.unique(groups)[:, None] == groups) * weight
    total = part.sum(axis=1, keepdims=True)
    return np.divide(part, total, out=np.zeros_like(part), where=total > 0)


def _mean_of(shares: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Of each federation the mean of a metric; members without a share have none."""
    mean: np.ndarray = np.where(shares > 0, value, 0) * shares
    return mean.sum(axis=1).astype(np.float32)


def _noise_keys(keys: Key) -> Key:
    """Keys of noise, apart from those of every other use of a member's key."""
    use = len(fleet.KeysByUse._fields)
    return jax.vmap(lambda key: jax.random.fold_in(key, use))(keys)


def _norm(tree: PyTree) -> Array:
    """Euclidean norm over all leaves."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))


def _noise(key: Key, like: PyTree, deviation: Array) -> PyTree:
    """Gaussian noise in the shape of a tree."""
    leaves, tree = jax.tree.flatten(like)
    drawn = [
        deviation * jax.random.normal(leaf_key, leaf.shape, leaf.dtype)
        for leaf_key, leaf in zip(
            jax.random.split(key, len(leaves)), leaves, strict=True
        )
    ]
    return jax.tree.unflatten(tree, drawn)


@functools.lru_cache(maxsize=programs.KEPT)
def _round(
    detector: Detector,
    members: int,
    choice: str,
    devices: fleet.Devices,
    steps: int,
    federated: Federated,
) -> Callable[..., tuple[State, Metrics]]:
    """A round of stacked members as one program; none where the clock counts 0."""

    def local(
        active: Array, key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[PyTree, PyTree, Metrics]:
        """One member's update, what stays with it, and its metrics."""
        before, kept = state

        def epoch(number: Array, state: State) -> tuple[State, Metrics]:
            passed = clock.epoch * federated.local_epochs + number
            here = Clock(passed, jnp.int32(0), jnp.int32(steps), clock.scale)
            if federated.proximal:
                assert detector.advance_near is not None
                return detector.advance_near(
                    key, state, source, here, before, federated.proximal
                )
            return detector.advance(key, state, source, here)

        once = jax.jit(epoch, inline=True)  # traced once for both uses
        shapes = jax.eval_shape(once, jnp.int32(0), state)[1]
        sums = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

        def add(number: Array, carry: tuple) -> tuple[State, Metrics]:
            state, sums = carry
            state, metrics = once(number, state)
            return state, jax.tree.map(jnp.add, sums, metrics)

        count = jnp.where(active, federated.local_epochs * clock.count, 0)
        after, sums = jax.lax.fori_loop(0, count, add, (state, sums))
        update = jax.tree.map(jnp.subtract, after.model, before)
        norm, factor = _norm(update), jnp.float32(1)
        sound = jnp.isfinite(norm) & (sums.pop("diverged", 0.0) == 0)
        if federated.clip_updates:
            factor = jnp.minimum(1, federated.clip_updates / jnp.maximum(norm, 1e-30))
        update = jax.tree.map(lambda leaf: jnp.where(sound, leaf * factor, 0), update)
        norm = jnp.where(sound, norm, 0)
        sums = jax.tree.map(lambda value: jnp.where(sound, value, 0), sums)
        weight = jnp.where(sound, sums.get("weight", 1.0), 1.0)
        lost = 1.0 - sound
        more = {"weight": weight, "update": norm * weight, "lost": lost * weight}
        train = jax.tree.map(functools.partial(jnp.where, sound), after.train, kept)
        return update, train, {**sums, **more}

    lifted = fleet.lift(local, members, choice, devices)

    def whole(
        shares: Array,
        groups: Array,
        noise_keys: Key,
        active: Array,
        keys: Key,
        state: State,
        sources: Any,
        clock: Clock,
    ) -> tuple[State, Metrics]:
        before = state.model
        updates, train, metrics = lifted(active, keys, state, sources, clock)

        def mean(leaf: Array) -> Array:
            """Over members `[M, ...]`, of each federation `[F, ...]`."""
            flat = leaf.reshape(members, -1)
            mean = jnp.matmul(shares, flat, precision=jax.lax.Precision.HIGHEST)
            return mean.reshape(len(shares), *leaf.shape[1:])

        moves = jax.tree.map(mean, updates)
        if federated.noise:
            now = jax.vmap(jax.random.fold_in, (0, None))(noise_keys, clock.epoch[0])
            most = federated.clip_updates * shares.max(axis=1) * clock.count[0]
            drawn = jax.vmap(_noise)(now, moves, federated.noise * most)
            moves = jax.tree.map(jnp.add, moves, drawn)
        model = jax.tree.map(lambda old, move: old + move[groups], before, moves)
        # Training ends where nobody's update can be used.
        everyone = mean(1.0 * (metrics["lost"] == 0)) == 0
        metrics |= {"diverged": everyone[groups].astype(jnp.float32)}
        after = State(model, train)
        if len(devices) > 1:
            placed = fleet.layout(members, devices)
            after = jax.lax.with_sharding_constraint(after, placed)
        return after, metrics

    return jax.jit(
        whole,
        donate_argnums=5,
        compiler_options=programs.options_for(detector, members),
    )
