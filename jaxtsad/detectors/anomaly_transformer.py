"""The Anomaly Transformer, trained by its minimax in one step or in alternation.

Xu, Wu, Wang, Long, "Anomaly Transformer: Time Series Anomaly Detection with Association
Discrepancy", ICLR 2022. The defaults, which are the mode `reference`, are the published
code's; the mode `modified` answers its critics.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal, TypeAlias

import jax.numpy as jnp

from jaxtsad.detectors import _minimax, _options
from jaxtsad.models.anomaly_attention import PRIOR_PARAMS, PriorParam
from jaxtsad.models.anomaly_transformer import Associations, Output, forward
from jaxtsad.objectives import anomaly_transformer as objectives
from jaxtsad.objectives.anomaly_transformer import KL_DIRECTIONS, KlDirection
from jaxtsad.ops import association
from jaxtsad.ops.association import EPSILONS, Epsilon
from jaxtsad.ops.attention import IMPLEMENTATIONS, Implementation
from jaxtsad.ops.products import PRECISIONS, Precision
from jaxtsad.training import epochs
from jaxtsad.types import (
    Array,
    Batch,
    Clock,
    Detector,
    Key,
    Metrics,
    PyTree,
    State,
)

Score: TypeAlias = Literal["assdis", "reconstruction", "sp_rows", "sp_cols"]
Minimax: TypeAlias = Literal["joint", "alternating"]
SCORES: tuple[Score, ...] = ("assdis", "reconstruction", "sp_rows", "sp_cols")
MINIMAXES: tuple[Minimax, ...] = ("joint", "alternating")


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of `anomaly_transformer`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        width: Model width D, a multiple of `heads`.
        heads: Attention heads H.
        layers: Encoder layers N.
        hidden: Width of the position-wise networks.
        dropout: Share dropped in training.
        k: Weight of the divergence in the losses; the paper's lambda.
        temperature: Multiplier of the discrepancy inside the score's softmax.
        score: `assdis`, reconstruction error weighted by low discrepancy;
            `reconstruction`, unweighted; `sp_cols`, weighted by the attention that a
            step receives; `sp_rows`, that weight as written down, which is uniform.
        minimax: `joint`, both phases in one optimiser step, as the published code;
            `alternating`, a step of series and trunk, then one of the prior alone.
        kl_direction: `symmetric`, as published; `sp_ps`, KL(series || prior) in the
            series phase and KL(prior || series) in the prior phase; `forward` or
            `reverse` in both.
        epsilon: `additive`, 1e-4 in both logarithms, as published; `clip`, at 1e-7.
        prior_param: What the prior's width is made of (see `models`).
        sigma_cap: Largest width of `dynamic_wide` in steps; 0 for no limit.
        prior_in_output: Whether the prior's density mixes values too.
        dropped_divergence: Whether divergences see the series after dropout.
        stop_partner: Whether a phase's gradient stops at the association that does not
            move (alternating only; joint always stops).
        learning_rate: Of Adam.
        prior_multiplier: Learning rate of the prior over `learning_rate`, when
            alternating.
        series_updates: Steps of series and trunk per batch, when alternating.
        prior_updates: Steps of the prior per batch, when alternating.
        warmup_epochs: First epochs in which `k` is 0.
        clip: Largest global norm of a gradient; 0 does not clip.
        batch_size: Windows per step.
        precision: Of products: `float32`; `default`, what the device does with float32
            by itself (TF32 on a GPU); `bfloat16`. Parameters, softmax, divergences and
            sums are float32 whatever it is.
        implementation: Of the attention (see `ops.attention`).

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: int
    channels: int
    width: int = 512
    heads: int = 8
    layers: int = 3
    hidden: int = 512
    dropout: float = 0.0
    k: float = 3.0
    temperature: float = 50.0
    score: Score = "assdis"
    minimax: Minimax = "joint"
    kl_direction: KlDirection = "symmetric"
    epsilon: Epsilon = "additive"
    prior_param: PriorParam = "dynamic"
    sigma_cap: float = 0.0
    prior_in_output: bool = False
    dropped_divergence: bool = True
    stop_partner: bool = True
    learning_rate: float = 1e-4
    prior_multiplier: float = 10.0
    series_updates: int = 1
    prior_updates: int = 1
    warmup_epochs: int = 0
    clip: float = 0.0
    batch_size: int = 32
    precision: Precision = "float32"
    implementation: Implementation = "auto"

    def __post_init__(self) -> None:
        for name, choices in (
            ("score", SCORES),
            ("minimax", MINIMAXES),
            ("kl_direction", tuple(KL_DIRECTIONS)),
            ("epsilon", EPSILONS),
            ("prior_param", PRIOR_PARAMS),
            ("precision", PRECISIONS),
            ("implementation", IMPLEMENTATIONS),
        ):
            _options.check_choice(self, name, choices)
        _options.check_sizes(self, "window", "channels", "width", "heads", "layers")
        _options.check_sizes(self, "hidden", "batch_size")
        _options.check_counts(self, "series_updates", "prior_updates", "warmup_epochs")
        _options.check_not_negative(self, "k", "temperature", "sigma_cap", "clip")
        _options.check_positive(self, "learning_rate", "prior_multiplier")
        if self.series_updates + self.prior_updates < 1:
            raise ValueError("series_updates and prior_updates must not both be 0")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} must be in [0, 1)")
        if self.width % self.heads:
            raise ValueError(
                f"width={self.width} must be a multiple of heads={self.heads}"
            )
        if self.width % 2:
            raise ValueError(f"width={self.width} must be even")


TINY = Config(
    window=8,
    channels=3,
    width=8,
    heads=2,
    layers=2,
    hidden=8,
    temperature=0.1,
    batch_size=16,
)

MODES: dict[str, dict[str, Any]] = {
    "reference": {},
    "modified": {
        "layers": 2,
        "dropout": 0.3,
        "temperature": 3.0,
        "minimax": "alternating",
        "kl_direction": "sp_ps",
        "epsilon": "clip",
        "dropped_divergence": False,
        "warmup_epochs": 1,
        "clip": 1.0,
    },
}
"""What each mode changes of the defaults."""


@functools.lru_cache(maxsize=64)
def minimax(config: Config) -> _minimax.Minimax:
    """Initialises the optimiser and takes one step, as `build` uses it."""
    make = _minimax.joint if config.minimax == "joint" else _minimax.alternating
    return make(config)


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(TINY) is build(dataclasses.replace(TINY))
        True
    """
    init_train, step = minimax(config)
    training_network = _minimax.network(config, *KL_DIRECTIONS[config.kl_direction])
    network = _minimax.network(config)

    def init(key: Key, source: Any) -> State:
        del source
        windows = jnp.zeros((1, config.window, config.channels))
        params = network.init(key, windows)["params"]
        return State(params, init_train(params))

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        warm = clock.epoch < config.warmup_epochs
        k = jnp.where(warm, 0.0, config.k) if config.warmup_epochs else config.k

        def one(
            key: Key, state: State, batch: Batch, scale: Array
        ) -> tuple[State, Metrics]:
            return step(key, state, batch, scale, k)

        go = epochs.minibatches(one, config.batch_size)
        return go(key, state, source, clock)

    def measure(key: Key, model: PyTree, batch: Batch) -> Metrics:
        del key
        output = forward(training_network, model, batch.values)
        terms = objectives.terms(batch.values, output, batch.weight)
        return _minimax.metrics(terms, config.k)

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        seen = config.score in ("sp_rows", "sp_cols")
        output = forward(network, model, batch.values, associations=seen)
        error = jnp.square(output.reconstruction - batch.values) / config.channels
        return weight(config, output)[..., None] * error

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        return explain(keys, model, batch).sum(-1)

    def inspect(keys: Array, model: PyTree, batch: Batch) -> dict[str, Array]:
        del keys
        output = forward(network, model, batch.values, associations=True)
        seen = _seen(output)
        error = jnp.square(output.reconstruction - batch.values).mean(-1)
        return {
            "series": seen.series,
            "prior": seen.prior,
            "sigma": seen.sigma,
            "discrepancy": output.series.mean(2),
            "reconstruction": output.reconstruction,
            "error": error,
            "weight": weight(config, output),
        }

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=advance,
        validate=epochs.evaluate(measure, config.batch_size),
        score=score,
        explain=explain,
        inspect=inspect,
    )


def weight(config: Config, output: Output) -> Array:
    """Weight `[B, L]` of each step's error in the score, by `config.score`."""
    if config.score == "reconstruction":
        return jnp.ones(output.reconstruction.shape[:2])
    if config.score == "assdis":
        discrepancy = output.series.sum(1).mean(1)
        return association.discrepancy_weight(discrepancy, config.temperature)
    choose = {
        "sp_rows": association.row_weight,
        "sp_cols": association.column_weight,
    }[config.score]
    series, prior, _ = _seen(output)
    return choose(series, prior, config.temperature)


def _seen(output: Output) -> Associations:
    assert output.associations is not None
    return output.associations
