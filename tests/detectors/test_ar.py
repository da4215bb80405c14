"""ar: the coefficients of a plain least-squares fit, and a score for every step."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.detectors import ar
from tests.detectors import views

LENGTH, CHANNELS, ORDER = 12, 3, 2
RNG = np.random.default_rng(2)


def simulated(steps: int, noise: float, seed: int = 0) -> np.ndarray:
    """A stable vector autoregression of order 2, away from 0 and of unequal scale."""
    rng = np.random.default_rng(seed)
    values = np.zeros((steps, CHANNELS))
    values[:2] = rng.normal(size=(2, CHANNELS))
    turn = np.array([[1.2, 0.1, 0.0], [0.0, 1.5, 0.05], [-0.2, 0.0, 0.9]])
    for step in range(2, steps):
        before = values[step - 1] @ turn - 0.7 * values[step - 2]
        values[step] = before + noise * rng.normal(size=CHANNELS)
    return (values * [1.0, 5.0, 0.2] + [0.0, 40.0, -3.0]).astype(np.float32)


def config(**options: object) -> ar.Config:
    return ar.Config(LENGTH, CHANNELS, **{"order": ORDER, "batch_size": 64, **options})


SMALL = ar.build(config(ridge=1e-6))
FIT = simulated(400, noise=1.0)


def standardised(values: np.ndarray) -> np.ndarray:
    wide = FIT.astype(np.float64)
    return (values - wide.mean(axis=0)) / wide.std(axis=0)


def least_squares(values: np.ndarray, order: int) -> np.ndarray:
    """Coefficients `[p, C, C]` of numpy's least squares, oldest step first."""
    rows = [values[t - order : t].ravel() for t in range(order, len(values))]
    found = np.linalg.lstsq(np.array(rows), values[order:], rcond=None)[0]
    return found.reshape(order, CHANNELS, CHANNELS)


def test_coefficients_are_those_of_least_squares() -> None:
    model = views.init(SMALL, views.fit_view(FIT, LENGTH))
    wanted = least_squares(standardised(FIT), ORDER)
    np.testing.assert_allclose(model["coefficients"], wanted, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 5, LENGTH - ORDER])
def test_every_step_counts_once_whatever_the_stride(stride: int) -> None:
    model = views.init(SMALL, views.fit_view(FIT, LENGTH, stride))
    wanted = least_squares(standardised(FIT), ORDER)
    np.testing.assert_allclose(model["coefficients"], wanted, atol=1e-4)


def test_windows_apart_and_padding_add_nothing_between_them() -> None:
    one, other = FIT[:150], FIT[200:]
    source = views.fit_view(np.concatenate([one, other]), LENGTH)
    crossing = (source.starts < 150) & (source.starts + LENGTH > 150)
    apart = source.with_arrays(weight=1.0 - crossing)
    model = views.init(SMALL, views.padded(apart, steps=LENGTH, count=3))
    joined = np.concatenate([one, other]).astype(np.float64)
    scaled = (joined - joined.mean(axis=0)) / joined.std(axis=0)
    rows, targets = [], []
    for part in (scaled[:150], scaled[150:]):
        rows += [part[t - ORDER : t].ravel() for t in range(ORDER, len(part))]
        targets.append(part[ORDER:])
    wanted = np.linalg.lstsq(np.array(rows), np.concatenate(targets), rcond=None)[0]
    found = np.asarray(model["coefficients"]).reshape(-1, CHANNELS)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_score_is_the_squared_residual() -> None:
    model = views.init(SMALL, views.fit_view(FIT, LENGTH))
    test = simulated(60, noise=1.0, seed=5)
    rows = views.batch(test, LENGTH)
    scaled, weights = standardised(test), least_squares(standardised(FIT), ORDER)
    residual = np.array(
        [
            scaled[t] - sum(scaled[t - ORDER + j] @ weights[j] for j in range(ORDER))
            for t in range(ORDER, len(test))
        ]
    )
    wanted = np.stack(
        [residual[s : s + LENGTH - ORDER] ** 2 for s in range(60 - LENGTH + 1)]
    )
    found = np.asarray(views.run(SMALL, "explain", model, rows)) * CHANNELS
    np.testing.assert_allclose(found[:, ORDER:], wanted, rtol=1e-3, atol=1e-4)
    first = np.repeat(wanted.mean(axis=1, keepdims=True), ORDER, axis=1)
    np.testing.assert_allclose(found[:, :ORDER], first, rtol=1e-3, atol=1e-4)
    score = np.asarray(views.run(SMALL, "score", model, rows))
    np.testing.assert_allclose(score, found.sum(axis=-1) / CHANNELS, rtol=1e-5)


def test_what_follows_a_law_is_predicted_and_a_break_is_found() -> None:
    time = np.arange(120)[:, None] * 2 * np.pi
    lawful = np.sin(time / [9.0, 12.0, 17.0] + [0.0, 1.0, 2.0]).astype(np.float32)
    model = views.init(SMALL, views.fit_view(lawful, LENGTH))
    rows = views.batch(lawful, LENGTH)
    assert np.asarray(views.run(SMALL, "score", model, rows)).max() < 1e-3
    broken = lawful.copy()
    broken[60, 1] += 3 * lawful[:, 1].std()
    rows = views.batch(broken, LENGTH)
    explained = np.asarray(views.run(SMALL, "explain", model, rows))
    window = explained[55]
    assert window.sum(axis=-1).argmax() in (5, 6, 7)
    assert window[5].argmax() == 1


def test_constant_channels_and_short_recordings_are_solved() -> None:
    values = FIT.copy()
    values[:, 2] = 7000.1
    for steps in (LENGTH, LENGTH + 3, 400):
        detector = ar.build(config(order=16))
        model = views.init(detector, views.fit_view(values[:steps], LENGTH))
        rows = views.batch(values[:40], LENGTH)
        explained = np.asarray(views.run(detector, "explain", model, rows))
        assert np.isfinite(explained).all()
        assert np.abs(explained[..., 2]).max() < 1e-4


def test_the_order_gives_way_to_short_windows() -> None:
    wide = ar.build(ar.Config(4, CHANNELS, order=16))
    model = views.init(wide, views.fit_view(FIT, 4))
    assert model["coefficients"].shape == (3, CHANNELS, CHANNELS)
    single = ar.build(ar.Config(1, CHANNELS))
    model = views.init(single, views.fit_view(FIT, 1))
    assert set(model) == {"mean", "sd"}
    found = np.asarray(views.run(single, "score", model, views.batch(FIT[:9], 1)))
    wanted = (standardised(FIT[:9]) ** 2).mean(axis=1)
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "order=0 must be a whole number of at least 1"),
        ({"batch_size": 0}, "batch_size=0 must be a whole number of at least 1"),
        ({"ridge": 0.0}, "ridge=0.0 must be a number above 0"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**options)
