"""The rows every table carries: a random score and the all-positive flags."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad.evaluation import measure, uncertainty
from jaxtsad.evaluation.metrics import chance, inputs


class RandomEstimate(NamedTuple):
    """A metric of random scores over seeds, and its expectation where one is known.

    Attributes:
        mean: Mean over seeds.
        sd: Standard deviation over seeds.
        low: Lower end of the 95 % interval of the mean.
        high: Upper end.
        expected: Closed form on the same labels; nan where there is none.
    """

    mean: float
    sd: float
    low: float
    high: float
    expected: float


def random_scores(steps: int, seed: int) -> np.ndarray:
    """Uniform scores `[T]` in [0, 1), drawn per step, the same for the same seed."""
    return np.random.default_rng(seed).random(steps)


def random_measures(
    labels: np.ndarray,
    share: float,
    *,
    seeds: int = 5,
    first_seed: int = 0,
    vus_length: int = 100,
    samples: bool = False,
) -> list[dict[str, float]]:
    """Metrics of uniform random scores, one dict per seed.

    Every step is flagged independently with probability `share`: its score lies above
    `1 - share`.

    Args:
        labels: `[T]` 0/1.
        share: Share of steps to flag, in [0, 1]; what the detector flagged.
        seeds: Number of repetitions.
        first_seed: Seed of the first; the others follow it.
        vus_length: Largest buffer of VUS, in steps.
        samples: Whether the labels are of independent samples, without events.

    Returns:
        What `measure.measure` (or `measure_samples`) says of each.

    Raises:
        ValueError: If `share` is outside [0, 1] or `seeds` is below 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"{share=} must be in [0, 1]")
    if seeds < 1:
        raise ValueError(f"{seeds=} must be at least 1")
    known = inputs.binary(labels, "labels")
    rows = []
    for seed in range(first_seed, first_seed + seeds):
        scores = random_scores(len(known), seed)
        flags = scores > 1 - share
        rows.append(_measured(known, scores, flags, vus_length, samples))
    return rows


def random_rows(
    labels: np.ndarray,
    share: float,
    seeds: int = 5,
    *,
    first_seed: int = 0,
    vus_length: int = 100,
    samples: bool = False,
) -> dict[str, RandomEstimate]:
    """What a random score gets on these labels: mean, spread and expectation.

    Args:
        labels: `[T]` 0/1.
        share: Share of steps to flag, in [0, 1]; what the detector flagged.
        seeds: Number of repetitions.
        first_seed: Seed of the first; the others follow it.
        vus_length: Largest buffer of VUS, in steps.
        samples: Whether the labels are of independent samples, without events.

    Returns:
        By metric key; nan where the metric has no meaning on these labels.

    Raises:
        ValueError: If `share` is outside [0, 1] or `seeds` is below 1.

    Example:
        >>> row = random_rows(np.repeat([0, 1, 0, 0], 250), share=0.02)
        >>> row["auc_roc"].expected, round(row["pa_f1"].expected, 3)
        (0.5, 0.968)
    """
    rows = random_measures(
        labels,
        share,
        seeds=seeds,
        first_seed=first_seed,
        vus_length=vus_length,
        samples=samples,
    )
    expected = chance.expected(labels, share)
    table = {}
    for key in rows[0]:
        estimate = uncertainty.over_seeds(np.array([row[key] for row in rows]))
        closed = expected.get(key, float("nan"))
        table[key] = RandomEstimate(
            estimate.mean, estimate.sd, estimate.low, estimate.high, closed
        )
    return table


def all_positive(
    labels: np.ndarray, *, vus_length: int = 100, samples: bool = False
) -> dict[str, float]:
    """Metrics of flagging everything, with one score for all steps.

    Its F1 is `2 p / (1 + p)` for a labeled share p, the least any oracle F1 can be.

    Args:
        labels: `[T]` 0/1.
        vus_length: Largest buffer of VUS, in steps.
        samples: Whether the labels are of independent samples, without events.

    Returns:
        What `measure.measure` (or `measure_samples`) says.
    """
    known = inputs.binary(labels, "labels")
    scores, flags = np.zeros(len(known)), np.ones(len(known), bool)
    return _measured(known, scores, flags, vus_length, samples)


def _measured(
    labels: np.ndarray,
    scores: np.ndarray,
    flags: np.ndarray,
    vus_length: int,
    samples: bool,
) -> dict[str, float]:
    if samples:
        return measure.measure_samples(labels, scores, flags)
    return measure.measure(labels, scores, flags, vus_length=vus_length)
