"""The changes that the ablation tries, and how large it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtsad.datasets.preprocessing import ScalerKind

REPAIRED_PLAN: Mapping[str, Any] = {
    "stop": "loss",
    "schedule": "plateau",
    "factor": 0.7,
    "plateau": 2,
    "tolerance": 0.0,
    "patience": 10,
}
PUBLISHED_PLAN: Mapping[str, Any] = {"stop": "paper", "schedule": "halving"}


class Variant(NamedTuple):
    """One network, trained once per seed.

    Attributes:
        name: Of its rows.
        change: What differs from the reference, in words.
        options: Of the detector, besides the sizes.
        plan: How it is trained, besides the number of epochs.
        untrained: Whether it is scored as it was initialised.
        followed: Whether its scores are kept after every epoch and along the series,
            and folded in all ways.
    """

    name: str
    change: str
    options: Mapping[str, Any] = {}
    plan: Mapping[str, Any] = PUBLISHED_PLAN
    untrained: bool = False
    followed: bool = False


VARIANTS = (
    Variant("reference", "nothing but the use of data", followed=True),
    Variant(
        "stop_on_reconstruction",
        "the epoch is chosen by the reconstruction error, not by both losses",
        plan={**PUBLISHED_PLAN, "stop": "loss"},
    ),
    Variant(
        "plateau",
        "the same, and the learning rate falls by 0.7 on plateaus, not every epoch",
        plan=REPAIRED_PLAN,
    ),
    Variant(
        "sigma_bounded",
        "the prior's width stays within 0.98 to 2 steps",
        {"prior_param": "dynamic_bounded"},
    ),
    Variant(
        "sigma_wide",
        "the prior's width has no ceiling of 2 steps",
        {"prior_param": "dynamic_wide"},
    ),
    Variant("sigma_head", "one width per head", {"prior_param": "head"}),
    Variant(
        "sigma_position", "one width per head and step", {"prior_param": "position"}
    ),
    Variant(
        "kl_one_way",
        "KL(series || prior) is raised, KL(prior || series) is lowered",
        {"kl_direction": "sp_ps"},
    ),
    Variant(
        "kl_forward", "KL(series || prior) in both phases", {"kl_direction": "forward"}
    ),
    Variant(
        "kl_reverse", "KL(prior || series) in both phases", {"kl_direction": "reverse"}
    ),
    Variant("clip_epsilon", "associations are cut at 1e-7", {"epsilon": "clip"}),
    Variant(
        "alternating",
        "network and prior take turns, each with its own optimizer",
        {"minimax": "alternating"},
    ),
    Variant(
        "alternating_unstopped",
        "the same, and each phase's gradient reaches both associations",
        {"minimax": "alternating", "stop_partner": False},
    ),
    Variant(
        "prior_in_output", "the prior mixes values, too", {"prior_in_output": True}
    ),
    Variant("two_layers", "two layers for three", {"layers": 2}),
    Variant(
        "dropout",
        "dropout of 0.3, not seen by the divergence",
        {"dropout": 0.3, "dropped_divergence": False},
    ),
    Variant("warm_up", "the first epoch only reconstructs", {"warmup_epochs": 1}),
    Variant("clipping", "the gradient's norm is at most 1", {"clip_gradients": 1.0}),
    Variant(
        "modified",
        "all of the repaired mode together",
        {"mode": "modified"},
        REPAIRED_PLAN,
        followed=True,
    ),
    Variant(
        "modified_code",
        "the repaired mode as its published code has it",
        {
            "mode": "modified",
            "layers": 3,
            "prior_param": "dynamic_bounded",
            "prior_in_output": True,
            "stop_partner": False,
            "warmup_epochs": 0,
            "clip_gradients": 0.0,
        },
        REPAIRED_PLAN,
        followed=True,
    ),
    Variant(
        "untrained", "the reference network at its start", untrained=True, followed=True
    ),
)


class Preset(NamedTuple):
    """How large the ablation is.

    Attributes:
        length: Window length L in steps.
        score_stride: Gap between windows when scoring.
        columns: At most so many channels, those that vary most in training; 0 for all.
        every: Of the entities in order of name, every so many-th, by data set.
        also: Entities that are taken besides, by data set.
        windows: About so many training windows; 0 for all, at stride 1.
        sizes: Options that size the network.
        hidden: Units of the LSTM autoencoder's layers.
        batch_size: Windows per step.
        epochs: At most so many.
        seeds: Models per variant, trained in one program.
        scaler: See `datasets.preprocessing.fit_scaler`.
    """

    length: int
    score_stride: int
    columns: int
    every: Mapping[str, int]
    also: Mapping[str, tuple[str, ...]]
    windows: int
    sizes: Mapping[str, Any]
    hidden: int
    batch_size: int
    epochs: int
    seeds: int
    scaler: ScalerKind = "auto"


_CPU = Preset(
    length=50,
    score_stride=25,
    columns=16,
    every={"msl": 3, "smap": 6, "smd": 6},
    # The published scores differ most at steps 38,000 to 40,000 of the glued MSL
    # series, which are in M-6 and M-7.
    also={"msl": ("M-6", "M-7")},
    windows=700,
    sizes={"width": 32, "heads": 2, "hidden": 32, "learning_rate": 1e-3},
    hidden=32,
    batch_size=32,
    epochs=3,
    seeds=2,
)
_FULL = Preset(
    length=100,
    score_stride=25,
    columns=0,
    every={},
    also={},
    windows=0,
    sizes={"width": 512, "heads": 8, "hidden": 512, "learning_rate": 1e-4},
    hidden=64,
    batch_size=256,
    epochs=10,
    seeds=3,
)
PRESETS = {
    "cpu": _CPU,
    "whole": _CPU._replace(length=100, columns=0, every={}, also={}, windows=4500),
    "wide": _FULL._replace(windows=4500, hidden=32, batch_size=32, epochs=3, seeds=1),
    "full": _FULL,
    "quick": Preset(
        length=20,
        score_stride=20,
        columns=4,
        every={},
        also={},
        windows=100,
        sizes={"width": 8, "heads": 2, "hidden": 8, "learning_rate": 1e-3},
        hidden=4,
        batch_size=32,
        epochs=1,
        seeds=1,
    ),
}


def chosen(names: list[str] | None) -> tuple[Variant, ...]:
    """The variants of these names, or all.

    Raises:
        ValueError: If a name is unknown.
    """
    known = {variant.name: variant for variant in VARIANTS}
    for name in names or ():
        if name not in known:
            listed = ", ".join(known)
            raise ValueError(f"variant {name!r} is unknown; the choices are {listed}")
    return tuple(known[name] for name in names) if names else VARIANTS
