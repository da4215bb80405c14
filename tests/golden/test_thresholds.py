"""Telemanom's dynamic threshold and POT against the reference's numbers."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from jaxtsad import types
from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.thresholds import (
    compat,
    dynamic,
    dynamic_inputs,
    gpd,
    pot,
    spot,
)
from tests.golden import loading

STEM = "thresholds"
EXACT = 1e-9


def series(group: str) -> list[str]:
    return [case for case in loading.cases(STEM, f"{group}/") if case != "config"]


def ids(case: str) -> str:
    return f"{STEM}-{case}"


telemanom = pytest.mark.parametrize("case", series("telemanom"), ids=ids)
spots = pytest.mark.parametrize("case", series("spot"), ids=ids)
implementations = pytest.mark.parametrize("name", ["tranad", "omnianomaly"])


@functools.cache
def arrays() -> dict[str, np.ndarray]:
    return loading.load(STEM)


def config(group: str) -> dict[str, float]:
    prefix = f"{group}/config/"
    return {
        key.removeprefix(prefix): value.item()
        for key, value in arrays().items()
        if key.startswith(prefix)
    }


def golden(group: str, case: str, key: str) -> np.ndarray:
    return arrays()[f"{group}/{case}/{key}"]


@functools.cache
def judged(case: str) -> dynamic.Dynamic:
    given = config("telemanom")
    options = dynamic_inputs.Options(
        batch_size=given["batch_size"],
        window_size=given["window_size"],
        smoothing=given["smoothing_perc"],
        error_buffer=given["error_buffer"],
        separation=given["p"],
        history=given["l_s"],
    )
    targets = golden("telemanom", case, "y_test_all_horizons")
    errors = dynamic_inputs.prediction_errors(
        golden("telemanom", case, "y_hat"), targets
    )
    return dynamic.transductive_dynamic(errors, targets=targets, options=options)


@telemanom
def test_errors_and_smoothing(case):
    targets = golden("telemanom", case, "y_test_all_horizons")
    predicted = golden("telemanom", case, "y_hat")
    np.testing.assert_array_equal(targets[:, 0], golden("telemanom", case, "y_test"))
    np.testing.assert_allclose(
        dynamic_inputs.prediction_errors(predicted, targets),
        golden("telemanom", case, "errors"),
        rtol=0,
        atol=EXACT,
    )
    np.testing.assert_allclose(
        dynamic_inputs.normalized_error(predicted, targets),
        golden("telemanom", case, "normalized_error"),
        rtol=0,
        atol=EXACT,
    )
    np.testing.assert_allclose(
        judged(case).smoothed,
        golden("telemanom", case, "smoothed_errors"),
        rtol=0,
        atol=EXACT,
    )


@telemanom
def test_windows_and_their_thresholds(case):
    found = judged(case)
    assert len(found.windows) == golden("telemanom", case, "n_windows") + 1
    assert found.window_size == golden("telemanom", case, "effective_window_size")
    names = {"window_start": "start", "window_end": "stop", "mean": "mean"}
    names |= {"std": "std", "z": "z", "epsilon": "epsilon"}
    names |= {"z_inverse": "z_inverse", "epsilon_inverse": "epsilon_inverse"}
    for key, name in names.items():
        np.testing.assert_allclose(
            [getattr(window, name) for window in found.windows],
            golden("telemanom", case, f"window/{key}"),
            rtol=0,
            atol=EXACT,
            err_msg=key,
        )


@telemanom
@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("before_pruning", "found"),
        ("before_pruning_inverse", "found_inverse"),
        ("after_pruning", "kept"),
        ("after_pruning_inverse", "kept_inverse"),
    ],
)
def test_flags_before_and_after_pruning(case, key, name):
    found = judged(case)
    steps = [getattr(window, name) for window in found.windows]
    mask = np.zeros(len(found.flags), np.int64)
    mask[np.concatenate(steps)] = 1
    np.testing.assert_array_equal(mask, golden("telemanom", case, f"{key}_mask"))
    np.testing.assert_array_equal(
        [len(window) for window in steps],
        golden("telemanom", case, f"{key}_count_per_window"),
    )


@telemanom
def test_sequences_and_severities(case):
    found = judged(case)
    np.testing.assert_array_equal(
        np.flatnonzero(found.flags), golden("telemanom", case, "anomaly_indices")
    )
    # The reference's ends are inclusive and shifted to rows of the original array.
    shift = config("telemanom")["l_s"]
    np.testing.assert_array_equal(
        found.sequences + np.array([[shift, shift - 1]]),
        golden("telemanom", case, "sequences_plus_l_s").reshape(-1, 2),
    )
    parts = [part for window in found.windows for part in window.parts]
    np.testing.assert_array_equal(
        np.array([(start, stop - 1) for start, stop, _ in parts]).reshape(-1, 2),
        golden("telemanom", case, "score_start_end").reshape(-1, 2),
    )
    np.testing.assert_allclose(
        [severity for _, _, severity in parts],
        golden("telemanom", case, "scores"),
        rtol=0,
        atol=EXACT,
    )


def calibration(case: str) -> types.Scores:
    values = golden("spot", case, "init")
    part, _ = types.cut_train(values[:, None], window=1, validation=0)
    return part.scored(values)


@spots
@implementations
def test_peaks_are_the_reference_s(case, name):
    found = pot.peaks(golden("spot", case, "init"), config("spot")["level"])
    assert found.level == config("spot")["level"]
    assert found.initial == golden("spot", case, f"{name}/init_threshold")
    np.testing.assert_array_equal(found.excesses, golden("spot", case, "peaks"))


@spots
def test_fit_is_maximum_likelihood(case):
    found = gpd.fit(golden("spot", case, "peaks"))
    best = golden("spot", case, "scipy_mle/log_likelihood")
    assert abs(found.log_likelihood - best) < 1e-3
    # Never worse than what the reference chose, by the likelihood's true formula.
    chosen = golden("spot", case, "tranad/log_likelihood_true_formula")
    assert found.log_likelihood > chosen - EXACT


@spots
@implementations
def test_likelihood_formula(case, name):
    """Our likelihood of the reference's choice, its wrong sign put right."""
    y = golden("spot", case, "peaks")
    shape = golden("spot", case, f"{name}/gpd_shape")
    scale = golden("spot", case, f"{name}/gpd_scale")
    if shape == 0:
        np.testing.assert_allclose(scale, y.mean(), rtol=EXACT)
        expected = -len(y) * (1 + np.log(y.mean()))
    else:
        expected = -len(y) * np.log(scale)
        expected -= (1 + 1 / shape) * np.log1p(shape * y / scale).sum()
    true = golden("spot", case, "tranad/log_likelihood_true_formula")
    np.testing.assert_allclose(expected, true, rtol=0, atol=EXACT)
    sign = -1 if shape == 0 else 1
    reported = golden("spot", case, f"{name}/log_likelihood")
    np.testing.assert_allclose(sign * reported, true, rtol=0, atol=EXACT)


