"""Pictures of image experiments: grids of samples, and curves."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from jaxtsad import files


def grid(rows: Sequence[np.ndarray], gap: int = 2) -> np.ndarray:
    """Lays rows of pictures `[N, H, W, C]` in [-1, 1] into one `[.., .., 3]` of bytes.

    One channel is grey; of four the last is depth, laid below its colours.

    Example:
        >>> grid([np.zeros((3, 8, 8, 1))]).shape
        (12, 32, 3)
    """
    found = []
    for row in rows:
        for pictures in _as_colours(row):
            lined = np.pad(
                pictures,
                [(0, 0), (gap, gap), (0, gap), (0, 0)],
                constant_values=255,
            )
            line = np.concatenate(list(lined), axis=1)
            found.append(np.pad(line, [(0, 0), (gap, 0), (0, 0)], constant_values=255))
    widest = max(line.shape[1] for line in found)
    filled = [
        np.pad(line, [(0, 0), (0, widest - line.shape[1]), (0, 0)], constant_values=255)
        for line in found
    ]
    return np.concatenate(filled)


def save_grid(path: pathlib.Path, rows: Sequence[np.ndarray], zoom: int = 2) -> None:
    """Writes a grid as a PNG file.

    Raises:
        ValueError: If it cannot be written.
    """
    from PIL import Image

    pixels = grid(rows).repeat(zoom, axis=0).repeat(zoom, axis=1)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    files.write_bytes(path, stream.getvalue())


def save_bars(
    path: pathlib.Path, title: str, values: Mapping[str, Mapping[str, float]]
) -> None:
    """Writes grouped bars of AUCs, `{group: {name: value}}`, as an SVG file.

    Raises:
        ValueError: If it cannot be written.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for found in values.values() for name in found))
    figure = Figure(figsize=(1.5 + 1.1 * len(values), 3.2), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        places = np.arange(len(values)) + (number - (len(names) - 1) / 2) * width
        heights = [found.get(name, np.nan) for found in values.values()]
        axes.bar(places, heights, width, label=name)
    axes.axhline(0.5, color="grey", linewidth=0.8)
    axes.set_xticks(range(len(values)), list(values))
    axes.set_ylim(0, 1)
    axes.set_ylabel("AUC")
    axes.set_title(title)
    axes.legend(fontsize="small")
    stream = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(stream)
    files.write_bytes(path, stream.getvalue())


def _as_colours(row: np.ndarray) -> list[np.ndarray]:
    pixels = np.clip((np.asarray(row) + 1) * 127.5, 0, 255).round().astype(np.uint8)
    channels = pixels.shape[-1]
    if channels == 1:
        return [pixels.repeat(3, axis=-1)]
    if channels == 4:
        return [pixels[..., :3], pixels[..., 3:].repeat(3, axis=-1)]
    return [pixels]
