"""Options of the Anomaly Transformer and the named sets of them."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from jaxtsad import validation
from jaxtsad.detectors.anomaly_transformer.losses import KlDirection
from jaxtsad.models.anomaly_attention import PriorParam
from jaxtsad.ops.attention.association import Epsilon
from jaxtsad.ops.attention.dispatch import Implementation
from jaxtsad.ops.products import Choice
from jaxtsad.validation import Count, NotNegative, Positive, ShareBelowOne, Size

Score: TypeAlias = Literal["assdis", "reconstruction", "sp_rows", "sp_cols"]
Minimax: TypeAlias = Literal["joint", "alternating"]


@validation.config
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
        minimax: `joint`, both phases in one optimizer step, as the published code;
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
        clip_gradients: Largest global norm of a gradient; 0 does not clip.
        batch_size: Windows per step.
        precision: Of products: `float32`; `default`, what the device does with float32
            by itself (TF32 on a GPU); `bfloat16`, in which devices other than CPUs
            store activations, too; `auto`, bfloat16 where its products are faster (a
            warning says what it is). Parameters, softmax, divergences and sums are
            float32 whatever it is.
        implementation: Of the attention (see `ops.attention`).

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: Size
    channels: Size
    width: Size = 512
    heads: Size = 8
    layers: Size = 3
    hidden: Size = 512
    dropout: ShareBelowOne = 0.0
    k: NotNegative = 3.0
    temperature: NotNegative = 50.0
    score: Score = "assdis"
    minimax: Minimax = "joint"
    kl_direction: KlDirection = "symmetric"
    epsilon: Epsilon = "additive"
    prior_param: PriorParam = "dynamic"
    sigma_cap: NotNegative = 0.0
    prior_in_output: bool = False
    dropped_divergence: bool = True
    stop_partner: bool = True
    learning_rate: Positive = 1e-4
    prior_multiplier: Positive = 10.0
    series_updates: Count = 1
    prior_updates: Count = 1
    warmup_epochs: Count = 0
    clip_gradients: NotNegative = 0.0
    batch_size: Size = 32
    precision: Choice = "float32"
    implementation: Implementation = "auto"

    def __post_init__(self) -> None:
        if self.series_updates + self.prior_updates < 1:
            raise ValueError("series_updates and prior_updates must not both be 0")
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
        "clip_gradients": 1.0,
    },
}
"""What each mode changes of the defaults."""