@spots
def test_threshold_is_the_true_one_and_near_the_reference_s(case):
    found = thresholds.fit("pot", calibration(case), **config("spot"))
    best = golden("spot", case, "scipy_mle/extreme_quantile")
    np.testing.assert_allclose(found.value, best, rtol=1e-3)
    for name in ("tranad", "omnianomaly"):
        reference = golden("spot", case, f"{name}/extreme_quantile")
        np.testing.assert_allclose(found.value, reference, rtol=0.06)


@spots
@implementations
def test_quantile_formula(case, name):
    """The reference's quantile from the reference's tail."""
    given = config("spot")
    tail = gpd.Pareto(
        float(golden("spot", case, f"{name}/gpd_shape")),
        float(golden("spot", case, f"{name}/gpd_scale")),
        float(golden("spot", case, f"{name}/log_likelihood")),
    )
    found = pot.tail_threshold(
        tail,
        float(golden("spot", case, f"{name}/init_threshold")),
        len(golden("spot", case, "peaks")),
        len(golden("spot", case, "init")),
        given["q"],
    )
    np.testing.assert_allclose(
        found, golden("spot", case, f"{name}/extreme_quantile"), rtol=EXACT
    )


@spots
@implementations
def test_streaming(case, name):
    """Each step from the reference's threshold: alarms and what is learnt agree."""
    scores = golden("spot", case, "stream")
    after = golden("spot", case, f"{name}/dynamic_thresholds")
    judged_by = np.append(golden("spot", case, f"{name}/extreme_quantile"), after[:-1])
    state = spot.init(calibration(case), **config("spot"))
    alarms, differences = [], []
    for i, score in enumerate(scores):
        known = len(state.excesses)
        state = state._replace(threshold=float(judged_by[i]))
        state, alarm, threshold = spot.step(state, float(score))
        assert threshold == judged_by[i]
        if alarm:
            alarms.append(i)
        if len(state.excesses) > known:
            differences.append(state.threshold / after[i] - 1)
        else:
            assert after[i] == judged_by[i]
    np.testing.assert_array_equal(
        alarms, golden("spot", case, f"{name}/dynamic_alarms")
    )
    assert np.median(np.abs(differences)) < 0.06


@spots
@implementations
def test_static_run(case, name):
    scores = golden("spot", case, "stream")
    initial = golden("spot", case, f"{name}/init_threshold")
    extreme = golden("spot", case, f"{name}/extreme_quantile")
    found = compat.static_thresholds(scores, float(initial), float(extreme))
    np.testing.assert_allclose(
        found, golden("spot", case, f"{name}/static_thresholds"), rtol=0, atol=EXACT
    )
    np.testing.assert_allclose(
        found.mean(),
        golden("spot", case, f"{name}/static_threshold_mean"),
        rtol=0,
        atol=EXACT,
    )
    np.testing.assert_array_equal(
        np.flatnonzero(scores > initial), golden("spot", case, f"{name}/static_alarms")
    )


@spots
@implementations
def test_pot_eval(case, name):
    found = compat.pot_eval(
        golden("spot", case, "stream"),
        golden("spot", case, "labels"),
        float(golden("spot", case, f"{name}/init_threshold")),
        float(golden("spot", case, f"{name}/extreme_quantile")),
    )
    for key in ("f1", "precision", "recall", "tp", "tn", "fp", "fn"):
        expected = golden("spot", case, f"{name}/pot_eval/{key}")
        assert abs(getattr(found, key) - expected) < EXACT, key
    # OmniAnomaly works on negated scores.
    sign = -1 if name == "omnianomaly" else 1
    expected = golden("spot", case, f"{name}/pot_eval/threshold")
    assert abs(sign * found.threshold - expected) < EXACT
    latency = golden("spot", case, "omnianomaly/pot_eval/latency")
    assert abs(found.latency - latency) < EXACT
    np.testing.assert_array_equal(
        found.flags, golden("spot", case, "tranad/pot_eval/pred_adjusted")
    )
