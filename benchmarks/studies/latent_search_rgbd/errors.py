"""Errors of colour and depth pictures, and how usual they are for their own shape.

A squared error follows an object's size and edges more than its shape: to every
generator a large box is harder than a small ball. `unusual` asks instead whether the
errors are those that held-out pictures of the generator's own shape have at the same
brightness. Colour, depth and the edges of both count apart.
"""

from __future__ import annotations

import numpy as np

from benchmarks.studies.latent_search_rgbd import typicality
from benchmarks.studies.latent_search_rgbd.data import BACKGROUND, brightness

LEAST = 1e-6
"""Added before logarithms; the noise of drawn pictures alone leaves 1e-4."""


def unusual(
    held: np.ndarray, again: np.ndarray, test: np.ndarray, made: np.ndarray
) -> np.ndarray:
    """How unusual the errors of pictures are, `[N]`.

    Args:
        held: `[M, S, S, 4]`, normal pictures that trained nothing.
        again: What was made of them.
        test: `[N, S, S, 4]`.
        made: What was made of these.

    Raises:
        ValueError: If the held-out pictures are too few, see `typicality.fit`.
    """
    usual = typicality.fit(errors(held, again), light(held))
    return typicality.unusual(usual, errors(test, made), light(test))


def unusual_edges(held: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The same of the pictures' own edges, `[N]`: what `unusual` sees without a maker.

    Were every picture repeated as an empty one, colour and depth would be wrong by
    their brightness, which is known, and only the edges would be left.

    Args:
        held: `[M, S, S, 4]`.
        test: `[N, S, S, 4]`.
    """
    empty = np.full((1, 1, 1, 1), BACKGROUND)
    usual = typicality.fit(errors(held, empty)[:, 2:], light(held))
    return typicality.unusual(usual, errors(test, empty)[:, 2:], light(test))


def errors(pictures: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Logarithms of squared errors `[N, 4]`: colour, depth, and the edges of each."""
    apart = pictures - made
    across = np.square(np.diff(apart, axis=2)).mean(axis=(1, 2))
    down = np.square(np.diff(apart, axis=1)).mean(axis=(1, 2))
    whole = np.square(apart).mean(axis=(1, 2))
    return _logarithms(np.concatenate([_pair(whole), _pair(across + down)], axis=1))


def light(pictures: np.ndarray) -> np.ndarray:
    """Logarithms of brightness `[N, 2]`: colour, depth."""
    return _logarithms(_pair(brightness(pictures)))


def _pair(values: np.ndarray) -> np.ndarray:
    """Of `[N, 4]` the mean of the three colours, and depth."""
    return np.stack([values[:, :3].mean(axis=1), values[:, 3]], axis=1)


def _logarithms(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.log(LEAST + values.astype(np.float64))
    return found
