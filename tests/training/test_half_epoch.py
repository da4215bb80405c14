"""An epoch that is interrupted half way is recorded as if it had been taken at once."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from jaxtsad.training import checkpoints, fit, loop, plan
from tests.training.test_fit import Stopper, run


def test_resume_reports_the_losses_of_whole_epochs(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "GROWTH", 4.0)  # Several stretches in an epoch.
    plan_ = plan.Plan(epochs=3, stop="none", checkpoint_seconds=0.0)
    expected: list[dict[str, Any]] = []
    run([600, 450], plan_, callbacks=fit.Callbacks(epoch=expected.extend))
    records: list[dict[str, Any]] = []
    steps: list[tuple[int, int]] = []
    interruptions = 0
    for after in (0, 0, 1000):
        saved = checkpoints.Checkpoints(tmp_path, {"name": "test"})
        callbacks = fit.Callbacks(
            status=lambda status: steps.append((status.step, status.steps)),
            epoch=records.extend,
            stop=Stopper(after),
        )
        try:
            run([600, 450], plan_, checkpoints=saved, callbacks=callbacks)
        except fit.Interrupted:
            interruptions += 1
            assert 0 < steps[-1][0] < steps[-1][1], "this was not within an epoch"
        finally:
            saved.close()
    assert interruptions == 2
    assert len(records) == len(expected) == 6
    for ours, theirs in zip(records, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
