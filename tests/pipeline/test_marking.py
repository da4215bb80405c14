"""Parts of recordings: windows drawn at random for validation keep their role."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxtsad import types
from jaxtsad.ops import windows
from jaxtsad.pipeline import fitting, marking, parts
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan
from jaxtsad.types import Role
from tests.detectors.test_contract import sines


def whole(steps: int = 200) -> windows.WindowView:
    part, _ = types.cut_train(sines(steps, 2), window=10, validation=0)
    return windows.view(part, 10, 5, tail=False)


def test_drawn_windows_are_a_share_and_none_is_in_both() -> None:
    view = whole()
    fit, held_out = marking.draw_windows(view, 0.2, seed=3)
    assert held_out is not None and (fit.size, held_out.size) == (32, 7)
    assert fit.role is held_out.role is Role.FIT
    starts = np.concatenate([np.asarray(fit.starts), np.asarray(held_out.starts)])
    assert sorted(starts.tolist()) == list(range(0, 191, 5))
    assert np.all(np.diff(np.asarray(fit.starts)) > 0)
    same, _ = marking.draw_windows(view, 0.2, seed=3)
    other, _ = marking.draw_windows(view, 0.2, seed=4)
    np.testing.assert_array_equal(same.starts, fit.starts)
    assert not np.array_equal(np.asarray(other.starts), np.asarray(fit.starts))


def test_too_few_windows_leave_nothing_to_validate_on() -> None:
    fit, held_out = marking.draw_windows(whole(20), 0.2, seed=0)
    assert fit.size == 3 and held_out is None


def test_a_random_split_scales_and_calibrates_on_the_whole_training_part() -> None:
    setup = Setup(
        "zscore", window=10, stride=5, split="windows", plan=Plan(), tail=False
    )
    values = sines(200, 2)
    values[180:] += 3.0
    [part] = parts.prepare(setup, [("a", values)])
    assert part.validation is None and len(part.fit) == 200
    np.testing.assert_allclose(part.fit.values.mean(axis=0), 0, atol=1e-6)
    fitted = fitting.fit(setup, [("a", values)])
    assert fitted.validation == (True,)
    assert fitted.calibration[0].role is Role.FIT
    in_time = dataclasses.replace(setup, split="time")
    [part] = parts.prepare(in_time, [("a", values)])
    assert part.validation is not None and len(part.fit) == 160


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(
        ValueError, match="split='random' is unknown; the choices are time, wind"
    ):
        Setup("zscore", split="random")


def test_windows_that_meet_a_known_anomaly() -> None:
    fit, _ = types.cut_train(np.zeros((10, 1)), window=3, validation=0)
    view = windows.view(fit, 3, 2)
    known = [np.arange(10) == 4]
    learnt = marking.mark_windows(view, known, learns=True)
    np.testing.assert_array_equal(learnt.known, [0, 1, 1, 0, 0])
    np.testing.assert_array_equal(learnt.weight, 1)
    left_out = marking.mark_windows(view, known, learns=False)
    np.testing.assert_array_equal(left_out.weight, [1, 0, 0, 1, 1])
    with pytest.raises(ValueError, match="all 5 windows"):
        marking.mark_windows(view, [np.ones(10, bool)], learns=True)
