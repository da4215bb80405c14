"""DPLAN's agent: deep Q-learning on rows, and the isolation scores it is rewarded with.

An epoch is a block of steps in the environment; before it an isolation forest is grown
on the network's hidden representation of all rows.

Shape letters: N rows, K stand-ins, F numbers of a row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxtsad.detectors.dplan import agent as agents
from jaxtsad.detectors.dplan import environment, losses, replay
from jaxtsad.detectors.dplan.agent import Agent, Block
from jaxtsad.detectors.dplan.config import Config
from jaxtsad.detectors.dplan.network import QNetwork, hidden_of_columns
from jaxtsad.detectors.dplan.replay import Replay
from jaxtsad.detectors.dplan.unbatched import shared
from jaxtsad.models import isolation_forest, network
from jaxtsad.types import Array, Clock, Key, Metrics, PyTree, State


class Model(NamedTuple):
    """What scoring needs.

    Attributes:
        params: Parameters of the online network.
        encoder: The frozen autoencoder, or nothing.
        low: `[F]`, what is 0 to the network.
        spread: `[F]`, how far above it 1 is.
    """

    params: PyTree
    encoder: PyTree
    low: Array
    spread: Array


class TrainState(NamedTuple):
    """What only training needs.

    Attributes:
        target: Parameters of the target network.
        rmsprop: State of the optimizer.
        replay: Past transitions.
        state: Number of the present row.
        rows: `[N + K, F]`, all rows as the network sees them, then the stand-ins.
        isolation: `[N + K]` isolation scores of their representations, in [0, 1].
        left_out: `[N + K]` 1 for rows that are never met, see `Config.ignored`.
        represents: Parameters by which the unlabelled rows are represented; none where
            `Config.phi_every` is 1.
    """

    target: PyTree
    rmsprop: PyTree
    replay: Replay
    state: Array
    rows: Array
    isolation: Array
    left_out: Array
    represents: PyTree


def start(config: Config, key: Key, rows: Array) -> tuple[PyTree, TrainState]:
    """Draws the network; `rows` are all rows as it sees them, then the stand-ins."""
    params = network.start(key, QNetwork(config.width), rows[:1]).params
    target = jax.tree.map(jnp.copy, params)
    if config.target_start == "zero":
        target = jax.tree.map(jnp.zeros_like, params)
    train = TrainState(
        target,
        agents.optimizer(config).init(params),
        replay.empty(config.capacity),
        jnp.int32(0),
        rows,
        jnp.zeros(len(rows)),
        jnp.zeros(len(rows)),
        jax.tree.map(jnp.copy, params) if config.phi_every > 1 else (),
    )
    return params, train


def marks_of(config: Config, source: Any) -> tuple[Array, Array]:
    """Weight and `known` of a source's rows and the stand-ins."""
    return environment.marks(
        source.weight, source.known, config.stand_ins, config.stand_ins_always
    )


def refresh(config: Config, key: Key, state: State, source: Any) -> State:
    """Grows the isolation forest on the present representation of all rows.

    Before the first block another one, on the unlabelled rows themselves, says which of
    them are left out, where that is asked for.
    """
    train: TrainState = state.train
    weight, known = marks_of(config, source)
    real = np.asarray(weight) > 0
    if config.ignored and not np.asarray(train.left_out).any():
        unlabelled = real & (np.asarray(known) <= 0)
        left_out = _most_isolated(config, key, train.rows, unlabelled)
        train = train._replace(left_out=jnp.asarray(left_out, jnp.float32))
    if config.intrinsic != "none" and real.any():
        hidden = _hidden(config)(state.model.params, train.rows)
        scores = _isolation(config, key, hidden, real)
        train = train._replace(isolation=losses.rescaled(scores, weight))
    return State(state.model, train)


def _most_isolated(
    config: Config, key: Key, rows: Array, chosen: np.ndarray
) -> np.ndarray:
    """The share `config.ignored` of the chosen rows `[N]` that are most isolated."""
    numbers = np.flatnonzero(chosen)
    found = np.zeros(len(chosen), bool)
    count = int(config.ignored * len(numbers))
    if count:
        scores = np.asarray(_isolation(config, key, rows, chosen))[numbers]
        found[numbers[np.argsort(-scores, kind="stable")[:count]]] = True
    return found


