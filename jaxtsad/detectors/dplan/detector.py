"""DPLAN: an agent that learns from a few known anomalies which rows are strange.

Pang, van den Hengel, Shen and Cao, "Toward Deep Supervised Anomaly Detection:
Reinforcement Learning from Partially Labeled Anomaly Data", KDD 2021. Deep Q-learning
on rows of a table or of features of windows; an epoch is a block of steps in the
environment, before which an isolation forest is grown on the representation.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn import ensemble

from jaxtsad.detectors.dplan import encoder as _encoder
from jaxtsad.detectors.dplan import losses as objectives
from jaxtsad.detectors.dplan import network as q_network
from jaxtsad.detectors.dplan import training as _dplan
from jaxtsad.detectors.dplan import window_features
from jaxtsad.detectors.dplan.config import Config
from jaxtsad.detectors.dplan.network import QNetwork, Values
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.training import optimizers, replay
from jaxtsad.training.replay import Replay
from jaxtsad.training.unbatched import shared
from jaxtsad.types import Array, Batch, Clock, Detector, Key, Metrics, PyTree, State

LABELS = True
READ_AT_ONCE = 512
DRAWS = 7


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


class Rest(NamedTuple):
    """What only training needs.

    Attributes:
        target: Parameters of the target network.
        rmsprop: State of the optimiser.
        replay: Past transitions.
        state: Number of the present row.
        rows: `[N + K, F]`, all rows as the network sees them, then the stand-ins.
        strangeness: `[N + K]` isolation scores of their representations, in [0, 1].
    """

    target: PyTree
    rmsprop: PyTree
    replay: Replay
    state: Array
    rows: Array
    strangeness: Array


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    The score is Q(x, anomalous), one number per row or window, which may be negative.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    module = QNetwork(config.width)
    optimiser = optimizers.rmsprop(
        config.learning_rate,
        decay=config.decay,
        momentum=config.momentum,
        clip_gradients=config.clip_gradients,
    )

    def look(params: PyTree, x: Array) -> Values:
        values: Values = network.run(module, Network(params, {}), x)
        return values

    def init(key: Key, source: Any) -> State:
        start_key, stand_in_key = jax.random.split(key)
        kept: PyTree = ()
        if config.encoder is not None:
            encoder_key, stand_in_key = jax.random.split(stand_in_key)
            kept = _encoder.trained(
                encoder_key, config.encoder, source, config.encoder_steps
            )
        index = jnp.arange(source.size, dtype=jnp.int32)
        batched = {"batch_size": min(READ_AT_ONCE, source.size)}
        raw = jax.lax.map(
            lambda one: _read(config, kept, source, one), index, **batched
        )
        real = (source.weight > 0)[:, None]
        low = jnp.where(real, raw, jnp.inf).min(axis=0)
        high = jnp.where(real, raw, -jnp.inf).max(axis=0)
        spread = jnp.where(jnp.isfinite(high - low), high - low, 0.0)
        low = jnp.where(jnp.isfinite(low), low, 0.0)
        rows = _scaled(config, raw, low, spread)
        if config.stand_ins:
            made = _dplan.stand_ins(
                stand_in_key,
                rows,
                source.weight * (source.known <= 0),
                config.stand_ins,
                config.margin,
            )
            rows = jnp.concatenate([rows, made])
        params = network.start(start_key, module, rows[:1]).params
        target = jax.tree.map(jnp.copy, params)
        if config.target_start == "zero":
            target = jax.tree.map(jnp.zeros_like, params)
        rest = Rest(
            target,
            optimiser.init(params),
            replay.empty(config.capacity),
            jnp.int32(0),
            rows,
            jnp.zeros(len(rows)),
        )
        return State(Model(params, kept, low, spread), rest)

    def refresh(key: Key, state: State, source: Any) -> State:
        rest: Rest = state.train
        weight, _ = _dplan.marks(source.weight, source.known, config.stand_ins)
        real = np.asarray(weight) > 0
        if config.intrinsic == "none" or not real.any():
            return state
        hidden = np.asarray(_hidden(config, state.model.params, rest.rows))[real]
        forest = ensemble.IsolationForest(
            n_estimators=config.trees,
            max_samples=min(config.max_samples, len(hidden)),
            random_state=int(jax.random.bits(key, (), jnp.uint32)),
        )
        scores = np.zeros(len(real), np.float32)
        scores[real] = -forest.fit(hidden).score_samples(hidden)
        strangeness = objectives.rescaled(jnp.asarray(scores), weight)
        return State(state.model, rest._replace(strangeness=strangeness))

    def learn(
        params: PyTree, target: PyTree, rmsprop: PyTree, rows: Array, batch: Replay
    ) -> tuple[PyTree, PyTree, Array]:
        following = look(target, rows[batch.following]).q
        goal = objectives.td_target(batch.reward, following, config.discount)

        def loss(params: PyTree) -> tuple[Array, Array]:
            q = look(params, rows[batch.state]).q
            taken = jnp.where(batch.action == 1, q[:, 1], q[:, 0])
            td = objectives.td_loss(taken, goal, config.loss)
            weights = jnp.square(params["hidden"]["kernel"]).sum()
            return td + config.weight_decay * weights, td

        grads, td = jax.grad(loss, has_aux=True)(params)
        params, rmsprop = optimizers.apply(optimiser, grads, rmsprop, params, 1.0)
        return params, rmsprop, td

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        epoch, first = shared(clock.epoch), shared(clock.first)
        count = shared(clock.count)
        rest: Rest = state.train
        order_key, step_key = jax.random.split(key)
        env = _dplan.rows(
            jax.random.fold_in(order_key, epoch),
            rest.rows,
            *_dplan.marks(source.weight, source.known, config.stand_ins),
            config.subset,
        )
        real = env.unlabelled_count > 0
        rows = rest.rows

        def step(number: Array, carry: tuple) -> tuple:
            params, target, rmsprop, past, now, sums = carry
            time = epoch * config.block + number
            uniform = jax.random.uniform(
                jax.random.fold_in(step_key, time), (DRAWS + config.batch_size,)
            )
            now = jnp.where(number == 0, _dplan.begin(env, uniform[0]), now)
            seen = look(params, rows[now][None])
            epsilon = _dplan.epsilon(
                time,
                config.warm_up,
                config.epsilon_steps,
                config.epsilon,
                config.epsilon_from_start,
            )
            guess = (uniform[2] < 0.5).astype(jnp.int32)
            greedy = seen.q[0].argmax().astype(jnp.int32)
            action = jnp.where(uniform[1] < epsilon, guess, greedy)
            reward = objectives.reward(
                env.known[now], action, rest.strangeness[now], config.intrinsic
            )
            chosen, values = _dplan.subset(env, uniform[3], config.subset)
            place = _dplan.towards(
                seen.hidden[0],
                q_network.hidden_of_columns(params, values),
                chosen == now,
                action,
                config.exclude_self,
            )
            shown = (uniform[4] < config.p) & (env.anomaly_count > 0)
            anomaly = _dplan.anomaly(env, uniform[5])
            following = jnp.where(shown, anomaly, chosen[place])
            past = replay.add(past, time, Replay(now, action, reward, following))

            def go() -> tuple[PyTree, PyTree, Array]:
                batch = replay.sample(past, time + 1, uniform[DRAWS:])
                return learn(params, target, rmsprop, rows, batch)

            def stay() -> tuple[PyTree, PyTree, Array]:
                return params, rmsprop, jnp.zeros(())

            new, new_rmsprop, td = jax.lax.cond(time >= config.warm_up, go, stay)
            good = real & jnp.isfinite(td)
            pick = functools.partial(jnp.where, good)
            new = jax.tree.map(pick, new, params)
            new_rmsprop = jax.tree.map(pick, new_rmsprop, rmsprop)
            copies = ((time + 1) % config.target_every == 0) & real
            target = jax.tree.map(functools.partial(jnp.where, copies), new, target)
            found = {
                "loss": jnp.where(good, td, 0.0),
                "reward": reward,
                "flagged": action.astype(jnp.float32),
                "weight": jnp.ones(()),
                "diverged": (real & ~good).astype(jnp.float32),
            }
            sums = jax.tree.map(jnp.add, sums, found)
            return new, target, new_rmsprop, past, following, sums

        names = ("loss", "reward", "flagged", "weight", "diverged")
        sums = {name: jnp.zeros(()) for name in names}
        start = (
            state.model.params,
            rest.target,
            rest.rmsprop,
            rest.replay,
            rest.state,
            sums,
        )
        params, target, rmsprop, past, now, sums = jax.lax.fori_loop(
            first, first + count, step, start
        )
        rest = Rest(target, rmsprop, past, now, rows, rest.strangeness)
        return State(state.model._replace(params=params), rest), sums

    def values(model: Model, batch: Batch) -> Values:
        raw = features(config, model.encoder, batch.values)
        return look(model.params, _scaled(config, raw, model.low, model.spread))

    def score(keys: Array, model: Model, batch: Batch) -> Array:
        del keys
        return values(model, batch).q[:, 1]

    def inspect(keys: Array, model: Model, batch: Batch) -> dict[str, Array]:
        del keys
        return values(model, batch)._asdict()

    return Detector(
        steps=lambda source: config.block,
        init=init,
        advance=advance,
        score=score,
        refresh=refresh,
        inspect=inspect,
    )


def features(config: Config, kept: PyTree, values: Array) -> Array:
    """Rows `[B, F]` of windows `[B, L, C]`, not scaled.

    Args:
        config: The options.
        kept: The frozen autoencoder, if any.
        values: The windows.
    """
    if config.encoder is not None:
        return _encoder.codes(config.encoder, kept, values)
    if config.representation == "flat" or config.window == 1:
        return window_features.flat(values)
    return window_features.statistics(values)


def _read(config: Config, kept: PyTree, source: Any, index: Array) -> Array:
    return features(config, kept, source.take(index[None]).values)[0]


def _scaled(config: Config, raw: Array, low: Array, spread: Array) -> Array:
    varied = jnp.where(spread > 0, spread, 1.0)
    unit = (raw - low[None]) / varied[None]
    return jnp.clip(unit, -config.margin, 1.0 + config.margin)


@functools.partial(jax.jit, static_argnums=0)
def _hidden(config: Config, params: PyTree, rows: Array) -> Array:
    found: Values = network.run(QNetwork(config.width), Network(params, {}), rows)
    return found.hidden
