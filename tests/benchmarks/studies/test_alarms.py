"""Studies of alarms: what counts as false, and telemanom's counting, by hand."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from benchmarks.studies import alarms, events_nasa, study
from benchmarks.studies.alarms import Scored


@pytest.fixture
def entity() -> Scored:
    """Two labeled sequences, one found; a false event, and one too near to count."""
    random = np.random.default_rng(0)
    test, labels = np.zeros(1000), np.zeros(1000, int)
    labels[300:320] = labels[600:620] = 1
    test[[305, 315, 350, 800]] = 1e6
    return Scored("one", "nasa", random.exponential(size=500), test, labels)


def test_false_events_are_those_far_from_labels(entity: Scored) -> None:
    found = alarms.rate(entity, "budget", {"alarms_per_1000": 1.0})
    assert found == (1, 1000 - 2 * (20 + 2 * alarms.WINDOW), 1)
    assert found.per_1000 == pytest.approx(1 / 0.8)
    assert found.outside == pytest.approx(1 / 0.799)
    assert alarms.rate(entity, "quantile", {}) == found


def test_blocks_take_turns_on_normal_steps(entity: Scored) -> None:
    steps = np.arange(1000.0)
    part = alarms.by_blocks(entity._replace(test=steps))
    assert part is not None
    # 100 steps are near each labeled sequence: 800 are left, eight blocks of 100.
    normal = np.delete(steps, np.r_[260:360, 560:660]).reshape(4, 2, 100)
    np.testing.assert_array_equal(part.calibration, normal[:, 0].ravel())
    np.testing.assert_array_equal(part.test, normal[:, 1].ravel())
    assert not part.labels.any()
    short = entity._replace(test=steps[:900], labels=entity.labels[:900])
    assert alarms.by_blocks(short) is None


def test_a_kind_with_too_few_scores_takes_their_largest(entity: Scored) -> None:
    few = entity._replace(calibration=np.arange(9.0))
    assert len(alarms.events_of(few, "pot", {})) == 4
    high = few._replace(test=np.full(1000, 8.0))
    assert len(alarms.events_of(high, "pot", {})) == 0


def test_counting_of_telemanom(entity: Scored) -> None:
    # Found once though by two events; the events at 350 and 800 overlap nothing.
    assert events_nasa.counts([entity, entity], 1.0) == (2, 2, 4, 8)


def test_smoothing_sees_no_later_step(entity: Scored) -> None:
    first = events_nasa.smoothed(entity).test
    later = entity.test.copy()
    later[500:] = 7
    changed = events_nasa.smoothed(entity._replace(test=later)).test
    np.testing.assert_array_equal(first[:500], changed[:500])
    assert first[305] == pytest.approx(1e6 / alarms.WINDOW)


def test_both_run_without_any_data_set(tmp_path: pathlib.Path) -> None:
    folder = str(tmp_path / "out")
    given = ["--quick", "--out", folder]
    assert study.main(alarms.STUDY, given) == 0
    assert study.main(events_nasa.STUDY, given) == 0
    text = (tmp_path / "out" / "events_nasa.md").read_text()
    assert "telemanom, published" in text
    assert "| random" in text
