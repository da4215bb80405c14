from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install '.[benchmark]'")

from benchmarks.throughput import sources, torch_side  # noqa: E402
from jaxtsad import detectors  # noqa: E402


@pytest.fixture(scope="module", params=torch_side.available())
def case(request):
    config = detectors.module(request.param).TINY
    data = sources.stacked(config, 2 * config.batch_size, members=2)
    before = torch.get_num_threads()
    made = torch_side.Case(request.param, config, data, config.batch_size, 0.01)
    yield made
    torch.set_num_threads(before)


def test_pytorch_gets_the_windows_of_the_library(case):
    x = case.batches[1][0]
    scores = case.models[0].score(x)  # of steps, or of windows
    assert scores.ndim in (1, 2) and scores.shape == x.shape[: scores.ndim]
    steps = len(case.batches[0]) * len(x) + x.shape[1] - 1
    values = sources.sines(steps, x.shape[2], seed=1)
    np.testing.assert_array_equal(x[3], values[3 : 3 + x.shape[1]])


def test_every_number_of_threads_is_tried(case):
    for contenders in (case.training(), case.scoring()):
        assert len(contenders) == len(torch_side.threads())
        for count, contender in zip(torch_side.threads(), contenders, strict=True):
            assert contender.warm() > 0
            work = contender.run()
            assert torch.get_num_threads() == count
            assert work.windows >= len(case.batches[0][0])
            assert work.seconds >= case.seconds


def test_training_moves_the_model_and_scoring_does_not(case):
    x = case.batches[0][0]
    model = case.models[0]
    before = model.score(x)
    torch.testing.assert_close(model.score(x), before)
    for _ in range(3):
        model.train_step(x)
    assert not torch.allclose(model.score(x), before)
