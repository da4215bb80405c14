"""Metrics against the TSB-AD benchmark's own numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from jaxtsad.evaluation.metrics import (
    affiliation,
    compat,
    event,
    period,
    point,
    range_based,
    vus,
)
from tests.golden import loading

STEM = "metrics"
CASES = [name for name in loading.cases(STEM) if name != "config"]
TOLERANCE = 1e-9
REPORT = json.loads(loading.path(f"{STEM}.json").read_text())
ARRAYS = loading.load(STEM)
FLAGS = ("mean_plus_3std", "top8pct")

each_series = pytest.mark.parametrize(
    "name", CASES, ids=[f"{STEM}-{name}" for name in CASES]
)


def arrays(name: str) -> dict[str, np.ndarray]:
    prefix = f"{name}/"
    return {
        key.removeprefix(prefix): value
        for key, value in ARRAYS.items()
        if key.startswith(prefix)
    }


def agree(found: dict[str, float], expected: dict[str, float | None]) -> None:
    assert set(found) == set(expected)
    for key, value in expected.items():
        if value is None:
            assert math.isnan(found[key]), key
        else:
            assert found[key] == pytest.approx(value, rel=0, abs=TOLERANCE), key


def test_every_series_of_the_report_has_arrays():
    assert CASES
    assert set(REPORT) == set(CASES)


@each_series
def test_areas_per_buffer(name):
    case, report = arrays(name), REPORT[name]
    found = vus.vus(
        case["label"],
        case["score"],
        length=int(case["sliding_window"]),
        thresholds=report["thre"],
    )
    for buffers, key in (
        (found.roc_per_buffer, "vus_auc_per_window"),
        (found.pr_per_buffer, "vus_ap_per_window"),
    ):
        np.testing.assert_allclose(buffers, case[key], rtol=0, atol=TOLERANCE)
    oracle = report["get_metrics_oracle_threshold"]
    assert found.roc == pytest.approx(oracle["VUS-ROC"], rel=0, abs=TOLERANCE)
    assert found.pr == pytest.approx(oracle["VUS-PR"], rel=0, abs=TOLERANCE)


@each_series
def test_volume_without_a_buffer(name):
    case, report = arrays(name), REPORT[name]
    found = vus.vus(case["label"], case["score"], length=0, thresholds=report["thre"])
    agree({"VUS-ROC": found.roc, "VUS-PR": found.pr}, report["vus_with_window_0"])


@each_series
def test_metrics_at_oracle_thresholds(name):
    case, report = arrays(name), REPORT[name]
    found = compat.tsb_ad(
        case["label"],
        case["score"],
        length=report["sliding_window"],
        thresholds=report["thre"],
    )
    agree(found, report["get_metrics_oracle_threshold"])


@each_series
@pytest.mark.parametrize("kind", FLAGS)
def test_metrics_of_flags(name, kind):
    case, report = arrays(name), REPORT[name]
    found = compat.tsb_ad(
        case["label"],
        case["score"],
        case[f"pred_{kind}"],
        length=report["sliding_window"],
        thresholds=report["thre"],
    )
    agree(found, report[f"get_metrics_pred_{kind}_int"])


@each_series
def test_flags_are_three_standard_deviations_above_the_mean(name):
    case, report = arrays(name), REPORT[name]
    score = case["score"]
    flags = score > score.mean() + 3 * score.std()
    np.testing.assert_array_equal(flags, case["pred_mean_plus_3std"])
    assert flags.sum() == report["n_pred_mean_plus_3std"]


@each_series
def test_boolean_flags_are_misread_by_the_reference_only(name):
    case, report = arrays(name), REPORT[name]
    expected = report["get_metrics_pred_mean_plus_3std_bool"]
    flags = case["pred_mean_plus_3std"].astype(bool)
    misread = compat.range_f1_of_booleans(case["label"], flags)
    found = compat.of_flags(case["label"], flags)
    agree(found | {"R-based-F1": misread}, {key: expected[key] for key in found})
    whole = compat.of_flags(case["label"], case["pred_mean_plus_3std"])
    np.testing.assert_equal(found, whole)


@each_series
def test_metrics_of_flags_with_their_volume(name):
    case, report = arrays(name), REPORT[name]
    flags = case["pred_top8pct"]
    volume = compat.vus_of_flags(case["label"], flags, length=report["sliding_window"])
    found = compat.of_flags(case["label"], flags) | {
        "VUS-Recall": volume.recall,
        "VUS-Precision": volume.precision,
        "VUS-F": volume.f1,
    }
    agree(found, report["get_metrics_pred_function_top8pct_int"])


@each_series
def test_parts_of_affiliation(name):
    case, report = arrays(name), REPORT[name]
    found = affiliation.affiliation(case["label"], case["pred_top8pct"])
    agree(
        {"precision": found.precision, "recall": found.recall},
        report["affiliation_top8pct"],
    )


@each_series
def test_parts_of_the_range_based_metrics(name):
    case, report = arrays(name), REPORT[name]
    pair = case["label"], case["pred_top8pct"]
    agree(
        {
            "recall_alpha0.2": range_based.range_recall(*pair, alpha=0.2),
            "existence_reward": range_based.range_recall(*pair, alpha=1.0),
            "overlap_reward": range_based.range_recall(*pair, alpha=0.0),
            "precision_alpha0": range_based.range_precision(*pair),
        },
        report["range_based_top8pct"],
    )


@each_series
def test_definitions_without_constants_agree_to_those_constants(name):
    case, report = arrays(name), REPORT[name]
    flags = case["pred_top8pct"]
    expected = report["get_metrics_pred_top8pct_int"]
    for found, key in (
        (point.f1(case["label"], flags), "Standard-F1"),
        (event.composite_f1(case["label"], flags), "Event-based-F1"),
        (affiliation.affiliation(case["label"], flags).f1, "Affiliation-F"),
    ):
        assert found == pytest.approx(expected[key], rel=0, abs=TOLERANCE), key


@each_series
def test_period_by_autocorrelation(name):
    case, report = arrays(name), REPORT[name]
    assert period.dominant_period(case["period_data"]) == report["find_length_rank1"]
