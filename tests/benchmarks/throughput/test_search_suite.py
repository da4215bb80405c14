"""The latent search's rows, and its PyTorch side: both ways say the same."""

from __future__ import annotations

import pytest

from benchmarks.throughput.options import Options, smoke
from benchmarks.throughput.suites import search
from tests.benchmarks.throughput.test_suites import rows_of


def test_rows_show_scaling_and_what_every_chunk_holds():
    rows = rows_of("search")
    timed = [row for row in rows if "searches_per_s" in row]
    held = [row for row in rows if "chunk" in row]
    assert len(timed) == len(search.SMOKE.samples) * len(search.SMOKE.restarts)
    assert timed[0]["over_one_search"] == 1
    for row in timed:
        share = row["searches_per_s"] / timed[0]["searches_per_s"]
        assert row["over_one_search"] == share
    chunks = [row["chunk"] for row in held]
    assert len(chunks) == len(search.SMOKE.budgets)
    assert chunks == sorted(set(chunks))
    for row in held:
        assert 0 < row["held_bytes"] <= row["budget_bytes"]


def test_one_search_after_another_equals_all_as_one_batch():
    torch, torch_dcgan = _torch()
    model = torch_dcgan.build(side=8, channels=2, width=4, latent=3)
    x, codes = torch.rand(2, 2, 8, 8), torch.randn(2, 3, 3)
    assert model(codes[0, 0][None, :, None, None]).shape == (1, 2, 8, 8)
    one, other = (
        way(model, x, codes, 4, 5e-2) for way in (torch_dcgan.loop, torch_dcgan.batched)
    )
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_comparison_has_a_row_for_each_way():
    torch, _ = _torch()
    before = torch.get_num_threads()
    asked = smoke(Options(against="torch", show=lambda line: None))
    rows = list(search.measure(asked))
    torch.set_num_threads(before)
    assert [row["case"].rpartition(" ")[2] for row in rows] == ["loop", "batched"]
    for row in rows:
        assert "ratio" in row or "refused" in row


def test_operations_are_those_of_passes_and_gradients():
    _torch()
    case = search.Case(search.SMOKE, samples=2, restarts=2, seconds=0.1)
    side, channels, width, latent, steps = search.SMOKE[:5]
    inner = 2 * width
    taps = 4 * 4
    first = latent * inner * taps
    last = (side // 2) ** 2 * inner * channels * taps
    assert case.operations() == 2 * (first + last) * (2 * steps + 1)


def _torch():
    torch = pytest.importorskip("torch", reason="needs pip install '.[benchmark]'")
    from benchmarks.throughput import torch_dcgan

    return torch, torch_dcgan
