"""One page to look at a recording with: zoom, thresholds to move, events to mark.

uPlot 1.6.32 draws (MIT, `uplot_LICENSE.txt`, https://github.com/leeoniya/uPlot,
`dist/` of its package as it is); `page.js` does the rest.
"""

from __future__ import annotations

from jaxtsad.interactive.page import Page, Scored, live, page

__all__ = ["Page", "Scored", "live", "page"]
