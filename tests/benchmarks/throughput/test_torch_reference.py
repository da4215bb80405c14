"""The published implementation, here a stand-in of its shape in a folder of its own."""

from __future__ import annotations

import sys
import types

import pytest

from benchmarks import __main__ as command

CONFIG = types.SimpleNamespace(
    window=6,
    channels=2,
    width=4,
    heads=2,
    layers=1,
    hidden=4,
    dropout=0.0,
    learning_rate=1e-3,
    k=3.0,
    temperature=50.0,
)
NETWORK = """
import torch

class AnomalyTransformer(torch.nn.Module):
    def __init__(self, win_size, enc_in, c_out, d_model, n_heads, e_layers, d_ff,
                 dropout):
        super().__init__()
        self.map = torch.nn.Linear(enc_in, c_out)
        self.associate = torch.nn.Linear(enc_in, win_size)
        self.heads = n_heads
        self.ones = torch.ones(1).cuda()

    def forward(self, x):
        rows = torch.softmax(self.associate(x), dim=-1)[:, None]
        rows = rows.repeat(1, self.heads, 1, 1).cuda()
        return self.map(x), [rows], [rows + 0.1], [rows]
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "__init__.py").touch()
    (tmp_path / "model" / "AnomalyTransformer.py").write_text(NETWORK)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "model"]:
        del sys.modules[name]


def test_it_trains_and_scores_without_a_gpu_and_leaves_torch_as_it_was(checkout):
    torch = pytest.importorskip("torch")
    from benchmarks.throughput import torch_side

    moves = torch.Tensor.cuda
    side = torch_side.reference(CONFIG, checkout)
    x = torch.ones(3, 6, 2)
    first = side.train_step(x)
    assert side.train_step(x) < first
    scores = side.score(x)
    assert scores.shape == (3, 6)
    assert scores.requires_grad
    assert torch.Tensor.cuda is moves
    assert str(checkout) not in sys.path


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["reference"], "the choices are torch, torch-best, reference PATH"),
        (["torch", "x"], "the choices are torch, torch-best, reference PATH"),
        (["tensorflow"], "the choices are torch, torch-best, reference PATH"),
    ],
)
def test_what_to_compare_with_is_checked(asked, message, capsys):
    assert command.main(["--quick", "--against", *asked]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_is_no_checkout_is_told(tmp_path, capsys):
    pytest.importorskip("torch")
    asked = ["--quick", "--against", "reference", str(tmp_path)]
    assert command.main(asked) == 2
    assert "model/AnomalyTransformer.py" in capsys.readouterr().err
