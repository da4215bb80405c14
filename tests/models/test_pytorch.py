"""Files of arrays by name, and what is said of files that are none."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxtsad.models import pytorch as checkpoints

ARRAYS = {
    "param/a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "param/a.bias": np.ones(2, np.float32),
    "other": np.zeros(1, np.float32),
}


def same(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_npz_and_safetensors(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    save_file(ARRAYS, tmp_path / "a.safetensors")
    for name in ("a.npz", "a.safetensors"):
        same(checkpoints.read(tmp_path / name), ARRAYS)


def test_prefix_selects_and_is_removed(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    found = checkpoints.read(tmp_path / "a.npz", prefix="param/")
    assert set(found) == {"a.weight", "a.bias"}
    with pytest.raises(ValueError, match="no array whose name begins 'grad/'"):
        checkpoints.read(tmp_path / "a.npz", prefix="grad/")


def test_pth(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    state = {name: torch.from_numpy(array) for name, array in ARRAYS.items()}
    torch.save(state, tmp_path / "a.pth")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "b.pt")
    for name in ("a.pth", "b.pt"):
        same(checkpoints.read(tmp_path / name), ARRAYS)
    torch.save([1, 2], tmp_path / "c.pth")
    with pytest.raises(ValueError, match="holds a list, expected a state dict"):
        checkpoints.read(tmp_path / "c.pth")


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'.txt'.*the choices are .npz, .safetensors"):
        checkpoints.read(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        checkpoints.read(tmp_path / "a.npz")
    for suffix in (".npz", ".safetensors"):
        (tmp_path / f"broken{suffix}").write_bytes(b"not arrays at all")
        with pytest.raises(ValueError, match="cannot be read"):
            checkpoints.read(tmp_path / f"broken{suffix}")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="cannot be read"):
        checkpoints.read(tmp_path / "objects.npz")
