"""How well four simple scorers find what the generators hide; values measured once.

The scorers are written out here: windows of 32 steps, standardized by the training
part, 5-NN and PCA fitted on training windows, overlapping windows averaged back to
steps, and a least-squares vector autoregression of order 16.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from sklearn import metrics

from jaxtsad.datasets import demo, synthetic

LENGTH, ORDER, NEIGHBOR, VARIANCE = 32, 16, 5, 0.9

# Mean AUC-ROC over seeds 0, 1, 2 of the default preset without validation part.
MEASURED = {
    "global": {"z2": 0.998, "knn": 0.629, "pca": 1.0, "ar": 0.999},
    "contextual": {"z2": 0.408, "knn": 0.647, "pca": 1.0, "ar": 0.999},
    "shapelet": {"z2": 0.383, "knn": 0.996, "pca": 0.702, "ar": 0.966},
    "seasonal": {"z2": 0.504, "knn": 0.999, "pca": 0.989, "ar": 0.994},
    "trend": {"z2": 0.616, "knn": 0.998, "pca": 0.925, "ar": 0.969},
    "all": {"z2": 0.595, "knn": 0.790, "pca": 0.915, "ar": 0.968},
}


def cut(values):
    windows = np.lib.stride_tricks.sliding_window_view(values, LENGTH, axis=0)
    return windows.transpose(0, 2, 1).reshape(len(windows), -1)


def restore(scores):
    """Mean over all windows that cover a step, `[N, LENGTH] -> [T]`."""
    steps = len(scores) + LENGTH - 1
    total, count = np.zeros(steps), np.zeros(steps)
    for offset in range(LENGTH):
        total[offset : offset + len(scores)] += scores[:, offset]
        count[offset : offset + len(scores)] += 1
    return total / count


def z2(train, test):
    del train
    return (test**2).mean(axis=1)


def knn(train, test):
    known = cut(train).astype(np.float32)
    norms, found = (known**2).sum(axis=1), []
    for first in range(0, len(test) - LENGTH + 1, 1000):
        asked = cut(test[first : first + 1000 + LENGTH - 1]).astype(np.float32)
        squares = norms[None] - 2 * asked @ known.T + (asked**2).sum(axis=1)[:, None]
        nearest = np.partition(squares, NEIGHBOR - 1, axis=1)[:, NEIGHBOR - 1]
        found.append(np.sqrt(np.maximum(nearest, 0)))
    return restore(np.repeat(np.concatenate(found)[:, None], LENGTH, axis=1))


def pca(train, test):
    known = cut(train)
    center = known.mean(axis=0)
    _, singular, axes = np.linalg.svd(known - center, full_matrices=False)
    share = np.cumsum(singular**2) / np.sum(singular**2)
    kept = axes[: np.searchsorted(share, VARIANCE) + 1]
    asked = cut(test) - center
    left = asked - (asked @ kept.T) @ kept
    return restore((left.reshape(len(left), LENGTH, -1) ** 2).mean(axis=2))


def ar(train, test):
    def past(values):
        steps = len(values) - ORDER
        lags = [values[ORDER - lag :][:steps] for lag in range(1, ORDER + 1)]
        return np.concatenate([*lags, np.ones((steps, 1))], axis=1)

    weights = np.linalg.lstsq(past(train), train[ORDER:], rcond=None)[0]
    residual = ((test[ORDER:] - past(test) @ weights) ** 2).mean(axis=1)
    return np.concatenate([np.zeros(ORDER), residual])


SCORERS = {"z2": z2, "knn": knn, "pca": pca, "ar": ar}


def scored(series):
    train = series.train.astype(float)
    center, spread = train.mean(axis=0), train.std(axis=0)
    spread[spread < 1e-8] = 1.0
    both = [(values - center) / spread for values in (train, series.test)]
    return {name: scorer(*both) for name, scorer in SCORERS.items()}


@functools.cache
def detectability(kind):
    found = []
    for seed in range(3):
        single = None if kind == "all" else kind
        made = synthetic.make_neurips_ts(seed, single_type=single, T_val=0)
        scores = scored(made.series())
        found.append(
            {
                name: metrics.roc_auc_score(made.test.labels, values)
                for name, values in scores.items()
            }
        )
    return {name: np.mean([each[name] for each in found]) for name in SCORERS}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MEASURED)
def test_types_are_as_detectable_as_when_measured(kind):
    found = detectability(kind)
    for name, measured in MEASURED[kind].items():
        assert abs(found[name] - measured) <= 0.05, (name, found[name])


@pytest.mark.parametrize("channel", ["S-1", "P-1"])
def test_the_demo_can_be_learned(channel):
    [series] = demo.load(channels=[channel])
    found = {
        name: metrics.average_precision_score(series.labels, values)
        for name, values in scored(series).items()
    }
    chance = series.labels.mean()
    assert found["knn"] > 2 * chance
    assert found["pca"] > 2 * chance
    assert max(found.values()) < 0.95
