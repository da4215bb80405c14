"""Matplotlib figures as small SVG elements that live inside a page.

The page owns fonts and colors: text stays text and inherits the page's font, and each
color of the palette becomes a CSS variable with that color as its fallback, so one
drawing serves a light page, a dark page and a file of its own.
"""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")

PALETTE = {
    "ink": "#23262d",
    "muted": "#6d7480",
    "rule": "#d9dce1",
    "line": "#56606f",
    "truth": "#c4523a",
    "found": "#2c6e9e",
    "score": "#3b3f66",
    "threshold": "#a36710",
    "fit": "#5a5f8f",
    "validation": "#3f8f6b",
    "chance": "#9aa1ab",
    "paper": "#fefefe",
}
_VARIABLES = {color: f"var(--{name}, {color})" for name, color in PALETTE.items()}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "jaxtsad",
    "text.parse_math": False,
    "font.size": 8.5,
    "axes.edgecolor": PALETTE["rule"],
    "axes.labelcolor": PALETTE["muted"],
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.color": PALETTE["ink"],
    "xtick.color": PALETTE["rule"],
    "ytick.color": PALETTE["rule"],
    "xtick.labelcolor": PALETTE["muted"],
    "ytick.labelcolor": PALETTE["muted"],
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "path.simplify": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Gives a drawing function the palette and fonts of the report.

    Matplotlib reads some settings when a thing is made and others when it is drawn,
    so `render` uses the same settings again; outside of both nothing is changed.
    """

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        import matplotlib

        with matplotlib.rc_context(_SETTINGS):
            return draw(*args, **kwargs)

    return wrapped


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` by `height` inches that no global state knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def render(figure: Figure, label: str, prefix: str = "p") -> str:
    """Draws a figure as one `<svg>` element.

    Args:
        figure: What to draw.
        label: What it shows, read out in place of the picture.
        prefix: Start of every id, different for each drawing of one page.

    Returns:
        The element, sized by its `viewBox`, without scripts, styles or links.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # Names may use letters that the layout font lacks; the page's font has them.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    return _clean(buffer.getvalue(), label, prefix)


def _clean(text: str, label: str, prefix: str) -> str:
    root = ElementTree.fromstring(text)
    used = set(re.findall(r"url\(#([^)]+)\)", text))
    used |= set(re.findall(r'href="#([^"]+)"', text))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        if element.tag not in ("text", "tspan"):
            element.text = None
        for key in list(element.attrib):
            value = element.attrib.pop(key)
            name = key.rpartition("}")[2]
            if name == "id":
                if value not in used:
                    continue
                value = prefix + value
            if name == "transform" and value.startswith("rotate(-0 "):
                continue
            element.set(name, _attribute(name, value, prefix))
    _tidy(root)
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "plot",
        "viewBox": root.attrib["viewBox"],
        "width": width,
        "height": height,
        "role": "img",
        "aria-label": plain(label, 300),
    }
    return ElementTree.tostring(root, encoding="unicode")


def _attribute(name: str, value: str, prefix: str) -> str:
    if name == "href":
        return value.replace("#", f"#{prefix}")
    if name == "clip-path":
        return value.replace("url(#", f"url(#{prefix}")
    if name == "style":
        value = value.replace("url(#", f"url(#{prefix}")
        value = re.sub(r"font: ([\d.]+px)[^;]*", r"font-size: \1", value)
        value = re.sub(r"font-family: [^;]*;?", "", value)
        return re.sub(
            r"#[0-9a-f]{6}\b",
            lambda match: _VARIABLES.get(match.group(), match.group()),
            value,
        )
    if name in ("d", "points", "x", "y", "width", "height", "transform"):
        value = re.sub(r"-?\d+\.\d+", _short, value)
    return " ".join(value.split())


def _short(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")


def _tidy(element: ElementTree.Element) -> None:
    """Drops what is not drawn, and groups that group nothing."""
    children: list[ElementTree.Element] = []
    for child in element:
        _tidy(child)
        if child.tag in ("metadata", "style", "title"):
            continue
        if child.tag == "g" and not child.attrib:
            children.extend(child)
        elif child.tag != "defs" or len(child):
            children.append(child)
    element[:] = children


def plain(name: object, longest: int = 40) -> str:
    r"""A name as one short printable line: what XML cannot hold becomes a space.

    Example:
        >>> plain("speed\x00\nof the machine", 12)
        'speed  of t…'
    """
    text = "".join(letter if letter.isprintable() else " " for letter in str(name))
    return text if len(text) <= longest else text[: longest - 1] + "…"
