"""The part of a report that looks inside an Anomaly Transformer around one step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxtsad.reporting import html, run_directory
from jaxtsad.reporting.html import Safe
from jaxtsad.reporting.plots import associations, bars

NEEDED = ("series", "prior", "discrepancy", "error", "score", "step", "start")


def build(arrays: Mapping[str, np.ndarray]) -> Safe:
    """The section, or nothing where these arrays are not an Anomaly Transformer's.

    Args:
        arrays: Those of `inspection.npz`; empty where the run was not looked into.
    """
    if not all(name in arrays for name in NEEDED):
        return Safe("")
    step, start = int(arrays["step"]), int(arrays["start"])
    offset = step - start
    series, prior = arrays["series"], arrays["prior"]
    drawn = [
        ("Score and its parts", associations.score_parts(arrays, offset, start)),
        (
            f"What step {step:,} attends to (series) and its prior",
            associations.rows(series, prior, offset, start),
        ),
        (
            "All rows: series (S) and prior (P) of each layer; darker is more",
            associations.maps(series, prior, offset),
        ),
    ]
    if "sigma_along" in arrays:
        pair = arrays["sigma_along"], arrays["discrepancy_along"]
        drawn.append(("Along the whole series", associations.widths(*pair, step)))
    if "explain" in arrays:
        names = [str(name) for name in arrays["channels"]]
        figure = bars.channels(arrays["explain"][offset], names)
        drawn.append(("Channels", figure))
    figures = [
        html.figure(figure, caption, f"look{place}", caption=caption, wide=True)
        for place, (caption, figure) in enumerate(drawn)
    ]
    note = (
        f"{arrays['entity']}, step {step:,}, seed {int(arrays['seed'])}; the window "
        f"starts at step {start:,}. The arrays are in {run_directory.INSPECTION}."
    )
    return html.section("Inside the detector", *figures, note=note)
