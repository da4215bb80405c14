"""Steps of the Anomaly Transformer's minimax: both phases at once, or in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax

from jaxtsad.detectors.anomaly_transformer import losses
from jaxtsad.detectors.anomaly_transformer.config import Config
from jaxtsad.detectors.anomaly_transformer.losses import KL_DIRECTIONS, Terms
from jaxtsad.detectors.anomaly_transformer.network import AnomalyTransformer
from jaxtsad.models.anomaly_attention import Output, Settings, forward
from jaxtsad.ops import products
from jaxtsad.ops.attention.association import Direction
from jaxtsad.training import optimizers, rows
from jaxtsad.types import Array, Batch, Key, Metrics, PyTree, State

GROUPS = {"prior": ("sigma", "rho"), "series": ("query", "key")}


class Minimax(NamedTuple):
    """How the minimax is trained.

    Attributes:
        init: Parameters to the optimizer's state.
        step: `(key, state, batch, scale, k) -> (state, metrics)`.
    """

    init: Callable[[PyTree], PyTree]
    step: Callable[[Key, State, Batch, Array, Array | float], tuple[State, Metrics]]


def network(
    config: Config, series: Direction = "symmetric", prior: Direction = "symmetric"
) -> AnomalyTransformer:
    """The network, whose divergences are taken in the given directions."""
    settings = Settings(
        length=config.window,
        width=config.width,
        heads=config.heads,
        prior_param=config.prior_param,
        sigma_cap=config.sigma_cap,
        dropout=config.dropout,
        epsilon=config.epsilon,
        series_direction=series,
        prior_direction=prior,
        dropped_divergence=config.dropped_divergence,
        prior_in_output=config.prior_in_output,
        precision=products.resolved(config.precision),
        implementation=config.implementation,
    )
    return AnomalyTransformer(
        settings, config.channels, config.layers, config.hidden, config.dropout
    )


def apply(
    net: AnomalyTransformer, params: PyTree, values: Array, associations: bool = False
) -> Output:
    """The network without dropout, whose rows devices may share."""

    @rows.split_rows
    def run(params: PyTree, values: Array) -> Output:
        return forward(net, params, values, associations=associations)

    output: Output = run(params, values)
    return output


def groups(params: PyTree) -> PyTree:
    """Labels every parameter: `prior`, `series` (query and key) or `other`."""
    return optimizers.label_leaves(params, GROUPS, "other")


def metrics(terms: Terms, k: Array | float) -> Metrics:
    """What training and validation report; early stopping looks at `loss`."""
    return {
        "loss": terms.reconstruction,
        "loss1": losses.series_phase(terms, k),
        "loss2": losses.prior_phase(terms, k),
        "series": terms.series,
        "prior": terms.prior,
    }


def joint(config: Config) -> Minimax:
    """Both phases in one step of one optimizer, as the published code."""
    net = network(config, *KL_DIRECTIONS[config.kl_direction])
    adam = optimizers.adam(config.learning_rate, clip_gradients=config.clip_gradients)

    def step(
        key: Key, state: State, batch: Batch, scale: Array, k: Array | float
    ) -> tuple[State, Metrics]:
        def loss(params: PyTree) -> tuple[Array, Terms]:
            terms = _terms(net, params, batch, key)
            return losses.joint(terms, k), terms

        grads, terms = jax.grad(loss, has_aux=True)(state.model)
        moved = optimizers.apply(adam, grads, state.train, state.model, scale)
        return State(*moved), metrics(terms, k)

    return Minimax(adam.init, step)


def alternating(config: Config) -> Minimax:
    """Steps of everything but the prior, then steps of the prior alone, per batch.

    Each phase has its own optimizer, whose moments do not advance in the other's turn.
    """
    series_direction, prior_direction = KL_DIRECTIONS[config.kl_direction]
    series_net = network(config, series_direction, series_direction)
    prior_net = network(config, prior_direction, prior_direction)
    series_adam = optimizers.adam(
        config.learning_rate, clip_gradients=config.clip_gradients
    )
    prior_rate = config.learning_rate * config.prior_multiplier
    prior_adam = optimizers.adam(prior_rate, clip_gradients=config.clip_gradients)
    frozen = optimizers.frozen()
    series_moves = optimizers.partition({"prior": frozen, "rest": series_adam}, _halves)
    prior_moves = optimizers.partition({"prior": prior_adam, "rest": frozen}, _halves)

    def both_ways(terms: Terms) -> Terms:
        if config.stop_partner:
            return terms
        series = losses.unstopped(terms.series, terms.prior)
        prior = losses.unstopped(terms.prior, terms.series)
        return terms._replace(series=series, prior=prior)

    def step(
        key: Key, state: State, batch: Batch, scale: Array, k: Array | float
    ) -> tuple[State, Metrics]:
        params = state.model
        series_state, prior_state = state.train
        turns = config.series_updates + config.prior_updates
        series_keys, prior_keys = _split(key, turns, config.series_updates)

        def series_loss(params: PyTree, key: Key) -> tuple[Array, Terms]:
            terms = both_ways(_terms(series_net, params, batch, key))
            return losses.series_phase(terms, k), terms

        def prior_loss(params: PyTree, key: Key) -> tuple[Array, Terms]:
            terms = both_ways(_terms(prior_net, params, batch, key))
            moving = config.prior_in_output
            return losses.prior_phase(terms, k, reconstruction=moving), terms

        seen = []
        for turn_key in series_keys:
            grads, terms = jax.grad(series_loss, has_aux=True)(params, turn_key)
            params, series_state = optimizers.apply(
                series_moves, grads, series_state, params, scale
            )
            seen.append(terms)
        for turn_key in prior_keys:
            grads, terms = jax.grad(prior_loss, has_aux=True)(params, turn_key)
            params, prior_state = optimizers.apply(
                prior_moves, grads, prior_state, params, scale
            )
            seen.append(terms)
        terms = seen[0]._replace(prior=seen[-1].prior)
        return State(params, (series_state, prior_state)), metrics(terms, k)

    def init(params: PyTree) -> PyTree:
        return series_moves.init(params), prior_moves.init(params)

    return Minimax(init, step)


def _halves(params: PyTree) -> PyTree:
    return jax.tree.map(
        lambda group: "prior" if group == "prior" else "rest", groups(params)
    )


def _split(key: Key, count: int, first: int) -> tuple[list[Key], list[Key]]:
    keys = list(jax.random.split(key, count))
    return keys[:first], keys[first:]


def _terms(
    net: AnomalyTransformer, params: PyTree, batch: Batch, dropout_key: Key
) -> Terms:
    if net.dropout:  # Devices that share a batch would draw the same.
        output = forward(net, params, batch.values, dropout_key=dropout_key)
    else:
        output = apply(net, params, batch.values)
    return losses.terms(batch.values, output, batch.weight)
