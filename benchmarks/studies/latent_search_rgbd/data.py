"""Colour and depth pictures of three shapes, cut for `latent_search_rgbd`.

Drawn ones need no download. The real captures are split by contiguous blocks of their
file number, since neighbours show the same object, or at random, as the original does,
where scenes leak. The speckle of the table, by which classes can be told apart, is
masked unless it is asked for: only the largest piece of `depth > 0` stays.
"""

from __future__ import annotations

import functools
import os
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from jaxtsad.datasets import rgbd_shapes
from jaxtsad.datasets.synthetic import scenes

BACKGROUND = -1.0
FOLDS = 5
GAP = 25
"""Pictures on either side of a fold that no training sees: the squared difference of
two captures of a class grows up to about that distance of their places."""
SPLITS = {
    "block": "the last file numbers are tested",
    "random": "as the original: scenes leak",
    "folds": f"{FOLDS} contiguous folds",
}


class Shapes(NamedTuple):
    """Pictures in [-1, 1] of every class; the k-th generator learns class k.

    Attributes:
        classes: Names.
        train: Per class `[N, S, S, 4]`.
        held: Likewise, of the same class and in no training: what is usual for it.
        test: `[N, S, S, 4]`.
        labels: `[N]` class of each test picture.
    """

    classes: tuple[str, ...]
    train: tuple[np.ndarray, ...]
    held: tuple[np.ndarray, ...]
    test: np.ndarray
    labels: np.ndarray


def drawn(side: int, train: int, test: int, seed: int = 0) -> Shapes:
    """Drawn pictures, so many per class; the validation part is held out."""
    classes = scenes.CLASSES[:3]

    def part(name: str, count: int) -> tuple[np.ndarray, ...]:
        return tuple(
            scenes.pictures(kind, count, seed=seed, part=name, side=side)
            for kind in classes
        )

    held = part("validation", scenes.PARTS["validation"])
    return Shapes(
        classes,
        part("train", train),
        held,
        np.concatenate(part("test", test)),
        np.repeat(np.arange(len(classes)), test),
    )


def real(
    root: str | os.PathLike[str],
    side: int = 64,
    train: int = 350,
    test: int = 75,
    mask: bool = True,
    split: str = "block",
    part: int = 0,
) -> Shapes:
    """The real captures: of each class some train, some are tested, the rest is held.

    Args:
        root: The data root.
        side: Pixels per side.
        train: Training pictures per class; folds take all that is left.
        test: Test pictures per class; a fold has a fifth.
        mask: Whether the table's speckle goes.
        split: One of `SPLITS`. `block`: the first file numbers train, the last are
            tested. `random`: every picture is drawn. `folds`: the `part`-th of five
            contiguous blocks is tested, and its neighbors train nothing.
        part: Seed of a draw, or number of the fold.

    Raises:
        FileNotFoundError: If they are not below the root.
        ValueError: If `side` does not divide 64, the split is unknown, there is no such
            fold, or there are too few pictures.
    """
    if side < 1 or 64 % side:
        raise ValueError(f"{side=} must divide 64")
    if split not in SPLITS:
        raise ValueError(f"{split=}; the choices are {', '.join(SPLITS)}")
    if split == "folds" and not 0 <= part < FOLDS:
        raise ValueError(f"seed {part} names no fold, expected 0 to {FOLDS - 1}")
    scaled, labels = _captures(os.fspath(root), side, mask)
    parts = []
    for k, name in enumerate(rgbd_shapes.CLASSES):
        own = scaled[labels == k]
        if len(own) < train + test:
            raise ValueError(
                f"{len(own)} pictures of {name}, expected at least {train + test}"
            )
        parts.append(_cut(own, train, test, split, part, k))
    ours, between, tested = zip(*parts, strict=True)
    return Shapes(
        rgbd_shapes.CLASSES,
        ours,
        between,
        np.concatenate(tested),
        np.repeat(np.arange(len(parts)), [len(one) for one in tested]),
    )


@functools.lru_cache(maxsize=1)
def _captures(root: str, side: int, mask: bool) -> tuple[np.ndarray, np.ndarray]:
    """All captures in [-1, 1] and their classes."""
    found = rgbd_shapes.load_samples(root)
    assert found.labels is not None
    values = masked(found.values) if mask else found.values
    return shrunk(values.astype(np.float32) / 127.5 - 1, side), found.labels


def _cut(
    own: np.ndarray, train: int, test: int, split: str, part: int, number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, held and test pictures of one class, see `real`."""
    if split == "folds":
        place = np.arange(len(own))
        first, last = np.array([part, part + 1]) * len(own) // FOLDS
        tested = (place >= first) & (place < last)
        near = (place >= first - GAP) & (place < last + GAP)
        return own[~near], own[near & ~tested], own[tested]
    if split == "random":
        own = own[np.random.default_rng([part, number]).permutation(len(own))]
    return own[:train], own[train:-test], own[-test:]


def sets(shapes: Shapes) -> list[tuple[str, np.ndarray]]:
    """Training pictures of each class, as `pipeline.fitting.fit` takes them."""
    return list(zip(shapes.classes, shapes.train, strict=True))


def masked(values: np.ndarray) -> np.ndarray:
    """Blackens all of `[N, H, W, 4]` but the largest connected piece of `depth > 0`."""
    found = np.zeros_like(values)
    for picture, place in zip(values, found, strict=True):
        pieces, count = ndimage.label(picture[..., 3] > 0)
        if count:
            sizes = ndimage.sum_labels(
                np.ones_like(pieces), pieces, range(1, count + 1)
            )
            kept = pieces == 1 + int(np.argmax(sizes))
            place[kept] = picture[kept]
    return found


def shrunk(values: np.ndarray, side: int) -> np.ndarray:
    """Means over blocks of `[N, H, W, C]`, giving `[N, side, side, C]`."""
    count, height, _, channels = values.shape
    block = height // side
    shape = (count, side, block, side, block, channels)
    return values.reshape(shape).mean(axis=(2, 4))


def brightness(values: np.ndarray) -> np.ndarray:
    """Mean squared distance of `[N, S, S, C]` from the background, `[N, C]`.

    Example:
        >>> brightness(np.full((1, 2, 2, 1), 0.5)).tolist()
        [[2.25]]
    """
    found: np.ndarray = np.square(values - BACKGROUND).mean(axis=(1, 2))
    return found


def leaks(shapes: Shapes, own: int) -> dict[str, np.ndarray]:
    """Scores `[N]` that see no shape: how far mask area and mean depth are from usual.

    A detector that does not beat them has learnt how large objects are, no more.
    """

    def area(values: np.ndarray) -> np.ndarray:
        return (values[..., 3] > BACKGROUND + 0.1).mean(axis=(1, 2))

    def depth(values: np.ndarray) -> np.ndarray:
        return values[..., 3].mean(axis=(1, 2))

    found = {}
    for name, measure in (("mask area", area), ("mean depth", depth)):
        usual = np.median(measure(shapes.train[own]))
        found[name] = np.abs(measure(shapes.test) - usual)
    return found
