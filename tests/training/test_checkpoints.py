"""Checkpoints: damaged ones are refused, unfinished ones are none, disks may fill."""

from __future__ import annotations

import logging
import pathlib
import random
import shutil
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.training.checkpoints import MANIFEST, Checkpoints, opened

TREE = {"a": jnp.arange(200.0), "b": np.arange(3), "c": {"d": jnp.float32(2)}}
TEMPLATE = jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(
        leaf.shape, leaf.dtype, sharding=getattr(leaf, "sharding", None)
    ),
    TREE,
)


def write(folder: pathlib.Path, steps: int, **identity: Any) -> None:
    checkpoints = Checkpoints(folder, identity)
    for step in range(1, steps + 1):
        checkpoints.save(step, {**TREE, "b": np.arange(3) + step})
    checkpoints.close()


def read(folder: pathlib.Path, **identity: Any) -> Any:
    checkpoints = Checkpoints(folder, identity)
    try:
        return checkpoints.restore(TEMPLATE)
    finally:
        checkpoints.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: Any) -> pathlib.Path:
    folder: pathlib.Path = tmp_path_factory.mktemp("checkpoints") / "run"
    write(folder, 3)
    return folder


@pytest.fixture
def copy(written: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(written, tmp_path / "copy"))


def test_opened_checkpoints_are_closed_and_without_a_folder_there_are_none(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[pathlib.Path] = []
    monkeypatch.setattr(Checkpoints, "close", lambda self: closed.append(self.folder))
    with pytest.raises(RuntimeError), opened(tmp_path / "run", {}) as kept:
        assert isinstance(kept, Checkpoints) and not closed
        raise RuntimeError
    assert closed == [tmp_path / "run"]
    with opened(None, {}) as kept:
        assert kept is None
    assert len(closed) == 1


def test_a_flipped_bit_in_any_file_is_refused(copy: pathlib.Path) -> None:
    chance = random.Random(0)
    paths = [path for path in (copy / "3").rglob("*") if path.is_file()]
    assert len(paths) > 8 and copy / "3" / MANIFEST in paths
    checkpoints = Checkpoints(copy, {})
    for path in paths:
        content = path.read_bytes()
        for _ in range(3 if content else 0):
            changed = bytearray(content)
            changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            with pytest.raises(ValueError, match=r"checkpoint 3 .* cannot be read"):
                checkpoints.restore(TEMPLATE)
            path.write_bytes(content)
    restored = checkpoints.restore(TEMPLATE)
    assert restored is not None and restored["b"].tolist() == [3, 4, 5]
    checkpoints.close()


def test_missing_files_and_further_ones_are_refused(copy: pathlib.Path) -> None:
    (copy / "3" / "more").write_text("x")
    with pytest.raises(ValueError, match="its checksums are wrong"):
        read(copy)
    (copy / "3" / "more").unlink()
    (copy / "3" / "state" / "manifest.ocdbt").unlink()
    with pytest.raises(ValueError, match="delete it to go on from the one before"):
        read(copy)
    shutil.rmtree(copy / "3")
    assert read(copy)["b"].tolist() == [2, 3, 4]


def test_one_that_was_cut_short_is_none(copy: pathlib.Path) -> None:
    (copy / "3" / MANIFEST).unlink()
    assert read(copy)["b"].tolist() == [2, 3, 4]
    assert not (copy / "3").exists()
    (copy / "2" / MANIFEST).unlink()
    assert read(copy) is None


@pytest.mark.parametrize("name", ["[/red]x", "a\\b", "🚀", "*?", "50% #1"])
def test_folders_of_any_name(name: str, tmp_path: pathlib.Path) -> None:
    write(tmp_path / name / "deep", 2, config=name)
    assert read(tmp_path / name / "deep", config=name)["b"].tolist() == [2, 3, 4]
    with pytest.raises(ValueError, match="of another model"):
        read(tmp_path / name / "deep", config="other")


def test_what_tensorstore_raises_is_one_line_and_leaves_nothing(
    copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a full disk it raises a ValueError."""
    checkpoints = Checkpoints(copy, {})

    def full(step: int, **options: Any) -> None:
        (copy / f"{step}.orbax-checkpoint-tmp" / "deep").mkdir(parents=True)
        logging.getLogger("absl").error("a traceback")
        raise ValueError(
            'RESOURCE_EXHAUSTED: Error writing "a": Failed to write 8 bytes to file 8: '
            "No space left on device [os_error_code='28']\nand more"
        )

    monkeypatch.setattr(checkpoints._manager, "save", full)
    line = (
        f"cannot write a checkpoint to {str(copy)!r}: No space left on device; the "
        "previous checkpoint is untouched"
    )
    with pytest.raises(ValueError) as error:
        checkpoints.save(4, TREE)
    assert str(error.value) == line
    assert {path.name for path in copy.iterdir()} == {"2", "3"}
    checkpoints.close()
    assert read(copy)["b"].tolist() == [3, 4, 5]


@pytest.mark.slow  # a process each
@pytest.mark.parametrize("size", [0, 100, 1_000, 4_000, 20_000, 200_000])
def test_a_limit_on_the_size_of_files(size: int, tmp_path: pathlib.Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import pathlib, resource, signal, numpy as np\n"
        "from jaxtsad.training.checkpoints import Checkpoints\n"
        "place, size = pathlib.Path(sys.argv[2]), int(sys.argv[3])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "try:\n"
        "    Checkpoints(place, {}).save(1, {'a': np.random.rand(20000)})\n"
        "except ValueError as error:\n"
        "    sys.exit(str(error))\n"
    )
    root = pathlib.Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, "-c", code, str(root), str(tmp_path / "c"), str(size)],
        capture_output=True,
        text=True,
    )
    if size < 200_000:
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.startswith("cannot write a checkpoint"), done.stderr
        assert not list(tmp_path.glob("c/*tmp*"))
    else:
        assert done.returncode == 0, done.stderr
