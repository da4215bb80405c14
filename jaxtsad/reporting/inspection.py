"""The part of a report that looks inside the detector around one step."""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Mapping

import numpy as np

from jaxtsad.reporting import associations, markup, svg
from jaxtsad.reporting.markup import Safe

FILE = "inspection.npz"
NEEDED = ("series", "prior", "discrepancy", "error", "score", "step", "start")


def read(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Arrays of `inspection.npz`; empty where the run was not looked into.

    Raises:
        ValueError: If the file is no archive of arrays.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is not an archive of arrays: {error}") from None


def build(found: Mapping[str, np.ndarray]) -> Safe:
    """The section, or nothing where these arrays are not an Anomaly Transformer's.

    Args:
        found: What `read` gives: arrays of `pipeline.inspection`, and `entity`, `seed`
            and `channels`.
    """
    if not all(name in found for name in NEEDED):
        return Safe("")
    step, start = int(found["step"]), int(found["start"])
    offset = step - start
    series, prior = found["series"], found["prior"]
    drawn = [
        ("Score and its parts", associations.shares(found, offset, start)),
        (
            f"What step {step:,} attends to (series) beside its prior",
            associations.rows(series, prior, offset, start),
        ),
        (
            "All rows: series (S) and prior (P) of each layer; darker is more",
            associations.maps(series, prior, offset),
        ),
    ]
    if "sigma_along" in found:
        pair = found["sigma_along"], found["discrepancy_along"]
        drawn.append(("Along the whole series", associations.widths(*pair, step)))
    if "explain" in found:
        names = [str(name) for name in found["channels"]]
        figure = associations.contributions(found["explain"][offset], names)
        drawn.append(("Channels", figure))
    pieces = [
        markup.element(
            "figure",
            markup.element("figcaption", caption),
            Safe(svg.render(figure, caption, f"look{place}")),
        )
        for place, (caption, figure) in enumerate(drawn)
    ]
    lead = (
        f"{found['entity']}, step {step:,}, seed {int(found['seed'])}; the window "
        f"starts at step {start:,}. The arrays are in {FILE}."
    )
    return markup.element(
        "section",
        markup.element("h2", "Inside the detector"),
        markup.element("p", lead, class_="lead"),
        *(markup.element("div", piece, class_="scroll wide") for piece in pieces),
    )
