"""One page to look at a recording with: zoom, thresholds to move, events to mark.

uPlot 1.6.32 draws (MIT, `uplot_LICENSE.txt`, https://github.com/leeoniya/uPlot,
`dist/` of its package as it is). Our own scripts, in the order they are loaded: `rows`
`charts` `marks` `events` `page`, of a server `live`; of samples `rows marks samples`.
"""

from __future__ import annotations

from jaxtsad.interactive.page import Page, Scored, live, page
from jaxtsad.interactive.samples import Pictures, chosen, pictures, samples

__all__ = [
    "Page",
    "Pictures",
    "Scored",
    "chosen",
    "live",
    "page",
    "pictures",
    "samples",
]