def _isolation(config: Config, key: Key, rows: Array, chosen: np.ndarray) -> Array:
    """Isolation scores `[N]` of rows by a forest that is grown on the chosen ones."""
    generator = np.random.default_rng(int(jax.random.bits(key, (), jnp.uint32)))
    forest = isolation_forest.grow(
        np.asarray(rows)[chosen], config.trees, config.max_samples, generator
    )
    return _walk(forest, rows, config.max_samples)


def advance(
    config: Config, key: Key, state: State, source: Any, clock: Clock
) -> tuple[State, Metrics]:
    """Steps of a block, see `types.Detector`."""
    epoch, first = shared(clock.epoch), shared(clock.first)
    last = first + shared(clock.count)
    model, train = state
    order_key, step_key = jax.random.split(key)
    weight, known = marks_of(config, source)
    weight = weight * (1 - train.left_out)
    env = environment.rows(
        jax.random.fold_in(order_key, epoch), train.rows, weight, known, config.subset
    )
    begun = epoch * config.block
    uniform = agents.uniform_of(config, step_key, begun)
    block = Block(env, train.rows, train.isolation, uniform, begun, False, True)
    vector, layout = ravel_pytree(model.params)
    learns = jnp.clip(config.warm_up - begun, first, last)
    # In the warm-up the representation stays as it is: that of all rows is made once,
    # and not where the warm-up is over.
    columns = jax.lax.cond(
        learns > first,
        lambda: hidden_of_columns(model.params, env.values),
        lambda: jnp.zeros((config.width, env.values.shape[1])),
    )
    warm = _represented(block, columns)._replace(learns=False)

    def step(
        block: Block, number: Array, carry: tuple[Agent, Metrics]
    ) -> tuple[Agent, Metrics]:
        agent, sums = carry
        agent, metrics = agents.take_step(config, layout, block, number, agent)
        return agent, jax.tree.map(jnp.add, sums, metrics)

    agent = Agent(
        vector,
        _vector(train.target),
        _by_network(_vector, model.params, train.rmsprop),
        train.replay,
        train.state,
    )
    carry = agent, {name: jnp.zeros(()) for name in agents.METRICS}
    carry = jax.lax.fori_loop(first, learns, functools.partial(step, warm), carry)
    represents = train.represents
    if config.phi_every == 1:
        loop = functools.partial(step, block)
        agent, sums = jax.lax.fori_loop(learns, last, loop, carry)
    else:

        def piece(number: Array, carry: tuple) -> tuple:
            agent, sums, vector = carry
            here = jnp.maximum(number * config.phi_every, learns)
            there = jnp.minimum((number + 1) * config.phi_every, last)
            vector = jnp.where(here % config.phi_every == 0, agent.params, vector)
            columns = hidden_of_columns(layout(vector), env.values)
            loop = functools.partial(step, _represented(block, columns))
            return *jax.lax.fori_loop(here, there, loop, (agent, sums)), vector

        pieces = learns // config.phi_every, -(-last // config.phi_every)
        agent, sums, seen = jax.lax.fori_loop(
            *pieces, piece, (*carry, _vector(represents))
        )
        represents = layout(seen)
    model = model._replace(params=layout(agent.params))
    train = train._replace(
        target=layout(agent.target),
        rmsprop=_by_network(layout, vector, agent.rmsprop),
        replay=agent.replay,
        state=agent.state,
        represents=represents,
    )
    return State(model, train), sums


def _represented(block: Block, columns: Array) -> Block:
    """A block that reads its unlabelled rows' representation, `[H, N + S]`."""
    env = block.env._replace(values=columns)
    return block._replace(env=env, represented=True)


def _by_network(
    change: Callable[[PyTree], PyTree], like: PyTree, tree: PyTree
) -> PyTree:
    """Changes every part of the optimizer's state that looks as the parameters do."""
    structure: Any = jax.tree.structure(like)
    return jax.tree.map(
        change, tree, is_leaf=lambda part: structure == jax.tree.structure(part)
    )


def _vector(tree: PyTree) -> Array:
    return ravel_pytree(tree)[0]


@functools.lru_cache(maxsize=16)
def _hidden(config: Config) -> Callable[[PyTree, Array], Array]:
    """`(params, rows) -> hidden`, compiled."""
    return jax.jit(lambda params, rows: agents.q_values(config, params, rows).hidden)


_walk = jax.jit(isolation_forest.score, static_argnums=2)
