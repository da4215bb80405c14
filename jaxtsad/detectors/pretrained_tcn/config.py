"""Options of `pretrained_tcn`."""

from __future__ import annotations

from jaxtsad import validation
from jaxtsad.validation import Count, NotNegative, Positive, Share, Size


@validation.config
class Config:
    """Options of `pretrained_tcn`.

    Attributes:
        window: Steps of the longest windows whose principal axes are looked at.
        channels: Number of channels C.
        gate: Whether the pre-trained gate weighs the evidence; without it magnitude and
            relations count as they are.
        gate_power: Exponent of the gate's probability.
        ungated: Share of broken relations that counts whatever the gate says.
        power: Exponent of the smoothed evidence before the mean over channels.
        fine_tuning: Optimizer steps per epoch that go on training the gate, on the fit
            part with faults put into it; 0 leaves it as it was pre-trained. Measured on
            eleven recordings it gained nothing.
        neighbour: Of a single channel: k, which nearest fit window is measured to.
        batch_size: Windows per scoring call, where samples are scored.

    Raises:
        ValueError: If a value is out of range.
    """

    window: Size
    channels: Size
    gate: bool = True
    gate_power: NotNegative = 3.0
    ungated: Share = 0.1
    power: Positive = 0.35
    fine_tuning: Count = 0
    neighbour: Size = 5
    batch_size: Size = 32


TINY = Config(window=8, channels=3)
