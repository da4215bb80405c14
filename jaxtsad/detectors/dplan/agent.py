"""A step of DPLAN's agent in the environment, and of what it learns there.

Shape letters: N rows, K stand-ins, B transitions of a batch, T steps of a block.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from jaxtsad.detectors.dplan import environment, losses, replay
from jaxtsad.detectors.dplan.config import Config
from jaxtsad.detectors.dplan.environment import Rows
from jaxtsad.detectors.dplan.network import QNetwork, Values, hidden_of_columns
from jaxtsad.detectors.dplan.replay import Replay
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.training import optimizers
from jaxtsad.types import Array, Key, Metrics, PyTree

# Random numbers of a step, without those that draw its batch.
DRAWS = 7
METRICS = ("loss", "reward", "flagged", "weight", "diverged")
Layout: TypeAlias = Callable[[Array], PyTree]
"""Makes a network's parameters of their vector."""


class Block(NamedTuple):
    """What does not change within a block of steps.

    Attributes:
        env: The environment.
        rows: See `training.TrainState`.
        isolation: See `training.TrainState`.
        uniform: `[T, DRAWS + B]` random numbers of every step.
        first: Number of the block's first step in all of training.
        represented: Whether `env.values` are hidden activations.
        learns: Whether a step learns; it does not in the warm-up.
    """

    env: Rows
    rows: Array
    isolation: Array
    uniform: Array
    first: Array
    represented: bool
    learns: bool


class Agent(NamedTuple):
    """What a step changes; parameters lie in one vector, for fewer and longer loops.

    Attributes:
        params: Parameters of the online network.
        target: Parameters of the target network.
        rmsprop: State of the optimizer.
        replay: Past transitions.
        state: Number of the present row.
    """

    params: Array
    target: Array
    rmsprop: PyTree
    replay: Replay
    state: Array


def optimizer(config: Config) -> optimizers.Transform:
    """RMSprop of the config."""
    return optimizers.rmsprop(
        config.learning_rate,
        decay=config.decay,
        momentum=config.momentum,
        clip_gradients=config.clip_gradients,
    )


def q_values(config: Config, params: PyTree, rows: Array) -> Values:
    """Values of both actions, and the representation, of rows `[B, F]`."""
    module = QNetwork(config.width)
    values: Values = network.run(module, Network(params, {}), rows)
    return values


def uniform_of(config: Config, key: Key, first: Array) -> Array:
    """Random numbers `[T, DRAWS + B]` of all steps of a block, at once."""
    times = first + jnp.arange(config.block, dtype=jnp.int32)
    keys = jax.vmap(functools.partial(jax.random.fold_in, key))(times)
    shape = (DRAWS + config.batch_size,)
    return jax.vmap(lambda one: jax.random.uniform(one, shape))(keys)


def learn(
    config: Config, layout: Layout, agent: Agent, rows: Array, batch: Replay
) -> tuple[Array, PyTree, Array]:
    """One gradient step on a batch of transitions.

    Args:
        config: The options.
        layout: How the parameters' vectors are made into layers.
        agent: Before the step.
        rows: See `training.TrainState`.
        batch: Transitions `[B]`.

    Returns:
        New parameters, the optimizer's new state and the temporal-difference loss.
    """
    following = q_values(config, layout(agent.target), rows[batch.following]).q
    goal = losses.td_target(batch.reward, following, config.discount)
    present = rows[batch.state]

    def loss(vector: Array) -> tuple[Array, Array]:
        params = layout(vector)
        q = q_values(config, params, present).q
        taken = jnp.where(batch.action == 1, q[:, 1], q[:, 0])
        td = losses.td_loss(taken, goal, config.loss)
        weights = jnp.square(params["hidden"]["kernel"]).sum()
        return td + config.weight_decay * weights, td

    grads, td = jax.grad(loss, has_aux=True)(agent.params)
    params, rmsprop = optimizers.apply(
        optimizer(config), grads, agent.rmsprop, agent.params, 1.0
    )
    return params, rmsprop, td


def act(
    config: Config,
    block: Block,
    params: PyTree,
    state: Array,
    time: Array,
    uniform: Array,
) -> Replay:
    """One step in the environment: an action, its reward and the row that follows.

    Args:
        config: The options.
        block: The block.
        params: Parameters of the online network.
        state: Number of the present row.
        time: Number of the step in all of training.
        uniform: `[DRAWS]` random numbers in [0, 1).
    """
    env = block.env
    seen = q_values(config, params, block.rows[state][None])
    epsilon = environment.epsilon(
        time,
        config.warm_up,
        config.epsilon_steps,
        config.epsilon,
        config.epsilon_from_start,
    )
    guess = (uniform[2] < 0.5).astype(jnp.int32)
    greedy = seen.q[0].argmax().astype(jnp.int32)
    action = jnp.where(uniform[1] < epsilon, guess, greedy)
    reward = losses.reward(
        env.known[state], action, block.isolation[state], config.intrinsic
    )

    def near_or_far() -> Array:
        chosen, columns = environment.subset(env, uniform[3], config.subset)
        if not block.represented:
            columns = hidden_of_columns(params, columns)
        place = environment.towards(
            seen.hidden[0], columns, chosen == state, action, config.exclude_self
        )
        return chosen[place]

    shown = (uniform[4] < config.p) & (env.anomaly_count > 0)
    following = jax.lax.cond(
        shown, lambda: environment.anomaly(env, uniform[5]), near_or_far
    )
    return Replay(state, action, reward, following)


def take_step(
    config: Config, layout: Layout, block: Block, number: Array, agent: Agent
) -> tuple[Agent, Metrics]:
    """Acts, remembers, learns after the warm-up, and copies to the target in time.

    Args:
        config: The options.
        layout: How the parameters' vectors are made into layers.
        block: The block.
        number: Of the step within the block; an episode starts with the first.
        agent: Before the step.
    """
    time, uniform = block.first + number, block.uniform[number]
    begin = environment.begin(block.env, uniform[0])
    state = jnp.where(number == 0, begin, agent.state)
    transition = act(config, block, layout(agent.params), state, time, uniform)
    # Apart from where it is read, for which all of it would be copied in every step.
    past = jax.lax.optimization_barrier(replay.add(agent.replay, time, transition))
    real = block.env.unlabelled_count > 0
    params, rmsprop, td = agent.params, agent.rmsprop, jnp.zeros(())
    good = real
    if block.learns:
        batch = replay.sample(past, time + 1, uniform[DRAWS:])
        params, rmsprop, td = learn(config, layout, agent, block.rows, batch)
        good = real & jnp.isfinite(td)
        if_good = functools.partial(jnp.where, good)
        params = jax.tree.map(if_good, params, agent.params)
        rmsprop = jax.tree.map(if_good, rmsprop, agent.rmsprop)
    copies = ((time + 1) % config.target_every == 0) & real
    target = jax.tree.map(functools.partial(jnp.where, copies), params, agent.target)
    metrics = {
        "loss": jnp.where(good, td, 0.0),
        "reward": transition.reward,
        "flagged": transition.action.astype(jnp.float32),
        "weight": jnp.ones(()),
        "diverged": (real & ~good).astype(jnp.float32),
    }
    return Agent(params, target, rmsprop, past, transition.following), metrics
