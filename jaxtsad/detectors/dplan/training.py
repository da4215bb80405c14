"""DPLAN's agent: deep Q-learning on rows, and the isolation scores it is rewarded with.

An epoch is a block of steps in the environment; before it an isolation forest is grown
on the network's hidden representation of all rows.

Shape letters: N rows, K stand-ins, F numbers of a row, B transitions of a batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.dplan import environment, losses, replay
from jaxtsad.detectors.dplan.config import Config
from jaxtsad.detectors.dplan.environment import Rows
from jaxtsad.detectors.dplan.network import QNetwork, Values, hidden_of_columns
from jaxtsad.detectors.dplan.replay import Replay
from jaxtsad.detectors.dplan.unbatched import shared
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.training import optimizers
from jaxtsad.types import Array, Clock, Key, Metrics, PyTree, State

# Random numbers of a step beside those that draw its batch.
DRAWS = 7
METRICS = ("loss", "reward", "flagged", "weight", "diverged")


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
    """

    target: PyTree
    rmsprop: PyTree
    replay: Replay
    state: Array
    rows: Array
    isolation: Array


class Block(NamedTuple):
    """What does not change within a block of steps.

    Attributes:
        env: The environment.
        rows: See `TrainState`.
        isolation: See `TrainState`.
        key: Of the random numbers of every step.
        first: Number of the block's first step in all of training.
    """

    env: Rows
    rows: Array
    isolation: Array
    key: Key
    first: Array


class Agent(NamedTuple):
    """What a step changes.

    Attributes:
        params: Parameters of the online network.
        target: Parameters of the target network.
        rmsprop: State of the optimizer.
        replay: Past transitions.
        state: Number of the present row.
    """

    params: PyTree
    target: PyTree
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


def start(config: Config, key: Key, rows: Array) -> tuple[PyTree, TrainState]:
    """Draws the network; `rows` are all rows as it sees them, then the stand-ins."""
    params = network.start(key, QNetwork(config.width), rows[:1]).params
    target = jax.tree.map(jnp.copy, params)
    if config.target_start == "zero":
        target = jax.tree.map(jnp.zeros_like, params)
    train = TrainState(
        target,
        optimizer(config).init(params),
        replay.empty(config.capacity),
        jnp.int32(0),
        rows,
        jnp.zeros(len(rows)),
    )
    return params, train


def marks_of(config: Config, source: Any) -> tuple[Array, Array]:
    """Weight and `known` of a source's rows and the stand-ins."""
    return environment.marks(
        source.weight, source.known, config.stand_ins, config.stand_ins_always
    )


def refresh(config: Config, key: Key, state: State, source: Any) -> State:
    """Grows the isolation forest on the present representation of all rows."""
    train: TrainState = state.train
    weight, _ = marks_of(config, source)
    real = np.asarray(weight) > 0
    if config.intrinsic == "none" or not real.any():
        return state
    hidden = np.asarray(_hidden(config)(state.model.params, train.rows))[real]
    from sklearn import ensemble  # Importing it takes seconds.

    forest = ensemble.IsolationForest(
        n_estimators=config.trees,
        max_samples=min(config.max_samples, len(hidden)),
        random_state=int(jax.random.bits(key, (), jnp.uint32)),
    )
    scores = np.zeros(len(real), np.float32)
    scores[real] = -forest.fit(hidden).score_samples(hidden)
    isolation = losses.rescaled(jnp.asarray(scores), weight)
    return State(state.model, train._replace(isolation=isolation))


def learn(
    config: Config, agent: Agent, rows: Array, batch: Replay
) -> tuple[PyTree, PyTree, Array]:
    """One gradient step on a batch of transitions.

    Args:
        config: The options.
        agent: Before the step.
        rows: See `TrainState`.
        batch: Transitions `[B]`.

    Returns:
        New parameters, the optimizer's new state and the temporal-difference loss.
    """
    following = q_values(config, agent.target, rows[batch.following]).q
    goal = losses.td_target(batch.reward, following, config.discount)

    def loss(params: PyTree) -> tuple[Array, Array]:
        q = q_values(config, params, rows[batch.state]).q
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
    config: Config, block: Block, agent: Agent, time: Array, uniform: Array
) -> Replay:
    """One step in the environment: an action, its reward and the row that follows.

    Args:
        config: The options.
        block: The block.
        agent: Before the step.
        time: Number of the step in all of training.
        uniform: `[DRAWS]` random numbers in [0, 1).
    """
    env, state = block.env, agent.state
    seen = q_values(config, agent.params, block.rows[state][None])
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
    chosen, values = environment.subset(env, uniform[3], config.subset)
    place = environment.towards(
        seen.hidden[0],
        hidden_of_columns(agent.params, values),
        chosen == state,
        action,
        config.exclude_self,
    )
    shown = (uniform[4] < config.p) & (env.anomaly_count > 0)
    anomaly = environment.anomaly(env, uniform[5])
    return Replay(state, action, reward, jnp.where(shown, anomaly, chosen[place]))


def take_step(
    config: Config, block: Block, number: Array, agent: Agent
) -> tuple[Agent, Metrics]:
    """Acts, remembers, learns after the warm-up, and copies to the target in time.

    Args:
        config: The options.
        block: The block.
        number: Of the step within the block; an episode starts with the first.
        agent: Before the step.
    """
    time = block.first + number
    uniform = jax.random.uniform(
        jax.random.fold_in(block.key, time), (DRAWS + config.batch_size,)
    )
    begin = environment.begin(block.env, uniform[0])
    agent = agent._replace(state=jnp.where(number == 0, begin, agent.state))
    transition = act(config, block, agent, time, uniform)
    past = replay.add(agent.replay, time, transition)

    def do_step() -> tuple[PyTree, PyTree, Array]:
        batch = replay.sample(past, time + 1, uniform[DRAWS:])
        return learn(config, agent, block.rows, batch)

    def skip_step() -> tuple[PyTree, PyTree, Array]:
        return agent.params, agent.rmsprop, jnp.zeros(())

    params, rmsprop, td = jax.lax.cond(time >= config.warm_up, do_step, skip_step)
    real = block.env.unlabelled_count > 0
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


def advance(
    config: Config, key: Key, state: State, source: Any, clock: Clock
) -> tuple[State, Metrics]:
    """Steps of a block, see `types.Detector`."""
    epoch, first = shared(clock.epoch), shared(clock.first)
    count = shared(clock.count)
    model, train = state
    order_key, step_key = jax.random.split(key)
    env = environment.rows(
        jax.random.fold_in(order_key, epoch),
        train.rows,
        *marks_of(config, source),
        config.subset,
    )
    block = Block(env, train.rows, train.isolation, step_key, epoch * config.block)

    def step(number: Array, carry: tuple[Agent, Metrics]) -> tuple[Agent, Metrics]:
        agent, sums = carry
        agent, metrics = take_step(config, block, number, agent)
        return agent, jax.tree.map(jnp.add, sums, metrics)

    agent = Agent(model.params, train.target, train.rmsprop, train.replay, train.state)
    sums = {name: jnp.zeros(()) for name in METRICS}
    agent, sums = jax.lax.fori_loop(first, first + count, step, (agent, sums))
    changed = agent._asdict()
    model = model._replace(params=changed.pop("params"))
    train = train._replace(**changed)
    return State(model, train), sums


@functools.lru_cache(maxsize=16)
def _hidden(config: Config) -> Callable[[PyTree, Array], Array]:
    """`(params, rows) -> hidden`, compiled."""
    return jax.jit(lambda params, rows: q_values(config, params, rows).hidden)
