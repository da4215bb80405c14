"""A round of federated averaging, compiled: members train, their updates are averaged.

On one host it is one program. Hosts that share a federation each train their own
members; of what these have moved the parameters by, weighted and added up, the hosts
exchange the sum alone.

Shape letters: M members of this host, F federations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from jaxtsad.training import fleet, hosts, programs
from jaxtsad.types import Array, Clock, Detector, Key, Metrics, PyTree, State

Round = Callable[..., tuple[State, Metrics]]


class Options(Protocol):
    """What is done with updates, as `federated.Federated` says."""

    @property
    def local_epochs(self) -> int: ...  # noqa: D102
    @property
    def proximal(self) -> float: ...  # noqa: D102
    @property
    def clip_updates(self) -> float: ...  # noqa: D102
    @property
    def noise(self) -> float: ...  # noqa: D102


@functools.lru_cache(maxsize=programs.KEPT)
def compiled(
    detector: Detector,
    members: int,
    choice: str,
    devices: fleet.Devices,
    steps: int,
    options: Options,
    on_hosts: bool,
) -> Round:
    """A round of stacked members; none where the clock counts 0.

    Args:
        detector: What is trained.
        members: Number of members M, a multiple of `devices`.
        choice: See `fleet.lift`.
        devices: This host's, which the members are spread over.
        steps: Steps of an epoch.
        options: What is done with updates.
        on_hosts: Whether other hosts train members of the same federations.

    Returns:
        A function of `shares [F, M]`, each member's share in the mean; `largest [F]`,
        the largest of these, 0 where another host adds the noise; `groups [M]`, each
        member's federation; keys `[F]` of noise; and what `Programs.advance` takes.
    """
    train = _trained(detector, members, choice, devices, steps, options)
    settings = programs.options_for(detector, members)

    def moved(
        groups: Array, before: PyTree, moves: PyTree, sound: Array, kept: PyTree
    ) -> tuple[State, Array]:
        """Members after the move of their federation; where nobody's update counts."""
        model = jax.tree.map(lambda old, move: old + move[groups], before, moves)
        after = State(model, kept)
        if len(devices) > 1:
            placed = fleet.layout(members, devices)
            after = jax.lax.with_sharding_constraint(after, placed)
        return after, (sound == 0)[groups].astype(jnp.float32)

    def whole(
        shares: Array, largest: Array, groups: Array, noise_keys: Key, *arguments: Any
    ) -> tuple[State, Metrics]:
        before = arguments[2].model
        moves, sound, kept, metrics = train(shares, largest, noise_keys, *arguments)
        after, nobody = moved(groups, before, moves, sound, kept)
        return after, metrics | {"diverged": nobody}

    if not on_hosts:
        return jax.jit(whole, donate_argnums=6, compiler_options=settings)
    own = jax.jit(train, compiler_options=settings)
    move = jax.jit(moved, compiler_options=settings)

    def shared(
        shares: Array, largest: Array, groups: Array, noise_keys: Key, *arguments: Any
    ) -> tuple[State, Metrics]:
        moves, sound, kept, metrics = own(shares, largest, noise_keys, *arguments)
        moves, sound = hosts.added((moves, sound))
        after, nobody = move(groups, arguments[2].model, moves, sound, kept)
        return after, metrics | {"diverged": nobody}

    return shared


def noise_keys(keys: Key) -> Key:
    """Keys of noise, apart from those of every other use of a member's key."""
    use = len(fleet.KeysByUse._fields)
    return jax.vmap(lambda key: jax.random.fold_in(key, use))(keys)


def _trained(
    detector: Detector,
    members: int,
    choice: str,
    devices: fleet.Devices,
    steps: int,
    options: Options,
) -> Callable[..., tuple[PyTree, Array, PyTree, Metrics]]:
    """A function to what members add to the mean, and what stays with them.

    It gives the moves `[F, ...]`, noise included; `[F]` the share of members whose
    update counts; and of each member what only its training needs, and its metrics.
    """

    def local(
        active: Array, key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[PyTree, PyTree, Metrics]:
        """One member's update, what stays with it, and its metrics."""
        before, kept = state

        def epoch(number: Array, state: State) -> tuple[State, Metrics]:
            passed = clock.epoch * options.local_epochs + number
            here = Clock(passed, jnp.int32(0), jnp.int32(steps), clock.scale)
            if options.proximal:
                assert detector.advance_near is not None
                return detector.advance_near(
                    key, state, source, here, before, options.proximal
                )
            return detector.advance(key, state, source, here)

        once = jax.jit(epoch, inline=True)  # traced once for both uses
        shapes = jax.eval_shape(once, jnp.int32(0), state)[1]
        sums = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

        def add(number: Array, carry: tuple) -> tuple[State, Metrics]:
            state, sums = carry
            state, metrics = once(number, state)
            return state, jax.tree.map(jnp.add, sums, metrics)

        count = jnp.where(active, options.local_epochs * clock.count, 0)
        after, sums = jax.lax.fori_loop(0, count, add, (state, sums))
        update = jax.tree.map(jnp.subtract, after.model, before)
        norm, factor = _norm(update), jnp.float32(1)
        sound = jnp.isfinite(norm) & (sums.pop("diverged", 0.0) == 0)
        if options.clip_updates:
            factor = jnp.minimum(1, options.clip_updates / jnp.maximum(norm, 1e-30))
        update = jax.tree.map(lambda leaf: jnp.where(sound, leaf * factor, 0), update)
        norm = jnp.where(sound, norm, 0)
        sums = jax.tree.map(lambda value: jnp.where(sound, value, 0), sums)
        weight = jnp.where(sound, sums.get("weight", 1.0), 1.0)
        lost = 1.0 - sound
        more = {"weight": weight, "update": norm * weight, "lost": lost * weight}
        train = jax.tree.map(functools.partial(jnp.where, sound), after.train, kept)
        return update, train, {**sums, **more}

    lifted = fleet.lift(local, members, choice, devices)

    def train(
        shares: Array,
        largest: Array,
        noise_keys: Key,
        active: Array,
        keys: Key,
        state: State,
        sources: Any,
        clock: Clock,
    ) -> tuple[PyTree, Array, PyTree, Metrics]:
        updates, kept, metrics = lifted(active, keys, state, sources, clock)

        def mean(leaf: Array) -> Array:
            """Over members `[M, ...]`, of each federation `[F, ...]`."""
            flat = leaf.reshape(members, -1)
            mean = jnp.matmul(shares, flat, precision=jax.lax.Precision.HIGHEST)
            return mean.reshape(len(shares), *leaf.shape[1:])

        moves = jax.tree.map(mean, updates)
        if options.noise:
            now = jax.vmap(jax.random.fold_in, (0, None))(noise_keys, clock.epoch[0])
            most = options.clip_updates * largest * clock.count[0]
            drawn = jax.vmap(_noise)(now, moves, options.noise * most)
            moves = jax.tree.map(jnp.add, moves, drawn)
        return moves, mean(1.0 * (metrics["lost"] == 0)), kept, metrics

    return train


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
