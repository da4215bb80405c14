from __future__ import annotations

import json

import jax
import pytest

from benchmarks.throughput import results


def test_rows_are_merged_by_suite_and_case(tmp_path):
    old = [
        {"suite": "fleet", "case": "a", "value": 1},
        {"suite": "detectors", "case": "a", "value": 2},
        {"suite": "detectors", "case": "b", "value": 3},
    ]
    results.write(old, tmp_path)
    new = [{"suite": "detectors", "case": "a", "value": 4}]
    path = results.write(new, tmp_path)
    rows = json.loads(path.read_text())["rows"]
    assert [(row["suite"], row["case"], row["value"]) for row in rows] == [
        ("detectors", "a", 4),
        ("detectors", "b", 3),
        ("fleet", "a", 1),
    ]
    assert all(row["versions"]["jax"] == jax.__version__ for row in rows)
    assert list(tmp_path.iterdir()) == [path]


def test_a_case_at_several_lengths_keeps_them_all():
    rows = [{"suite": "e", "case": "a", "steps": steps} for steps in (10, 20)]
    assert results.merge(rows, rows) == rows


def test_the_file_names_the_device():
    assert results.slug().startswith(jax.devices()[0].device_kind.split()[0].lower())
    assert results.slug().endswith(f"-cores-jax-{jax.__version__}")


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": [{"suite": "a"}]}'])
def test_what_is_no_results_file_is_left_alone(tmp_path, text):
    path = tmp_path / f"{results.slug()}.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="holds no benchmark results"):
        results.write([{"suite": "a", "case": "b"}], tmp_path)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]
