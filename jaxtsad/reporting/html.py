"""HTML: small pieces, and the frame of a page that needs and loads nothing else.

Every text that comes from data is escaped here.
"""

from __future__ import annotations

import html as html_
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING

from jaxtsad.reporting.plots import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Nothing is loaded and nothing runs: names in the data can do no harm.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Safe(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


class Number(str):
    """A number that is written already."""

    __slots__ = ()


def text(value: object) -> Safe:
    r"""A value as escaped text.

    Example:
        >>> text("<b> & \"c\"")
        '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return value if isinstance(value, Safe) else Safe(html_.escape(str(value)))


def element(name: str, *children: object, **attributes: str | None) -> Safe:
    """An element around its children; a trailing underscore in a name is dropped.

    Example:
        >>> element("p", "a < b", class_="note")
        '<p class="note">a &lt; b</p>'
    """
    given = "".join(
        f' {key.rstrip("_")}="{html_.escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Safe(f"<{name}{given}>{''.join(map(text, children))}</{name}>")


def join(pieces: Iterable[object]) -> Safe:
    """Pieces one after another."""
    return Safe("".join(map(text, pieces)))


def table(heads: Sequence[object], lines: Iterable[Sequence[object]]) -> Safe:
    """A table in a box of its own that scrolls; numbers are aligned to the right."""
    lines = list(lines)
    first = lines[0] if lines else heads
    head = element(
        "tr",
        *(
            element("th", name, scope="col", class_=_class(value))
            for name, value in zip(heads, first, strict=True)
        ),
    )
    body = (element("tr", *map(_cell, line)) for line in lines)
    inner = element("table", element("thead", head), element("tbody", *body))
    return element("div", inner, class_="scroll")


def _cell(value: object) -> Safe:
    shown = f"{value:,}" if isinstance(value, int) else value
    return element("td", shown, class_=_class(value))


def _class(value: object) -> str | None:
    return "number" if isinstance(value, int | float | Number) else None


def tile(title: object, value: object, below: object) -> Safe:
    """A number that is read at a glance, between its name and a remark."""
    return element(
        "div",
        element("span", title, class_="name"),
        element("span", value, class_="value"),
        element("span", below, class_="below"),
        class_="tile",
    )


def facts(title: str, values: Mapping[str, object]) -> Safe:
    """A titled list of names and values; nested mappings become dotted names."""
    lines = [
        join([element("dt", name), element("dd", value)])
        for name, value in _flat(values)
    ]
    if not lines:
        return Safe("")
    inner = [element("h3", title)] * bool(title) + [element("dl", *lines)]
    return element("section", *inner, class_="facts")


def _flat(values: Mapping[str, object], start: str = "") -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{start}{name}.")
        elif isinstance(value, list | tuple):
            pairs.append((start + name, ", ".join(map(str, value)) or "none"))
        elif isinstance(value, float):
            pairs.append((start + name, f"{value:,.6g}"))
        elif isinstance(value, int) and not isinstance(value, bool):
            pairs.append((start + name, f"{value:,}" if value >= 10_000 else value))
        elif value not in (None, ""):
            pairs.append((start + name, value))
    return pairs


def details(summary: object, *children: object) -> Safe:
    """Children that open on demand."""
    return element("details", element("summary", summary), *children)


def page(title: object, *pieces: object) -> str:
    """A whole page around its pieces, with the style of the reports.

    Args:
        title: What the window is called.
        *pieces: The content.
    """
    style = resources.files("jaxtsad.reporting").joinpath("report.css")
    head = join(
        [
            Safe('<meta charset="utf-8">'),
            Safe('<meta name="viewport" content="width=device-width,initial-scale=1">'),
            Safe(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
            element("title", f"{svg.plain(title, 80)} · jaxtsad"),
            Safe(f"<style>{style.read_text(encoding='utf-8')}</style>"),
        ]
    )
    body = element("body", element("main", *pieces))
    content = element("head", head) + body
    return f'<!doctype html>\n<html lang="en">{content}</html>\n'


def section(title: str, *pieces: object, note: str = "") -> Safe:
    """A titled section, with a word on how to read it."""
    lead = [element("p", note, class_="lead")] if note else []
    return element("section", element("h2", title), *lead, *pieces)


def figure(
    drawing: Figure,
    label: str,
    prefix: str = "p",
    *,
    caption: str = "",
    wide: bool = False,
) -> Safe:
    """A drawing with its caption above.

    Args:
        drawing: A matplotlib figure.
        label: What it shows, read out in place of the picture.
        prefix: Start of every id, different for each drawing of one page.
        caption: Text above the drawing.
        wide: Whether it keeps its width and scrolls on a narrow screen.
    """
    note = [element("figcaption", caption)] if caption else []
    inner = element("figure", *note, Safe(svg.render(drawing, label, prefix)))
    return element("div", inner, class_="scroll wide") if wide else inner
