"""The PyTorch side of DPLAN walks and learns as the detector does."""

from __future__ import annotations

import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="needs pip install '.[benchmark]'")

from benchmarks.throughput import torch_dplan  # noqa: E402
from benchmarks.throughput.suites import dplan as suite  # noqa: E402

CONFIG = dataclasses.replace(
    suite.SMOKE.config, warm_up=20, target_every=30, block=50, p=0.5
)
ROWS = torch.linspace(0, 1, 120).reshape(40, 3)


def agent(steps: int) -> torch_dplan.Agent:
    made = torch_dplan.Agent(CONFIG, ROWS, 6, torch.full((40,), 0.25), seed=0)
    for _ in range(steps):
        made.step()
    return made


def test_transitions_follow_each_other_and_are_rewarded() -> None:
    past = agent(50)
    assert past.followings[:49].tolist() == past.states[1:50].tolist()
    known, flagged = past.states[:50] >= 34, past.actions[:50] == 1
    own = torch.where(known == flagged, flagged.float(), -torch.ones(50))
    torch.testing.assert_close(past.rewards[:50], own + 0.25)
    assert 0 < int(known.sum()) < 50


def test_it_learns_after_the_warm_up_and_copies_its_target() -> None:
    before, after = agent(20), agent(30)
    assert not any(leaf.any() for leaf in before.target)
    assert not torch.equal(before.hidden.weight, after.hidden.weight)
    torch.testing.assert_close(after.target[0], after.hidden.weight.detach())


def test_operations_are_those_of_a_search_and_of_learning_after_the_warm_up() -> None:
    case = suite.Case(suite.SMOKE, blocks=3)
    rows, learns = suite.SMOKE.config, 1 - case.config.warm_up / case.count
    acts, learnt = 1 + rows.subset, 3 * rows.batch_size
    product = 2 * rows.channels * rows.width
    assert case.operations() == product * (acts + learns * learnt)
