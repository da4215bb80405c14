"""The head-wise Anomaly Transformer: a prior per head, the discrepancy as the score.

After a public notebook that builds on Xu et al., "Anomaly Transformer", ICLR 2022: two
groups of parameters move the discrepancy against each other, in the direction opposite
to the paper's, and a high discrepancy is taken as anomalous. Averaged over covering
windows (`aggregate="spread"`) the step score is the notebook's window score over L;
nothing makes an anomalous window's discrepancy high. `score="reconstruction"` is the
error.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.detectors.anomaly_transformer_headwise import losses
from jaxtsad.detectors.anomaly_transformer_headwise.config import Config
from jaxtsad.detectors.anomaly_transformer_headwise.network import HeadwiseTransformer
from jaxtsad.models import reconstruction as errors
from jaxtsad.models.anomaly_attention import forward
from jaxtsad.training import descent, epochs, optimizers
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree, State


def network(config: Config) -> HeadwiseTransformer:
    """The network of a config."""
    return HeadwiseTransformer(
        length=config.window,
        channels=config.channels,
        width=config.width,
        heads=config.heads,
        layers=config.layers,
        hidden=config.hidden,
        dropout=config.dropout,
        floor=config.floor,
    )


def groups(params: PyTree) -> PyTree:
    """Labels every parameter `prior` (the widths) or `network` (everything else)."""
    return optimizers.label_leaves(params, {"prior": ("sigma",)}, "network")


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    net = network(config)

    def objective(
        params: PyTree, key: Key, batch: Batch, epoch: Array
    ) -> tuple[Array, Metrics]:
        del epoch
        output = forward(
            net, params, batch.values, dropout_key=key if config.dropout else None
        )
        terms = losses.terms(batch.values, output, batch.weight)
        # Each term sends its gradient to one group only, so one sum serves both.
        network_loss = losses.network_loss(terms, config.k, config.direction)
        return network_loss + losses.prior_loss(terms, config.direction), metrics(terms)

    def metrics(terms: losses.Terms) -> Metrics:
        return {
            "loss": losses.network_loss(terms, config.k, config.direction),
            "reconstruction": terms.reconstruction,
            "discrepancy": terms.series,
        }

    def adam(rate: float) -> Any:
        return optimizers.adam(
            rate, clip_gradients=config.clip_gradients, weight_decay=config.weight_decay
        )

    transforms = {
        "network": adam(config.learning_rate),
        "prior": adam(config.learning_rate * config.prior_multiplier),
    }
    trainer = descent.descent(
        objective, config, optimizers.partition(transforms, groups)
    )

    def init(key: Key, source: Any) -> State:
        del source
        windows = jnp.zeros((1, config.window, config.channels))
        return trainer.start(net.init(key, windows)["params"])

    def measure(key: Key, model: PyTree, batch: Batch) -> Metrics:
        del key
        output = forward(net, model, batch.values)
        return metrics(losses.terms(batch.values, output, batch.weight))

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        """Channels share a discrepancy as they share the squared error."""
        del keys
        output = forward(net, model, batch.values)
        error = errors.squared_error(output.reconstruction, batch.values)
        if config.score == "reconstruction":
            return error
        total = error.sum(-1, keepdims=True)
        equal = 1 / config.channels
        share = jnp.where(total > 0, error / jnp.where(total > 0, total, 1.0), equal)
        discrepancy = config.score_sign * output.series.mean(1)
        return discrepancy[..., None] * share

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        if config.score == "reconstruction":
            return explain(keys, model, batch).sum(-1)
        output = forward(net, model, batch.values)
        return config.score_sign * output.series.mean(1)

    def inspect(keys: Array, model: PyTree, batch: Batch) -> dict[str, Array]:
        del keys
        output = forward(net, model, batch.values, associations=True)
        seen: Any = output.associations
        error = errors.squared_error(output.reconstruction, batch.values)
        return {
            "series": seen.series,
            "prior": seen.prior,
            "sigma": seen.sigma,
            "discrepancy": output.series,
            "reconstruction": output.reconstruction,
            "error": error.sum(-1),
        }

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=trainer.advance,
        validate=epochs.evaluate(measure, config.batch_size),
        score=score,
        explain=explain,
        inspect=inspect,
        advance_near=trainer.advance_near,
        continues=True,
    )


def size(config: Config) -> int:
    """Number of parameters, without computing any.

    Example:
        >>> size(Config(window=100, channels=25))
        25245273
    """
    shape = jax.ShapeDtypeStruct((1, config.window, config.channels), jnp.float32)
    params = jax.eval_shape(network(config).init, jax.random.key(0), shape)["params"]
    return sum(leaf.size for leaf in jax.tree.leaves(params))
