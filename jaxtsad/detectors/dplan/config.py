"""Options of `dplan`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from jaxtsad import validation
from jaxtsad.detectors.dplan.losses import Intrinsic, TdLoss
from jaxtsad.models.conv_autoencoder import WindowAutoencoder
from jaxtsad.validation import Count, NotNegative, Positive, Share, ShareBelowOne, Size

Representation: TypeAlias = Literal["stats", "flat", "encoder"]
TargetStart: TypeAlias = Literal["zero", "online"]


@validation.config
class Config:
    """Options of `dplan`.

    Attributes:
        window: Window length L in steps; 1 for rows of a table.
        channels: Number of channels C.
        representation: What a window's row is: `stats`, ten numbers per channel;
            `flat`, its values; or `encoder`, its code by a convolutional autoencoder
            that is trained first and then frozen. A row of a table is always itself.
            All are scaled to [0, 1] by the fit part.
        latent: Numbers in the code.
        encoder_steps: Gradient steps of the autoencoder.
        margin: How far beyond [0, 1] values are clipped.
        stand_ins: Where no anomaly is known, so many made-up ones take their place:
            unlabelled rows half of whose numbers are drawn anew, uniformly from all
            that clipping leaves. With labels they have no part.
        stand_ins_always: Whether they stand beside labelled anomalies, too. The agent
            then also meets anomalies of kinds that nobody has labelled.
        ignored: Share of the unlabelled rows that are never met, those that an
            isolation forest on the rows themselves finds most isolated: hidden
            anomalies are not learned as normal, nor are the rarest normal rows.
        width: Hidden activations of the Q-network.
        weight_decay: Weight of the sum of its squared hidden weights in the loss.
        p: Probability that the next state is a known anomaly.
        subset: Unlabelled rows among which the nearest or farthest comes next.
        exclude_self: Whether a state is never its own nearest.
        phi_every: Steps after which the unlabelled rows' representation is made anew;
            1 is exact. All rows are represented at once, so that it can only save time
            above about the rows divided by `subset`.
        intrinsic: When the isolation score is rewarded: `always`, only for
            `a1_unlabelled`, or `none`. Under `always` it changes no greedy action of
            one step, only the value of what follows.
        trees: Trees of the isolation forest.
        max_samples: Rows that each tree is grown on.
        block: Steps per epoch; the forest is grown before each, and an episode starts.
        warm_up: Steps of random actions, without learning.
        capacity: Transitions that the replay holds.
        batch_size: Transitions per gradient step.
        discount: Of the value of what follows (gamma).
        epsilon: Least share of random actions.
        epsilon_steps: Steps in which it falls there from 1.
        epsilon_from_start: Whether it falls from the first step on rather than from
            the end of the warm-up.
        learning_rate: Of RMSprop.
        momentum: Of its steps.
        decay: Of its mean squared gradient.
        clip_gradients: Largest norm of the gradient; 0 does not clip.
        loss: `huber` or `squared`.
        target_every: Steps between copies to the target network.
        target_start: What it holds before the first: `zero`, by which targets are the
            rewards, or the `online` network. Where learning starts no earlier than the
            first copy, as by default, it does not matter.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: Size
    channels: Size
    representation: Representation = "stats"
    latent: Size = 16
    encoder_steps: Count = 1000
    margin: NotNegative = 0.0
    stand_ins: Count = 60
    stand_ins_always: bool = False
    ignored: ShareBelowOne = 0.0
    width: Size = 20
    weight_decay: NotNegative = 0.01
    p: Share = 0.5
    subset: Size = 1000
    exclude_self: bool = True
    phi_every: Size = 1
    intrinsic: Intrinsic = "always"
    trees: Size = 100
    max_samples: Size = 256
    block: Size = 2000
    warm_up: Count = 10_000
    capacity: Size = 100_000
    batch_size: Size = 32
    discount: ShareBelowOne = 0.99
    epsilon: Share = 0.1
    epsilon_steps: Size = 10_000
    epsilon_from_start: bool = False
    learning_rate: Positive = 2.5e-4
    momentum: ShareBelowOne = 0.95
    decay: ShareBelowOne = 0.95
    clip_gradients: NotNegative = 10.0
    loss: TdLoss = "huber"
    target_every: Size = 10_000
    target_start: TargetStart = "zero"

    @property
    def encoder(self) -> WindowAutoencoder | None:
        """The autoencoder whose codes are the rows, None where they are not codes."""
        if self.representation != "encoder" or self.window == 1:
            return None
        return WindowAutoencoder(self.window, self.channels, latent=self.latent)


TINY = Config(
    window=8,
    channels=3,
    margin=8.0,
    subset=20,
    trees=5,
    max_samples=32,
    block=60,
    warm_up=60,
    capacity=500,
    epsilon_steps=100,
    learning_rate=2e-3,
    target_every=10_000,
)
