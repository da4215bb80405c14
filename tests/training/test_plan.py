"""Schedules, plateaus and early stopping."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.training import plan


def follow(plan_: plan.Plan, losses: list[float]) -> list[plan.Progress]:
    progress = plan.begin(1)
    seen = []
    for epoch, loss in enumerate(losses):
        validation = {"loss": np.array([loss], np.float32)}
        progress, _ = plan.after_epoch(
            plan_, progress, epoch, validation, np.array([True])
        )
        seen.append(progress)
    return seen


def test_halving_keeps_the_first_two_epochs_whole() -> None:
    halving = plan.Plan(schedule="halving")
    assert [1e-4 * halving.scale(epoch) for epoch in range(4)] == pytest.approx(
        [1e-4, 1e-4, 5e-5, 2.5e-5]
    )


def test_cosine_ends_near_zero() -> None:
    cosine = plan.Plan(schedule="cosine", epochs=10)
    assert cosine.scale(0) == 1.0
    assert cosine.scale(5) == pytest.approx(0.5)
    assert cosine.scale(10) == pytest.approx(0.0)


def test_a_plateau_reduces_at_the_sixth_bad_epoch() -> None:
    """Patience 5 tolerates five bad epochs, as in PyTorch."""
    plateau = plan.Plan(schedule="plateau", epochs=100, patience=50)
    seen = follow(plateau, [1.0] * 8)
    assert [float(one.scale[0]) for one in seen] == [1.0] * 6 + [0.75, 0.75]


def test_a_plateau_of_two_multiplies_at_every_third_bad_epoch() -> None:
    """The repaired Anomaly Transformer's: 0.7 at counts 3, 6, 9, the end at 10."""
    repaired = plan.Plan(
        epochs=100,
        schedule="plateau",
        factor=0.7,
        plateau=2,
        tolerance=0.0,
        patience=10,
    )
    seen = follow(repaired, [1.0] * 12)
    scales = [float(one.scale[0]) for one in seen]
    expected = [0.7**n for n in (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3)]
    np.testing.assert_allclose(scales[:11], expected, rtol=1e-6)
    assert [bool(one.active[0]) for one in seen[9:11]] == [True, False]
    better = follow(repaired, [1.0, 1.0, 1.0, 0.99999, 1.0, 1.0])
    assert float(better[-1].scale[0]) == 1.0


def test_early_stopping_fires_after_the_tenth_bad_epoch() -> None:
    seen = follow(plan.Plan(epochs=100, patience=10), [1.0] * 12)
    assert [bool(one.active[0]) for one in seen[:11]] == [True] * 10 + [False]


def test_the_paper_keeps_an_epoch_only_when_neither_loss_rose() -> None:
    paper = plan.Plan(stop="paper", patience=3)
    progress = plan.begin(1)
    kept = []
    for epoch, (first, second) in enumerate([(5, 9), (4, 10), (5, 8), (5, 9), (4, 8)]):
        validation = {
            "loss": np.array([1.0]),
            "loss1": np.array([float(first)]),
            "loss2": np.array([float(second)]),
        }
        progress, improved = plan.after_epoch(
            paper, progress, epoch, validation, np.array([True])
        )
        kept.append(bool(improved[0]))
    assert kept == [True, False, True, False, True]


def test_the_paper_rule_needs_two_losses() -> None:
    with pytest.raises(ValueError, match="loss1 and loss2"):
        follow(plan.Plan(stop="paper"), [1.0])


def test_a_member_without_validation_keeps_its_last_parameters() -> None:
    progress, improved = plan.after_epoch(
        plan.Plan(),
        plan.begin(2),
        0,
        {"loss": np.array([1.0, np.nan], np.float32)},
        np.array([True, False]),
    )
    assert improved.tolist() == [True, True]
    assert progress.active.tolist() == [True, True]


@pytest.mark.parametrize(
    "option",
    [{"stop": "never"}, {"epochs": -1}, {"patience": 0}, {"factor": 0.0}],
)
def test_bad_plans_are_refused(option: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        plan.Plan(**option)
