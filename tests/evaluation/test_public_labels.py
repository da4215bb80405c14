"""What noise gets on the spacecraft labels, as published papers glue them together."""

from __future__ import annotations

import ast
import csv
import pathlib

import numpy as np
import pytest

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import chance, point, point_adjusted

SEEDS = range(5)


def glued(path: pathlib.Path, spacecraft: str) -> np.ndarray:
    """Labels of all channels of one spacecraft; papers leave out P-2."""
    parts = []
    with path.open() as file:
        for row in sorted(csv.DictReader(file), key=lambda row: row["chan_id"]):
            if row["spacecraft"] != spacecraft or row["chan_id"] == "P-2":
                continue
            events = np.array(ast.literal_eval(row["anomaly_sequences"]))
            events[:, 1] += 1
            parts.append(segments.flags_of(events, int(row["num_values"])))
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def label_file(data_root: pathlib.Path) -> pathlib.Path:
    path = data_root / "smap_msl" / "labeled_anomalies.csv"
    if not path.exists():
        pytest.skip("needs smap_msl/labeled_anomalies.csv below JAXTSAD_DATA")
    return path


@pytest.mark.parametrize(
    ("spacecraft", "steps", "events", "rate"),
    [("SMAP", 427_617, 67, 0.12791), ("MSL", 73_729, 36, 0.10533)],
)
def test_facts_of_the_labels(label_file, spacecraft, steps, events, rate):
    labels = glued(label_file, spacecraft)
    assert len(labels) == steps
    assert len(segments.segments(labels)) == events
    assert labels.mean() == pytest.approx(rate, abs=5e-6)


@pytest.mark.parametrize(
    ("spacecraft", "adjusted", "raw", "best", "best_expected"),
    [("SMAP", 0.9557, 0.0185, 0.964, 0.959), ("MSL", 0.8935, 0.0173, 0.910, 0.906)],
)
def test_noise_looks_excellent_after_adjustment(
    label_file, spacecraft, adjusted, raw, best, best_expected
):
    labels = glued(label_file, spacecraft)
    rows = []
    for seed in SEEDS:
        scores = np.random.default_rng(seed).random(len(labels))
        flags = scores > 0.99
        rows.append(
            (
                point_adjusted.pa_f1(labels, flags),
                point.f1(labels, flags),
                point_adjusted.best_pa_f1(labels, scores).value,
            )
        )
    found = np.mean(rows, axis=0)
    assert found[0] == pytest.approx(adjusted, abs=0.01)
    assert found[1] == pytest.approx(raw, abs=0.002)
    assert found[2] == pytest.approx(best, abs=0.004)
    assert chance.best_expected_pa(labels).f1 == pytest.approx(best_expected, abs=1e-3)
    assert chance.expected_pa(labels, 0.01).f1 == pytest.approx(found[0], abs=0.01)
