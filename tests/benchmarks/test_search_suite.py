"""The PyTorch side of the latent search: both ways say the same."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs pip install '.[benchmark]'")

from benchmarks import torch_dcgan  # noqa: E402
from benchmarks.options import Options, smoke  # noqa: E402
from benchmarks.suites import search  # noqa: E402


def test_one_search_after_another_equals_all_as_one_batch():
    model = torch_dcgan.build(side=8, channels=2, width=4, latent=3)
    x, codes = torch.rand(2, 2, 8, 8), torch.randn(2, 3, 3)
    assert model(codes[0, 0][None, :, None, None]).shape == (1, 2, 8, 8)
    one, other = (
        way(model, x, codes, 4, 5e-2) for way in (torch_dcgan.loop, torch_dcgan.batched)
    )
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_comparison_has_a_row_for_each_way():
    before = torch.get_num_threads()
    asked = smoke(Options(against="torch", show=lambda line: None))
    rows = list(search.measure(asked))
    torch.set_num_threads(before)
    assert [row["case"].rpartition(" ")[2] for row in rows] == ["loop", "batched"]
    for row in rows:
        assert "ratio" in row or "refused" in row
