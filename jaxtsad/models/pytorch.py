"""Reads the arrays of a PyTorch state dict from the files people keep them in."""

from __future__ import annotations

import os
import pathlib
import zipfile
from collections.abc import Mapping

import numpy as np

SUFFIXES = (".npz", ".safetensors", ".pth", ".pt")


def read(path: str | os.PathLike[str], prefix: str = "") -> dict[str, np.ndarray]:
    """Reads a state dict as arrays by parameter name.

    Args:
        path: An `.npz` or `.safetensors` file of arrays by name, or a `.pth` or `.pt`
            file, for which PyTorch must be installed. Nothing but arrays is unpickled.
        prefix: Keeps the names that begin so, without that beginning.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is of another kind, cannot be read or holds no arrays.
    """
    path = pathlib.Path(path)
    if path.suffix not in SUFFIXES:
        listed = ", ".join(SUFFIXES)
        raise ValueError(
            f"{path.suffix=} of {str(path)!r} is unknown; the choices are {listed}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {str(path)!r}")
    state = select(_arrays(path), prefix)
    if not state:
        raise ValueError(f"{str(path)!r} holds no array whose name begins {prefix!r}")
    return state


def select(state: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Arrays whose names begin with `prefix`, by the rest of their names."""
    return {
        name.removeprefix(prefix): array
        for name, array in state.items()
        if name.startswith(prefix)
    }


def _arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return dict(load_file(path))
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}") from None
    except Exception as error:
        if type(error).__module__.startswith("safetensors"):
            raise ValueError(f"{str(path)!r} cannot be read: {error}") from None
        raise
    return _torch_arrays(path)


def _torch_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ModuleNotFoundError:
        raise ValueError(
            f"reading {str(path)!r} needs PyTorch; install it, or save the state dict "
            "as safetensors"
        ) from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{str(path)!r} cannot be read: {first}") from None
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping):
        raise ValueError(
            f"{str(path)!r} holds a {type(state).__name__}, expected a state dict"
        )
    return {
        name: value.detach().float().numpy()
        for name, value in state.items()
        if isinstance(value, torch.Tensor)
    }
